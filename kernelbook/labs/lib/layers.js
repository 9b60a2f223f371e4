/**
 * Layers of small networks as PyTorch computes them, in double precision and without a DOM.
 *
 * tests/labs/test_layers_truth.py compares them with torch on more than 10,000 random cases, conv.js's gradient too.
 */
import { doubles } from "./conv.js";

/** @typedef {import("./conv.js").Tensor} Tensor */
/** @typedef {{data: Float64Array, shape: number[]}} Result */

/** torch.relu @param {Tensor} x @returns {Result} */
export function relu({ data, shape }) {
  const out = new Float64Array(data.length);
  for (let i = 0; i < out.length; i++) if (data[i] > 0) out[i] = data[i];
  return { data: out, shape };
}

/** The gradient through ReLU: passed on where the output is positive. @param {Tensor} gradient @param {Tensor} output @returns {Result} */
export function reluGradient(gradient, output) {
  const out = new Float64Array(gradient.data.length);
  for (let i = 0; i < out.length; i++) if (output.data[i] > 0) out[i] = gradient.data[i];
  return { data: out, shape: output.shape };
}

/** Global average pooling, x.mean((2, 3)). @param {Tensor} x (N, C, H, W) @returns {Result} (N, C) */
export function globalMean({ data, shape: [batch, channels, height, width] }) {
  const plane = height * width;
  const means = new Float64Array(batch * channels);
  for (let c = 0; c < means.length; c++) {
    let sum = 0;
    for (let i = 0; i < plane; i++) sum += data[c * plane + i];
    means[c] = sum / plane;
  }
  return { data: means, shape: [batch, channels] };
}

/**
 * torch.nn.functional.linear on the last axis.
 * @param {Tensor} x (…, I) @param {Tensor} w (O, I) @param {Tensor | null} [bias] (O) @returns {Result} (…, O)
 */
export function linear(x, w, bias = null) {
  const [outputs, inputs] = w.shape;
  const rows = x.data.length / inputs;
  const data = new Float64Array(rows * outputs);
  const [values, weights] = [doubles(x.data), doubles(w.data)];
  // Four rows at a time read each weight once, and no sum has to wait for the one before it.
  const blocks = rows - (rows % 4);
  for (let r = 0; r < blocks; r += 4)
    for (let o = 0, at = 0; o < outputs; o++) {
      let a = bias ? bias.data[o] : 0;
      let b = a;
      let c = a;
      let d = a;
      for (let i = r * inputs, end = i + inputs; i < end; i++) {
        const weight = weights[at++];
        a += weight * values[i];
        b += weight * values[i + inputs];
        c += weight * values[i + 2 * inputs];
        d += weight * values[i + 3 * inputs];
      }
      const to = r * outputs + o;
      data[to] = a;
      data[to + outputs] = b;
      data[to + 2 * outputs] = c;
      data[to + 3 * outputs] = d;
    }
  for (let r = blocks; r < rows; r++)
    for (let o = 0, at = 0; o < outputs; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = r * inputs, end = i + inputs; i < end; i++) sum += weights[at++] * values[i];
      data[r * outputs + o] = sum;
    }
  return { data, shape: [...x.shape.slice(0, -1), outputs] };
}

/** torch.softmax on the last axis. @param {Tensor} x (…, I) @returns {Result} (…, I) */
export function softmax({ data, shape }) {
  const width = shape[shape.length - 1];
  const found = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += width) {
    let top = -Infinity;
    for (let i = 0; i < width; i++) top = Math.max(top, data[start + i]);
    let sum = 0;
    for (let i = 0; i < width; i++) sum += found[start + i] = Math.exp(data[start + i] - top);
    for (let i = 0; i < width; i++) found[start + i] /= sum;
  }
  return { data: found, shape };
}

/**
 * torch.nn.functional.layer_norm over the last axis.
 * @param {Tensor} x (…, I) @param {Tensor} weight (I) @param {Tensor} bias (I) @param {number} epsilon @returns {Result} (…, I)
 */
export function layerNorm(x, weight, bias, epsilon) {
  const width = weight.data.length;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width) {
    let mean = 0;
    for (let i = 0; i < width; i++) mean += x.data[start + i] / width;
    let variance = 0;
    for (let i = 0; i < width; i++) variance += (x.data[start + i] - mean) ** 2 / width;
    const scale = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < width; i++) data[start + i] = (x.data[start + i] - mean) * scale * weight.data[i] + bias.data[i];
  }
  return { data, shape: x.shape };
}

/**
 * The error function: its series where that is quick, a continued fraction beyond (Abramowitz and Stegun 1964, 7.1.6
 * and 7.1.14). @param {number} x
 */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  const factor = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return factor * sum;
  }
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - factor / 2 / fraction);
}

/** torch.nn.functional.gelu, the exact one. @param {Tensor} x @returns {Result} */
export function gelu({ data, shape }) {
  const out = new Float64Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = (data[i] / 2) * (1 + erf(data[i] / Math.SQRT2));
  return { data: out, shape };
}

/**
 * Self-attention as torch.nn.MultiheadAttention computes it.
 * @param {Tensor} x (T, D), T tokens
 * @param {{inWeight: Tensor, inBias: Tensor, outWeight: Tensor, outBias: Tensor}} weights (3D, D), (3D), (D, D), (D)
 * @param {number} heads
 * @param {number} [asking] how many tokens, Q, look at all the others: the first ones, if the rest is not needed
 * @returns {{output: Result, attention: Result}} (Q, D), and (heads, Q, T) whose rows add up to 1
 */
export function selfAttention(x, { inWeight, inBias, outWeight, outBias }, heads, asking = x.shape[0]) {
  const [tokens, width] = x.shape;
  const size = width / heads;
  const qkv = linear(x, inWeight, inBias).data;
  const scores = new Float64Array(heads * asking * tokens);
  const scale = 1 / Math.sqrt(size);
  for (let h = 0; h < heads; h++)
    for (let a = 0; a < asking; a++)
      for (let b = 0; b < tokens; b++) {
        let sum = 0;
        const query = a * 3 * width + h * size;
        const key = b * 3 * width + width + h * size;
        for (let i = 0; i < size; i++) sum += qkv[query + i] * qkv[key + i];
        scores[(h * asking + a) * tokens + b] = sum * scale;
      }
  const attention = softmax({ data: scores, shape: [heads, asking, tokens] });
  const mixed = new Float64Array(asking * width);
  for (let h = 0; h < heads; h++)
    for (let a = 0; a < asking; a++)
      for (let b = 0; b < tokens; b++) {
        const share = attention.data[(h * asking + a) * tokens + b];
        const value = b * 3 * width + 2 * width + h * size;
        for (let i = 0; i < size; i++) mixed[a * width + h * size + i] += share * qkv[value + i];
      }
  return { output: linear({ data: mixed, shape: [asking, width] }, outWeight, outBias), attention };
}
