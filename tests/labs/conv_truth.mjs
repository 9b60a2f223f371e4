/**
 * Compares lib/conv.js and the lab Convolution with what PyTorch wrote: `node conv_truth.mjs FOLDER`.
 *
 * Prints one JSON object: how many cases agree, and the first few that do not.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GeometryError, conv2d } from "../../kernelbook/labs/lib/conv.js";
import { clean, compute, products } from "../../kernelbook/labs/convolution.js";

const folder = process.argv[2];
const read = (/** @type {string} */ name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const bytes = readFileSync(join(folder, "data.bin"));
const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
let cursor = 0;
/** @param {number[]} shape */
const take = (shape) => numbers.subarray(cursor, (cursor += shape.reduce((a, b) => a * b, 1)));

/** @type {string[]} */
const wrong = [];
const count = { exact: 0, close: 0, refused: 0, labs: 0 };

/**
 * @param {string} name @param {ArrayLike<number>} got @param {ArrayLike<number>} wanted @param {boolean} exact
 */
function same(name, got, wanted, exact) {
  if (got.length !== wanted.length)
    return void wrong.push(`${name}: ${got.length} numbers instead of ${wanted.length}`);
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i] - wanted[i]);
    if (exact ? error !== 0 : !(error <= 1e-6 * Math.abs(wanted[i])))
      return void wrong.push(`${name}: ${got[i]} instead of ${wanted[i]} at ${i}`);
  }
  return true;
}

for (const [index, test] of read("cases.json").entries()) {
  const name = `case ${index} ${JSON.stringify(test)}`;
  const x = { data: take(test.x), shape: test.x };
  const w = { data: take(test.w), shape: test.w };
  const bias = test.bias ? take([test.w[0]]) : null;
  const wanted = test.y && take(test.y);
  let got;
  try {
    got = conv2d(x, w, test.options, bias);
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error;
    if (wanted) wrong.push(`${name}: refused, ${error.message}`);
    else count.refused++;
    continue;
  }
  if (!wanted) wrong.push(`${name}: PyTorch refuses it`);
  else if (got.shape.join() !== test.y.join()) wrong.push(`${name}: shape ${got.shape}`);
  else if (same(name, got.data, wanted, test.exact)) count[test.exact ? "exact" : "close"]++;
}

for (const [index, test] of read("labs.json").entries()) {
  const name = `lab ${index} ${JSON.stringify(test.state)}`;
  const state = clean(test.state);
  if (JSON.stringify(state) !== JSON.stringify(test.state)) wrong.push(`${name}: clean() changed a valid state`);
  const result = compute(state);
  if (!result.rows || !result.columns || !result.output) {
    if (test.y) wrong.push(`${name}: refused, ${result.error}`);
    else count.labs++;
    continue;
  }
  if (!test.y) {
    wrong.push(`${name}: PyTorch refuses it`);
    continue;
  }
  const { rows, columns, output } = result;
  const leftovers = [rows.leftover, columns.leftover];
  if (leftovers.join() !== test.leftover.join())
    wrong.push(`${name}: leftover ${leftovers} instead of ${test.leftover}`);
  if (!same(name, output, test.y.flat(), state.kernel !== "box_blur" && state.divisor === 1)) continue;
  const sums = Array.from(
    output,
    (_, i) =>
      products(/** @type {any} */ (result), Math.floor(i / columns.output), i % columns.output).sum / result.divisor,
  );
  if (same(`${name} products`, sums, output, false)) count.labs++;
}
if (cursor !== numbers.length) wrong.push(`${numbers.length - cursor} numbers were never read`);
console.log(JSON.stringify({ ...count, wrong: wrong.length, examples: wrong.slice(0, 5) }));
