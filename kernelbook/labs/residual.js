/**
 * The lab Residual: what depth does to the signal and to the gradient, with a shortcut round every block and without.
 *
 * forward() and backward() are real networks of random weights, computed in the page; tests/labs/test_residual.py
 * compares them with torch's autograd. render() draws them.
 */
import { oneOf, whole } from "./lib/checks.js";
import { choice, fill, html, root, say, set, slider, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { whenIdle } from "./lib/idle.js";
import { read, watch, write } from "./lib/model.js";
import { Plot, decades, scientific } from "./lib/plot.js";
import { normals } from "./lib/seeded.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */

export const DEFAULTS = Object.freeze({
  blocks: 16,
  shortcut: "post",
  branch: "one",
  initialisation: "he",
  normalisation: "none",
  width: 32,
  seed: 0,
  gradient: "signal",
  layer: 0,
});
const NAMES = Object.keys(DEFAULTS);
const DEEPEST = 32;
export const BATCH = 16;
const EPSILON = 1e-5;

/** @type {Record<string, string>} */
const SHORTCUTS = { post: "ReLU after the sum (2015)", pre: "pre-activation (2016)" };
/** @type {Record<string, string>} */
const BRANCHES = { one: "1", root: "1 / √blocks", zero: "0" };
/** @type {Record<string, string>} */
const INITIALISATIONS = {
  he: "He, √(2 / n)",
  xavier: "Glorot, √(1 / n)",
  small: "fixed, 0.01",
  large: "twice He's",
};
/** @type {Record<string, string>} */
const NORMALISATIONS = { none: "none", batch: "batch norm", layer: "layer norm" };

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "Does it vanish?",
    text: "64 layers, He's initialisation, no shortcut, no normalisation. How much of a gradient of size 1 reaches the input of the plain stack? About 0.04: small, not gone. It is the stack with shortcuts that goes wrong here: 230,000.",
    state: { blocks: 32 },
  },
  {
    title: "How to make it vanish",
    text: "Weights of a fixed deviation of 0.01, AlexNet's, are 25 times too small for 32 units. Predict the exponent of the plain stack's gradient at the input. Single precision would store an exact 0 there, and the signal is gone as well.",
    state: { blocks: 32, initialisation: "small" },
  },
  {
    title: "Half the variance a layer",
    text: "Glorot's deviation is 1 / √2 of He's, and ReLU keeps factors: 64 layers multiply signal and gradient by 2^(−64/2), to the last digit. Compare with He's.",
    state: { blocks: 32, initialisation: "xavier" },
  },
  {
    title: "Batch norm turns it round",
    text: "Batch norm keeps the signal at its size. Does it keep the gradient as well? In the plain stack the gradient grows on its way back, to about 4 million; with shortcuts it ends near 50. So neither vanishes.",
    state: { blocks: 32, normalisation: "batch" },
  },
  {
    title: "Normalised, any initialisation will do",
    text: "The weights of 0.01 that killed the plain stack, now with batch norm: what has become of its signal? The norm divides their size out again.",
    state: { blocks: 32, normalisation: "batch", initialisation: "small" },
  },
  {
    title: "A sum in every block",
    text: "Pre-activation, no normalisation. Each block adds a branch as strong as its input, so the variance doubles. Predict the signal's factor over 32 blocks: 2^(32/2) = 65,536 for very wide layers; these have 32 units.",
    state: { blocks: 32, shortcut: "pre" },
  },
  {
    title: "The branch divided by √blocks",
    text: "The same stack with every branch divided by √32. Now the variances add up to a factor near e instead of 2^32. Does depth still change anything? Move the slider.",
    state: { blocks: 32, shortcut: "pre", branch: "root" },
  },
  {
    title: "The ReLU after the sum",
    text: "The branch is multiplied by 0, so each block is the shortcut alone. Is it the identity? Not in the block of 2015: the ReLU after the sum cuts the negative half once. Choose pre-activation: the gradient is 1 all the way.",
    state: { blocks: 32, branch: "zero" },
  },
  {
    title: "Healthy sizes, one direction",
    text: "With layer norm both stacks have signals and gradients of a good size. Look at the third plot: after 64 plain layers 16 different inputs point the same way (0.998), so the output hardly depends on the input. With shortcuts 0.60.",
    state: { blocks: 32, normalisation: "layer", shortcut: "pre" },
  },
];

// The mathematics. A matrix is a Float64Array row by row; a layer has n inputs and n outputs and no bias.

