/**
 * Pooling as PyTorch computes it, in double precision and without a DOM: values, and where the gradient goes.
 *
 * "max" and "average" are torch.nn.MaxPool2d and AvgPool2d. "blur" is anti-aliased max pooling (MaxBlurPool in Zhang
 * 2019): the maximum at every position, then the 3 x 3 binomial filter [1 2 1; 2 4 2; 1 2 1] / 16 with reflected
 * borders, read every S pixels. tests/labs/test_pooling_truth.py compares all of it with torch.
 */
import { GeometryError, conv2d, geometry } from "./conv.js";

/** @typedef {import("./pictures.js").Picture} Picture */
/** @typedef {"max" | "average" | "blur"} Operation */
/**
 * @typedef {object} PoolOptions
 * @property {number} window K @property {number} stride S @property {number} padding P, at most K / 2
 * @property {boolean} ceil Round the output size up: a last window may stick out beyond the picture.
 * @property {boolean} countPad The average divides by the padding too (PyTorch's count_include_pad).
 */
/**
 * @typedef {object} PoolAxis
 * @property {number} size W @property {number} window K @property {number} stride S @property {number} padding P
 * @property {number} output O
 * @property {number} last Input position just behind the last window.
 * @property {boolean[]} read For each input position whether any window reads it.
 */

const BINOMIAL = [1, 2, 1, 2, 4, 2, 1, 2, 1];

/**
 * One axis of the geometry.
 * @param {number} size @param {PoolOptions} options @param {string} name
 * @returns {PoolAxis}
 */
export function poolAxis(size, { window, stride, padding, ceil }, name = "side") {
  if (2 * padding > window)
    throw new GeometryError(
      `PyTorch refuses padding of more than half a window: P = ${padding}, K = ${window}. A window could lie in it whole.`,
    );
  let output = Math.floor((size + 2 * padding - window + (ceil ? stride - 1 : 0)) / stride) + 1;
  // A window must begin in the picture or in the padding before it.
  if (ceil && (output - 1) * stride >= size + padding) output--;
  if (output < 1)
    throw new GeometryError(
      `The window does not fit: it spans ${window}, but the padded input has a ${name} of only ${size + 2 * padding}.`,
    );
  const read = Array(size).fill(false);
  for (let o = 0; o < output; o++)
    for (let i = Math.max(o * stride - padding, 0); i < Math.min(o * stride - padding + window, size); i++) read[i] = true;
  return { size, window, stride, padding, output, last: (output - 1) * stride - padding + window, read };
}

/**
 * @typedef {object} Pooled
 * @property {Operation} operation
 * @property {PoolAxis} rows @property {PoolAxis} columns
 * @property {Float64Array} data (O_h, O_w)
 * @property {Int32Array} winner For max: the input pixel whose value each output is.
 * @property {Float64Array} divisor For average: what each sum was divided by.
 * @property {Pooled | null} dense For blur: the maximum at every position, before the filter.
 */

/**
 * @param {Picture} x @param {Operation} operation @param {PoolOptions} options
 * @returns {Pooled}
 * @throws {GeometryError} where PyTorch raises
 */
export function pool(x, operation, options) {
  if (operation === "blur") {
    const dense = pool(x, "max", { ...options, stride: 1, ceil: false });
    const shape = [dense.rows.output, dense.columns.output];
    if (Math.min(...shape) < 2)
      throw new GeometryError(`Reflection needs two positions at least; the window leaves ${shape.join(" by ")}.`);
    const { data } = conv2d(
      { data: dense.data, shape: [1, 1, ...shape] },
      { data: BINOMIAL, shape: [1, 1, 3, 3] },
      { stride: options.stride, padding: 1, mode: "reflect" },
    );
    for (let i = 0; i < data.length; i++) data[i] /= 16;
    const floor = { ...options, ceil: false };
    const [rows, columns] = [poolAxis(x.height, floor, "height"), poolAxis(x.width, floor, "width")];
    return { operation, rows, columns, data, winner: new Int32Array(0), divisor: new Float64Array(0), dense };
  }
  const rows = poolAxis(x.height, options, "height");
  const columns = poolAxis(x.width, options, "width");
  const count = rows.output * columns.output;
  const data = new Float64Array(count);
  const winner = new Int32Array(operation === "max" ? count : 0);
  const divisor = new Float64Array(operation === "average" ? count : 0);
  for (let row = 0; row < rows.output; row++) {
    for (let column = 0; column < columns.output; column++) {
      const { top, bottom, left, right } = windowOf(rows, columns, row, column);
      const index = row * columns.output + column;
      let best = -1;
      let sum = 0;
      for (let i = Math.max(top, 0); i < Math.min(bottom, x.height); i++)
        for (let j = Math.max(left, 0); j < Math.min(right, x.width); j++) {
          const at = i * x.width + j;
          sum += x.data[at];
          // The first of equal pixels wins, as in PyTorch.
          if (best < 0 || x.data[at] > x.data[best]) best = at;
        }
      if (operation === "max") {
        winner[index] = best;
        data[index] = x.data[best];
      } else {
        const [p, q] = options.countPad ? [rows.padding, columns.padding] : [0, 0];
        divisor[index] =
          (Math.min(bottom, x.height + p) - Math.max(top, -p)) * (Math.min(right, x.width + q) - Math.max(left, -q));
        data[index] = sum / divisor[index];
      }
    }
  }
  return { operation, rows, columns, data, winner, divisor, dense: null };
}

