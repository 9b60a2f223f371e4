/** Wafers as the labs with trained networks carry them: 32 x 32 dies, one bit each, five examples of nine classes. */

export const CLASSES = ["none", "center", "donut", "edge-loc", "edge-ring", "loc", "near-full", "random", "scratch"];
export const SIZE = 32;
export const EXAMPLES_EACH = 5;

/** Whether a die is there: its centre lies on the disc. @param {number} row @param {number} column */
export const onWafer = (row, column) => ((2 * row + 1) / SIZE - 1) ** 2 + ((2 * column + 1) / SIZE - 1) ** 2 <= 1;

/**
 * Failed dies of one wafer, 1024 of 0 and 1: bits row by row, the most significant of each byte first.
 * @param {Uint8Array} bytes @param {number} [index] which wafer of those that are packed one after another
 */
export const waferBits = (bytes, index = 0) =>
  Uint8Array.from({ length: SIZE * SIZE }, (_, i) =>
    onWafer(Math.floor(i / SIZE), i % SIZE) ? (bytes[(index * SIZE * SIZE + i) >> 3] >> (7 - (i & 7))) & 1 : 0,
  );

/** A network's input: 0 for no die, 0.5 passed, 1 failed. @param {ArrayLike<number>} failed */
export const inputOf = (failed) => ({
  data: Float64Array.from(failed, (f, i) => (onWafer(Math.floor(i / SIZE), i % SIZE) ? (f ? 1 : 0.5) : 0)),
  shape: [1, 1, SIZE, SIZE],
});
