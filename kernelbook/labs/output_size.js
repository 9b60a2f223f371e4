/**
 * The lab OutputSize: how many windows fit along one axis, which columns they read, and what a chain of layers leaves.
 *
 * step() is one layer's geometry, compute() a whole state's; render() draws them.
 */
import { whole } from "./lib/checks.js";
import { field, fill, html, root, say, set, slider, svg, uniqueId } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { number, plural } from "./lib/format.js";
import { read, watch, write } from "./lib/model.js";
import { cleanLayers, stackEditor } from "./lib/stack.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */

/** What the first number of a layer stands for: kinds of convolution and of pooling. */
export const KINDS = ["conv", "pool", "pool ceil", "conv same"];
const [, POOL, CEIL, SAME] = [0, 1, 2, 3];
const LARGEST_SIZE = 256;
const MOST_LAYERS = 24;

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({ size: 6, layers: [[0, 3, 2, 0, 1]], layer: 1, window: 0 });
const NAMES = Object.keys(DEFAULTS);

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "In how many places?",
    text: "A window of 3 moves over 6 columns, one column at a time. In how many places does it fit: 3, 4 or 6? Then give it a border of P = 1 and predict again.",
    state: { layers: [[0, 3, 1, 0, 1]] },
  },
  {
    title: "What the floor drops",
    text: "Stride 2 goes over 6 columns in two steps and a half. Which column does no window read? For which W does a third window fit, 7 or 8?",
    state: {},
  },
  {
    title: "Rounding up: ceil_mode",
    text: "The same window as a pooling with ceil_mode: 3 places instead of 2. Look where the last window ends, and how many real columns it reads.",
    state: { layers: [[2, 3, 2, 0, 1]], window: 2 },
  },
  {
    title: "Where a window may begin",
    text: "Rounded up, the formula says 4. PyTorch says 3. Where would a fourth window begin? It must begin inside the input or in the padding before it, never in the padding after it.",
    state: { size: 5, layers: [[2, 2, 2, 1, 1]] },
  },
  {
    title: "Same, with an even kernel",
    text: "Four taps need three columns of padding to keep the size. On which side does PyTorch put the odd one? Then try the stride 2: what does PyTorch say?",
    state: { layers: [[3, 4, 1, 0, 1]] },
  },
  {
    title: "Dilation 2 skips one",
    text: "How many columns lie between two taps at dilation 2: one or two? And how many does the window span, 5 or 7? Its weights are still three.",
    state: { size: 9, layers: [[0, 3, 1, 0, 2]] },
  },
  {
    title: "Half, rounded up",
    text: "K = 3, S = 2, P = 1, three times over 25 columns. Predict the three sizes. Is 25 halved 12 or 13? Change W to 24 and find what stays.",
    state: { size: 25, layers: [[0, 3, 2, 1, 1], [0, 3, 2, 1, 1], [0, 3, 2, 1, 1]] },
  },
  {
    title: "A stride larger than the window",
    text: "K = 1 and S = 2, as on the shortcut of a residual block: which columns are read? How much of a picture is that, in two dimensions?",
    state: { size: 8, layers: [[0, 1, 2, 0, 1]] },
  },
  {
    title: "LeNet",
    text: "Two convolutions of 5, each with a pooling of 2 behind it, then one more convolution of 5. From 32 columns, predict what is left at each step; the last number explains why it is often called a dense layer.",
    state: { size: 32, layers: [[0, 5, 1, 0, 1], [1, 2, 2, 0, 1], [0, 5, 1, 0, 1], [1, 2, 2, 0, 1], [0, 5, 1, 0, 1]] },
  },
  {
    title: "The stem of ResNet",
    text: "224 columns, a convolution of 7 with stride 2 and padding 3, a pooling of 3 with stride 2 and padding 1. Predict both sizes. Does the floor drop a column of the picture?",
    state: { size: 224, layers: [[0, 7, 2, 3, 1], [1, 3, 2, 1, 1]], window: 40 },
  },
  {
    title: "One layer too many",
    text: "Which of these layers fails on 12 columns, and what is the smallest W on which all of them fit? Work backwards from the last layer before you drag.",
    state: { size: 12, layers: [[0, 5, 1, 0, 1], [1, 2, 2, 0, 1], [0, 5, 1, 0, 1]] },
  },
];