/**
 * The window of an output in input coordinates, padding included: rows top to bottom - 1, columns left to right - 1.
 * @param {PoolAxis} rows @param {PoolAxis} columns @param {number} row @param {number} column
 */
export function windowOf(rows, columns, row, column) {
  const [top, left] = [row * rows.stride - rows.padding, column * columns.stride - columns.padding];
  return { top, left, bottom: top + rows.window, right: left + columns.window };
}

/**
 * The gradient at the input, (H, W): how much the upstream gradient of every output moves each pixel.
 * @param {Pooled} pooled @param {ArrayLike<number>} upstream (O_h, O_w)
 * @returns {Float64Array}
 */
export function poolGradient(pooled, upstream) {
  const { operation, rows, columns, winner, divisor, dense } = pooled;
  if (operation === "blur" && dense) {
    const [height, width] = [dense.rows.output, dense.columns.output];
    const at = geometry(height, width, 3, 3, { stride: rows.stride, padding: 1, mode: "reflect" });
    const spread = new Float64Array(height * width);
    for (let index = 0; index < upstream.length; index++) {
      const [row, column] = [Math.floor(index / columns.output), index % columns.output];
      for (let tap = 0; tap < 9; tap++) {
        const i = at.rows.source[row * rows.stride + Math.floor(tap / 3)];
        const j = at.columns.source[column * columns.stride + (tap % 3)];
        spread[i * width + j] += (upstream[index] * BINOMIAL[tap]) / 16;
      }
    }
    return poolGradient(dense, spread);
  }
  const gradient = new Float64Array(rows.size * columns.size);
  for (let index = 0; index < upstream.length; index++) {
    if (operation === "max") {
      gradient[winner[index]] += upstream[index];
      continue;
    }
    const w = windowOf(rows, columns, Math.floor(index / columns.output), index % columns.output);
    for (let i = Math.max(w.top, 0); i < Math.min(w.bottom, rows.size); i++)
      for (let j = Math.max(w.left, 0); j < Math.min(w.right, columns.size); j++)
        gradient[i * columns.size + j] += upstream[index] / divisor[index];
  }
  return gradient;
}

/** A picture moved down and right on a ground of zeros. @param {Picture} x @param {number} down @param {number} right @returns {Picture} */
export function moved(x, down, right) {
  const data = new Float64Array(x.height * x.width);
  for (let i = 0; i < x.height; i++)
    for (let j = 0; j < x.width; j++) {
      const [a, b] = [i - down, j - right];
      if (a >= 0 && b >= 0 && a < x.height && b < x.width) data[i * x.width + j] = x.data[a * x.width + b];
    }
  return { height: x.height, width: x.width, data };
}

/**
 * How two maps of one size differ.
 * @param {ArrayLike<number>} before @param {ArrayLike<number>} after
 */
export function difference(before, after) {
  let equal = 0;
  let largest = 0;
  for (let i = 0; i < before.length; i++) {
    const change = Math.abs(after[i] - before[i]);
    if (change === 0) equal++;
    if (change > largest) largest = change;
  }
  return { equal, total: before.length, largest };
}

/**
 * One axis of the answer to a single bright pixel far from every border: the output's response by output index.
 * @param {Operation} operation @param {number} window @param {number} stride @param {number} position @param {number} outputs
 */
function response(operation, window, stride, position, outputs) {
  const inside = (/** @type {number} */ start) => (position >= start && position < start + window ? 1 : 0);
  return Array.from({ length: outputs }, (_, o) => {
    const start = o * stride;
    if (operation === "max") return inside(start);
    if (operation === "average") return inside(start) / window;
    return (inside(start - 1) + 2 * inside(start) + inside(start + 1)) / 4;
  });
}

/** @type {{name: string, steps: [number, number][]}[]} */
export const MOVES = [
  { name: "1 pixel along an axis", steps: [[0, 1], [0, -1], [1, 0], [-1, 0]] },
  { name: "1 pixel to any neighbour", steps: [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => /** @type {[number, number]} */ ([a, b]))).filter(([a, b]) => a || b) },
  { name: "2 pixels along an axis", steps: [[0, 2], [0, -2], [2, 0], [-2, 0]] },
];

/**
 * Every start of one bright pixel and every move of it: how often the whole output stays exactly the same, and how far
 * the output that changes most goes, on average over the moves. The pixel has the value 1.
 * @param {Operation} operation @param {number} window @param {number} stride
 */
export function everyMove(operation, window, stride) {
  const starts = stride * Math.ceil(8 / stride); // whole periods of the stride: 8 x 8 starts for strides 1, 2 and 4
  const margin = stride * Math.ceil((window + 3) / stride);
  const outputs = (2 * margin + starts) / stride;
  const line = Array.from({ length: starts + 4 }, (_, i) =>
    response(operation, window, stride, margin + i - 2, outputs),
  );
  return MOVES.map(({ name, steps }) => {
    let unchanged = 0;
    let change = 0;
    for (let row = 2; row < starts + 2; row++)
      for (let column = 2; column < starts + 2; column++)
        for (const [down, right] of steps) {
          const [a, b, c, d] = [line[row], line[column], line[row + down], line[column + right]];
          let largest = 0;
          for (let i = 0; i < outputs; i++)
            if (a[i] || c[i])
              for (let j = 0; j < outputs; j++) largest = Math.max(largest, Math.abs(c[i] * d[j] - a[i] * b[j]));
          if (largest === 0) unchanged++;
          change += largest;
        }
    const total = starts * starts * steps.length;
    return { name, unchanged, total, change: change / total };
  });
}
