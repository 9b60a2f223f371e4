/**
 * The lab Pooling: what a map keeps when it gets smaller, and what of that survives a move of the picture.
 *
 * The mathematics is in lib/pool.js; compute() applies it to a state and render() draws the result.
 */
import { matrix, oneOf, whole } from "./lib/checks.js";
import { GeometryError } from "./lib/conv.js";
import { choice, fill, html, root, say, set, slider, svg, uniqueId } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { fitNumbers } from "./lib/fit.js";
import { by, number, percent, plural } from "./lib/format.js";
import { CELL, NumberMap, frame, numbersTable } from "./lib/map.js";
import { read, watch, write } from "./lib/model.js";
import { fromRows, namedPicture, noise } from "./lib/pictures.js";
import { difference, everyMove, moved, pool, poolGradient, windowOf } from "./lib/pool.js";
import { ARROWS, sketch } from "./lib/sketch.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/pool.js").Pooled} Pooled */
/** @typedef {import("./lib/pool.js").Operation} Operation */

const LARGEST_IMAGE = 32;
const LARGEST_MOVE = 4;
const BRIGHT = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => (i === 2 && j === 2 ? 1 : 0)));

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  image: "pixel",
  pixels: BRIGHT,
  operation: "max",
  beside: "blur",
  window: 2,
  stride: 2,
  padding: 0,
  ceil_mode: false,
  count_include_pad: true,
  down: 0,
  right: 0,
  gradient: "none",
  row: 1,
  column: 1,
});
const NAMES = Object.keys(DEFAULTS);

/** @type {Record<string, string>} */
const IMAGES = {
  pixel: "One bright pixel",
  step: "Step edge",
  digit: "Digit",
  wafer: "Wafer map",
  noise: "Noise",
  drawn: "Your drawing",
};
/** @type {Record<string, string>} */
const TITLES = { max: "Max pooling", average: "Average pooling", blur: "Anti-aliased max pooling" };
/** @type {[string, string][]} */
const OPERATIONS = [
  ["max", "max"],
  ["average", "average"],
  ["blur", "max, anti-aliased"],
];

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "A move unnoticed",
    text: "The bright pixel has gone one column to the right, and all 16 maxima are what they were. Predict: how many change when it goes one further?",
    state: { right: 1 },
  },
  {
    title: "The other way",
    text: "One column to the left instead. Two of the 16 maxima change, and by the whole pixel. Why is left not like right? Look at the window that is marked.",
    state: { right: -1 },
  },
  {
    title: "Two pixels never survive",
    text: "Predict the share of moves by 2 pixels that leave the output as it was, then read the table: 0 of 256. No place in a window of 2 is 2 pixels away from another.",
    state: { right: 2 },
  },
  {
    title: "Windows that overlap",
    text: "Window 3, stride 2, as in a ResNet's stem. Larger windows ought to forgive more. Do they? Read the table: not one move along an axis goes unnoticed.",
    state: { window: 3, stride: 2, padding: 1, right: 1 },
  },
  {
    title: "An edge, with and without blur",
    text: "The edge moves by one pixel. With plain max pooling a whole column of outputs flips from 1 to 0. Predict the anti-aliased ones: what is the largest change there?",
    state: { image: "step", right: 1 },
  },
  {
    title: "A digit takes a step",
    text: "Every pixel of the digit moves by one. Guess the share of maxima that stay: near 100 %, a half, or less? Then compare the largest changes of the two rows.",
    state: { image: "digit", right: 1 },
  },
  {
    title: "A third of noise survives",
    text: "Two windows that are one pixel apart cover six pixels and share two of them, so the largest lies in the shared part one time in three. Count what the lab finds.",
    state: { image: "noise", right: 1 },
  },
  {
    title: "Who gets the gradient",
    text: "All four pixels of the marked window are equal. Which of them gets the gradient of the maximum? Then choose average, and see it shared in four.",
    state: {
      image: "drawn",
      pixels: [
        [3, 3, 1, 2],
        [3, 3, 4, 0],
        [5, 1, 2, 2],
        [0, 5, 1, 6],
      ],
      beside: "none",
      gradient: "one",
      row: 0,
      column: 0,
    },
  },
  {
    title: "A dark border",
    text: "Every pixel is 9, so why is the average 4 in the corners and 6 along the sides? Untick “the average counts the padding”.",
    state: {
      image: "drawn",
      pixels: Array(4).fill(Array(4).fill(9)),
      operation: "average",
      beside: "none",
      window: 3,
      stride: 1,
      padding: 1,
      row: 0,
      column: 0,
    },
  },
  {
    title: "The last column",
    text: "Windows of 3 at stride 2 leave the last of six rows and columns unread. Tick “round the size up”: which pixels does the new last window still see?",
    state: { image: "step", window: 3, beside: "none", row: 1, column: 1 },
  },
];