/** @typedef {"none" | "batch" | "layer"} Norm */
/** @typedef {"plain" | "post" | "pre"} Kind */
/**
 * @typedef {object} Net
 * @property {Kind} kind
 * @property {Norm} norm
 * @property {number} width n
 * @property {number} batch B
 * @property {number} gain What the branch is multiplied by before the sum; a plain block has no sum and ignores it.
 * @property {Float64Array} weights Two (n, n) matrices a block, (out, in), block by block.
 */

/**
 * h Wᵀ. Four examples and two units at a time: eight sums that do not wait for each other, from six numbers read.
 * @param {Float64Array} h (B, n) @param {Float64Array} w (n, n) @param {number} n
 */
function linear(h, w, n) {
  const out = new Float64Array(h.length);
  const rows = h.length - (h.length % (4 * n));
  const columns = n - (n % 2);
  for (let row = 0; row < rows; row += 4 * n)
    for (let o = 0; o < columns; o += 2) {
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0; // prettier-ignore
      for (let i = row, at = o * n, end = row + n; i < end; i++, at++) {
        const u = w[at];
        const v = w[at + n];
        const x0 = h[i];
        const x1 = h[i + n];
        const x2 = h[i + 2 * n];
        const x3 = h[i + 3 * n];
        a0 += x0 * u;
        b0 += x0 * v;
        a1 += x1 * u;
        b1 += x1 * v;
        a2 += x2 * u;
        b2 += x2 * v;
        a3 += x3 * u;
        b3 += x3 * v;
      }
      const to = row + o;
      out[to] = a0;
      out[to + 1] = b0;
      out[to + n] = a1;
      out[to + n + 1] = b1;
      out[to + 2 * n] = a2;
      out[to + 2 * n + 1] = b2;
      out[to + 3 * n] = a3;
      out[to + 3 * n + 1] = b3;
    }
  // What is left of the examples and of the units.
  for (let row = 0; row < h.length; row += n)
    for (let o = row < rows ? columns : 0; o < n; o++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += h[row + i] * w[o * n + i];
      out[row + o] = sum;
    }
  return out;
}

/**
 * Add the sum of some rows of a matrix, each times a factor, four at a time; rows whose factor is 0, half of them
 * behind a ReLU, are left out.
 * @param {Float64Array} out @param {number} to place of the row that is added to
 * @param {Float64Array} factors @param {number} from place of the first factor @param {number} step to the next one
 * @param {Float64Array} rows (count, n) @param {number} count @param {number} n
 */
function addRows(out, to, factors, from, step, rows, count, n) {
  let a = 0;
  let b = 0;
  let c = 0;
  let waiting = 0;
  for (let k = 0; k < count; k++) {
    if (factors[from + k * step] === 0) continue;
    waiting++;
    if (waiting === 1) a = k;
    else if (waiting === 2) b = k;
    else if (waiting === 3) c = k;
    else {
      const p = factors[from + a * step];
      const q = factors[from + b * step];
      const r = factors[from + c * step];
      const s = factors[from + k * step];
      let ia = a * n;
      let ib = b * n;
      let ic = c * n;
      let ik = k * n;
      for (let i = to, end = to + n; i < end; i++)
        out[i] += p * rows[ia++] + q * rows[ib++] + (r * rows[ic++] + s * rows[ik++]);
      waiting = 0;
    }
  }
  for (; waiting > 0; waiting--) {
    const k = waiting === 3 ? c : waiting === 2 ? b : a;
    const p = factors[from + k * step];
    for (let i = 0; i < n; i++) out[to + i] += p * rows[k * n + i];
  }
}

/** dz W: what linear() passes back to its input. @param {Float64Array} dz @param {Float64Array} w @param {number} n */
function linearBack(dz, w, n) {
  const out = new Float64Array(dz.length);
  for (let row = 0; row < dz.length; row += n) addRows(out, row, dz, row, 1, w, n, n);
  return out;
}

/** dzᵀ h: the gradient of the weights. @param {Float64Array} dz @param {Float64Array} h @param {number} n */
function weightGradient(dz, h, n) {
  const out = new Float64Array(n * n);
  for (let o = 0; o < n; o++) addRows(out, o * n, dz, o, n, h, dz.length / n, n);
  return out;
}

/** @param {Float64Array} a @param {Float64Array} b @param {number} [factor] of b */
function sumOf(a, b, factor = 1) {
  const out = new Float64Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i] + factor * b[i];
  return out;
}
/** @param {Float64Array} z */
function relu(z) {
  const out = new Float64Array(z.length);
  for (let i = 0; i < z.length; i++) if (z[i] > 0) out[i] = z[i];
  return out;
}
/** @param {Float64Array} d @param {Float64Array} z */
function reluBack(d, z) {
  const out = new Float64Array(d.length);
  for (let i = 0; i < d.length; i++) if (z[i] > 0) out[i] = d[i];
  return out;
}

