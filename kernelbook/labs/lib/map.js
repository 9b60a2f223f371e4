/**
 * A map of numbers as SVG: coloured cells, their values where they fit, and a layer on top for what a lab marks.
 *
 * Cells of one colour are one path, so that a photograph costs tens of elements and not thousands. Colours follow the
 * theme through CSS variables; every map has a name in words, and numbersTable() is its text.
 */
import { html, set, svg } from "./dom.js";
import { number } from "./format.js";

/** Side of a cell in SVG units. */
export const CELL = 40;
/** Maps with more rows or columns than this show no numbers. */
export const LARGEST_NUMBERED = 12;
const GREYS = 63;
/** The grey levels there are, from black to white. */
export const LEVELS = Array.from({ length: GREYS + 1 }, (_, i) => 30 + Math.round((i / GREYS) * 225));
const STEPS = 20;
// A cell's look is one number: a grey level, a signed step, or one of these.
const EMPTY = 1000;
const GHOST = 2000; // + the grey level

/**
 * @typedef {object} Drawing
 * @property {number} rows
 * @property {number} columns
 * @property {(row: number, column: number) => number} value NaN leaves a cell empty.
 * @property {(row: number, column: number) => boolean} [ghost] Cells to draw faintly: a border that is not the picture.
 * @property {"grey" | "signed"} colours
 * @property {number} low @property {number} high The range of the colours.
 * @property {string} label What the map shows, in words.
 * @property {(value: number) => string} [format] Numbers in the cells, if two decimals do not fit.
 */

/** @typedef {{text: SVGTextElement, words: Text, shown: string, row: number, column: number, size: number, look: string}} Written */

/** Black or white text, whichever is easier to read on a grey of this lightness (0 to 255). @param {number} level */
const onGrey = (level) => (level > 117 ? "lab-black" : "lab-white");

/** Grey level of a value: not quite black at the bottom, so that cell borders stay visible. @param {number} value @param {number} low @param {number} high */
export function greyLevel(value, low, high) {
  const share = high > low ? Math.min(Math.max((value - low) / (high - low), 0), 1) : 0;
  return LEVELS[Math.round(share * GREYS)];
}

/** Signed step of a value, -20 to 20. @param {number} value @param {number} reach */
export function signedStep(value, reach) {
  const step = Math.round(Math.min(Math.abs(value) / (reach || 1), 1) * STEPS);
  // A small response is still a response: only zero looks like zero.
  return Math.sign(value) * (value !== 0 && reach ? Math.max(step, 1) : 0);
}

/**
 * Classes of a signed step: its side, and where text on it changes between black and white. Mixed towards full colour,
 * luminance passes 0.179 (equal contrast with both) at step 12 in the dark theme and at step 18 in the light one.
 * @param {number} step
 */
export function signedClass(step) {
  const side = step < 0 ? "lab-negative" : step > 0 ? "lab-positive" : "lab-zero";
  return `${side}${Math.abs(step) >= 12 ? " lab-half" : ""}${Math.abs(step) >= 18 ? " lab-strong" : ""}`;
}

/** @param {number} step */
export const signedStyle = (step) => `--q:${Math.abs(step) * (100 / STEPS)}%`;

export class NumberMap {
  /** @param {string} className */
  constructor(className) {
    this.cells = svg("g", { "shape-rendering": "crispEdges" });
    this.lines = svg("path", { class: "lab-lines" });
    this.numbers = svg("g", { class: "lab-numbers" });
    /** What a lab marks: drawn above cells and numbers. */
    this.overlay = svg("g", {});
    this.svg = svg(
      "svg",
      { class: `lab-map ${className}`, role: "img" },
      this.cells,
      this.lines,
      this.numbers,
      this.overlay,
    );
    /** One for each look, with the places it was last drawn at. @type {Map<string, {path: SVGPathElement, d: string}>} */
    this.paths = new Map();
    /** The numbers as they were last drawn: to ask the document costs more. @type {Written[]} */
    this.texts = [];
    this.rows = 0;
    this.columns = 0;
    /** Size of the smallest number, in the drawing's units. */
    this.smallest = Infinity;
  }

