/**
 * Augmentation of grey pictures (H, W), levels 0 to 255, as torch and torchvision compute it, without a DOM.
 *
 * tests/labs/test_augmentation.py compares every function with torch on more than 10,000 random cases.
 */

/** @typedef {{height: number, width: number, data: ArrayLike<number>}} Picture */
/** @typedef {{height: number, width: number, data: Float64Array}} Result */
/** @typedef {"zeros" | "border" | "reflection"} Border */
/** @typedef {[number, number, number, number, number, number]} Theta Two rows of three: from output to input place. */
/** @typedef {{top: number, left: number, height: number, width: number}} Box */

/** @type {Border[]} */
export const BORDERS = ["zeros", "border", "reflection"];

/** @param {Picture} picture @param {(row: number, column: number) => number} value @returns {Result} */
function made({ height, width }, value) {
  const data = new Float64Array(height * width);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) data[row * width + column] = value(row, column);
  return { height, width, data };
}
/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** torch.flip along the width. @param {Picture} x */
export const flipHorizontal = (x) => made(x, (i, j) => x.data[i * x.width + x.width - 1 - j]);
/** torch.flip along the height. @param {Picture} x */
export const flipVertical = (x) => made(x, (i, j) => x.data[(x.height - 1 - i) * x.width + j]);

/** torch.rot90: quarter turns against the clock. @param {Picture} x @param {number} turns */
export function quarterTurns(x, turns) {
  const k = ((turns % 4) + 4) % 4;
  const { height: h, width: w, data } = x;
  if (k === 0) return made(x, (i, j) => data[i * w + j]);
  if (k === 2) return made(x, (i, j) => data[(h - 1 - i) * w + w - 1 - j]);
  const turned = { height: w, width: h, data };
  return k === 1 ? made(turned, (i, j) => data[j * w + w - 1 - i]) : made(turned, (i, j) => data[(h - 1 - j) * w + i]);
}

/**
 * The matrix of a turn against the clock, a zoom and a move of what is seen, in torch's coordinates (-1 to 1 over the
 * picture). It leads from an output place to the input place that is read, so it holds the inverse of each.
 * @param {number} height @param {number} width
 * @param {{degrees?: number, zoom?: number, right?: number, down?: number}} options right, down: shares of the side
 * @returns {Theta}
 */
export function theta(height, width, { degrees = 0, zoom = 1, right = 0, down = 0 }) {
  const angle = (degrees * Math.PI) / 180;
  const [c, s] = [Math.cos(angle) / zoom, Math.sin(angle) / zoom];
  // Undo the move first, then turn and zoom; pixels are square even where the picture is not.
  const [x, y] = [-2 * right, -2 * down];
  const [b, d] = [(-s * height) / width, (s * width) / height];
  return [c, b, c * x + b * y, d, c, d * x + c * y];
}

/** The input place (row, column, in pixels) that an output pixel reads. @param {Theta} t @param {number} height @param {number} width @param {number} row @param {number} column */
export function source(t, height, width, row, column) {
  const [x, y] = [(2 * column + 1) / width - 1, (2 * row + 1) / height - 1];
  return {
    row: ((t[3] * x + t[4] * y + t[5] + 1) * height - 1) / 2,
    column: ((t[0] * x + t[1] * y + t[2] + 1) * width - 1) / 2,
  };
}

/** Fold a place back into the picture. @param {number} place @param {number} size @param {Border} border */
export function fold(place, size, border) {
  if (border === "zeros") return place;
  if (border === "reflection") {
    const from = Math.abs(place + 0.5);
    const times = Math.floor(from / size);
    const rest = from - times * size;
    place = times % 2 ? size - rest - 0.5 : rest - 0.5;
  }
  return clamp(place, 0, size - 1);
}

/**
 * The four pixels round a place and their bilinear weights; those outside count as 0.
 * @param {Picture} x @param {number} row @param {number} column
 */
export function neighbours({ height, width, data }, row, column) {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  return [0, 1, 2, 3].map((k) => {
    const [i, j] = [top + (k >> 1), left + (k & 1)];
    const weight = (k >> 1 ? row - top : top + 1 - row) * (k & 1 ? column - left : left + 1 - column);
    const inside = i >= 0 && j >= 0 && i < height && j < width;
    return { row: i, column: j, weight, value: inside ? data[i * width + j] : 0, inside };
  });
}

