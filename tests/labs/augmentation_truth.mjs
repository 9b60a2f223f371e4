/**
 * Compares lib/augment.js and the lab Augmentation with what torch wrote: `node augmentation_truth.mjs FILE`.
 *
 * Prints one JSON object: how many cases agree, the first few that do not, and the lab's own pictures.
 */
import { readFileSync } from "node:fs";
import * as augment from "../../kernelbook/labs/lib/augment.js";
import {
  DEFAULTS,
  EXPERIMENTS,
  TRANSFORMS,
  apply,
  clean,
  draw,
  formulas,
  trace,
  verdictOf,
} from "../../kernelbook/labs/augmentation.js";

const { cases, states } = JSON.parse(readFileSync(process.argv[2], "utf8"));
/** @type {Record<string, (x: any, test: any) => any>} */
const functions = {
  flip_horizontal: (x) => augment.flipHorizontal(x),
  flip_vertical: (x) => augment.flipVertical(x),
  turns: (x, { turns }) => augment.quarterTurns(x, turns),
  warp: (x, { theta, border }) => augment.warp(x, theta, border),
  theta: (x, { options }) => ({ data: augment.theta(x.height, x.width, options) }),
  crop: (x, { box }) => augment.cropAndResize(x, box),
  brightness: (x, { factor }) => augment.brightness(x, factor),
  contrast: (x, { factor }) => augment.contrast(x, factor),
  erase: (x, { box }) => augment.erase(x, box),
  blend: (x, { other, lambda }) => augment.blend(x, { ...x, data: other }, lambda),
  paste: (x, { other, box }) => augment.paste(x, { ...x, data: other }, box),
  cutmix: (x, { lambda, row, column }) => {
    const { box, lambda: left } = augment.cutmixBox(x, lambda, row, column);
    return { data: [box.left, box.top, box.left + box.width, box.top + box.height, left] };
  },
};
const EXACT = ["flip_horizontal", "flip_vertical", "turns", "erase", "paste"];

/** @type {string[]} */
const wrong = [];
/** @type {Record<string, number>} */
const right = {};
for (const [index, test] of cases.entries()) {
  const [height, width] = test.shape;
  const got = functions[test.name]({ height, width, data: test.x }, test).data;
  const largest = Math.max(...test.y.map(Math.abs), 1e-300);
  const limit = EXACT.includes(test.name) ? 0 : 1e-6 * largest;
  const same =
    got.length === test.y.length &&
    test.y.every((/** @type {number} */ v, /** @type {number} */ i) => Math.abs(got[i] - v) <= limit);
  if (same) right[test.name] = (right[test.name] ?? 0) + 1;
  else wrong.push(`${index} ${test.name}: ${JSON.stringify(test).slice(0, 200)}`);
}

const labs = states.map((/** @type {any} */ raw) => {
  const state = clean(raw);
  const result = apply(state);
  const { height, width, data } = result.after;
  const traces = Array.from({ length: 5 }, (_, k) => {
    const [row, column] = [(k * 7) % height, (k * 11) % width];
    return [data[row * width + column], trace(state, result, row, column).text];
  });
  const draws = Array.from({ length: 6 }, (_, k) => draw(state, k)).map(({ after, note }) => ({
    note,
    sum: Array.from(after.data).reduce((a, b) => a + b, 0),
  }));
  return {
    changed: JSON.stringify(state) !== JSON.stringify(raw),
    data: Array.from(data),
    labels: result.labels,
    box: result.box,
    verdict: verdictOf(state),
    formulas: formulas(state, result),
    traces,
    draws,
  };
});
console.log(
  JSON.stringify({
    right,
    wrong: wrong.length,
    examples: wrong.slice(0, 5),
    labs,
    DEFAULTS,
    EXPERIMENTS,
    TRANSFORMS,
  }),
);
