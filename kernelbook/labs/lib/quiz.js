/** What a quiz reckons: drawing questions, reading typed numbers, judging and adding up. No function here draws anything. */

/** @typedef {{value: number, within: number, unit: string}} Wanted `within` is a relative tolerance */
/** @typedef {0 | 1 | 2} Mark missed, in part, had it */
/** @typedef {{id: string, chapter: string, mark: Mark, seconds: number}} Answered */

/** A shuffled copy (Fisher and Yates). @template T @param {readonly T[]} items @param {() => number} random in [0, 1) */
export function shuffled(items, random) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

/**
 * Questions for an interview: `number` of them at random, from as many chapters as there are, no chapter much more often
 * than another.
 * @template {{chapter: string}} T
 * @param {readonly T[]} questions @param {number} number @param {() => number} random
 */
export function drawn(questions, number, random) {
  /** @type {Map<string, T[]>} */
  const piles = new Map();
  for (const question of shuffled(questions, random))
    piles.set(question.chapter, [...(piles.get(question.chapter) ?? []), question]);
  /** @type {T[]} */
  const chosen = [];
  while (chosen.length < Math.min(number, questions.length))
    for (const pile of shuffled([...piles.values()], random)) {
      const next = pile.pop();
      if (next && chosen.length < number) chosen.push(next);
    }
  return shuffled(chosen, random);
}

/**
 * The number that was typed: 1,792 and 1 792, −2.1, 1/3, 25 %, 2e3, with or without a unit after it.
 * @param {string} text @returns {number} NaN if it is none
 */
export function typedNumber(text) {
  const plain = text
    .trim()
    .replace(/[−–]/g, "-")
    .replace(/(\d)[,\s\u202f\u2009'](?=\d{3}(?!\d))/g, "$1")
    .replace(/^(?:about|≈|~|=)\s*/i, "");
  const match = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\s*\/\s*((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?))?\s*(?:%|[a-z]+)?\.?$/i.exec(plain);
  if (!match) return NaN;
  return Number(match[1]) / (match[2] === undefined ? 1 : Number(match[2]));
}

/**
 * Whether a typed number is right, and what to say if it isn't.
 * @param {string} text @param {Wanted} wanted @returns {{right: boolean, say: string}}
 */
export function judged(text, wanted) {
  const value = typedNumber(text);
  if (Number.isNaN(value)) return { right: false, say: "That is not a number. Write digits, such as 1,792 or 0.25." };
  const off = Math.abs(value - wanted.value);
  if (off <= Math.max(wanted.within * Math.abs(wanted.value), 1e-9 * Math.abs(wanted.value))) return { right: true, say: "Right." };
  if (value !== 0 && wanted.value !== 0) {
    const factor = value / wanted.value;
    if (Math.abs(factor + 1) < 1e-9) return { right: false, say: "Right but for its sign." };
    if (Number.isInteger(wanted.value) && off === 1) return { right: false, say: "One off. Look for a floor, a bias or a + 1." };
    for (const times of [2, 3, 4, 9, 10, 100, 1000])
      if (Math.abs(factor / times - 1) < 1e-3) return { right: false, say: `${times} times too large. Which factor counts twice, or shouldn't?` };
      else if (Math.abs(factor * times - 1) < 1e-3) return { right: false, say: `${times} times too small. Which factor is missing?` };
    if (Math.abs(factor - 1) < 0.05) return { right: false, say: "Close, but not it." };
  }
  return { right: false, say: value > wanted.value ? "Too large." : "Too small." };
}

/** Seconds as minutes and seconds. @param {number} seconds */
export function minutes(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * What an interview comes to.
 * @param {readonly Answered[]} answers
 * @returns {{points: number, most: number, seconds: number, chapters: {chapter: string, points: number, most: number}[],
 *   again: string[]}} chapters weakest first; `again` are the questions without full marks, the missed ones first
 */
export function result(answers) {
  /** @type {Map<string, {chapter: string, points: number, most: number}>} */
  const chapters = new Map();
  for (const { chapter, mark } of answers) {
    const sum = chapters.get(chapter) ?? { chapter, points: 0, most: 0 };
    chapters.set(chapter, { chapter, points: sum.points + mark, most: sum.most + 2 });
  }
  const share = (/** @type {{points: number, most: number}} */ sum) => sum.points / sum.most;
  return {
    points: answers.reduce((sum, { mark }) => sum + mark, 0),
    most: 2 * answers.length,
    seconds: answers.reduce((sum, { seconds }) => sum + seconds, 0),
    chapters: [...chapters.values()].sort((one, other) => share(one) - share(other) || one.chapter.localeCompare(other.chapter)),
    again: answers.filter(({ mark }) => mark < 2).sort((one, other) => one.mark - other.mark).map(({ id }) => id),
  };
}

/** What to make of a share of the points. @param {number} points @param {number} most */
export function verdict(points, most) {
  const share = most ? points / most : 0;
  if (share >= 0.85) return "That is an interview one passes. Take the hard questions alone next.";
  if (share >= 0.6) return "A good base with gaps. Read the sections below, and come back tomorrow.";
  return "Not yet. Read the sections below first; the questions will wait.";
}