/** grid_sample(x, affine_grid(theta)), bilinear, align_corners=False. @param {Picture} x @param {Theta} t @param {Border} border */
export function warp(x, t, border = "zeros") {
  const { height, width, data } = x;
  const out = new Float64Array(height * width);
  const first = source(t, height, width, 0, 0);
  // One pixel to the right or down moves the place that is read by these.
  const [right, down] = [source(t, height, width, 0, 1), source(t, height, width, 1, 0)];
  const [rowRight, columnRight] = [right.row - first.row, right.column - first.column];
  const [rowDown, columnDown] = [down.row - first.row, down.column - first.column];
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) {
      const row = fold(first.row + j * rowRight + i * rowDown, height, border);
      const column = fold(first.column + j * columnRight + i * columnDown, width, border);
      const top = Math.floor(row);
      const left = Math.floor(column);
      if (top < -1 || left < -1 || top >= height || left >= width) continue;
      const below = row - top;
      const after = column - left;
      const at = top * width + left;
      const above = top >= 0;
      const before = left >= 0;
      let sum = 0;
      if (above && before) sum += (1 - below) * (1 - after) * data[at];
      if (above && left + 1 < width) sum += (1 - below) * after * data[at + 1];
      if (top + 1 < height && before) sum += below * (1 - after) * data[at + width];
      if (top + 1 < height && left + 1 < width) sum += below * after * data[at + width + 1];
      out[i * width + j] = sum;
    }
  return { height, width, data: out };
}

/** A box of the picture, interpolated to the whole size: F.interpolate, bilinear. @param {Picture} x @param {Box} box */
export function cropAndResize(x, box) {
  /** @param {number} place @param {number} size @param {number} of */
  const along = (place, size, of) => {
    const at = Math.max(((place + 0.5) * size) / of - 0.5, 0);
    const first = Math.min(Math.floor(at), size - 1);
    return { first, second: Math.min(first + 1, size - 1), share: at - first };
  };
  return made(x, (i, j) => {
    const [r, c] = [along(i, box.height, x.height), along(j, box.width, x.width)];
    /** @param {number} row @param {number} column */
    const at = (row, column) => x.data[(box.top + row) * x.width + box.left + column];
    return (
      (1 - r.share) * ((1 - c.share) * at(r.first, c.first) + c.share * at(r.first, c.second)) +
      r.share * ((1 - c.share) * at(r.second, c.first) + c.share * at(r.second, c.second))
    );
  });
}

/** torchvision's adjust_brightness. @param {Picture} x @param {number} factor */
export const brightness = (x, factor) => made(x, (i, j) => clamp(factor * x.data[i * x.width + j], 0, 255));

/** @param {Picture} x */
export const meanOf = ({ data }) => Array.from(data).reduce((sum, v) => sum + v, 0) / data.length;

/** torchvision's adjust_contrast: towards or away from the picture's mean. @param {Picture} x @param {number} factor */
export function contrast(x, factor) {
  const mean = meanOf(x);
  return made(x, (i, j) => clamp(factor * x.data[i * x.width + j] + (1 - factor) * mean, 0, 255));
}

/** Gaussian noise, cut off at black and white. @param {Picture} x @param {number} deviation @param {ArrayLike<number>} normals */
export const addNoise = (x, deviation, normals) =>
  made(x, (i, j) => clamp(x.data[i * x.width + j] + deviation * normals[i * x.width + j], 0, 255));

/** torchvision's erase: a black box. @param {Picture} x @param {Box} box */
export const erase = (x, box) => paste(x, { ...x, data: new Float64Array(x.data.length) }, box);

/** @param {Picture} x @param {Picture} y another of the same size @param {Box} box taken from y */
export const paste = (x, y, { top, left, height, width }) =>
  made(x, (i, j) => (i >= top && i < top + height && j >= left && j < left + width ? y : x).data[i * x.width + j]);

/** @param {Picture} x @param {Picture} y another of the same size @param {number} lambda share of x */
export const blend = (x, y, lambda) =>
  made(x, (i, j) => lambda * x.data[i * x.width + j] + (1 - lambda) * y.data[i * x.width + j]);

/**
 * A box of a share of the area and the picture's proportions, its place by two numbers from [0, 1).
 * @param {Picture} x @param {number} area share @param {number} u @param {number} v @returns {Box}
 */
export function boxOf({ height, width }, area, u, v) {
  const side = Math.sqrt(area);
  const [h, w] = [Math.max(1, Math.round(height * side)), Math.max(1, Math.round(width * side))];
  return { top: Math.floor(u * (height - h + 1)), left: Math.floor(v * (width - w + 1)), height: h, width: w };
}

/**
 * CutMix's box, as torchvision draws it: its middle anywhere in the picture, so that the border may cut it off.
 * @param {Picture} x @param {number} lambda @param {number} row @param {number} column the middle, a pixel
 * @returns {{box: Box, lambda: number}} lambda: the share of x that is really left
 */
export function cutmixBox({ height, width }, lambda, row, column) {
  const half = 0.5 * Math.sqrt(1 - lambda);
  const [h, w] = [Math.trunc(half * height), Math.trunc(half * width)];
  const [top, left] = [Math.max(row - h, 0), Math.max(column - w, 0)];
  const box = { top, left, height: Math.min(row + h, height) - top, width: Math.min(column + w, width) - left };
  return { box, lambda: 1 - (box.height * box.width) / (height * width) };
}
