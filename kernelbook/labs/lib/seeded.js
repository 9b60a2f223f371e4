/**
 * Random numbers that are a function of a seed and a place: the same on every page, and in Python (seeded.py).
 *
 * The place in the sequence is hashed (the mixing steps of mulberry32), so number 5 needs no numbers 0 to 4.
 */

/** A whole number from 0 to 2^32 - 1. @param {number} seed @param {number} index both whole */
export function bits(seed, index) {
  let a = (Math.imul(seed, 0x9e3779b1) + Math.imul(index + 1, 0x6d2b79f5)) | 0;
  a = Math.imul(a ^ (a >>> 15), a | 1);
  a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
  return (a ^ (a >>> 14)) >>> 0;
}

/** Uniform on [0, 1). @param {number} seed @param {number} index */
export const uniform = (seed, index) => bits(seed, index) / 2 ** 32;

/**
 * Standard normal numbers by pairs of uniform ones (Box and Muller 1958).
 * @param {number} seed @param {number} count @param {number} [start] place of the first one in the sequence, even
 */
export function normals(seed, count, start = 0) {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, start + i)));
    const angle = 2 * Math.PI * uniform(seed, start + i + 1);
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
