/**
 * Compares lib/layers.js and the gradient of lib/conv.js with what PyTorch wrote: `node layers_truth.mjs FOLDER`.
 *
 * Prints one JSON object: how many cases of each kind agree, and the first few that do not.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { conv2d, conv2dInputGradient } from "../../kernelbook/labs/lib/conv.js";
import * as layers from "../../kernelbook/labs/lib/layers.js";

const folder = process.argv[2];
const bytes = readFileSync(join(folder, "data.bin"));
const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
let cursor = 0;
/** @param {number[]} shape */
const take = (shape) => ({ data: numbers.subarray(cursor, (cursor += shape.reduce((a, b) => a * b, 1))), shape });

/** @type {Record<string, (parts: any[], options: any) => {data: ArrayLike<number>, shape: number[]}[]>} */
const kinds = {
  conv: ([x, w, gradient], options) => [conv2d(x, w, options), conv2dInputGradient(gradient, w, x.shape, options)],
  relu: ([x, gradient]) => [layers.relu(x), layers.reluGradient(gradient, layers.relu(x))],
  mean: ([x]) => [layers.globalMean(x)],
  linear: ([x, w, b]) => [layers.linear(x, w, b)],
  softmax: ([x]) => [layers.softmax(x)],
  norm: ([x, w, b], { epsilon }) => [layers.layerNorm(x, w, b, epsilon)],
  gelu: ([x]) => [layers.gelu(x)],
  attention: ([x, inWeight, inBias, outWeight, outBias], { heads }) => {
    const { output, attention } = layers.selfAttention(x, { inWeight, inBias, outWeight, outBias }, heads);
    return [output, attention];
  },
};

/** @type {Record<string, number>} */
const count = {};
/** @type {string[]} */
const wrong = [];
for (const [index, { kind, options, inputs, outputs }] of JSON.parse(
  readFileSync(join(folder, "cases.json"), "utf8"),
).entries()) {
  const name = `case ${index} ${kind} ${JSON.stringify(options)} ${JSON.stringify(inputs)}`;
  const given = inputs.map(take);
  const wanted = outputs.map(take);
  const got = kinds[kind](given, options);
  let good = got.length === wanted.length;
  got.forEach((result, part) => {
    const target = wanted[part];
    if (result.shape.join() !== target.shape.join()) good = false;
    const scale = Math.max(...target.data.map(Math.abs), 1e-9);
    for (let i = 0; i < target.data.length; i++)
      if (!(Math.abs(result.data[i] - target.data[i]) <= 1e-9 * scale)) good = false;
  });
  if (good) count[kind] = (count[kind] ?? 0) + 1;
  else wrong.push(name);
}
if (cursor !== numbers.length) wrong.push(`${numbers.length - cursor} numbers were never read`);
console.log(JSON.stringify({ count, wrong: wrong.length, examples: wrong.slice(0, 5) }));