/**
 * Batch norm standardises each unit over the batch, layer norm each example over its units: no scale, no shift.
 * @param {Float64Array} z @param {number} n @param {Norm} norm
 * @returns {{out: Float64Array, scale: Float64Array}} scale: 1 / √(variance + 0.00001) of each unit or example
 */
function normalise(z, n, norm) {
  if (norm === "none") return { out: z, scale: new Float64Array() };
  const batch = z.length / n;
  const [groups, size, group, step] = norm === "batch" ? [n, batch, 1, n] : [batch, n, n, 1];
  const out = new Float64Array(z.length);
  const scale = new Float64Array(groups);
  for (let g = 0; g < groups; g++) {
    let mean = 0;
    for (let k = 0, at = g * group; k < size; k++, at += step) mean += z[at];
    mean /= size;
    let variance = 0;
    for (let k = 0, at = g * group; k < size; k++, at += step) variance += (z[at] - mean) ** 2;
    scale[g] = 1 / Math.sqrt(variance / size + EPSILON);
    for (let k = 0, at = g * group; k < size; k++, at += step) out[at] = (z[at] - mean) * scale[g];
  }
  return { out, scale };
}

/** @param {Float64Array} d @param {{out: Float64Array, scale: Float64Array}} saved @param {number} n @param {Norm} norm */
function normaliseBack(d, { out, scale }, n, norm) {
  if (norm === "none") return d;
  const batch = d.length / n;
  const [groups, size, group, step] = norm === "batch" ? [n, batch, 1, n] : [batch, n, n, 1];
  const back = new Float64Array(d.length);
  for (let g = 0; g < groups; g++) {
    let mean = 0;
    let along = 0;
    for (let k = 0, at = g * group; k < size; k++, at += step) {
      mean += d[at];
      along += d[at] * out[at];
    }
    mean /= size;
    along /= size;
    for (let k = 0, at = g * group; k < size; k++, at += step) back[at] = scale[g] * (d[at] - mean - out[at] * along);
  }
  return back;
}

/** The two weight matrices of a block. @param {Net} net @param {number} block */
function matrices({ weights, width }, block) {
  const size = width * width;
  return [0, 1].map((k) => weights.subarray((2 * block + k) * size, (2 * block + k + 1) * size));
}

/**
 * One block, with everything that its way back needs.
 *   plain  ReLU(N(W₂ ReLU(N(W₁ h))))
 *   post   ReLU(h + gain · N(W₂ ReLU(N(W₁ h))))         He et al. 2015
 *   pre    h + gain · W₂ ReLU(N(W₁ ReLU(N(h))))         He et al. 2016
 * @param {Net} net @param {number} block @param {Float64Array} h
 */
function forwardBlock(net, block, h) {
  const { kind, norm, width: n, gain } = net;
  const [w1, w2] = matrices(net, block);
  if (kind === "pre") {
    const first = normalise(h, n, norm);
    const a = relu(first.out);
    const second = normalise(linear(a, w1, n), n, norm);
    const b = relu(second.out);
    const branch = linear(b, w2, n);
    return { h, first, a, second, b, sum: h, out: sumOf(h, branch, gain) };
  }
  const first = normalise(linear(h, w1, n), n, norm);
  const b = relu(first.out);
  const second = normalise(linear(b, w2, n), n, norm);
  const sum = kind === "plain" ? second.out : sumOf(h, second.out, gain);
  return { h, first, a: h, second, b, sum, out: relu(sum) };
}

/** @typedef {ReturnType<typeof forwardBlock>} Saved */

/**
 * All blocks, one after the other.
 * @param {Net} net @param {Float64Array} x (B, n) @param {number} blocks @param {Saved[]} [done] blocks computed before
 */
export function forward(net, x, blocks, done = []) {
  while (done.length < blocks) done.push(forwardBlock(net, done.length, done.length ? done[done.length - 1].out : x));
  return done;
}

/**
 * From the gradient at the last block's output back to the input.
 * @param {Net} net @param {Saved[]} saved @param {Float64Array} d (B, n) @param {boolean} [withWeights]
 * @returns {{signals: Float64Array[], weights: Float64Array[][]}} signals[l]: gradient of the input of block l, the last
 *   one that of the output; weights[l]: gradients of the two matrices of block l
 */
