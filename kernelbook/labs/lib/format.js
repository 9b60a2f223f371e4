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

/** A whole number of any size with its thousands apart: 154,140,672. @param {number | bigint} value */
export const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/**
 * How many times one count is another, exactly rounded however large both are: 279,736,775 or 8.41.
 * @param {bigint} one @param {bigint} other above 0
 */
export function times(one, other) {
  const digits = one >= 1000n * other ? 0 : one >= 10n * other ? 1 : 2;
  const scale = 10n ** BigInt(digits);
  const scaled = (2n * one * scale + other) / (2n * other);
  const [whole, rest] = [scaled / scale, String(scaled % scale).padStart(digits, "0").replace(/0+$/, "")];
  return grouped(whole) + (rest && `.${rest}`);
}

const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
/** Bytes in the decimal units of storage, to three figures or so: 2.47 GB. @param {bigint} value */
export function bytes(value) {
  let unit = 0;
  let step = 1n;
  while (unit < UNITS.length - 1 && value >= 1000n * step) {
    step *= 1000n;
    unit++;
  }
  return unit === 0 ? plural(Number(value), "byte") : `${times(value, step)} ${UNITS[unit]}`;
}
