/** What the truth tests share: reading fixtures that torch wrote, comparing, and one JSON object as the report. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];

/** @param {string} name @returns {any} */
export const cases = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));

const bytes = readFileSync(join(folder, "data.bin"));
const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
let cursor = 0;
/** The next numbers of data.bin. @param {number} count */
export const take = (count) => numbers.subarray(cursor, (cursor += count));

/** @type {string[]} */
export const wrong = [];
/** @type {Record<string, number>} */
export const count = {};
/** @param {string} what */
export const tally = (what) => (count[what] = (count[what] ?? 0) + 1);

/**
 * Whether two lists of numbers agree: exactly, or to 1e-6 of the largest.
 * @param {string} name @param {ArrayLike<number>} got @param {ArrayLike<number>} wanted @param {boolean} exact
 */
export function same(name, got, wanted, exact) {
  if (got.length !== wanted.length) {
    wrong.push(`${name}: ${got.length} numbers instead of ${wanted.length}`);
    return false;
  }
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) largest = Math.max(largest, Math.abs(wanted[i]));
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i] - wanted[i]);
    if (exact ? error !== 0 : !(error <= 1e-6 * largest)) {
      wrong.push(`${name}: ${got[i]} instead of ${wanted[i]} at ${i}`);
      return false;
    }
  }
  return true;
}

export function report() {
  if (cursor !== numbers.length) wrong.push(`${numbers.length - cursor} numbers were never read`);
  console.log(JSON.stringify({ ...count, wrong: wrong.length, examples: wrong.slice(0, 5) }));
}
