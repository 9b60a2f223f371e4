/**
 * Receptive fields of a chain of windows, one axis at a time (rows and columns never mix), without a DOM.
 *
 * Theory: Araujo, Norris and Sim 2019. Effective field: the gradient of one unit when every weight is 1 and poolings
 * average (up to a factor), the linear case of Luo et al. 2016. tests/labs/test_receptive_field_truth.py compares both
 * with torch's autograd on random chains.
 */
import { GeometryError } from "./conv.js";

/** @typedef {[kind: number, kernel: number, stride: number, padding: number, dilation: number]} Layer kind 0 convolution, 1 pooling */
/**
 * @typedef {object} Field What the units of one map see.
 * @property {number} size Map size O.
 * @property {number} field How many pixels one unit sees, r.
 * @property {number} jump Pixels from the field of one unit to that of the next, j.
 * @property {number} start First pixel that unit 0 sees; negative in the padding.
 */

/**
 * The field after each layer, as far as the chain fits on the picture.
 * @param {Layer[]} layers @param {number} size input pixels along the axis
 * @returns {{fields: Field[], error: string}}
 */
export function walk(layers, size) {
  /** @type {Field[]} */
  const fields = [];
  let now = { size, field: 1, jump: 1, start: 0 };
  for (const [index, [kind, kernel, stride, padding, dilation]] of layers.entries()) {
    const extent = dilation * (kernel - 1) + 1;
    if (kind === 1 && 2 * padding > kernel)
      return { fields, error: `Layer ${index + 1}: PyTorch refuses pooling with padding of more than half a window.` };
    if (extent > now.size + 2 * padding)
      return {
        fields,
        error: `Layer ${index + 1} does not fit: its window spans ${extent}, but the padded map has only ${now.size + 2 * padding}.`,
      };
    now = {
      size: Math.floor((now.size + 2 * padding - extent) / stride) + 1,
      field: now.field + dilation * (kernel - 1) * now.jump,
      jump: now.jump * stride,
      start: now.start - padding * now.jump,
    };
    fields.push(now);
  }
  return { fields, error: "" };
}

/**
 * The gradient of one unit along one axis when every weight is 1: how many paths lead from each pixel to the unit.
 * Two axes multiply: pixel (i, j) has rows[i] * columns[j] paths.
 * @param {Layer[]} layers that fit on the picture @param {number} size @param {number} unit of the last map
 * @returns {Float64Array}
 */
export function paths(layers, size, unit) {
  const { fields, error } = walk(layers, size);
  if (error) throw new GeometryError(error);
  const sizes = [size, ...fields.map((f) => f.size)];
  let now = new Float64Array(sizes[layers.length]);
  now[unit] = 1;
  for (let l = layers.length - 1; l >= 0; l--) {
    const [, kernel, stride, padding, dilation] = layers[l];
    const before = new Float64Array(sizes[l]);
    for (let o = 0; o < now.length; o++) {
      if (now[o] === 0) continue;
      for (let k = 0; k < kernel; k++) {
        const i = o * stride - padding + k * dilation;
        if (i >= 0 && i < before.length) before[i] += now[o];
      }
    }
    now = before;
  }
  return now;
}

/** First and last index that is not 0, and how many are not; null where all are. @param {ArrayLike<number>} weights */
export function extent(weights) {
  let [first, last, count] = [-1, -1, 0];
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    if (first < 0) first = i;
    last = i;
    count++;
  }
  return first < 0 ? null : { first, last, count };
}

/**
 * Side of the smallest square about the middle of the field that holds a share of all paths.
 * @param {ArrayLike<number>} rows @param {ArrayLike<number>} columns @param {number} share above 0, at most 1
 * @returns {number} pixels; 0 where there are no paths
 */
export function sideHolding(rows, columns, share) {
  const axes = [rows, columns].map((weights) => {
    const ends = extent(weights);
    if (!ends) return null;
    const centre = (ends.first + ends.last) / 2;
    /** @type {Map<number, number>} */
    const rings = new Map();
    let total = 0;
    for (let i = ends.first; i <= ends.last; i++) {
      rings.set(Math.abs(i - centre), (rings.get(Math.abs(i - centre)) ?? 0) + weights[i]);
      total += weights[i];
    }
    return { rings, total };
  });
  const [a, b] = axes;
  if (!a || !b) return 0;
  let [high, wide] = [0, 0];
  for (let distance = 0; ; distance += 0.5) {
    high += (a.rings.get(distance) ?? 0) / a.total;
    wide += (b.rings.get(distance) ?? 0) / b.total;
    if (high * wide >= share * (1 - 1e-12)) return 2 * distance + 1;
  }
}
