/**
 * Convolution as PyTorch computes it (torch.nn.Conv2d), in double precision and without a DOM.
 *
 * Sizes per axis follow O = floor((W + P_before + P_after - D (K - 1) - 1) / S) + 1.
 * tests/labs/test_truth.py compares this module with torch on more than 10,000 random geometries.
 */

/** @typedef {"zeros" | "reflect" | "replicate" | "circular"} PaddingMode */
/** @typedef {number | [number, number]} Pair One number for both axes, or [rows, columns]. */
/**
 * @typedef {object} Options
 * @property {Pair} [stride]
 * @property {Pair | "same"} [padding] "same" splits D (K - 1) over both sides and gives the odd one to the end.
 * @property {PaddingMode} [mode]
 * @property {Pair} [dilation]
 * @property {number} [groups]
 * @property {boolean} [flip] Turn every kernel by 180 degrees first: true convolution instead of correlation.
 */
/**
 * @typedef {object} Axis One axis of the geometry.
 * @property {number} size Input size W.
 * @property {number} kernel Kernel size K.
 * @property {number} stride S
 * @property {number} dilation D
 * @property {number} before Padding before the first element.
 * @property {number} after Padding after the last element.
 * @property {number} padded W + before + after.
 * @property {number} extent D (K - 1) + 1, the width of a window.
 * @property {number} output O
 * @property {number} leftover Trailing padded elements that the floor drops: no window reaches them.
 * @property {Int32Array} source For each padded position the input position it repeats, or -1 for a zero.
 */
/** @typedef {{data: ArrayLike<number>, shape: number[]}} Tensor */

/** A geometry that PyTorch refuses as well; its message is written for readers. */
export class GeometryError extends RangeError {}

/** @type {PaddingMode[]} */
export const PADDING_MODES = ["zeros", "reflect", "replicate", "circular"];

/**
 * The input position that a padded position repeats, or -1 where the border is zero.
 * @param {number} position In input coordinates: negative before the input, >= size after it.
 * @param {number} size @param {PaddingMode} mode
 */
export function sourceIndex(position, size, mode) {
  if (position >= 0 && position < size) return position;
  if (mode === "zeros") return -1;
  if (mode === "replicate") return position < 0 ? 0 : size - 1;
  if (mode === "reflect") return position < 0 ? -position : 2 * (size - 1) - position;
  return position < 0 ? position + size : position - size;
}

/**
 * Work out one axis.
 * @param {number} size @param {number} kernel
 * @param {{stride?: number, padding?: number | "same", mode?: PaddingMode, dilation?: number, name?: string}} [options]
 * @returns {Axis}
 * @throws {GeometryError} where PyTorch raises
 */
export function axis(size, kernel, { stride = 1, padding = 0, mode = "zeros", dilation = 1, name = "side" } = {}) {
  const extent = dilation * (kernel - 1) + 1;
  let before, after;
  if (padding === "same") {
    if (stride !== 1) throw new GeometryError("“Same” padding needs stride 1: PyTorch refuses any other stride.");
    before = Math.floor((extent - 1) / 2);
    after = extent - 1 - before;
  } else before = after = padding;
  const widest = Math.max(before, after);
  if (mode === "reflect" && widest >= size)
    throw new GeometryError(
      `Reflection needs less padding than the input is long: padding ${widest}, ${name} ${size}.`,
    );
  if (mode === "circular" && widest > size)
    throw new GeometryError(
      `A circular border can wrap round once: padding ${widest} is more than the ${name} of ${size}.`,
    );
  const padded = size + before + after;
  if (extent > padded)
    throw new GeometryError(
      `The window does not fit: it spans ${extent}, but the padded input has a ${name} of only ${padded}.`,
    );
  const source = new Int32Array(padded);
  for (let i = 0; i < padded; i++) source[i] = sourceIndex(i - before, size, mode);
  const output = Math.floor((padded - extent) / stride) + 1;
  const leftover = (padded - extent) % stride;
  return { size, kernel, stride, dilation, before, after, padded, extent, output, leftover, source };
}

/** @template T @param {T | [T, T]} value @returns {[T, T]} */
const pair = (value) => (Array.isArray(value) ? value : [value, value]);

/**
 * Rows and columns of a 2-D convolution.
 * @param {number} height @param {number} width @param {number} kernelHeight @param {number} kernelWidth
 * @param {Options} [options]
 * @returns {{rows: Axis, columns: Axis}}
 */
export function geometry(height, width, kernelHeight, kernelWidth, options = {}) {
  const { mode = "zeros" } = options;
  const [strideH, strideW] = pair(options.stride ?? 1);
  const [dilationH, dilationW] = pair(options.dilation ?? 1);
  const padding = options.padding ?? 0;
  const [padH, padW] = padding === "same" ? [padding, padding] : pair(padding);
  return {
    rows: axis(height, kernelHeight, { stride: strideH, padding: padH, mode, dilation: dilationH, name: "height" }),
    columns: axis(width, kernelWidth, { stride: strideW, padding: padW, mode, dilation: dilationW, name: "width" }),
  };
}

/** Numbers of one kind: a loop that meets arrays of several kinds is slow for all of them. @param {ArrayLike<number>} data */
export const doubles = (data) => (data instanceof Float64Array ? data : Float64Array.from(data));

