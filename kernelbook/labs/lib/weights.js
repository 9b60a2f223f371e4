/**
 * Trained weights as kernelbook.checkpoints packs them: int8 with one float16 scale for each index of the first axis,
 * vectors as float16. The numbers that come out are those that PyTorch loads.
 */

/** @typedef {import("./conv.js").Tensor} Tensor */

/** The bytes of base64 text, usual or URL-safe. @param {string} text */
export const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

/** A half-precision number from its 16 bits (IEEE 754 binary16). @param {number} bits */
export function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? NaN
          : Infinity
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 ? -size : size;
}

/**
 * @param {{tensors: Record<string, number[]>, data: string}} packed
 * @returns {Record<string, {data: Float64Array, shape: number[]}>} by name
 * @throws {RangeError} if the data are shorter or longer than the shapes say
 */
export function unpack({ tensors, data }) {
  const view = new DataView(bytesOf(data).buffer);
  let at = 0;
  const halves = (/** @type {number} */ count) =>
    Float64Array.from({ length: count }, () => half(view.getUint16((at += 2) - 2, true)));
  const found = Object.fromEntries(
    Object.entries(tensors).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      if (shape.length < 2) return [name, { data: halves(size), shape }];
      const scales = halves(shape[0]);
      const values = Float64Array.from({ length: size }, (_, i) => view.getInt8(at++) * scales[Math.floor((i * shape[0]) / size)]);
      return [name, { data: values, shape }];
    }),
  );
  if (at !== view.byteLength) throw new RangeError(`${view.byteLength} bytes of weights, but their shapes ask for ${at}`);
  return found;
}