export function backward(net, saved, d, withWeights = true) {
  const { kind, norm, width: n, gain } = net;
  /** @type {Float64Array[]} */
  const signals = Array(saved.length + 1);
  /** @type {Float64Array[][]} */
  const weights = Array(saved.length);
  signals[saved.length] = d;
  for (let l = saved.length - 1; l >= 0; l--) {
    const [w1, w2] = matrices(net, l);
    const { h, first, a, second, b, sum } = saved[l];
    if (kind === "pre") {
      const dBranch = gain === 1 ? d : d.map((v) => gain * v);
      const dSecond = normaliseBack(reluBack(linearBack(dBranch, w2, n), second.out), second, n, norm);
      const dFirst = normaliseBack(reluBack(linearBack(dSecond, w1, n), first.out), first, n, norm);
      if (withWeights) weights[l] = [weightGradient(dSecond, a, n), weightGradient(dBranch, b, n)];
      d = sumOf(d, dFirst);
    } else {
      const dSum = reluBack(d, sum);
      const dBranch = kind === "plain" || gain === 1 ? dSum : dSum.map((v) => gain * v);
      const dSecond = normaliseBack(dBranch, second, n, norm);
      const dFirst = normaliseBack(reluBack(linearBack(dSecond, w2, n), first.out), first, n, norm);
      if (withWeights) weights[l] = [weightGradient(dFirst, h, n), weightGradient(dSecond, b, n)];
      const branch = linearBack(dFirst, w1, n);
      d = kind === "plain" ? branch : sumOf(dSum, branch);
    }
    signals[l] = d;
  }
  return { signals, weights };
}

/** √(sum of squares). @param {Float64Array} v */
export function norm(v) {
  // Scaled by the largest, since the square of 1e-170 is no number any more.
  let largest = 0;
  for (let i = 0; i < v.length; i++) largest = Math.max(largest, Math.abs(v[i]));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let i = 0; i < v.length; i++) {
    const share = v[i] / largest;
    sum += share * share;
  }
  return largest * Math.sqrt(sum);
}

/** Mean cosine between the signals of two different inputs; 1 where all point the same way. @param {Float64Array} h @param {number} n */
export function likeness(h, n) {
  // |u₁ + … + u_B|² = B + the sum over all pairs of unit vectors.
  const sums = new Float64Array(n);
  let units = 0;
  for (let from = 0; from < h.length; from += n) {
    const length = norm(h.subarray(from, from + n));
    if (length === 0) continue;
    units++;
    for (let i = 0; i < n; i++) sums[i] += h[from + i] / length;
  }
  if (units < 2) return NaN;
  let total = 0;
  for (let i = 0; i < n; i++) total += sums[i] * sums[i];
  return (total - units) / (units * (units - 1));
}

/** Standard deviation of the weights. @param {string} initialisation @param {number} n */
export const deviation = (initialisation, n) =>
  initialisation === "small"
    ? 0.01
    : Math.sqrt((initialisation === "xavier" ? 1 : 2) / n) * (initialisation === "large" ? 2 : 1);

/** @param {string} branch @param {number} blocks */
const gainOf = (branch, blocks) => (branch === "zero" ? 0 : branch === "root" ? 1 / Math.sqrt(blocks) : 1);

/** Inputs, the direction of the loss and the weights, in this order from one seed. @type {{key: string, x: Float64Array, r: Float64Array, w: Float64Array, ready: number}} */
let drawn = { key: "", x: new Float64Array(), r: new Float64Array(), w: new Float64Array(), ready: 0 };
/** The weights of as many blocks as are asked for: `ready` of w. @param {number} width @param {number} seed @param {number} blocks */
function numbersOf(width, seed, blocks) {
  const key = `${width} ${seed}`;
  const size = BATCH * width;
  if (drawn.key !== key) {
    const all = normals(seed, 2 * size);
    const r = all.subarray(size);
    const length = norm(r);
    const w = new Float64Array(2 * DEEPEST * width * width);
    drawn = { key, x: all.subarray(0, size), r: r.map((v) => v / length), w, ready: 0 };
  }
  const count = 2 * blocks * width * width;
  if (drawn.ready < count) {
    drawn.w.set(normals(seed, count - drawn.ready, 2 * size + drawn.ready), drawn.ready);
    drawn.ready = count;
  }
  return drawn;
}

/**
 * Blocks computed for one net stay: a deeper net begins with the same ones.
 * @type {Map<string, {net: Net, own: typeof scaled, saved: Saved[], signal: number[], likeness: number[],
 *   back?: {blocks: number, signals: number[], weights: number[]}}>}
 */
