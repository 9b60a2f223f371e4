/**
 * Compares the lab Residual with what torch's autograd wrote: `node residual_truth.mjs FOLDER`.
 *
 * Prints one JSON object: how many networks agree, the first few that do not, and the lab's own curves.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULTS, EXPERIMENTS, backward, clean, compute, forward } from "../../kernelbook/labs/residual.js";
import { bits, normals } from "../../kernelbook/labs/lib/seeded.js";

const folder = process.argv[2];
const read = (/** @type {string} */ name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const bytes = readFileSync(join(folder, "data.bin"));
const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
let cursor = 0;
const take = (/** @type {number} */ count) => numbers.subarray(cursor, (cursor += count));

/** @type {string[]} */
const wrong = [];
let right = 0;
let worst = 0;

/**
 * Largest difference, relative to the largest number.
 * @param {ArrayLike<number>} got @param {ArrayLike<number>} wanted
 * @param {number} noise differences up to this are rounding of a gradient that is 0, as that of a weight's size before a norm
 */
function error(got, wanted, noise = 0) {
  let [difference, largest] = [got.length === wanted.length ? 0 : Infinity, 0];
  for (let i = 0; i < wanted.length; i++) {
    const d = Math.abs(got[i] - wanted[i]);
    difference = d <= difference ? difference : d; // not a number counts as wrong
    largest = Math.max(largest, Math.abs(wanted[i]));
  }
  return difference <= noise ? 0 : difference / largest;
}

for (const [index, { kind, norm, gain, width, batch, blocks, nets }] of read("cases.json").entries()) {
  const [size, square] = [batch * width, width * width];
  for (let k = 0; k < nets; k++) {
    const net = { kind, norm, gain, width, batch, weights: take(2 * blocks * square) };
    const x = take(size);
    const d = take(size);
    const saved = forward(net, x, blocks);
    const back = backward(net, saved, d);
    const noise = 1e-13 * Math.max(...back.signals.map((g) => Math.max(...g.map(Math.abs))));
    let largest = 0;
    for (let l = 0; l < blocks; l++) largest = Math.max(largest, error(saved[l].out, take(size)));
    for (let l = 0; l <= blocks; l++) largest = Math.max(largest, error(back.signals[l], take(size), noise));
    for (let l = 0; l < blocks; l++)
      for (const part of back.weights[l]) largest = Math.max(largest, error(part, take(square), noise));
    worst = Math.max(worst, largest);
    if (largest <= 1e-6) right++;
    else wrong.push(`${kind} ${norm} gain ${gain}, group ${index}, net ${k}: ${largest}`);
  }
}
if (cursor !== numbers.length) wrong.push(`${numbers.length - cursor} numbers were never read`);

const labs = read("labs.json").map((/** @type {any} */ state) => ({
  changed: JSON.stringify(clean(state)) !== JSON.stringify(state),
  ...compute(clean(state)),
}));
console.log(
  JSON.stringify({
    right,
    worst,
    wrong: wrong.length,
    examples: wrong.slice(0, 5),
    labs,
    DEFAULTS,
    EXPERIMENTS,
    bits: Array.from({ length: 50 }, (_, i) => bits(i * 37, i * i)),
    normals: [...normals(5, 101)],
  }),
);