// The mathematics

const NOISE = noise(32);
/** The picture before the move. @param {State} state */
export function picture(state) {
  if (state.image === "noise") return NOISE;
  if (state.image === "step" || state.image === "digit" || state.image === "wafer") return namedPicture(state.image);
  return fromRows(state.image === "drawn" ? state.pixels : BRIGHT);
}

/**
 * One operation before and after the move.
 * @param {State} state @param {Operation} operation
 * @returns {{operation: Operation, before: Pooled, after: Pooled, change: ReturnType<typeof difference>, error: ""} |
 *   {operation: Operation, before: null, after: null, change: null, error: string}}
 */
export function compare(state, operation) {
  const options = {
    window: state.window,
    stride: state.stride,
    padding: state.padding,
    ceil: state.ceil_mode,
    countPad: state.count_include_pad,
  };
  try {
    const image = picture(state);
    const before = pool(image, operation, options);
    const after = pool(moved(image, state.down, state.right), operation, options);
    return { operation, before, after, change: difference(before.data, after.data), error: "" };
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error;
    return { operation, before: null, after: null, change: null, error: error.message };
  }
}

/** The gradient at the moved picture. @param {Pooled} after @param {"one" | "all"} which @param {number} index the marked output */
export function inputGradient(after, which, index) {
  const upstream = new Float64Array(after.data.length);
  if (which === "all") upstream.fill(1);
  else upstream[index] = 1;
  return poolGradient(after, upstream);
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  /** @param {any} value @param {boolean} otherwise */
  const bool = (value, otherwise) => (typeof value === "boolean" ? value : otherwise);
  return {
    image: oneOf(raw.image, Object.keys(IMAGES), d.image),
    pixels: matrix(raw.pixels, LARGEST_IMAGE, d.pixels),
    operation: oneOf(raw.operation, Object.keys(TITLES), d.operation),
    beside: oneOf(raw.beside, ["none", ...Object.keys(TITLES)], d.beside),
    window: whole(raw.window, 1, 5, d.window),
    stride: whole(raw.stride, 1, 4, d.stride),
    padding: whole(raw.padding, 0, 2, d.padding),
    ceil_mode: bool(raw.ceil_mode, d.ceil_mode),
    count_include_pad: bool(raw.count_include_pad, d.count_include_pad),
    down: whole(raw.down, -LARGEST_MOVE, LARGEST_MOVE, d.down),
    right: whole(raw.right, -LARGEST_MOVE, LARGEST_MOVE, d.right),
    gradient: oneOf(raw.gradient, ["none", "one", "all"], d.gradient),
    row: whole(raw.row, 0, 1e6, d.row),
    column: whole(raw.column, 0, 1e6, d.column),
  };
}

// Words

/** @param {number} down @param {number} right */
export function moveWords(down, right) {
  const parts = [
    down && `${plural(Math.abs(down), "pixel")} ${down > 0 ? "down" : "up"}`,
    right && `${plural(Math.abs(right), "pixel")} to the ${right > 0 ? "right" : "left"}`,
  ].filter(Boolean);
  return parts.length ? parts.join(" and ") : "";
}

/** @param {ReturnType<typeof compare>} result */
function changeWords({ operation, change, error }) {
  if (!change) return `${TITLES[operation]}: ${error}`;
  const { equal, total, largest } = change;
  return `${TITLES[operation]} keeps ${equal} of ${total} values (${percent(equal, total)}); the largest change is ${number(largest)}.`;
}

/** What the lab shows, in words. @param {State} state @param {ReturnType<typeof compare>[]} results @param {number} row @param {number} column */
export function summary(state, results, row, column) {
  const words = [];
  const move = moveWords(state.down, state.right);
  if (move) words.push(`Moved ${move}.`, ...results.map(changeWords));
  else words.push("Not moved yet: choose “down” or “right”.", ...results.flatMap((r) => (r.error ? [changeWords(r)] : [])));
  const { after } = results[0];
  if (after) {
    const value = after.data[row * after.columns.output + column];
    words.push(`Marked: output row ${row}, column ${column} is ${number(value)}.`);
  }
  return words.join(" ");
}

