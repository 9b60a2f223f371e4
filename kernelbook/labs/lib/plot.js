/** A plot with honest axes, drawn at the width that it has: lines, points and labels go into its layers. */
import { fill, html, set, svg } from "./dom.js";

/**
 * @typedef {object} Axis
 * @property {string} title What the axis counts, with its unit.
 * @property {number} low @property {number} high
 * @property {boolean} [log]
 * @property {number[]} [ticks]
 * @property {(value: number) => string} [format]
 */

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** @param {number} exponent */
export const powerOfTen = (exponent) =>
  exponent === 0
    ? "1"
    : exponent === 1
      ? "10"
      : `10${exponent < 0 ? "⁻" : ""}${String(Math.abs(exponent)).replace(/\d/g, (d) => SUPERSCRIPTS[Number(d)])}`;

/** A positive or negative number of any size, to three digits. @param {number} value */
export function scientific(value) {
  if (value === 0 || !Number.isFinite(value)) return value === 0 ? "0" : "none";
  const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-12);
  if (exponent >= -3 && exponent < 4) return String(Number(value.toPrecision(3))).replace("-", "−");
  return `${(value / 10 ** exponent).toFixed(1).replace("-", "−")} × ${powerOfTen(exponent)}`;
}

/** Whole decades that hold every positive value, at least two of them. @param {number[]} values */
export function decades(values) {
  const logs = values.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
  if (!logs.length) return { low: 0.1, high: 10 };
  const low = Math.floor(Math.min(...logs) + 1e-9);
  const high = Math.ceil(Math.max(...logs) - 1e-9);
  if (high - low >= 2) return { low: 10 ** low, high: 10 ** high };
  return { low: 10 ** (high > low ? low : low - 1), high: 10 ** (low + (high > low ? 2 : 1)) };
}

/** Round tick values inside an axis. @param {Axis} axis @param {number} most */
export function ticksOf({ low, high, log, ticks }, most) {
  if (ticks) return ticks;
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const step = Math.ceil((last - first + 1) / most) || 1;
    const found = [];
    for (let e = first; e <= last; e++) if (e % step === 0) found.push(10 ** e);
    return found;
  }
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) ?? 10 * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

export class Plot {
  /**
   * @param {string} className
   * @param {{height?: number, left?: number, redraw: () => void}} options redraw() is called when the width changes.
   */
  constructor(className, { height = 220, left = 46, redraw }) {
    this.width = 340;
    this.height = height;
    this.left = left;
    this.grid = svg("g", { class: "lab-plot-grid" });
    /** The axes on the screen: while a curve moves, they mostly stay. */
    this.drawn = "";
    /** Lines, points and labels: a lab's own. */
    this.marks = svg("g", {});
    this.svg = svg("svg", { class: `lab-plot ${className}`, role: "img" }, this.grid, this.marks);
    this.element = html("div", { class: "lab-plot-box" }, this.svg);
    /** @param {number} v */
    this.x = (v) => v;
    /** @param {number} v */
    this.y = (v) => v;
    if (typeof ResizeObserver !== "undefined") {
      this.observer = new ResizeObserver(([entry]) => {
        const width = Math.round(entry.contentRect.width);
        if (width < 40 || width === this.width) return;
        this.width = width;
        redraw();
      });
      this.observer.observe(this.element);
    }
  }

  /** Draw the axes and set x() and y(), from values to places. @param {{x: Axis, y: Axis, label: string}} axes */
  axes({ x, y, label }) {
    const { width, height, left } = this;
    const [right, top, bottom] = [width - 10, 10, height - 40];
    /** @param {Axis} axis @param {number} from @param {number} to */
    const placer = ({ low, high, log }, from, to) => {
      const place = log ? Math.log10 : Number;
      const [a, b] = [place(low), place(high)];
      // What lies below a logarithmic axis, 0 included, stands on its edge.
      return (/** @type {number} */ v) =>
        from + (Math.min(Math.max((log && v <= 0 ? a : place(v)) - a, 0), b - a) / (b - a || 1)) * (to - from);
    };
    this.x = placer(x, left, right);
    this.y = placer(y, bottom, top);
    set(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height, "aria-label": label });
    const power = (/** @type {number} */ v) => powerOfTen(Math.round(Math.log10(v)));
    const formatX = x.format ?? (x.log ? power : String);
    const formatY = y.format ?? (y.log ? power : String);
    const up = ticksOf(y, 6).map((v) => ({ at: this.y(v), text: formatY(v) }));
    const across = ticksOf(x, Math.max(3, Math.floor((right - left) / 65))).map((v) => ({ at: this.x(v), text: formatX(v) }));
    const drawn = JSON.stringify([width, height, up, across, x.title]);
    if (drawn === this.drawn) return this;
    this.drawn = drawn;
    fill(
      this.grid,
      ...up.flatMap(({ at, text }) => [
        svg("path", { class: "lab-plot-rule", d: `M${left} ${at}H${right}` }),
        svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, text),
      ]),
      ...across.flatMap(({ at, text }) => [
        svg("path", { class: "lab-plot-rule", d: `M${at} ${top}V${bottom}` }),
        svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, text),
      ]),
      svg("path", { class: "lab-plot-axis", d: `M${left} ${top}V${bottom}H${right}` }),
      svg("text", { class: "lab-plot-title", x: (left + right) / 2, y: height - 6, "text-anchor": "middle" }, x.title),
    );
    return this;
  }

  /** A path through points, broken where a value is not a number. @param {number[]} xs @param {ArrayLike<number>} ys */
  path(xs, ys) {
    let d = "";
    let pen = "M";
    for (let i = 0; i < xs.length; i++) {
      if (!Number.isFinite(ys[i])) pen = "M";
      else {
        d += `${pen}${this.x(xs[i]).toFixed(1)} ${this.y(ys[i]).toFixed(1)}`;
        pen = "L";
      }
    }
    return d;
  }

  stop() {
    this.observer?.disconnect();
  }
}