const kept = new Map();
let scaled = { key: "", weights: new Float64Array(), ready: 0 };
/** The weights with their deviation, none of them computed yet. @param {string} initialisation @param {number} width @param {number} seed */
function scaledOf(initialisation, width, seed) {
  const key = `${initialisation} ${width} ${seed}`;
  if (scaled.key !== key) scaled = { key, weights: new Float64Array(2 * DEEPEST * width * width), ready: 0 };
  return scaled;
}

/**
 * One curve: for each place between blocks 0 … `blocks` the size of the signal and of its gradient, and for each block
 * the size of its weights' gradient.
 * @param {State} state @param {Kind} kind
 */
function curve(state, kind) {
  const { blocks, branch, initialisation, normalisation, width, seed } = state;
  const { x, r, w } = numbersOf(width, seed, blocks);
  const gain = kind === "plain" ? 1 : gainOf(branch, blocks);
  const key = [kind, gain, initialisation, normalisation, width, seed].join();
  const root = Math.sqrt(x.length);
  let entry = kept.get(key);
  if (!entry) {
    const own = scaledOf(initialisation, width, seed);
    const net = { kind, norm: normalisation, width, batch: BATCH, gain, weights: own.weights };
    if (kept.size > 7) kept.clear();
    kept.set(key, (entry = { net, own, saved: [], signal: [norm(x) / root], likeness: [likeness(x, width)] }));
  }
  const { own } = entry;
  const std = deviation(initialisation, width);
  for (const end = 2 * blocks * width * width; own.ready < end; own.ready++) own.weights[own.ready] = w[own.ready] * std;
  const done = forward(entry.net, x, blocks, entry.saved);
  for (let l = entry.signal.length; l <= blocks; l++) {
    entry.signal.push(norm(done[l - 1].out) / root);
    entry.likeness.push(likeness(done[l - 1].out, width));
  }
  // The reader goes back and forth between the two gradients.
  const weighed = state.gradient === "weights";
  let back = entry.back;
  if (!back || back.blocks !== blocks || (weighed && !back.weights.length)) {
    const { signals, weights } = backward(entry.net, done.slice(0, blocks), r, weighed);
    back = { blocks, signals: signals.map(norm), weights: weighed ? weights.map(([a, b]) => Math.hypot(norm(a), norm(b))) : [] };
    entry.back = back;
  }
  return {
    signal: entry.signal.slice(0, blocks + 1),
    gradient: weighed ? back.weights : back.signals,
    likeness: entry.likeness.slice(0, blocks + 1),
  };
}

/** Both curves of a clean state. @param {State} state */
export function compute(state) {
  return foreseen.get(question(state)) ?? { plain: curve(state, "plain"), residual: curve(state, state.shortcut) };
}

/** What the curves depend on. @param {State} state */
const question = ({ layer: _layer, ...rest }) => JSON.stringify(rest);

/** @type {Map<string, {plain: ReturnType<typeof curve>, residual: ReturnType<typeof curve>}>} */
const foreseen = new Map();
/** Compute a state's curves before anybody asks, and leave what is kept for the state on the screen. @param {State} state */
function foresee(state) {
  if (foreseen.has(question(state))) return;
  const [before, numbers, weights] = [[...kept], drawn, scaled];
  foreseen.set(question(state), compute(state));
  kept.clear();
  for (const [key, entry] of before) kept.set(key, entry);
  [drawn, scaled] = [numbers, weights];
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  const blocks = whole(raw.blocks, 1, DEEPEST, d.blocks);
  return {
    blocks,
    shortcut: oneOf(raw.shortcut, Object.keys(SHORTCUTS), d.shortcut),
    branch: oneOf(raw.branch, Object.keys(BRANCHES), d.branch),
    initialisation: oneOf(raw.initialisation, Object.keys(INITIALISATIONS), d.initialisation),
    normalisation: oneOf(raw.normalisation, Object.keys(NORMALISATIONS), d.normalisation),
    width: oneOf(raw.width, [16, 32, 64], d.width),
    seed: whole(raw.seed, 0, 999, d.seed),
    gradient: oneOf(raw.gradient, ["signal", "weights"], d.gradient),
    layer: whole(raw.layer, 0, DEEPEST, d.layer),
  };
}

// The page

/** @param {Float64Array | number[]} v */
const last = (v) => v[v.length - 1];

