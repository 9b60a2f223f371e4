/** Grey pictures as one SVG <image>: a few hundred bytes of markup where cells would be thousands of elements. */

const OFFSET = 54 + 1024;
/** What all of them begin with. */
const HEAD = new Uint8Array(OFFSET);
HEAD.set([0x42, 0x4d]);
for (let level = 0; level < 256; level++) HEAD.fill(level, 54 + 4 * level, 57 + 4 * level);

/**
 * A data address with grey levels 0 to 255 (H, W) as an 8-bit BMP: 256 palette entries, rows from the bottom up.
 * @param {ArrayLike<number>} pixels @param {number} height @param {number} width
 */
export function bitmap(pixels, height, width) {
  const stride = (width + 3) & ~3;
  const bytes = new Uint8Array(OFFSET + stride * height);
  const view = new DataView(bytes.buffer);
  bytes.set(HEAD);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, OFFSET, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  view.setUint32(34, stride * height, true);
  for (let row = 0; row < height; row++)
    for (let column = 0, to = OFFSET + (height - 1 - row) * stride; column < width; column++)
      bytes[to + column] = Math.min(Math.max(Math.round(pixels[row * width + column]), 0), 255);
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...bytes))}`;
}