// The mathematics

/**
 * @typedef {object} Step One layer along one axis; columns are counted from 0, negative ones lie in the padding.
 * @property {number} kind @property {number} kernel @property {number} stride @property {number} dilation
 * @property {number} size W, columns that come in
 * @property {number} before @property {number} after Columns of padding on either side.
 * @property {number} extent Columns from the first tap of a window to its last: D (K - 1) + 1.
 * @property {number} room size + before + after - extent, which the stride divides
 * @property {number} rounded What the formula says before the rule for windows that begin too late.
 * @property {number} output O
 */

/**
 * The geometry of one layer, or in words why PyTorch refuses it.
 * @param {number} size @param {readonly number[]} layer kind, K, S, P, D
 * @returns {Step | string}
 */
export function step(size, [kind, kernel, stride, padding, dilation]) {
  const extent = dilation * (kernel - 1) + 1;
  let [before, after] = [padding, padding];
  if (kind === SAME) {
    if (stride !== 1) return "PyTorch refuses padding “same” with a stride other than 1.";
    before = Math.floor((extent - 1) / 2);
    after = extent - 1 - before;
  } else if (kind !== 0 && 2 * padding > kernel)
    return `PyTorch refuses pooling with padding of more than half a window: P = ${padding}, K = ${kernel}.`;
  const room = size + before + after - extent;
  let output = (kind === CEIL ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  const rounded = output;
  // A window must begin in the input or in the padding before it.
  if (kind === CEIL && (output - 1) * stride >= size + before) output--;
  if (output < 1) return `The window spans ${extent}, but the padded input has only ${size + before + after} columns.`;
  return { kind, kernel, stride, dilation, size, before, after, extent, room, rounded, output };
}

/** First column of a window. @param {Step} s @param {number} window */
const beginning = (s, window) => window * s.stride - s.before;

/** The columns of the input that a window reads, padding left out. @param {Step} s @param {number} window */
export function columnsOf(s, window) {
  const columns = [];
  for (let k = 0; k < s.kernel; k++) {
    const column = beginning(s, window) + k * s.dilation;
    if (column >= 0 && column < s.size) columns.push(column);
  }
  return columns;
}

/**
 * Everything a state stands for, before any drawing.
 * @param {State} state a clean state
 */
export function compute(state) {
  /** @type {Step[]} */
  const steps = [];
  let error = "";
  let size = state.size;
  for (const [index, layer] of state.layers.entries()) {
    const next = step(size, layer);
    if (typeof next === "string") {
      error = `Layer ${index + 1}: ${next}`;
      break;
    }
    steps.push(next);
    size = next.output;
  }
  // The chosen layer is shown, or the one before the layer that fails.
  const index = Math.min(state.layer, steps.length) - 1;
  const shown = index < 0 ? null : steps[index];
  const windows = shown ? Array.from({ length: shown.output }, (_, o) => columnsOf(shown, o)) : [];
  const seen = Array(shown?.size ?? state.size).fill(false);
  for (const columns of windows) for (const column of columns) seen[column] = true;
  return { steps, error, index, shown, windows, seen };
}

/** @typedef {ReturnType<typeof compute>} Result */

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  return {
    size: whole(raw.size, 1, LARGEST_SIZE, DEFAULTS.size),
    layers: cleanLayers(raw.layers, DEFAULTS.layers, KINDS.length, MOST_LAYERS),
    layer: whole(raw.layer, 1, MOST_LAYERS, DEFAULTS.layer),
    window: whole(raw.window, 0, 1e6, DEFAULTS.window),
  };
}

// Words