/** h′ of both stacks. @param {State} state */
function rules({ shortcut, normalisation, branch }) {
  const n = (/** @type {string} */ inner) => (normalisation === "none" ? inner : `N(${inner})`);
  const gain = branch === "one" ? "" : branch === "zero" ? "0 · " : "1/√blocks · ";
  const plain = n(`W₂ ReLU(${n("W₁ h")})`);
  return {
    plain: `h′ = ReLU(${plain})`,
    residual:
      shortcut === "post" ? `h′ = ReLU(h + ${gain}${plain})` : `h′ = h + ${gain}W₂ ReLU(${n(`W₁ ReLU(${n("h")})`)})`,
  };
}

/**
 * A block as boxes in a row, with its shortcut as an arc over them.
 * @param {State} state @param {"plain" | "residual"} kind
 */
function drawBlock({ shortcut, normalisation, branch }, kind) {
  const pre = kind === "residual" && shortcut === "pre";
  const layer = ["W", normalisation === "none" ? "" : "N", "ReLU"].filter(Boolean);
  const order = pre ? [...layer.slice(1), layer[0]] : layer;
  const boxes = [...order, ...order];
  const gain = branch === "one" ? "" : branch === "zero" ? "× 0" : "× 1/√b";
  if (kind === "residual") boxes.splice(pre ? boxes.length : boxes.length - 1, 0, ...(gain ? [gain] : []), "+");
  const widths = boxes.map((name) =>
    name === "+" ? 20 : name.length > 3 ? (name === "ReLU" ? 38 : 44) : name.length > 1 ? 30 : 22,
  );
  const gap = Math.min(12, (298 - widths.reduce((a, b) => a + b, 0)) / (boxes.length + 1));
  const [top, height] = [kind === "residual" ? 30 : 8, 24];
  const middle = top + height / 2;
  const parts = [];
  let x = 16;
  let seen = 0;
  const start = x + 2;
  parts.push(svg("text", { x: 0, y: middle + 4 }, "h"));
  boxes.forEach((name, i) => {
    parts.push(svg("path", { class: "lab-res-wire", d: `M${i ? x : 11} ${middle}H${x + gap}` }));
    x += gap;
    if (name === "+") {
      parts.push(
        svg("path", {
          class: "lab-res-wire lab-res-line-residual",
          d: `M${start} ${middle}V${top - 14}Q${start} ${top - 20} ${start + 6} ${top - 20}H${x + 4}Q${x + 10} ${top - 20} ${x + 10} ${top - 14}V${top + 2}`,
        }),
        svg("circle", { class: "lab-res-box", cx: x + 10, cy: middle, r: 10 }),
      );
    } else
      parts.push(
        svg("rect", {
          class: name === "W" ? "lab-res-box lab-res-box-strong" : "lab-res-box",
          x,
          y: top,
          width: widths[i],
          height,
          rx: 4,
        }),
      );
    const shown = name === "W" ? `W${++seen === 1 ? "₁" : "₂"}` : name;
    parts.push(svg("text", { x: x + widths[i] / 2, y: middle + 4, "text-anchor": "middle" }, shown));
    x += widths[i];
  });
  parts.push(
    svg("path", { class: "lab-res-wire", d: `M${x} ${middle}H${x + gap}` }),
    svg("text", { x: x + gap + 3, y: middle + 4 }, "h′"),
  );
  return svg(
    "svg",
    { class: "lab-res-block", viewBox: `0 0 336 ${top + height + 8}`, "aria-hidden": "true" },
    ...parts,
  );
}