/** The arithmetic of the marked window. @param {Pooled} after @param {ArrayLike<number>} data @param {number} row @param {number} column */
export function workings(after, data, row, column) {
  const { rows, columns, operation, dense } = after;
  const index = row * columns.output + column;
  const value = number(after.data[index]);
  if (operation === "blur" && dense) {
    const mirror = (/** @type {number} */ i, /** @type {number} */ n) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);
    const parts = [];
    for (let i = -1; i <= 1; i++)
      for (let j = -1; j <= 1; j++) {
        const at = mirror(row * rows.stride + i, dense.rows.output) * dense.columns.output;
        parts.push(`${(2 - i * i) * (2 - j * j)}·${number(dense.data[at + mirror(column * columns.stride + j, dense.columns.output)])}`);
      }
    return `(${parts.join(" + ")}) / 16 = ${value}, over nine neighbouring maxima`;
  }
  const { top, bottom, left, right } = windowOf(rows, columns, row, column);
  const values = [];
  for (let i = Math.max(top, 0); i < Math.min(bottom, rows.size); i++)
    for (let j = Math.max(left, 0); j < Math.min(right, columns.size); j++) values.push(number(data[i * columns.size + j]));
  return operation === "max"
    ? `max(${values.join(", ")}) = ${value}`
    : `(${values.join(" + ")}) / ${after.divisor[index]} = ${value}`;
}

