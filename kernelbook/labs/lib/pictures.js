/** The pictures that every lab can show; the grey ones come packed in images.json. */
import packed from "./images.json" with { type: "json" };

/** @typedef {{height: number, width: number, data: ArrayLike<number>}} Picture */

/** @type {Record<string, Picture>} */
const known = {
  ramp: { height: 5, width: 5, data: Array.from({ length: 25 }, (_, i) => i + 1) },
  step: { height: 6, width: 6, data: Array.from({ length: 36 }, (_, i) => (i % 6 < 3 ? 0 : 1)) },
};

/** A picture by its name: ramp, step, digit, photograph or wafer. @param {string} name @returns {Picture} */
export function namedPicture(name) {
  if (!known[name]) {
    const { height, width, data } = /** @type {Record<string, {height: number, width: number, data: string}>} */ (
      packed
    )[name];
    known[name] = { height, width, data: Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) };
  }
  return known[name];
}

/** Made for the same rows before: a lab asks several times while it draws. @type {WeakMap<number[][], Picture>} */
const made = new WeakMap();
/** Rows of numbers as a picture; nobody changes either in place. @param {number[][]} rows @returns {Picture} */
export function fromRows(rows) {
  let picture = made.get(rows);
  if (!picture) made.set(rows, (picture = { height: rows.length, width: rows[0].length, data: Float64Array.from(rows.flat()) }));
  return picture;
}

/** A picture as rows of numbers. @param {Picture} picture @returns {number[][]} */
export const toRows = ({ height, width, data }) =>
  Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => data[i * width + j]));

/**
 * Whole numbers 0 to 255 without any pattern, the same in Python (kernelbook/labs/pictures.py): xorshift32 from seed 1.
 * @param {number} size @returns {Picture}
 */
export function noise(size) {
  let x = 1;
  const data = new Float64Array(size * size);
  for (let i = 0; i < data.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    data[i] = (x >>> 8) & 255;
  }
  return { height: size, width: size, data };
}
