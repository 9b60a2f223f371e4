/**
 * Lab states in the address: `#lab-convolution-1=image:step;stride:2&lab-convolution-2=kernel:sobel_y`.
 *
 * Only what differs from the author's state is written. Everything read is checked: unknown names, wrong types and
 * broken escapes are dropped, and each lab's clean() has the last word.
 */

/** @typedef {import("./types.js").State} State */

/** @param {any} value @returns {string} numbers and text as they are, rows of numbers as `1,2/3,4` */
function encodeValue(value) {
  if (Array.isArray(value))
    return value.map((row) => (Array.isArray(row) ? row.join(",") : encodeURIComponent(row))).join("/");
  return encodeURIComponent(String(value));
}

/**
 * @param {string} text @param {any} like A value of the kind that is wanted.
 * @returns {any} undefined for junk
 */
function decodeValue(text, like) {
  if (Array.isArray(like)) {
    const rows = text.split("/").map((row) => row.split(",").map((cell) => (cell === "" ? NaN : Number(cell))));
    if (rows.flat().some((cell) => !Number.isFinite(cell))) return undefined;
    return like.length && !Array.isArray(like[0]) ? rows.flat() : rows;
  }
  if (typeof like === "boolean") return text === "true" ? true : text === "false" ? false : undefined;
  let plain;
  try {
    plain = decodeURIComponent(text);
  } catch {
    return undefined;
  }
  const number = plain.trim() === "" ? NaN : Number(plain);
  if (typeof like === "number") return Number.isFinite(number) ? number : plain;
  return Number.isFinite(number) && String(number) === plain ? number : plain;
}

/** @param {State} state @param {State} initial */
export function encodeState(state, initial) {
  return Object.keys(initial)
    .filter((name) => JSON.stringify(state[name]) !== JSON.stringify(initial[name]))
    .map((name) => `${name}:${encodeValue(state[name])}`)
    .join(";");
}

/** @param {string} text @param {State} initial @returns {State} the changes that the text asks for */
export function decodeState(text, initial) {
  /** @type {State} */
  const changes = {};
  for (const part of text.split(";")) {
    const colon = part.indexOf(":");
    const name = part.slice(0, colon);
    if (colon < 1 || !Object.hasOwn(initial, name)) continue;
    const value = decodeValue(part.slice(colon + 1), initial[name]);
    if (value !== undefined) changes[name] = value;
  }
  return changes;
}

/** @param {string} hash with or without `#` @returns {Map<string, string>} encoded state by lab id */
export function splitHash(hash) {
  const labs = new Map();
  for (const part of hash.replace(/^#/, "").split("&")) {
    const match = /^(lab-[a-z0-9-]+)=(.*)$/s.exec(part);
    if (match) labs.set(match[1], unescapeDelimiters(match[2]));
  }
  return labs;
}

/** Chat programs and mailers escape `:` `;` `,` `/`; none of them occurs inside a value. @param {string} text */
const unescapeDelimiters = (text) => text.replace(/%(3A|3B|2C|2F)/gi, (escape) => decodeURIComponent(escape));

/** @param {Map<string, string>} labs */
export function joinHash(labs) {
  return [...labs]
    .filter(([, text]) => text)
    .map(([id, text]) => `${id}=${text}`)
    .join("&");
}