// The page

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  let at = { row: 0, column: 0 };
  /** @type {ReturnType<typeof compare>[]} */
  let results = [];
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const id = uniqueId("pooling");

  const tries = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["row", "column"],
    invitation: "Move the picture and watch which outputs change. Or start with an experiment from the list.",
  });

  // Input
  const imageChoice = choice("Input", Object.entries(IMAGES), (image) => change({ image }));
  const input = new NumberMap("lab-input");
  const hatch = svg("path", { class: "lab-hatch", fill: `url(#${id}-hatch)` });
  const pictureFrame = svg("rect", { class: "lab-picture" });
  const windowFrame = frame();
  input.svg.prepend(
    svg(
      "defs",
      {},
      svg(
        "pattern",
        { id: `${id}-hatch`, width: 12, height: 12, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        svg("rect", { class: "lab-hatch-ground", width: 12, height: 12 }),
        svg("rect", { class: "lab-hatch-line", width: 5, height: 12 }),
      ),
    ),
  );
  input.overlay.append(pictureFrame, hatch, windowFrame.group);
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const drawing = sketch({
    map: input,
    largest: 16,
    sizes: [3, 4, 5, 6, 7, 8, 10, 12, 16],
    change: (pixels) => change({ image: "drawn", pixels }),
    speak: (text) => say(words, text),
  });
  const inputNote = html("p", { class: "lab-note" });

  // Two rows of outputs, before and after
  const operation = choice("Operation", OPERATIONS, (value) => change({ operation: value }));
  const beside = choice("Beside it", [["none", "nothing"], ...OPERATIONS], (value) => change({ beside: value }));
  const views = [0, 1].map(() => {
    const title = html("p", { class: "lab-pool-title" });
    const note = html("p", { class: "lab-note lab-pool-note" });
    const maps = [new NumberMap("lab-output"), new NumberMap("lab-output")];
    const marks = svg("path", { class: "lab-changed" });
    const mark = frame();
    maps[1].overlay.append(marks);
    const boards = maps.map((map) => html("div", { class: "lab-board" }, map.svg));
    const sorry = html("p", { class: "lab-error", hidden: true });
    const pair = html(
      "div",
      { class: "lab-pool-pair" },
      ...["before", "after the move"].map((name, i) => html("div", {}, html("p", { class: "lab-note" }, name), boards[i])),
    );
    const box = html("div", { class: "lab-pool-view" }, title, pair, sorry, note);
    return { box, title, note, maps, marks, mark, boards, sorry, pair };
  });
  const main = views[0];
  main.maps[1].overlay.append(main.mark.group);
  set(main.boards[1], {
    tabindex: 0,
    role: "application",
    "aria-label": "Output after the move. The arrow keys move the marked window, Home and End go to its ends.",
    class: "lab-board lab-pool-choose",
  });

  // Controls
  const down = slider("Move down", -LARGEST_MOVE, LARGEST_MOVE, (value) => change({ down: value }));
  const right = slider("Move right", -LARGEST_MOVE, LARGEST_MOVE, (value) => change({ right: value }));
  const window_ = slider("Window K", 1, 5, (value) => change({ window: value }));
  const stride = slider("Stride S", 1, 4, (value) => change({ stride: value }));
  const padding = choice("Padding P", [..."012"].map((n) => [n, n]), (value) => change({ padding: Number(value) }));
  const gradient = choice(
    "The input shows",
    [
      ["none", "the picture"],
      ["one", "the gradient of the marked output"],
      ["all", "the gradient of the sum of all outputs"],
    ],
    (value) => change({ gradient: value }),
  );
  /** @param {string} label @param {string} name */
  const tick = (label, name) => {
    const box = html("input", { type: "checkbox", onchange: () => change({ [name]: box.checked }) });
    return { label: html("label", { class: "lab-tick" }, box, label), box };
  };
  const ceil = tick("Round the size up (ceil_mode)", "ceil_mode");
  const countPad = tick("The average counts the padding (count_include_pad)", "count_include_pad");

  const formula = html("div", { class: "lab-formula" });
  const working = html("p", { class: "lab-working" });
  const table = html("table", { class: "lab-table lab-moves" });
  const tables = html("div", {});
  const details = html("details", { ontoggle: () => drawTables() }, html("summary", {}, "The numbers as tables"), tables);
  const stage = html(
    "div",
    { class: "lab-stage" },
    html("div", { class: "lab-panel lab-panel-input" }, imageChoice.field, drawing.board, inputNote),
    html("div", { class: "lab-pool-views" }, ...views.map(({ box }) => box)),
    drawing.tools,
  );
  const fit = fitNumbers([input, ...views.flatMap(({ maps }) => maps)]);
  root(el, "lab-pooling");
  fill(
    el,
    tries.row,
    html("div", { class: "lab-settings", role: "group", "aria-label": "Move" }, down.field, right.field, gradient.field),
    stage,
    words,
    working,
    html(
      "div",
      { class: "lab-settings", role: "group", "aria-label": "Pooling" },
      operation.field,
      beside.field,
      padding.field,
      window_.field,
      stride.field,
      html("div", { class: "lab-ticks" }, ceil.label, countPad.label),
    ),
    formula,
    table,
    details,
    toolbar(model, NAMES),
  );

  /** @param {number} row @param {number} column */
  function goTo(row, column) {
    const { after } = results[0];
    if (!after) return;
    change({
      row: Math.min(Math.max(row, 0), after.rows.output - 1),
      column: Math.min(Math.max(column, 0), after.columns.output - 1),
    });
  }
  main.boards[1].addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS) goTo(at.row + ARROWS[event.key][0], at.column + ARROWS[event.key][1]);
    else if (event.key === "Home") goTo(0, 0);
    else if (event.key === "End") goTo(Infinity, Infinity);
    else return;
    event.preventDefault();
  });
  main.boards[1].addEventListener("pointerdown", (event) => {
    const cell = main.maps[1].cellAt(event);
    if (cell) goTo(cell.row, cell.column);
  });

  // Drawing

  /** @param {ArrayLike<number>} data @returns {{colours: "grey" | "signed", low: number, high: number}} */
  function range(data) {
    let low = 0;
    let high = state.image === "digit" || state.image === "wafer" || state.image === "noise" ? 255 : 1;
    for (const value of Array.from(data)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return { colours: low < 0 ? "signed" : "grey", low, high };
  }

  function drawInput() {
    const image = picture(state);
    const shown = moved(image, state.down, state.right);
    const { after } = results[0];
    const pad = after ? state.padding : 0;
    // A last window that was rounded up to may stick out beyond the padding.
    const extent = (/** @type {number} */ size, /** @type {import("./lib/pool.js").PoolAxis | undefined} */ axis) =>
      pad + Math.max(size + pad, axis?.last ?? 0);
    const [height, width] = [extent(shown.height, after?.rows), extent(shown.width, after?.columns)];
    const gradients =
      state.gradient !== "none" && after
        ? inputGradient(after, state.gradient, at.row * after.columns.output + at.column)
        : null;
    const values = gradients ?? shown.data;
    const look = gradients ? { colours: /** @type {const} */ ("signed"), low: 0, high: Math.max(...gradients) } : range(image.data);
    input.draw({
      rows: height,
      columns: width,
      value: (row, column) => {
        const [i, j] = [row - pad, column - pad];
        return i >= 0 && j >= 0 && i < shown.height && j < shown.width ? values[i * shown.width + j] : NaN;
      },
      ...look,
      label: gradients
        ? `Gradient at the input, ${by(shown.height, shown.width)}`
        : `${IMAGES[state.image]}, ${by(shown.height, shown.width)}, moved ${moveWords(state.down, state.right) || "by nothing"}`,
    });
    const framed = pad > 0 || height > shown.height || width > shown.width;
    set(pictureFrame, {
      x: pad * CELL,
      y: pad * CELL,
      width: shown.width * CELL,
      height: shown.height * CELL,
      display: framed ? null : "none",
    });
    let dropped = "";
    after?.rows.read.forEach((seen, i) => {
      if (!seen) dropped += `M${pad * CELL} ${(pad + i) * CELL}h${shown.width * CELL}v${CELL}h${-shown.width * CELL}z`;
    });
    after?.columns.read.forEach((seen, j) => {
      if (!seen) dropped += `M${(pad + j) * CELL} ${pad * CELL}h${CELL}v${shown.height * CELL}h${-CELL}z`;
    });
    set(hatch, { d: dropped });
    const size = by(image.height, image.width);
    const parts = [gradients ? `Gradient, ${size}` : size];
    if (framed)
      parts.push(state.operation === "average" ? "empty cells: padding of zeros" : "empty cells: padding of −∞");
    if (dropped) parts.push("hatched: no window reads it");
    say(inputNote, parts.join("; "));
    drawing.show(image, state.image === "drawn" && state.gradient === "none", pad + state.down, pad + state.right);
    return Math.max(width, 3);
  }

  function drawOutputs() {
    const look = range(picture(state).data);
    views.forEach((view, i) => {
      const result = results[i];
      set(view.box, { hidden: !result });
      if (!result) return;
      const { operation: name, before, after, error } = result;
      say(view.title, `${TITLES[name]}${after ? `, ${by(after.rows.output, after.columns.output)}` : ""}`);
      set(view.pair, { hidden: !!error });
      set(view.sorry, { hidden: !error });
      say(view.sorry, error);
      say(view.note, "");
      if (!before || !after) return;
      const { rows, columns } = after;
      [before, after].forEach(({ data }, k) =>
        view.maps[k].draw({
          rows: rows.output,
          columns: columns.output,
          value: (row, column) => data[row * columns.output + column],
          ...look,
          label: `${TITLES[name]} ${k ? "after" : "before"} the move, ${by(rows.output, columns.output)}`,
        }),
      );
      let d = "";
      for (let k = 0; k < after.data.length; k++)
        if (after.data[k] !== before.data[k])
          d += `M${(k % columns.output) * CELL + 4} ${Math.floor(k / columns.output) * CELL + 4}h${CELL - 8}v${CELL - 8}h${8 - CELL}z`;
      set(view.marks, { d });
      const { equal, total, largest } = result.change;
      say(
        view.note,
        `${equal} of ${total} unchanged (${percent(equal, total)}), largest change ${number(largest)}${d ? "; changed ones are marked" : ""}`,
      );
    });
  }

  function drawWindow() {
    const { after } = results[0];
    for (const mark of [windowFrame.group, main.mark.group]) set(mark, { display: after ? null : "none" });
    if (!after) return say(working, "");
    let { top, left, bottom, right: end } = windowOf(after.rows, after.columns, at.row, at.column);
    // The filter reaches one position further on every side.
    if (after.operation === "blur") [top, left, bottom, end] = [top - 1, left - 1, bottom + 1, end + 1];
    windowFrame.place(state.padding + top, state.padding + left, bottom - top, end - left);
    main.mark.place(at.row, at.column, 1, 1);
    say(working, workings(after, moved(picture(state), state.down, state.right).data, at.row, at.column));
  }

  function drawFormula() {
    const { after } = results[0];
    if (!after) return fill(formula);
    const up = state.ceil_mode && state.operation !== "blur";
    const [open, close] = up ? ["⌈", "⌉"] : ["⌊", "⌋"];
    /** @param {string} name @param {import("./lib/pool.js").PoolAxis} a */
    const line = (name, a) => {
      const whole_ = (a.size + 2 * a.padding - a.window) / a.stride;
      const plain = (up ? Math.ceil(whole_) : Math.floor(whole_)) + 1;
      return html(
        "p",
        {},
        html("span", { class: "lab-symbols" }, name),
        ` = ${open}(${a.size} + 2·${a.padding} − ${a.window}) / ${a.stride}${close} + 1 = ${plain}` +
          (plain === a.output ? "" : `, less 1, since the last window would begin behind the picture: ${a.output}`),
      );
    };
    const { rows, columns } = after;
    fill(
      formula,
      html("p", { class: "lab-symbols" }, `O = ${open}(W + 2P − K) / S${close} + 1`),
      ...(rows.size === columns.size ? [line("O", rows)] : [line("O rows", rows), line("O columns", columns)]),
    );
  }

  /** @type {Map<string, ReturnType<typeof everyMove>>} */
  const walked = new Map();
  /** @param {Operation} name */
  const everyMoveOf = (name) => {
    const key = [name, state.window, state.stride].join();
    const found = walked.get(key) ?? everyMove(name, state.window, state.stride);
    walked.set(key, found);
    return found;
  };
  let tableKey = "";
  function drawTable() {
    const names = results.map(({ operation: name }) => name);
    const key = JSON.stringify([names, state.window, state.stride]);
    if (key === tableKey) return;
    tableKey = key;
    const columns = names.map(everyMoveOf);
    fill(
      table,
      html(
        "caption",
        {},
        `One bright pixel of value 1, moved from every place, far from the border (window ${state.window}, stride ${state.stride}): is the whole output the same afterwards?`,
      ),
      html(
        "thead",
        {},
        html(
          "tr",
          {},
          html("th", { scope: "col" }, "Move"),
          ...names.map((name) => html("th", { scope: "col" }, TITLES[name])),
        ),
      ),
      html(
        "tbody",
        {},
        ...columns[0].map(({ name }, i) =>
          html(
            "tr",
            {},
            html("th", { scope: "row" }, name),
            ...columns.map((rows) => {
              const { unchanged, total, change: far } = rows[i];
              return html(
                "td",
                {},
                html("b", {}, percent(unchanged, total)),
                ` unchanged (${unchanged} of ${total}); largest change ${number(far)} on average`,
              );
            }),
          ),
        ),
      ),
    );
  }

  function drawTables() {
    if (!details.open) return;
    const shown = moved(picture(state), state.down, state.right);
    const parts = [numbersTable("Input after the move", shown.height, shown.width, (r, c) => shown.data[r * shown.width + c])];
    const { after } = results[0];
    if (after && state.gradient !== "none") {
      const g = inputGradient(after, state.gradient, at.row * after.columns.output + at.column);
      parts.push(numbersTable("Gradient at the input", shown.height, shown.width, (r, c) => g[r * shown.width + c]));
    }
    for (const { operation: name, before, after: later } of results) {
      if (!before || !later) continue;
      const n = later.columns.output;
      parts.push(
        numbersTable(`${TITLES[name]} before the move`, later.rows.output, n, (r, c) => before.data[r * n + c]),
        numbersTable(`${TITLES[name]} after the move`, later.rows.output, n, (r, c) => later.data[r * n + c]),
      );
    }
    fill(tables, ...parts);
  }

  /** What is on the screen, position left out: marking another output must not redraw the maps. */
  let drawn = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const { row, column, ...rest } = state;
    const wanted = JSON.stringify(rest);
    const changed = wanted !== drawn;
    if (changed) {
      const names = [state.operation, ...(state.beside === "none" || state.beside === state.operation ? [] : [state.beside])];
      results = names.map((name) => compare(state, name));
    }
    const { after } = results[0];
    at = { row: Math.min(row, (after?.rows.output ?? 1) - 1), column: Math.min(column, (after?.columns.output ?? 1) - 1) };
    if (changed) {
      drawn = wanted;
      imageChoice.select.value = state.image;
      operation.select.value = state.operation;
      beside.select.value = state.beside;
      padding.select.value = String(state.padding);
      gradient.select.value = state.gradient;
      down.show(state.down);
      right.show(state.right);
      window_.show(state.window);
      stride.show(state.stride);
      ceil.box.checked = state.ceil_mode;
      countPad.box.checked = state.count_include_pad;
      const inside = drawInput();
      const outside = Math.max(...results.map((r) => r.after?.columns.output ?? 3));
      set(stage, { style: `--in:${inside};--out:${outside}` });
      drawOutputs();
      drawFormula();
      drawTable();
      tries.show(state);
    } else if (state.gradient === "one") drawInput();
    drawTables();
    drawWindow();
    fit.soon();
    say(words, summary(state, results, at.row, at.column));
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return () => {
    unwatch();
    fit.stop();
  };
}

export default { render, clean };