/** Columns as runs: "3", "3 to 5 and 8". @param {number[]} columns in rising order */
export function runs(columns) {
  /** @type {[number, number][]} */
  const found = [];
  for (const column of columns) {
    const last = found.at(-1);
    if (last && column === last[1] + 1) last[1] = column;
    else found.push([column, column]);
  }
  if (found.length > 6) return `${found.slice(0, 3).map(span).join(", ")} and so on to ${columns.at(-1)}`;
  const words = found.map(span);
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}
/** @param {[number, number]} run */
const span = ([first, last]) => (first === last ? `${first}` : last === first + 1 ? `${first}, ${last}` : `${first} to ${last}`);

/** The columns that no window reads. @param {boolean[]} seen */
const unread = (seen) => seen.flatMap((was, column) => (was ? [] : [column]));

/** @param {number[]} columns */
const columnWords = (columns) => `${columns.length === 1 ? "column" : "columns"} ${runs(columns)}`;

/** @param {Step} s */
function formulaNumbers(s) {
  const [open, close] = s.kind === CEIL ? ["⌈", "⌉"] : ["⌊", "⌋"];
  const padding = s.before === s.after ? `2·${s.before}` : `${s.before} + ${s.after}`;
  return (
    `${open}(${s.size} + ${padding} − ${s.dilation}·(${s.kernel} − 1) − 1) / ${s.stride}${close} + 1 = ` +
    `${open}${number(s.room)} / ${s.stride}${close} + 1 = ${s.rounded}`
  );
}

/** What the lab shows, in words. @param {Result} result @param {number} window */
export function summary(result, window) {
  const { shown, index, windows, seen, steps, error } = result;
  if (!shown) return `No output. ${error}`;
  const reads = windows[window];
  const hanging = beginning(shown, window) + shown.extent - (shown.size + shown.after);
  const parts = [
    `Layer ${index + 1} makes ${shown.output} out of ${plural(shown.size, "column")}.`,
    reads.length
      ? `Window ${window} reads ${columnWords(reads)}${reads.length < shown.kernel ? `; ${shown.kernel - reads.length} of its ${shown.kernel} taps ${shown.kernel - reads.length === 1 ? "falls" : "fall"} outside` : ""}.`
      : `Window ${window} reads nothing but padding.`,
  ];
  if (hanging > 0) parts.push(`It hangs ${plural(hanging, "column")} over the end, which ceil_mode allows.`);
  const never = unread(seen);
  if (never.length) parts.push(`No window reads ${columnWords(never)}.`);
  else parts.push("Every column is read.");
  if (error) parts.push(error);
  else if (steps.length > 1) parts.push(`The whole chain: ${[steps[0].size, ...steps.map((s) => s.output)].join(" → ")}.`);
  return parts.join(" ");
}

// The page

const CELL = 10; // units of a column; the drawing is stretched to the width of the page, its text is not
const [TICKS, ROW, LANE, GAP] = [18, 26, 11, 8];
const MOST_LANES = 7;

/** A hatched, a plain or a framed square for the legend. @param {string} kind @param {string} text */
const swatch = (kind, text) => html("span", { class: "lab-ruler-key" }, html("i", { class: `lab-ruler-key-${kind}` }), text);