  /** @param {Drawing} drawing */
  draw({ rows, columns, value, ghost = () => false, colours, low, high, label, format = number }) {
    if (rows !== this.rows || columns !== this.columns) {
      this.rows = rows;
      this.columns = columns;
      set(this.svg, { viewBox: `-2 -2 ${columns * CELL + 4} ${rows * CELL + 4}` });
      let lines = `M0 0h${columns * CELL}v${rows * CELL}h${-columns * CELL}z`;
      if (Math.max(rows, columns) <= LARGEST_NUMBERED) {
        for (let row = 1; row < rows; row++) lines += `M0 ${row * CELL}h${columns * CELL}`;
        for (let column = 1; column < columns; column++) lines += `M${column * CELL} 0v${rows * CELL}`;
      }
      set(this.lines, { d: lines });
    }
    set(this.svg, { "aria-label": label });
    const reach = Math.max(Math.abs(low), Math.abs(high));
    const numbered = Math.max(rows, columns) <= LARGEST_NUMBERED;

    this.smallest = Infinity;
    // Runs of one look in a row, collected by look.
    /** @type {Map<number, string[]>} */
    const runs = new Map();
    let used = 0;
    for (let row = 0; row < rows; row++) {
      let start = 0;
      let level = NaN;
      for (let column = 0; column <= columns; column++) {
        let next = NaN;
        if (column < columns) {
          const v = value(row, column);
          const faint = ghost(row, column);
          if (Number.isNaN(v)) next = EMPTY;
          else if (colours === "grey") next = greyLevel(v, low, high) + (faint ? GHOST : 0);
          else next = faint ? Math.round(signedStep(v, reach) / 3) : signedStep(v, reach);
          if (numbered) this.#number(used++, row, column, Number.isNaN(v) ? "" : format(v), next, colours);
        }
        if (next === level) continue;
        if (column > start) {
          let parts = runs.get(level);
          if (!parts) runs.set(level, (parts = []));
          const width = (column - start) * CELL;
          parts.push(`M${start * CELL} ${row * CELL}h${width}v${CELL}h${-width}z`);
        }
        start = column;
        level = next;
      }
    }
    for (const { text } of this.texts.splice(used)) text.remove();

    const stale = new Set(this.paths.keys());
    for (const [level, parts] of runs) {
      const key = `${colours}${level}`;
      stale.delete(key);
      let look = this.paths.get(key);
      if (!look) {
        const path = svg("path", {});
        if (level === EMPTY) set(path, { class: "lab-empty" });
        else if (level >= GHOST)
          set(path, { class: "lab-ghost", style: `--grey:rgb(${[0, 0, 0].fill(level - GHOST)})` });
        else if (colours === "grey") set(path, { fill: `rgb(${level},${level},${level})` });
        else set(path, { class: `lab-cell ${signedClass(level)}`, style: signedStyle(level) });
        this.paths.set(key, (look = { path, d: "" }));
        this.cells.append(path);
      }
      const d = parts.join("");
      if (look.d !== d) look.path.setAttribute("d", (look.d = d));
    }
    for (const key of stale) {
      this.paths.get(key)?.path.remove();
      this.paths.delete(key);
    }
  }

  /** @param {number} index @param {number} row @param {number} column @param {string} shown @param {number} level @param {"grey" | "signed"} colours */
  #number(index, row, column, shown, level, colours) {
    const size = Math.min(17, 52 / Math.max(shown.length, 1));
    this.smallest = Math.min(this.smallest, size);
    const look = level >= GHOST ? "lab-ghost" : colours === "grey" ? onGrey(level) : signedClass(level);
    let now = this.texts[index];
    if (!now) {
      const words = document.createTextNode("");
      now = { text: svg("text", { "text-anchor": "middle" }, words), words, shown: "", row: -1, column: -1, size: 0, look: "" };
      this.texts.push(now);
      this.numbers.append(now.text);
    }
    const { text } = now;
    if (now.shown !== shown) now.words.data = now.shown = shown;
    if (now.look !== look) text.setAttribute("class", (now.look = look));
    if (now.column !== column) text.setAttribute("x", String((column + 0.5) * CELL));
    if (now.row !== row || now.size !== size) text.setAttribute("y", String((row + 0.5) * CELL + size * 0.36));
    if (now.size !== size) text.setAttribute("font-size", String(size));
    now.row = row;
    now.column = column;
    now.size = size;
  }

  /**
   * The cell under a pointer, or null outside.
   * @param {PointerEvent | MouseEvent} event
   */
  cellAt(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = (this.columns * CELL + 4) / box.width;
    const column = Math.floor(((event.clientX - box.left) * scale - 2) / CELL);
    const row = Math.floor(((event.clientY - box.top) * scale - 2) / CELL);
    return row >= 0 && column >= 0 && row < this.rows && column < this.columns ? { row, column } : null;
  }
}

/** A frame with a halo, visible on every colour. @param {string} [className] */
export function frame(className = "") {
  const halo = svg("rect", { class: "lab-halo" });
  const line = svg("rect", { class: `lab-frame ${className}` });
  const group = svg("g", {}, halo, line);
  /** @param {number} row @param {number} column @param {number} rows @param {number} columns in cells */
  const place = (row, column, rows, columns) => {
    for (const rect of [halo, line])
      set(rect, { x: column * CELL, y: row * CELL, width: columns * CELL, height: rows * CELL });
  };
  return { group, place };
}

/**
 * The numbers of a map as a table: the text of the drawing.
 * @param {string} caption @param {number} rows @param {number} columns @param {(row: number, column: number) => number} value
 */
export function numbersTable(caption, rows, columns, value) {
  const range = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i);
  return html(
    "div",
    { class: "lab-scroll", tabindex: 0, role: "region", "aria-label": caption },
    html(
      "table",
      { class: "lab-table" },
      html("caption", {}, caption),
      html("thead", {}, html("tr", {}, html("td", {}), ...range(columns).map((c) => html("th", { scope: "col" }, c)))),
      html(
        "tbody",
        {},
        ...range(rows).map((r) =>
          html(
            "tr",
            {},
            html("th", { scope: "row" }, r),
            ...range(columns).map((c) => html("td", {}, number(value(r, c)))),
          ),
        ),
      ),
    ),
  );
}

/**
 * The colours of a signed or a grey map with their ends named.
 * @param {HTMLElement} element @param {"grey" | "signed"} colours @param {number} low @param {number} high
 */
export function legend(element, colours, low, high) {
  const reach = Math.max(Math.abs(low), Math.abs(high));
  const ends = colours === "signed" ? [-reach, 0, reach] : [low, high];
  element.replaceChildren(
    html("span", { class: `lab-scale lab-scale-${colours}`, "aria-hidden": "true" }),
    html("span", { class: "lab-ends" }, ...ends.map((end) => html("span", {}, number(end)))),
  );
}