/** What the lab shows at one place, in words. @param {State} state @param {ReturnType<typeof compute>} result @param {number} at */
export function summary(state, { plain, residual }, at) {
  const place = at === 0 ? "At the input" : `After block ${at} of ${state.blocks} (${2 * at} weight layers)`;
  const both = (/** @type {(c: typeof plain) => number} */ f) =>
    `${scientific(f(plain))} plain, ${scientific(f(residual))} with shortcuts`;
  const where = state.gradient === "weights" ? Math.min(at, state.blocks - 1) : at;
  const what =
    state.gradient === "weights" ? `the gradient of block ${where + 1}'s weights` : "the gradient that arrives here";
  return `${place} the signal is ${both((c) => c.signal[at])}; ${what} is ${both((c) => c.gradient[where])}. Likeness of the ${BATCH} inputs: ${both((c) => c.likeness[at])}.`;
}

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  let result = compute(state);
  let drawn = "";
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const trial = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["layer", "gradient"],
    invitation:
      "The same random weights twice: layer after layer, and with a shortcut round every two. What does depth do to each?",
  });

  const redrawPlots = () => drawn && drawPlots();
  const figures = [
    { name: "signal", title: "Signal: root mean square of h" },
    { name: "gradient", title: "" },
    { name: "likeness", title: "Likeness: mean cosine between two inputs' signals" },
  ].map(({ name, title }) => {
    const plot = new Plot(`lab-residual-${name}`, { redraw: redrawPlots, left: 44, height: 210 });
    const lines = ["plain", "residual"].map((kind) => svg("path", { class: `lab-res-line lab-res-line-${kind}` }));
    const cursor = svg("path", { class: "lab-res-plot-cursor" });
    const dots = ["plain", "residual"].map((kind) =>
      svg("circle", { class: `lab-res-dot lab-res-dot-${kind}`, r: 4.5 }),
    );
    fill(plot.marks, cursor, ...lines, ...dots);
    const heading = html("div", { class: "lab-name" }, title);
    plot.svg.addEventListener("pointerdown", (event) => {
      const box = plot.svg.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width) * plot.width;
      const [from, to] = [plot.x(0), plot.x(state.blocks)];
      const layer = Math.round(((share - from) / (to - from)) * state.blocks);
      change({ layer: Math.min(Math.max(layer, 0), state.blocks) });
    });
    return {
      name,
      plot,
      lines,
      cursor,
      dots,
      heading,
      element: html("div", { class: "lab-figure" }, heading, plot.element),
    };
  });

  const blocks = slider("Blocks of two layers", 1, DEEPEST, (value) => change({ blocks: value }));
  const layer = slider("Look after block", 0, DEEPEST, (value) => change({ layer: value }));
  /** @param {string} label @param {string} name @param {Record<string, string>} options */
  const select = (label, name, options) =>
    choice(label, Object.entries(options), (value) => change({ [name]: name === "width" ? Number(value) : value }));
  const selects = {
    shortcut: select("Shortcut", "shortcut", SHORTCUTS),
    branch: select("Branch times", "branch", BRANCHES),
    initialisation: select("Initialisation", "initialisation", INITIALISATIONS),
    normalisation: select("Normalisation N", "normalisation", NORMALISATIONS),
    width: select("Units a layer", "width", { 16: "16", 32: "32", 64: "64" }),
    gradient: select("Gradient of", "gradient", { signal: "the signal", weights: "the weights" }),
  };
  const seed = html(
    "button",
    { type: "button", onclick: () => change({ seed: (state.seed + 1) % 1000 }) },
    "Other weights",
  );
  const formula = html("div", { class: "lab-figure lab-res-rules" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const table = html("div", {
    class: "lab-scroll",
    tabindex: 0,
    role: "group",
    "aria-label": "The curves as a table",
  });
  const details = html("details", { ontoggle: () => drawTable() }, html("summary", {}, "The curves as a table"), table);
  const key = html(
    "p",
    { class: "lab-res-key" },
    ...["plain", "residual"].map((kind) =>
      html(
        "span",
        {},
        svg(
          "svg",
          { viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" },
          svg("path", { class: `lab-res-line lab-res-line-${kind}`, d: "M1 6H33" }),
        ),
        kind === "plain" ? "plain stack" : "the same weights with shortcuts",
      ),
    ),
  );
  root(el, "lab-residual");
  fill(
    el,
    trial.row,
    html("div", { class: "lab-res-plots" }, key, ...figures.map(({ element }) => element), formula),
    html("div", { class: "lab-res-place" }, blocks.field, layer.field),
    words,
    html(
      "div",
      { class: "lab-settings", role: "group", "aria-label": "Networks" },
      selects.initialisation.field,
      selects.normalisation.field,
      selects.shortcut.field,
      selects.branch.field,
      selects.width.field,
      selects.gradient.field,
      html("div", { class: "lab-field lab-res-push" }, seed),
    ),
    details,
    toolbar(model, NAMES),
  );

  const at = () => Math.min(state.layer, state.blocks);
  /** @param {string} name */
  const xs = (name) =>
    Array.from(
      { length: result.plain[/** @type {"signal"} */ (name)].length },
      (_, i) => i + (name === "gradient" && state.gradient === "weights" ? 1 : 0),
    );

  function drawPlots() {
    for (const { name, plot, lines, heading } of figures) {
      const series = [result.plain, result.residual].map((c) => c[/** @type {"signal"} */ (name)]);
      if (name === "gradient")
        say(
          heading,
          state.gradient === "weights" ? "Gradient of a block's weights: norm" : "Gradient of the loss for h: norm",
        );
      const y =
        name === "likeness"
          ? { low: -0.1, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], title: "" }
          : { ...decades(series.flat()), log: true, title: "" };
      const ends = series.map((s) => `${scientific(s[0])} to ${scientific(last(s))}`);
      const ticks = [0, 4, 8, 12, 16, 20, 24, 28, 32].filter(
        (t) => t <= state.blocks && (state.blocks <= 16 || t % 8 === 0),
      );
      plot.axes({
        x: {
          low: 0,
          high: state.blocks,
          title: name === "gradient" && state.gradient === "weights" ? "block" : "after block",
          ticks: state.blocks < 8 ? Array.from({ length: state.blocks + 1 }, (_, i) => i) : ticks,
        },
        y,
        label: `${heading.textContent}, over ${state.blocks} blocks: plain from ${ends[0]}, with shortcuts from ${ends[1]}.`,
      });
      lines.forEach((line, i) => set(line, { d: plot.path(xs(name), series[i]) }));
    }
    drawCursor();
  }

  function drawCursor() {
    for (const { name, plot, cursor, dots } of figures) {
      const places = xs(name);
      const index = Math.min(at(), places.length - 1);
      const x = plot.x(places[index]);
      set(cursor, { d: `M${x.toFixed(1)} ${plot.height - 40}V10` });
      [result.plain, result.residual].forEach((c, i) => {
        const value = c[/** @type {"signal"} */ (name)][index];
        set(dots[i], Number.isFinite(value) ? { cx: x, cy: plot.y(value), display: null } : { display: "none" });
      });
    }
  }

  function drawFormula() {
    const { plain, residual } = rules(state);
    /** @param {"plain" | "residual"} kind @param {string} rule @param {number[]} gradient */
    const entry = (kind, rule, gradient) => {
      const factor = gradient[0] / last(gradient);
      const steps = gradient.length - 1;
      const each = factor > 0 && steps > 0 ? `, a factor of ${scientific(factor ** (1 / steps))} a block` : "";
      return [
        drawBlock(state, kind),
        html("p", { class: "lab-symbols" }, rule),
        html(
          "p",
          { class: "lab-note" },
          Number.isFinite(factor)
            ? `First gradient / last = ${scientific(factor)}${each}`
            : "No gradient is left to compare.",
        ),
      ];
    };
    fill(
      formula,
      html("div", { class: "lab-name" }, "One block, plain and with its shortcut"),
      ...entry("plain", plain, result.plain.gradient),
      ...entry("residual", residual, result.residual.gradient),
    );
  }

  function drawTable() {
    if (!details.open) return;
    const heads = [
      "After block",
      "Signal, plain",
      "Signal, shortcut",
      "Gradient, plain",
      "Gradient, shortcut",
      "Likeness, plain",
      "Likeness, shortcut",
    ];
    const offset = state.gradient === "weights" ? 1 : 0;
    fill(
      table,
      html(
        "table",
        { class: "lab-table" },
        html(
          "caption",
          {},
          state.gradient === "weights"
            ? "Gradients are those of the block's weights"
            : "Gradients are those of the signal",
        ),
        html("thead", {}, html("tr", {}, ...heads.map((head) => html("th", { scope: "col" }, head)))),
        html(
          "tbody",
          {},
          ...result.plain.signal.map((_, i) =>
            html(
              "tr",
              {},
              html("th", { scope: "row" }, i),
              ...[
                result.plain.signal[i],
                result.residual.signal[i],
                result.plain.gradient[i - offset] ?? NaN,
                result.residual.gradient[i - offset] ?? NaN,
                result.plain.likeness[i],
                result.residual.likeness[i],
              ].map((v) => html("td", {}, Number.isNaN(v) ? "–" : scientific(v))),
            ),
          ),
        ),
      ),
    );
  }

  function redraw() {
    state = clean(read(model, NAMES));
    const wanted = question(state);
    if (wanted !== drawn) {
      result = compute(state);
      drawn = wanted;
      blocks.show(state.blocks);
      set(layer.input, { max: state.blocks });
      for (const [name, { select }] of Object.entries(selects)) select.value = String(state[name]);
      drawPlots();
      drawFormula();
      drawTable();
      trial.show(state);
    } else drawCursor();
    layer.show(at());
    say(words, summary(state, result, at()));
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  const stop = whenIdle(EXPERIMENTS.map((experiment) => () => foresee(clean({ ...DEFAULTS, ...experiment.state }))));
  return () => {
    stop();
    unwatch();
    for (const { plot } of figures) plot.stop();
  };
}

export default { render, clean };