/** @param {RenderContext} context */
export function render({ model, el }) {
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const id = uniqueId("output-size");
  const tries = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["layer", "window"],
    invitation: "Change the layers below, or walk along the windows. Or start with an experiment from the list.",
  });
  const size = slider("Input size W", 1, LARGEST_SIZE, (value) => change({ size: value }));
  const windowInput = html("input", {
    type: "number",
    min: 0,
    oninput: () => goTo(windowInput.valueAsNumber),
  });
  const previous = html("button", { type: "button", onclick: () => goTo(at - 1) }, "Previous");
  const next = html("button", { type: "button", onclick: () => goTo(at + 1) }, "Next");

  // The ruler: shapes are stretched with the page, words keep their size.
  const cells = svg("path", { class: "lab-ruler-cells" });
  const border = svg("path", { class: "lab-ruler-padding" });
  const dropped = svg("path", { class: "lab-ruler-dropped" });
  const over = svg("path", { class: "lab-ruler-over" });
  const chosen = svg("path", { class: "lab-ruler-chosen" });
  const spans = svg("path", { class: "lab-ruler-spans" });
  const taps = svg("path", { class: "lab-ruler-taps" });
  const mark = svg("path", { class: "lab-ruler-mark" });
  const markTaps = svg("path", { class: "lab-ruler-mark-taps" });
  const outputs = svg("path", { class: "lab-ruler-outputs" });
  const outputMark = svg("path", { class: "lab-ruler-mark-taps" });
  const shapes = svg(
    "svg",
    { preserveAspectRatio: "none", width: "100%" },
    border,
    over,
    cells,
    chosen,
    dropped,
    spans,
    taps,
    mark,
    markTaps,
    outputs,
    outputMark,
  );
  const hatch = svg(
    "pattern",
    { id: `${id}-hatch`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
    svg("rect", { class: "lab-hatch-ground", width: 8, height: 8 }),
    svg("rect", { class: "lab-hatch-line", width: 3.5, height: 8 }),
  );
  const ticks = svg("g", { class: "lab-ruler-ticks" });
  const drawing = svg("svg", { class: "lab-ruler-drawing", role: "img" }, svg("defs", {}, hatch), shapes, ticks);
  const board = html(
    "div",
    {
      class: "lab-ruler",
      tabindex: 0,
      role: "application",
      "aria-label": "Ruler. The arrow keys move the marked window, Home and End go to the first and the last.",
    },
    drawing,
  );
  const title = html("p", { class: "lab-ruler-title" });
  const key = html(
    "p",
    { class: "lab-ruler-keys" },
    swatch("input", "input"),
    swatch("dropped", "never read"),
    swatch("padding", "padding"),
    swatch("over", "beyond it"),
    swatch("tap", "tap of a window"),
    swatch("mark", "marked window and its output"),
  );
  const note = html("p", { class: "lab-note" });
  const sorry = html("p", { class: "lab-error", hidden: true });
  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const editor = stackEditor((layers) => change({ layers }), KINDS, MOST_LAYERS);
  const table = html("table", { class: "lab-table lab-sizes" });

  root(el, "lab-output-size");
  fill(
    el,
    tries.row,
    html(
      "div",
      { class: "lab-ruler-stage" },
      html(
        "div",
        { class: "lab-ruler-controls" },
        size.field,
        field("Window", windowInput),
        html("div", { class: "lab-buttons" }, previous, next),
      ),
      title,
      board,
      sorry,
      key,
      note,
    ),
    formula,
    words,
    html(
      "div",
      { class: "lab-size-chain" },
      editor.element,
      html("div", { class: "lab-scroll", tabindex: 0, role: "group", "aria-label": "Size after each layer" }, table),
    ),
    toolbar(model, NAMES),
  );

  let state = clean(read(model, NAMES));
  let result = compute(state);
  let at = 0;

  /** @param {number} window */
  function goTo(window) {
    if (result.shown && Number.isInteger(window))
      change({ window: Math.min(Math.max(window, 0), result.shown.output - 1) });
  }
  board.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowRight" || event.key === "ArrowDown") goTo(at + 1);
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") goTo(at - 1);
    else if (event.key === "Home") goTo(0);
    else if (event.key === "End") goTo(1e6);
    else return;
    event.preventDefault();
  });
  board.addEventListener("pointerdown", (event) => {
    const { shown } = result;
    if (!shown) return;
    const box = drawing.getBoundingClientRect();
    const column = ((event.clientX - box.left) / box.width) * ends(shown)[1] - shown.before;
    goTo(Math.min(Math.round((column - shown.extent / 2 + shown.before) / shown.stride), shown.output - 1));
  });

  /** First column of the drawing, and how many there are. @param {Step} s */
  const ends = (s) => [-s.before, s.before + Math.max(s.size + s.after, beginning(s, s.output - 1) + s.extent)];

  function drawRuler() {
    const { shown, seen, index, error } = result;
    set(sorry, { hidden: !error });
    say(sorry, error);
    for (const part of [board, key, note, title]) set(part, { hidden: !shown });
    for (const control of [windowInput, previous, next]) set(control, { disabled: !shown });
    if (!shown) return;
    const [first, total] = ends(shown);
    const lanes = Math.ceil(shown.extent / shown.stride);
    const drawn = Math.min(lanes, shown.output, MOST_LANES);
    const top = TICKS + ROW + GAP;
    // The marked window has the first lane to itself.
    const bottom = top + (drawn + 1) * LANE + GAP;
    const height = bottom + 14;
    set(drawing, {
      height,
      "aria-label": `${shown.size} columns with ${shown.before} of padding before and ${shown.after} after; ${shown.output} windows of ${shown.kernel} taps.`,
    });
    set(shapes, { height, viewBox: `0 0 ${total * CELL} ${height}` });
    /** @param {number} column */
    const x = (column) => (column - first) * CELL;
    /** @param {number} column @param {number} y @param {number} width @param {number} tall */
    const box = (column, y, width, tall) => `M${x(column)} ${y}h${width * CELL}v${tall}h${-width * CELL}z`;
    const y = TICKS;
    let [grid, padding, hatched, beyond, read] = ["", "", "", "", ""];
    for (let column = 0; column < shown.size; column++) grid += box(column, y, 1, ROW);
    for (let column = -shown.before; column < first + total; column++)
      if (column < 0 || (column >= shown.size && column < shown.size + shown.after)) padding += box(column, y + 3, 1, ROW - 6);
      else if (column >= shown.size) beyond += box(column, y + 3, 1, ROW - 6);
      else if (!seen[column]) hatched += box(column, y, 1, ROW);
    for (const column of result.windows[at]) read += box(column, y, 1, ROW);
    set(cells, { d: grid, "stroke-width": total > 80 ? 0.4 : 1 });
    set(border, { d: padding });
    set(over, { d: beyond });
    set(dropped, { d: hatched, fill: `url(#${id}-hatch)` });
    // Stretched back, so that the hatch looks alike for 5 columns and for 200.
    set(hatch, { patternTransform: `scale(${((total * CELL) / 600).toFixed(4)} 1) rotate(45)` });
    set(chosen, { d: read });

    let [lines, dots, out] = ["", "", ""];
    /** @param {number} window @param {number} lane */
    const bar = (window, lane) => {
      const begin = beginning(shown, window);
      const middle = top + lane * LANE + LANE / 2;
      const line = `M${x(begin)} ${middle}H${x(begin + shown.extent)}`;
      let squares = "";
      for (let k = 0; k < shown.kernel; k++) {
        const left = x(begin + k * shown.dilation) + 1;
        squares += `M${left} ${middle - 3.5}h${CELL - 2}v7h${2 - CELL}z`;
      }
      return { line, squares };
    };
    for (let window = 0; window < shown.output; window++) {
      const centre = x(beginning(shown, window) + shown.extent / 2);
      const dot = `M${centre - CELL / 2 + 1} ${bottom}h${CELL - 2}v10h${2 - CELL}z`;
      if (window === at) set(outputMark, { d: dot });
      else out += dot;
      const lane = window % lanes;
      if (window === at || lane >= drawn) continue;
      const { line, squares } = bar(window, lane + 1);
      lines += line;
      dots += squares;
    }
    const marked = bar(at, 0);
    set(spans, { d: lines });
    set(taps, { d: dots });
    set(mark, { d: marked.line });
    set(markTaps, { d: marked.squares });
    set(outputs, { d: out });

    const gap = [1, 2, 5, 10, 20, 50].find((n) => total / n <= 13) ?? 50;
    const labels = [];
    for (let column = 0; column < shown.size; column += gap)
      labels.push(
        svg("text", { x: `${((column - first + 0.5) / total) * 100}%`, y: 12, "text-anchor": "middle" }, column),
      );
    fill(ticks, ...labels);
    say(
      title,
      `Layer ${index + 1}: ${KINDS[shown.kind]}, K = ${shown.kernel}, S = ${shown.stride}, P = ${shown.before === shown.after ? shown.before : `${shown.before} before and ${shown.after} after`}, D = ${shown.dilation}: ${shown.size} → ${shown.output}`,
    );
    const hidden = lanes > drawn && shown.output > drawn ? `Drawn are ${drawn} of every ${lanes} windows. ` : "";
    say(note, `${hidden}The marked window stands in the first line, its output in the last.`);
    set(windowInput, { max: shown.output - 1 });
    if (windowInput.valueAsNumber !== at) windowInput.value = String(at);
    set(previous, { disabled: at === 0 });
    set(next, { disabled: at === shown.output - 1 });
  }

  function drawFormula() {
    const { shown } = result;
    set(formula, { hidden: !shown });
    if (!shown) return;
    const [open, close] = shown.kind === CEIL ? ["⌈", "⌉"] : ["⌊", "⌋"];
    const late =
      shown.rounded > shown.output
        ? `Window ${shown.output} would begin at column ${beginning(shown, shown.output)}, behind the input: PyTorch leaves it out, and ${shown.output} remain.`
        : "";
    const rest = shown.room % shown.stride;
    fill(
      formula,
      html("p", { class: "lab-symbols" }, `O = ${open}(W + 2P − D(K − 1) − 1) / S${close} + 1`),
      html("p", {}, html("span", { class: "lab-symbols" }, "O"), ` = ${formulaNumbers(shown)}`),
      late && html("p", { class: "lab-leftover" }, late),
      !late &&
        rest > 0 &&
        html(
          "p",
          { class: "lab-leftover" },
          shown.kind === CEIL
            ? `The division leaves ${rest} over; rounding up adds a window that hangs over the end.`
            : `The division leaves ${rest} over: the last ${rest === 1 ? "column" : `${rest} columns`} of the ${shown.after ? "padded " : ""}input ${rest === 1 ? "is" : "are"} never read.`,
        ),
    );
  }

  const body = html("tbody", {});
  fill(
    table,
    html("caption", {}, "Choose the layer on the ruler"),
    html(
      "thead",
      {},
      html("tr", {}, ...["", "Layer", "In", "Out", "Over"].map((name) => (name ? html("th", { scope: "col" }, name) : html("td", {})))),
    ),
    body,
  );
  /** @type {{row: HTMLElement, radio: HTMLInputElement, cells: HTMLElement[]}[]} */
  const lines = [];
  /** @param {number} i */
  function makeLine(i) {
    const radio = html("input", {
      type: "radio",
      name: `${id}-layer`,
      "aria-label": `Show layer ${i + 1} on the ruler`,
      onchange: () => change({ layer: i + 1, window: 0 }),
    });
    const cells = [html("th", { scope: "row" }), html("td", {}), html("b", {}), html("td", {})];
    const [name, before, after, over] = cells;
    return { row: html("tr", {}, html("td", {}, radio), name, before, html("td", {}, after), over), radio, cells };
  }
  function drawTable() {
    const { steps, index } = result;
    for (const { row } of lines.splice(state.layers.length)) row.remove();
    state.layers.forEach((/** @type {number[]} */ layer, /** @type {number} */ i) => {
      if (!lines[i]) body.append((lines[i] = makeLine(i)).row);
      const { radio, cells } = lines[i];
      radio.checked = i === index;
      set(radio, { disabled: i >= steps.length });
      const s = steps[i];
      const texts = [`${i + 1}. ${KINDS[layer[0]]}`, ...(s ? [s.size, s.output, s.room % s.stride] : ["–", "–", "–"])];
      texts.forEach((text, k) => say(cells[k], String(text)));
    });
  }

  let drawn = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const { window: wanted, ...rest } = state;
    const key = JSON.stringify(rest);
    const changed = key !== drawn;
    if (changed) result = compute(state);
    at = Math.min(wanted, (result.shown?.output ?? 1) - 1);
    if (changed) {
      drawn = key;
      size.show(state.size);
      editor.show(state.layers);
      tries.show(state);
      drawFormula();
      drawTable();
    }
    drawRuler();
    say(words, summary(result, at));
  }
  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return unwatch;
}

export default { render, clean };