/**
 * For each column of a kernel: which outputs' pixels lie in the input, and where. They are neighbours, since the
 * border of zeros is outside.
 * @param {Axis} columns
 */
function along({ kernel, output, stride, dilation, source }) {
  return Array.from({ length: kernel }, (_, j) => {
    const places = new Int32Array(output);
    let first = output;
    let end = 0;
    for (let column = 0; column < output; column++) {
      places[column] = source[column * stride + j * dilation];
      if (places[column] < 0) continue;
      first = Math.min(first, column);
      end = column + 1;
    }
    return { first, end, source: places };
  });
}

/**
 * torch.nn.functional.conv2d with every padding mode of nn.Conv2d.
 * @param {Tensor} x (N, C_in, H, W)
 * @param {Tensor} w (C_out, C_in / groups, K_h, K_w)
 * @param {Options} [options]
 * @param {ArrayLike<number> | null} [bias] (C_out)
 * @returns {{data: Float64Array, shape: number[]}} (N, C_out, O_h, O_w)
 */
export function conv2d(x, w, options = {}, bias = null) {
  const [batch, channelsIn, height, width] = x.shape;
  const [channelsOut, perGroup, kernelHeight, kernelWidth] = w.shape;
  const groups = options.groups ?? 1;
  if (channelsIn !== perGroup * groups || channelsOut % groups !== 0)
    throw new GeometryError(
      `Channels do not match: ${channelsIn} in and ${channelsOut} out in ${groups} groups, kernel for ${perGroup}.`,
    );
  const { rows, columns } = geometry(height, width, kernelHeight, kernelWidth, options);
  const plane = rows.output * columns.output;
  const data = new Float64Array(batch * channelsOut * plane);
  const pixels = doubles(x.data);
  const weights = doubles(w.data);
  const steps = along(columns);
  const outPerGroup = channelsOut / groups;
  const taps = kernelHeight * kernelWidth;
  for (let n = 0; n < batch; n++) {
    for (let f = 0; f < channelsOut; f++) {
      const firstChannel = Math.floor(f / outPerGroup) * perGroup;
      const outBase = (n * channelsOut + f) * plane;
      if (bias) data.fill(bias[f], outBase, outBase + plane);
      for (let c = 0; c < perGroup; c++) {
        const inBase = (n * channelsIn + firstChannel + c) * height * width;
        const wBase = (f * perGroup + c) * taps;
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const tap = i * kernelWidth + j;
            const weight = weights[wBase + (options.flip ? taps - 1 - tap : tap)];
            const { first, end, source } = steps[j];
            for (let row = 0; row < rows.output; row++) {
              const sourceRow = rows.source[row * rows.stride + i * rows.dilation];
              if (sourceRow < 0) continue;
              const inRow = inBase + sourceRow * width;
              const outRow = outBase + row * columns.output;
              for (let column = first; column < end; column++)
                data[outRow + column] += weight * pixels[inRow + source[column]];
            }
          }
        }
      }
    }
  }
  return { data, shape: [batch, channelsOut, rows.output, columns.output] };
}

/**
 * The gradient of conv2d with respect to its input: what loss.backward() leaves in x.grad.
 *
 * Every product of the forward pass is walked again, and the output's gradient goes back where the pixel came from.
 * @param {Tensor} gradient (N, C_out, O_h, O_w), of the loss with respect to the output
 * @param {Tensor} w (C_out, C_in / groups, K_h, K_w)
 * @param {number[]} shape (N, C_in, H, W) of the input
 * @param {Options} [options] as in the forward pass
 * @returns {{data: Float64Array, shape: number[]}} (N, C_in, H, W)
 */
export function conv2dInputGradient(gradient, w, shape, options = {}) {
  const [batch, channelsIn, height, width] = shape;
  const [channelsOut, perGroup, kernelHeight, kernelWidth] = w.shape;
  const groups = options.groups ?? 1;
  const { rows, columns } = geometry(height, width, kernelHeight, kernelWidth, options);
  const plane = rows.output * columns.output;
  const data = new Float64Array(batch * channelsIn * height * width);
  const taps = kernelHeight * kernelWidth;
  const upstream = doubles(gradient.data);
  const weights = doubles(w.data);
  const steps = along(columns);
  for (let n = 0; n < batch; n++)
    for (let f = 0; f < channelsOut; f++) {
      const firstChannel = Math.floor((f * groups) / channelsOut) * perGroup;
      const outBase = (n * channelsOut + f) * plane;
      for (let c = 0; c < perGroup; c++) {
        const inBase = (n * channelsIn + firstChannel + c) * height * width;
        for (let tap = 0; tap < taps; tap++) {
          const weight = weights[(f * perGroup + c) * taps + (options.flip ? taps - 1 - tap : tap)];
          const [i, j] = [Math.floor(tap / kernelWidth), tap % kernelWidth];
          const { first, end, source } = steps[j];
          for (let row = 0; row < rows.output; row++) {
            const sourceRow = rows.source[row * rows.stride + i * rows.dilation];
            if (sourceRow < 0) continue;
            const inRow = inBase + sourceRow * width;
            const outRow = outBase + row * columns.output;
            for (let column = first; column < end; column++)
              data[inRow + source[column]] += weight * upstream[outRow + column];
          }
        }
      }
    }
  return { data, shape: [...shape] };
}
