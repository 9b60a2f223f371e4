/**
 * Bars on a logarithmic or a linear scale, one a row, each with its name, its exact value and a line about it.
 *
 * HTML and not SVG, so that the words keep their size on a narrow page. The bars repeat what the words say and are
 * hidden from screen readers.
 */
import { fill, html, say, set } from "./dom.js";
import { bytes, grouped } from "./format.js";

/**
 * @typedef {object} Bar
 * @property {bigint} value 0 for a row that has none
 * @property {string} text the value as it is written
 * @property {string} note the formula with its numbers
 * @property {string} [ratio] how it compares
 * @property {boolean} [lit] whether it is the one that is chosen
 */

/** log10 of a whole number of any size. @param {bigint} value */
function log10(value) {
  const text = String(value);
  return Math.log10(Number(text.slice(0, 15))) + Math.max(text.length - 15, 0);
}

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** @param {number} power */
const powerOfTen = (power) =>
  power === 0 ? "1" : `10${[...String(power)].map((digit) => SUPERSCRIPT[Number(digit)]).join("")}`;

/**
 * @param {{name: string, sketch?: Element}[]} names the rows, from top to bottom
 */
export function barRows(names) {
  const rows = names.map(({ name, sketch }) => {
    const value = html("b", {});
    const bar = html("span", { class: "lab-bar" });
    const note = html("span", {});
    const ratio = html("span", { class: "lab-bar-ratio" });
    const element = html(
      "div",
      { class: "lab-bar-row" },
      sketch && html("div", { class: "lab-bar-sketch" }, sketch),
      html(
        "div",
        { class: "lab-bar-body" },
        html("p", { class: "lab-bar-head" }, html("span", {}, name), value),
        html("div", { class: "lab-bar-track", "aria-hidden": "true" }, bar),
        html("p", { class: "lab-bar-foot" }, note, ratio),
      ),
    );
    return { element, value, bar, note, ratio };
  });
  const axis = html("div", { class: "lab-bar-axis", "aria-hidden": "true" });
  const element = html(
    "div",
    { class: "lab-bars" },
    ...rows.map((row) => row.element),
    html("div", { class: "lab-bar-row" }, names[0].sketch && html("div", { class: "lab-bar-sketch" }), axis),
  );
  let drawn = "";
  return {
    element,
    /**
     * @param {Bar[]} bars one for each row
     * @param {"count" | "bytes" | "linear"} unit of the scale: powers of ten, of bytes, or from 0 to the largest bar
     */
    draw(bars, unit) {
      const largest = bars.reduce((most, { value }) => (value > most ? value : most), 1n);
      // The scale ends at a thousand times a power, so that it seldom changes while one drags.
      const end = Math.max(3, ...bars.map(({ value }) => (value ? 3 * Math.ceil(log10(value) / 3 - 1e-9) : 0)));
      const key = `${end} ${unit}`;
      if (unit === "linear") {
        set(element, { style: "--thousands:4" });
        fill(axis, html("span", { style: "left:0" }, 0), html("span", { style: "left:100%" }, grouped(largest)));
        drawn = "";
      } else if (key !== drawn) {
        drawn = key;
        set(element, { style: `--thousands:${end / 3}` });
        const step = end > 15 ? 6 : 3;
        const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
        fill(
          axis,
          ...ticks.map((power) =>
            html(
              "span",
              { style: `left:${(100 * power) / end}%` },
              unit === "bytes" ? bytes(10n ** BigInt(power)).replace("bytes", "byte") : powerOfTen(power),
            ),
          ),
        );
      }
      bars.forEach(({ value, text, note, ratio = "", lit = false }, i) => {
        const row = rows[i];
        say(row.value, text);
        say(row.note, note);
        say(row.ratio, ratio);
        // On the logarithmic scale one is the left end: a bar of one still shows.
        const share = unit === "linear" ? Number((10000n * value) / largest) / 100 : value ? (100 * log10(value)) / end : 0;
        set(row.bar, {
          class: lit ? "lab-bar lab-bar-lit" : "lab-bar",
          style: value ? `width:max(3px, ${share.toFixed(2)}%)` : "width:0",
        });
      });
    },
  };
}
