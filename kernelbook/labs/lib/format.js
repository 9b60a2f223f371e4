/** Numbers and shapes in words, the same in every lab. */

/** Whole numbers whole, others to two decimals, with a real minus sign. @param {number} value */
export function number(value) {
  const text = Number.isInteger(value)
    ? String(value)
    : Math.abs(value - Math.round(value)) < 1e-9
      ? String(Math.round(value))
      : value.toFixed(2);
  return (text === "-0" || text === "-0.00" ? text.slice(1) : text).replace("-", "−");
}

/** As a factor: negative numbers in brackets. @param {number} value */
export const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** @param {number} rows @param {number} columns */
export const by = (rows, columns) => `${rows} × ${columns}`;

/** A share in percent, to one decimal where it needs one. @param {number} part @param {number} total */
export const percent = (part, total) => {
  const share = (1000 * part) / total;
  return `${Math.round(share) % 10 ? (Math.round(share) / 10).toFixed(1) : Math.round(share) / 10} %`;
};
