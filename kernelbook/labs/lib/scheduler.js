/**
 * When a flashcard comes back: Leitner's boxes, the simplest schedule that works.
 *
 * A card lies in a box; box b comes back after DAYS[b] days. Known cards move up one box (new ones start from box 1),
 * unsure ones move down one and come back tomorrow, unknown ones go back to box 0 and come back in the same sitting. A new
 * card has no entry at all.
 * Days are whole, in the reader's own time zone: what is due today is due all day. No function here reads the clock.
 */

/** Days until a card of box 0, 1, 2, ... comes back. */
export const DAYS = [0, 1, 3, 7, 16, 35];

/** New cards that a sitting brings, until more are asked for. */
export const FRESH = 10;

/** @typedef {"again" | "unsure" | "knew"} Grade */
/** @typedef {{box: number, due: number, seen: number}} Card `due` and `seen` are days since 1970 */
/** @typedef {Record<string, Card>} Cards by question */

/** The day's number in the reader's time zone. @param {Date} now */
export function dayOf(now) {
  return Math.floor((now.getTime() / 60_000 - now.getTimezoneOffset()) / 1440);
}

/** The card after an answer. @param {Card | undefined} card @param {Grade} grade @param {number} day @returns {Card} */
export function graded(card, grade, day) {
  const before = card?.box ?? 1;
  if (grade === "again") return { box: 0, due: day, seen: day };
  if (grade === "unsure") return { box: Math.max(1, before - 1), due: day + 1, seen: day };
  const box = Math.min(before + 1, DAYS.length - 1);
  return { box, due: day + DAYS[box], seen: day };
}

/**
 * The cards of one sitting: those due, the longest overdue first, then new ones in their own order.
 * @param {string[]} ids @param {Cards} cards @param {number} day @param {number} [fresh] at most so many new ones
 */
export function sitting(ids, cards, day, fresh = FRESH) {
  const due = ids.filter((id) => Object.hasOwn(cards, id) && cards[id].due <= day);
  due.sort((one, other) => cards[one].due - cards[other].due || cards[one].box - cards[other].box);
  return [...due, ...ids.filter((id) => !Object.hasOwn(cards, id)).slice(0, fresh)];
}

/** How many are due, waiting and new. @param {string[]} ids @param {Cards} cards @param {number} day */
export function counts(ids, cards, day) {
  const known = ids.filter((id) => Object.hasOwn(cards, id));
  const due = known.filter((id) => cards[id].due <= day).length;
  return { due, waiting: known.length - due, fresh: ids.length - known.length };
}

/**
 * The next card after one was graded: one to repeat goes back into the sitting, three places further or at the end.
 * @param {string[]} queue the one just graded first @param {Grade} grade
 */
export function advance(queue, grade) {
  const [first, ...rest] = queue;
  if (grade !== "again") return rest;
  return [...rest.slice(0, 3), first, ...rest.slice(3)];
}

/** In words, when a card comes back. @param {number} days */
export function inDays(days) {
  return days <= 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`;
}

/**
 * Progress from a file or from the browser's store. What is not progress is refused, entries that are broken are left out.
 * @param {unknown} value @returns {Cards} @throws {Error} with a sentence for the reader
 */
export function progressFrom(value) {
  const found = /** @type {any} */ (value);
  if (!found || found.kind !== "kernel-by-kernel questions" || !found.cards || typeof found.cards !== "object")
    throw new Error("This file holds no progress of these flashcards.");
  /** @type {Cards} */
  const cards = {};
  const whole = (/** @type {unknown} */ n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0;
  for (const [id, card] of Object.entries(found.cards))
    if (/^[a-z0-9-]{1,80}$/.test(id) && card && whole(card.box) && whole(card.due) && whole(card.seen))
      cards[id] = { box: Math.min(card.box, DAYS.length - 1), due: card.due, seen: card.seen };
  return cards;
}

/** What goes into a file or into the store. @param {Cards} cards */
export function progressText(cards) {
  return JSON.stringify({ kind: "kernel-by-kernel questions", version: 1, cards });
}

/** Both together; of two entries for a card the one seen later. @param {Cards} one @param {Cards} other @returns {Cards} */
export function merged(one, other) {
  const all = { ...one };
  for (const [id, card] of Object.entries(other)) if (!Object.hasOwn(all, id) || card.seen >= all[id].seen) all[id] = card;
  return all;
}
