/** Checks for clean(): links carry junk, and each of these gives something valid back. */

/** @param {any} value @param {number} least @param {number} most @param {number} otherwise */
export const whole = (value, least, most, otherwise) =>
  Number.isInteger(value) && value >= least && value <= most ? value : otherwise;

/** @template T @param {any} value @param {readonly T[]} allowed @param {T} otherwise */
export const oneOf = (value, allowed, otherwise) => (allowed.includes(value) ? /** @type {T} */ (value) : otherwise);

/** @param {any} value @param {number} largest @param {readonly number[][]} otherwise @returns {number[][]} */
export function matrix(value, largest, otherwise) {
  const good =
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= largest &&
    value.every(
      (row) =>
        Array.isArray(row) &&
        row.length >= 1 &&
        row.length <= largest &&
        row.length === value[0].length &&
        row.every(Number.isFinite),
    );
  return (good ? value : otherwise).map((/** @type {number[]} */ row) => [...row]);
}
