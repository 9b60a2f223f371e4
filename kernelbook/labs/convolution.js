/**
 * The lab Convolution: one kernel slides over one picture.
 *
 * compute() and products() are the mathematics and know nothing of the page; render() draws them with native controls.
 */
import { matrix, oneOf, whole } from "./lib/checks.js";
import { GeometryError, PADDING_MODES, conv2d, geometry } from "./lib/conv.js";
import { choice, field, fill, html, root, say, set, slider, svg, uniqueId } from "./lib/dom.js";
import { by, factor, number, plural } from "./lib/format.js";
import {
  CELL,
  LARGEST_NUMBERED,
  NumberMap,
  frame,
  legend,
  numbersTable,
  signedClass,
  signedStep,
  signedStyle,
} from "./lib/map.js";
import { read, watch, write } from "./lib/model.js";
import { fromRows, namedPicture } from "./lib/pictures.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/conv.js").Axis} Axis */
/** @typedef {import("./lib/pictures.js").Picture} Picture */

const LARGEST_IMAGE = 64;
const LARGEST_KERNEL = 7;
const COUNTING_SIZE = 16; // pictures up to this size can be edited pixel by pixel

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  image: "step",
  pixels: [...Array(3).fill(Array(6).fill(0)), ...Array(3).fill(Array(6).fill(1))],
  kernel: "sobel_x",
  weights: [
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ],
  divisor: 1,
  stride: 1,
  padding: 0,
  padding_mode: "zeros",
  dilation: 1,
  operation: "correlation",
  row: 0,
  column: 0,
  show: "map",
  colours: "automatic",
});
const NAMES = Object.keys(DEFAULTS);

/** @type {Record<string, string>} */
const IMAGES = {
  ramp: "Ramp, 1 to 25",
  step: "Step edge",
  digit: "Digit",
  photograph: "Photograph",
  wafer: "Wafer map",
  drawn: "Your drawing",
};

/** @type {Record<string, {title: string, weights: number[][], divisor: number, note: string}>} */
export const KERNELS = {
  identity: {
    title: "Identity",
    weights: [
      [0, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ],
    divisor: 1,
    note: "Gives the picture back.",
  },
  sobel_x: {
    title: "Sobel X",
    weights: [
      [-1, 0, 1],
      [-2, 0, 2],
      [-1, 0, 1],
    ],
    divisor: 1,
    note: "Finds vertical edges: positive where it gets brighter from left to right, negative for the reverse.",
  },
  sobel_y: {
    title: "Sobel Y",
    weights: [
      [-1, -2, -1],
      [0, 0, 0],
      [1, 2, 1],
    ],
    divisor: 1,
    note: "Finds horizontal edges: positive where it gets brighter from top to bottom, negative for the reverse.",
  },
  prewitt_x: {
    title: "Prewitt X",
    weights: [
      [-1, 0, 1],
      [-1, 0, 1],
      [-1, 0, 1],
    ],
    divisor: 1,
    note: "Finds vertical edges, each row with the same weight.",
  },
  prewitt_y: {
    title: "Prewitt Y",
    weights: [
      [-1, -1, -1],
      [0, 0, 0],
      [1, 1, 1],
    ],
    divisor: 1,
    note: "Finds horizontal edges: positive for dark above, bright below, and zero on a vertical edge.",
  },
  box_blur: {
    title: "Box blur",
    weights: [
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ],
    divisor: 9,
    note: "The mean of nine pixels: smooths.",
  },
  sharpen: {
    title: "Sharpen",
    weights: [
      [0, -1, 0],
      [-1, 5, -1],
      [0, -1, 0],
    ],
    divisor: 1,
    note: "The pixel plus its difference from its four neighbours.",
  },
  laplacian: {
    title: "Laplacian",
    weights: [
      [0, 1, 0],
      [1, -4, 1],
      [0, 1, 0],
    ],
    divisor: 1,
    note: "How much the four neighbours exceed the pixel: zero on an even slope, strong on a spot.",
  },
  custom: { title: "Your own", weights: [[0]], divisor: 1, note: "Your own weights." },
};

/** @type {{title: string, text: string, state: State}[]} */
export const EXPERIMENTS = [
  {
    title: "An edge",
    text: "Predict one row of the output before you read it. The edge lies between columns 2 and 3 of the input: how many windows straddle it?",
    state: { image: "step", kernel: "sobel_x", show: "steps" },
  },
  {
    title: "A constant slope",
    text: "Each pixel is 1 more than its left neighbour and 5 more than the one above. Where is the edge? Compare Sobel Y, then the Laplacian.",
    state: { image: "ramp", kernel: "sobel_x" },
  },
  {
    title: "Two directions",
    text: "The edge now runs from left to right. Prewitt Y answers 3 in the two rows that straddle it; try Prewitt X on the same picture.",
    state: { image: "drawn", kernel: "prewitt_y" },
  },
  {
    title: "What stride leaves over",
    text: "Stride 2 on six columns does not divide evenly: the hatched row and column are never read. Set the padding to 1 and look again.",
    state: { image: "step", kernel: "sobel_x", stride: 2 },
  },
  {
    title: "Not quite a half",
    text: "With padding 1, stride 2 makes 3 out of 5, not 2.5: the size is half of the input, rounded up. Which output pixels read the zeros of the border?",
    state: { image: "ramp", kernel: "box_blur", stride: 2, padding: 1 },
  },
  {
    title: "An even kernel",
    text: "K // 2 = 1 pixel of padding on every side makes 7 out of 6. Choose the padding “same”: PyTorch then pads the bottom and the right side alone.",
    state: {
      image: "step",
      kernel: "custom",
      weights: [
        [1, 1],
        [1, 1],
      ],
      padding: 1,
    },
  },
  {
    title: "Dilation skips pixels",
    text: "With dilation 2 the nine weights span five pixels and skip every other one. Why is the answer 16, twice that of dilation 1?",
    state: { image: "ramp", kernel: "sobel_x", dilation: 2 },
  },
  {
    title: "Convolution turns the kernel",
    text: "True convolution turns the kernel by 180 degrees, so Sobel X changes its sign. For which of the kernels in the list does it change nothing?",
    state: { image: "step", kernel: "sobel_x", operation: "convolution" },
  },
  {
    title: "Edges in a photograph",
    text: "Follow the roof: orange gets brighter to the right, blue darker. Then choose Sobel Y and see which lines vanish.",
    state: { image: "photograph", kernel: "sobel_x", row: 5, column: 9 },
  },
  {
    title: "A scratch on a wafer",
    text: "Which kernel shows the scratch best, and which one hides it? The round rim of the wafer is an edge too.",
    state: { image: "wafer", kernel: "laplacian", row: 13, column: 12 },
  },
];

// The mathematics

/** The picture that a state shows, as numbers. @param {State} state @returns {Picture} */
export const picture = (state) => (state.image === "drawn" ? fromRows(state.pixels) : namedPicture(state.image));

/** The kernel as whole weights and their divisor. @param {State} state @returns {{weights: number[][], divisor: number}} */
export const kernelOf = (state) =>
  state.kernel === "custom" ? { weights: state.weights, divisor: state.divisor } : KERNELS[state.kernel];

/**
 * Everything a state stands for, before any drawing.
 * @param {State} state a clean state
 */
export function compute(state) {
  const image = picture(state);
  const { weights, divisor } = kernelOf(state);
  const taps = state.operation === "convolution" ? weights.map((row) => [...row].reverse()).reverse() : weights;
  const base = { image, weights, taps, divisor, kernelHeight: weights.length, kernelWidth: weights[0].length };
  const options = { stride: state.stride, padding: state.padding, mode: state.padding_mode, dilation: state.dilation };
  try {
    const { rows, columns } = geometry(image.height, image.width, base.kernelHeight, base.kernelWidth, options);
    const x = { data: image.data, shape: [1, 1, image.height, image.width] };
    const w = { data: weights.flat(), shape: [1, 1, base.kernelHeight, base.kernelWidth] };
    const { data } = conv2d(x, w, { ...options, flip: state.operation === "convolution" });
    // Whole sums divided once are exact where a third or a ninth as a weight would not be.
    if (divisor !== 1) for (let i = 0; i < data.length; i++) data[i] /= divisor;
    return { ...base, rows, columns, output: data, error: "" };
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error;
    return { ...base, rows: null, columns: null, output: null, error: error.message };
  }
}

/** @typedef {ReturnType<typeof compute>} Result */
/** @typedef {Result & {rows: Axis, columns: Axis, output: Float64Array}} Valid */

/** The padded picture at a padded position. @param {Valid} result @param {number} row @param {number} column */
export function paddedValue({ image, rows, columns }, row, column) {
  const [i, j] = [rows.source[row], columns.source[column]];
  return i < 0 || j < 0 ? 0 : image.data[i * image.width + j];
}

/**
 * The products of one window, kernel row by kernel row, and their sum before the divisor.
 * @param {Valid} result @param {number} row @param {number} column of the output
 */
export function products(result, row, column) {
  const { taps, rows, columns } = result;
  let sum = 0;
  const cells = taps.map((line, i) =>
    line.map((weight, j) => {
      const value = paddedValue(
        result,
        row * rows.stride + i * rows.dilation,
        column * columns.stride + j * columns.dilation,
      );
      sum += weight * value;
      return { weight, value, product: weight * value };
    }),
  );
  return { cells, sum };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  return {
    image: oneOf(raw.image, Object.keys(IMAGES), d.image),
    pixels: matrix(raw.pixels, LARGEST_IMAGE, d.pixels),
    kernel: oneOf(raw.kernel, Object.keys(KERNELS), d.kernel),
    weights: matrix(raw.weights, LARGEST_KERNEL, d.weights),
    divisor: Number.isFinite(raw.divisor) && raw.divisor !== 0 ? raw.divisor : d.divisor,
    stride: whole(raw.stride, 1, 4, d.stride),
    padding: raw.padding === "same" ? "same" : whole(raw.padding, 0, 4, d.padding),
    padding_mode: oneOf(raw.padding_mode, PADDING_MODES, d.padding_mode),
    dilation: whole(raw.dilation, 1, 3, d.dilation),
    operation: oneOf(raw.operation, ["correlation", "convolution"], d.operation),
    row: whole(raw.row, 0, 1e6, 0),
    column: whole(raw.column, 0, 1e6, 0),
    show: oneOf(raw.show, ["map", "steps"], d.show),
    colours: oneOf(raw.colours, ["automatic", "signed", "grey"], d.colours),
  };
}

// Words

/** The output-size formula of one axis with its numbers. @param {Axis} a */
export function sizeFormula(a) {
  const padding = a.before === a.after ? `2·${a.before}` : `${a.before} + ${a.after}`;
  return `⌊(${a.size} + ${padding} − ${a.dilation}·(${a.kernel} − 1) − 1) / ${a.stride}⌋ + 1 = ⌊${a.padded - a.extent} / ${a.stride}⌋ + 1 = ${a.output}`;
}

/** @param {Axis} rows @param {Axis} columns */
function leftoverWords(rows, columns) {
  /** @param {number} n @param {string} one */
  const last = (n, one) => (n === 1 ? `the last ${one}` : `the last ${n} ${one}s`);
  const parts = [
    rows.leftover && last(rows.leftover, "row"),
    columns.leftover && last(columns.leftover, "column"),
  ].filter(Boolean);
  if (!parts.length)
    return rows.stride > 1 ? "The division leaves nothing over: the windows reach the last row and column." : "";
  const border = rows.after || columns.after ? " of the padded input" : " of the input";
  return `The floor drops the remainder: ${parts.join(" and ")}${border} (hatched) ${parts.length > 1 || rows.leftover + columns.leftover > 1 ? "are" : "is"} never read.`;
}

/** @param {number} first @param {Axis} a @param {string} one @returns {string} the input positions that a window reads */
function span(first, a, one) {
  const start = first * a.stride - a.before;
  const positions = Array.from({ length: a.kernel }, (_, i) => start + i * a.dilation);
  if (a.kernel === 1) return `${one} ${number(start)}`;
  return a.dilation === 1
    ? `${one}s ${number(start)} to ${number(positions[a.kernel - 1])}`
    : `${one}s ${positions.map(number).join(", ")}`;
}

/** What the lab shows, in words. @param {Result} result @param {number} row @param {number} column */
export function summary(result, row, column) {
  const { rows, columns, output } = result;
  if (!rows || !columns || !output) return `No output: ${result.error}`;
  let low = Infinity;
  let high = -Infinity;
  for (const value of output) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = low === high ? `all ${number(low)}` : `from ${number(low)} to ${number(high)}`;
  return (
    `Output row ${row}, column ${column} is ${number(output[row * columns.output + column])}. ` +
    `Its window reads input ${span(row, rows, "row")} and ${span(column, columns, "column")}. ` +
    `The whole output is ${rows.output} by ${columns.output}, ${range}.`
  );
}

// The page

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  let result = compute(state);
  let at = { row: 0, column: 0 };
  let pen = { row: 0, column: 0 };
  let timer = 0;
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const id = uniqueId("convolution");

  // Experiments
  const lesson = html("p", { class: "lab-lesson" });
  const experiments = choice(
    "Try",
    [
      ["", "Choose an experiment…"],
      ...EXPERIMENTS.map(({ title }, i) => /** @type {[string, string]} */ ([String(i), `${i + 1}. ${title}`])),
    ],
    (value) => {
      const experiment = EXPERIMENTS[Number(value)];
      if (value !== "" && experiment) {
        stop();
        change({ ...DEFAULTS, ...experiment.state });
      }
    },
  );

  // Input
  const imageChoice = choice("Input", Object.entries(IMAGES), (image) => change({ image, row: 0, column: 0 }));
  const input = new NumberMap("lab-input");
  const pictureFrame = svg("rect", { class: "lab-picture" });
  const hatch = svg("path", { class: "lab-hatch", fill: `url(#${id}-hatch)` });
  const taps = svg("path", { class: "lab-taps" });
  const windowFrame = frame();
  const cursor = svg("rect", { class: "lab-cursor" });
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
  input.overlay.append(pictureFrame, hatch, taps, windowFrame.group, cursor);
  const board = html("div", { class: "lab-board" }, input.svg);
  const inputNote = html("p", { class: "lab-note" });
  const penValue = html("input", { type: "number", step: "any", value: 1 });
  const sizes = choice(
    "Size",
    [4, 5, 6, 7, 8, 10, 12, 16].map((n) => [String(n), by(n, n)]),
    (value) => {
      const n = Number(value);
      const old = state.pixels;
      change({ pixels: Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => old[i]?.[j] ?? 0)) });
    },
  );
  const clear = html(
    "button",
    {
      type: "button",
      onclick: () => change({ pixels: state.pixels.map((/** @type {number[]} */ row) => row.map(() => 0)) }),
    },
    "Clear",
  );
  const pens = [sizes.field, field("Pen", penValue), clear];
  const edit = html(
    "button",
    {
      type: "button",
      onclick: () => {
        const { height, width, data } = result.image;
        penValue.value = String(Math.max(...Array.from(data)));
        change({
          image: "drawn",
          pixels: Array.from({ length: height }, (_, i) =>
            Array.from({ length: width }, (_, j) => data[i * width + j]),
          ),
        });
        board.focus();
      },
    },
    "Edit its pixels",
  );

  const tools = html("div", { class: "lab-drawing" }, edit, ...pens);

  // Kernel
  const kernelChoice = choice(
    "Kernel",
    Object.entries(KERNELS).map(([name, { title }]) => [name, title]),
    (kernel) => change(kernel === "custom" ? { kernel, ...kernelOf(state) } : { kernel }),
  );
  const weightGrid = html("div", { class: "lab-weights", role: "group", "aria-label": "Weights of the kernel" });
  const kernelSizes = choice("Size", [], (value) => {
    const [height, width] = value.split("x").map(Number);
    const old = kernelOf(state).weights;
    // Grow and shrink about the centre, so that a 3 x 3 kernel sits in the middle of a 5 x 5 one.
    const shift = (/** @type {number} */ from, /** @type {number} */ to) =>
      Math.floor((from - 1) / 2) - Math.floor((to - 1) / 2);
    const [down, right] = [shift(old.length, height), shift(old[0].length, width)];
    const weights = Array.from({ length: height }, (_, i) =>
      Array.from({ length: width }, (_, j) => old[i + down]?.[j + right] ?? 0),
    );
    change({ kernel: "custom", weights, divisor: kernelOf(state).divisor });
  });
  const divisor = html("input", {
    type: "number",
    step: "any",
    oninput: () => {
      const value = divisor.valueAsNumber;
      if (Number.isFinite(value) && value !== 0)
        change({ kernel: "custom", weights: kernelOf(state).weights, divisor: value });
    },
  });
  const kernelNote = html("p", { class: "lab-note" });

  // Output
  const outputSize = html("b", {});
  const outputTitle = html("div", { class: "lab-title" }, html("span", {}, "Output"), outputSize);
  const output = new NumberMap("lab-output");
  const outputFrame = frame();
  output.overlay.append(outputFrame.group);
  const outputBoard = html(
    "div",
    {
      class: "lab-board",
      tabindex: 0,
      role: "application",
      "aria-label": "Output map. The arrow keys move the window, Home and End go to its ends.",
    },
    output.svg,
  );
  const scale = html("div", { class: "lab-legend", role: "img" });
  const sorry = html("p", { class: "lab-error", hidden: true });

  // Geometry
  const stride = slider("Stride S", 1, 4, (value) => change({ stride: value }));
  const dilation = slider("Dilation D", 1, 3, (value) => change({ dilation: value }));
  const padding = choice(
    "Padding P",
    [..."01234"].map((n) => /** @type {[string, string]} */ ([n, n])).concat([["same", "same"]]),
    (value) => change({ padding: value === "same" ? value : Number(value) }),
  );
  const borderMode = choice(
    "Border",
    PADDING_MODES.map((mode) => [mode, mode]),
    (padding_mode) => change({ padding_mode }),
  );
  const operation = choice(
    "Operation",
    [
      ["correlation", "correlation ⋆"],
      ["convolution", "convolution ∗"],
    ],
    (value) => change({ operation: value }),
  );
  const colours = choice(
    "Output colours",
    [
      ["automatic", "automatic"],
      ["signed", "signed"],
      ["grey", "grey"],
    ],
    (value) => change({ colours: value }),
  );

  // Steps
  const previous = html("button", { type: "button", onclick: () => step(-1) }, "Previous");
  const next = html("button", { type: "button", onclick: () => step(1) }, "Next");
  const play = html("button", { type: "button", onclick: () => (timer ? stop() : start()) }, "Play");
  const rowInput = html("input", { type: "number", min: 0, oninput: () => goTo(rowInput.valueAsNumber, at.column) });
  const columnInput = html("input", { type: "number", min: 0, oninput: () => goTo(at.row, columnInput.valueAsNumber) });
  const show = choice(
    "Show",
    [
      ["map", "whole map"],
      ["steps", "step by step"],
    ],
    (value) => change({ show: value }),
  );
  const table = html("table", {});
  const sumLine = html("p", { class: "lab-sum" });
  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const workings = html("div", { class: "lab-products" }, table, html("div", { class: "lab-answer" }, sumLine, words));
  const tables = html("div", { class: "lab-tables" });
  const details = html(
    "details",
    { ontoggle: () => drawTables() },
    html("summary", {}, "The numbers as tables"),
    tables,
  );

  const sign = html("span", { class: "lab-sign", "aria-hidden": "true" });
  const equals = html("span", { class: "lab-sign", "aria-hidden": "true" }, "=");
  const stage = html(
    "div",
    { class: "lab-stage" },
    html(
      "div",
      { class: "lab-panel lab-panel-kernel" },
      kernelChoice.field,
      weightGrid,
      html("div", { class: "lab-pair" }, kernelSizes.field, field("Divisor", divisor)),
    ),
    sign,
    html("div", { class: "lab-panel lab-panel-input" }, imageChoice.field, board, inputNote),
    equals,
    html("div", { class: "lab-panel lab-panel-output" }, outputTitle, outputBoard, sorry, scale),
    kernelNote,
    tools,
  );
  root(el, "lab-convolution");
  fill(
    el,
    html("div", { class: "lab-try" }, experiments.field, lesson),
    stage,
    html(
      "div",
      { class: "lab-steps", role: "group", "aria-label": "Window" },
      html("div", { class: "lab-buttons" }, previous, play, next),
      field("Row", rowInput, "lab-inline"),
      field("Column", columnInput, "lab-inline"),
      show.field,
    ),
    workings,
    html(
      "div",
      { class: "lab-settings", role: "group", "aria-label": "Geometry" },
      stride.field,
      padding.field,
      borderMode.field,
      dilation.field,
      operation.field,
      colours.field,
    ),
    formula,
    details,
    toolbar(model, NAMES),
  );

  // Moving the window

  /** @param {number} row @param {number} column */
  function goTo(row, column) {
    if (!result.rows || !result.columns || !Number.isInteger(row) || !Number.isInteger(column)) return;
    change({
      row: Math.min(Math.max(row, 0), result.rows.output - 1),
      column: Math.min(Math.max(column, 0), result.columns.output - 1),
    });
  }
  /** One window on or back, in reading order. @param {number} by */
  function step(by) {
    if (!result.rows || !result.columns) return;
    const width = result.columns.output;
    const index = Math.min(Math.max(at.row * width + at.column + by, 0), result.rows.output * width - 1);
    goTo(Math.floor(index / width), index % width);
  }
  function start() {
    if (!result.rows || !result.columns) return;
    const count = result.rows.output * result.columns.output;
    if (at.row * result.columns.output + at.column >= count - 1) goTo(0, 0);
    // A large map would take minutes window by window: go on by whole rows there.
    const stride = count > 150 ? result.columns.output : 1;
    say(play, "Pause");
    set(words, { "aria-live": "off" });
    timer = window.setInterval(() => {
      if (!el.isConnected || !result.rows || !result.columns) return stop();
      step(stride);
      if (at.row * result.columns.output + at.column + stride >= result.rows.output * result.columns.output) stop();
    }, 650);
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    say(play, "Play");
    set(words, { "aria-live": "polite" });
  }

  /** @type {Record<string, [number, number]>} */
  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  outputBoard.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !result.rows || !result.columns) return;
    if (event.key in ARROWS) goTo(at.row + ARROWS[event.key][0], at.column + ARROWS[event.key][1]);
    else if (event.key === "Home") goTo(0, 0);
    else if (event.key === "End") goTo(result.rows.output - 1, result.columns.output - 1);
    else return;
    event.preventDefault();
  });
  outputBoard.addEventListener("pointerdown", (event) => {
    const cell = output.cellAt(event);
    if (cell) goTo(cell.row, cell.column);
  });

  // Drawing

  /** @param {number} row @param {number} column @param {number} value */
  function paint(row, column, value) {
    if (state.pixels[row][column] === value) return;
    const pixels = state.pixels.map((/** @type {number[]} */ line) => [...line]);
    pixels[row][column] = value;
    // Further strokes of the same drag must see this one before the redraw.
    state = { ...state, pixels };
    change({ pixels });
  }
  const ink = () => (Number.isFinite(penValue.valueAsNumber) ? penValue.valueAsNumber : 1);
  /** The input pixel under a pointer, padding left out. @param {PointerEvent} event */
  function pixelAt(event) {
    const cell = input.cellAt(event);
    if (!cell) return null;
    const [row, column] = [cell.row - (result.rows?.before ?? 0), cell.column - (result.columns?.before ?? 0)];
    return row >= 0 && column >= 0 && row < result.image.height && column < result.image.width ? { row, column } : null;
  }
  /** @type {number | null} */
  let stroke = null;
  board.addEventListener("pointerdown", (event) => {
    const pixel = pixelAt(event);
    if (state.image !== "drawn" || !pixel || event.button !== 0) return;
    stroke = state.pixels[pixel.row][pixel.column] === ink() ? 0 : ink();
    board.setPointerCapture(event.pointerId);
    pen = pixel;
    paint(pixel.row, pixel.column, stroke);
    placeCursor();
  });
  board.addEventListener("pointermove", (event) => {
    const pixel = stroke === null ? null : pixelAt(event);
    if (!pixel || stroke === null) return;
    pen = pixel;
    paint(pixel.row, pixel.column, stroke);
    placeCursor();
  });
  for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => (stroke = null));
  board.addEventListener("keydown", (event) => {
    if (state.image !== "drawn" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS) {
      pen = {
        row: Math.min(Math.max(pen.row + ARROWS[event.key][0], 0), result.image.height - 1),
        column: Math.min(Math.max(pen.column + ARROWS[event.key][1], 0), result.image.width - 1),
      };
      placeCursor();
      sayPixel();
    } else if (event.key === " " || event.key === "Enter") {
      paint(pen.row, pen.column, state.pixels[pen.row][pen.column] === ink() ? 0 : ink());
    } else if (/^[0-9]$/.test(event.key)) paint(pen.row, pen.column, Number(event.key));
    else return;
    event.preventDefault();
  });
  const sayPixel = () =>
    say(words, `Pixel row ${pen.row}, column ${pen.column} is ${number(state.pixels[pen.row][pen.column])}.`);
  function placeCursor() {
    pen = { row: Math.min(pen.row, result.image.height - 1), column: Math.min(pen.column, result.image.width - 1) };
    set(cursor, {
      x: (pen.column + (result.columns?.before ?? 0)) * CELL + 3,
      y: (pen.row + (result.rows?.before ?? 0)) * CELL + 3,
      width: CELL - 6,
      height: CELL - 6,
      display: state.image === "drawn" ? null : "none",
    });
  }

  // Drawing the parts

  /** @returns {{colours: "grey" | "signed", low: number, high: number}} the input's colours */
  function inputRange() {
    let low = 0;
    let high = state.image === "drawn" || result.image.width <= 6 ? 1 : 255;
    for (const value of Array.from(result.image.data)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return { colours: low < 0 ? "signed" : "grey", low, high };
  }

  let inputKey = "";
  function drawInput() {
    const { image, rows, columns } = result;
    const [height, width] = rows && columns ? [rows.padded, columns.padded] : [image.height, image.width];
    const [top, left] = [rows?.before ?? 0, columns?.before ?? 0];
    const valid = rows && columns ? /** @type {Valid} */ (result) : null;
    const isPadded = height > image.height || width > image.width;
    // A stride or a weight changes nothing here, and a photograph takes the longest to draw.
    const key = JSON.stringify([
      state.image,
      state.image === "drawn" && state.pixels,
      state.padding_mode,
      top,
      left,
      height,
      width,
    ]);
    if (key !== inputKey)
      input.draw({
        rows: height,
        columns: width,
        value: (row, column) => (valid ? paddedValue(valid, row, column) : image.data[row * width + column]),
        ghost: (row, column) => row < top || column < left || row >= top + image.height || column >= left + image.width,
        ...inputRange(),
        label: `${IMAGES[state.image]}, ${image.height} by ${image.width}${isPadded ? `, padded with ${state.padding_mode} to ${height} by ${width}` : ""}`,
      });
    inputKey = key;
    set(pictureFrame, {
      x: left * CELL,
      y: top * CELL,
      width: image.width * CELL,
      height: image.height * CELL,
      display: isPadded ? null : "none",
    });
    let dropped = "";
    if (rows?.leftover)
      dropped += `M0 ${(height - rows.leftover) * CELL}h${width * CELL}v${rows.leftover * CELL}h${-width * CELL}z`;
    if (columns?.leftover)
      dropped += `M${(width - columns.leftover) * CELL} 0h${columns.leftover * CELL}v${(height - (rows?.leftover ?? 0)) * CELL}h${-columns.leftover * CELL}z`;
    set(hatch, { d: dropped });
    const drawn = state.image === "drawn";
    set(board, {
      class: drawn ? "lab-board lab-editable" : "lab-board",
      tabindex: drawn ? 0 : null,
      role: drawn ? "application" : null,
      "aria-label": drawn
        ? "Your drawing. The arrow keys move the pen, Space sets or clears a pixel, digits set its value."
        : null,
    });
    for (const tool of pens) set(tool, { hidden: !drawn });
    const editable = Math.max(image.height, image.width) <= COUNTING_SIZE;
    set(edit, { hidden: drawn || !editable });
    set(tools, { hidden: !drawn && !editable });
    say(inputNote, `${by(image.height, image.width)}${isPadded ? `, with its border ${by(height, width)}` : ""}`);
    sizes.select.value = image.height === image.width ? String(image.height) : "";
    placeCursor();
  }

  /** @type {HTMLInputElement[]} */
  let weightInputs = [];
  let weightShape = "";
  function drawKernel() {
    const { weights, kernelHeight, kernelWidth } = result;
    const shape = `${kernelHeight}x${kernelWidth}`;
    if (shape !== weightShape) {
      weightShape = shape;
      weightInputs = weights.flatMap((line, i) =>
        line.map((_, j) => {
          const weightInput = html("input", {
            type: "number",
            step: "any",
            "aria-label": `Weight row ${i}, column ${j}`,
            oninput: () => {
              if (!Number.isFinite(weightInput.valueAsNumber)) return;
              const { weights: old, divisor: by } = kernelOf(state);
              const edited = old.map((row, r) =>
                row.map((weight, c) => (r === i && c === j ? weightInput.valueAsNumber : weight)),
              );
              change({ kernel: "custom", weights: edited, divisor: by });
            },
          });
          return weightInput;
        }),
      );
      set(weightGrid, { style: `--columns:${kernelWidth}` });
      fill(weightGrid, ...weightInputs);
      const options = [1, 2, 3, 4, 5].map((n) => `${n}x${n}`);
      if (!options.includes(shape)) options.push(shape);
      fill(kernelSizes.select, ...options.map((value) => html("option", { value }, value.replace("x", "×"))));
    }
    kernelSizes.select.value = shape;
    const flat = weights.flat();
    const reach = Math.max(...flat.map(Math.abs));
    flat.forEach((weight, k) => {
      const entry = weightInputs[k];
      if (entry.value === "" || entry.valueAsNumber !== weight) entry.value = String(weight);
      const level = signedStep(weight, reach);
      set(entry, { class: signedClass(level), style: signedStyle(level) });
    });
    if (divisor.valueAsNumber !== result.divisor) divisor.value = String(result.divisor);
    const total = flat.reduce((sum, weight) => sum + weight, 0) / result.divisor;
    const flatAreas =
      Math.abs(total) < 1e-9
        ? "The weights add up to 0: a flat area gives 0."
        : Math.abs(total - 1) < 1e-9
          ? "The weights add up to 1: a flat area stays as it is."
          : `The weights add up to ${number(total)}.`;
    const turned = state.operation === "convolution" ? " It is turned by 180 degrees before it slides." : "";
    say(kernelNote, `${KERNELS[state.kernel].note} ${flatAreas}${turned}`);
  }

  function outputColours() {
    const anyNegative = result.weights.flat().some((weight) => weight / result.divisor < 0);
    return state.colours === "signed" || (state.colours === "automatic" && (anyNegative || inputRange().low < 0))
      ? "signed"
      : "grey";
  }

  function drawOutput() {
    const { rows, columns, output: values } = result;
    set(sorry, { hidden: !result.error });
    set(outputBoard, { hidden: !!result.error });
    set(scale, { hidden: !!result.error });
    say(sorry, result.error);
    if (!rows || !columns || !values) return say(outputSize, "none");
    say(outputSize, by(rows.output, columns.output));
    const mode = outputColours();
    let [low, high] = [0, 0];
    if (mode === "grey") ({ low, high } = inputRange());
    else
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    const shown = state.show === "steps" ? at.row * columns.output + at.column : Infinity;
    output.draw({
      rows: rows.output,
      columns: columns.output,
      value: (row, column) => {
        const index = row * columns.output + column;
        return index > shown ? NaN : values[index];
      },
      colours: mode,
      low,
      high,
      label: `Output, ${rows.output} by ${columns.output}`,
    });
    legend(scale, mode, low, high);
    const reach = Math.max(-low, high);
    set(scale, {
      "aria-label":
        mode === "signed"
          ? `Colours: blue is negative down to ${number(-reach)}, orange positive up to ${number(reach)}`
          : `Colours: black is ${number(low)}, white ${number(high)}`,
    });
  }

  function drawWindow() {
    const { rows, columns } = result;
    for (const mark of [windowFrame.group, outputFrame.group, taps]) set(mark, { display: rows ? null : "none" });
    for (const control of [previous, next, play, rowInput, columnInput]) set(control, { disabled: !rows });
    for (const part of [table, sumLine]) set(part, { hidden: !rows });
    if (!rows || !columns || !result.output) return;
    const valid = /** @type {Valid} */ (result);
    const { row, column } = at;
    windowFrame.place(row * rows.stride, column * columns.stride, rows.extent, columns.extent);
    outputFrame.place(row, column, 1, 1);
    let marks = "";
    if (state.dilation > 1)
      for (let i = 0; i < rows.kernel; i++)
        for (let j = 0; j < columns.kernel; j++)
          marks += `M${(column * columns.stride + j * columns.dilation) * CELL + 3} ${(row * rows.stride + i * rows.dilation) * CELL + 3}h${CELL - 6}v${CELL - 6}h${6 - CELL}z`;
    set(taps, { d: marks });
    for (const [entry, value, axis] of /** @type {[HTMLInputElement, number, Axis][]} */ ([
      [rowInput, row, rows],
      [columnInput, column, columns],
    ])) {
      set(entry, { max: axis.output - 1 });
      if (entry.valueAsNumber !== value) entry.value = String(value);
    }
    const index = row * columns.output + column;
    set(previous, { disabled: index === 0 });
    set(next, { disabled: index === valid.output.length - 1 });

    const { cells, sum } = products(valid, row, column);
    const reach = Math.max(...cells.flat().map(({ product }) => Math.abs(product)));
    const turned = state.operation === "convolution" ? ", kernel turned" : "";
    const over = result.divisor === 1 ? "" : ` ÷ ${number(result.divisor)} = ${number(valid.output[index])}`;
    fill(
      table,
      html("caption", {}, `Weight × pixel${turned}`),
      html(
        "tbody",
        {},
        ...cells.map((line) =>
          html(
            "tr",
            {},
            ...line.map(({ weight, value, product }) => {
              const level = signedStep(product, reach);
              return html(
                "td",
                { class: signedClass(level), style: signedStyle(level) },
                html("span", {}, `${factor(weight)} × ${factor(value)}`),
                html("b", {}, number(product)),
              );
            }),
          ),
        ),
      ),
    );
    fill(sumLine, html("span", {}, "Sum of the products"), html("b", {}, `${number(sum)}${over}`));
  }

  function drawFormula() {
    const { rows, columns } = result;
    set(formula, { hidden: !rows });
    if (!rows || !columns) return;
    const [down, across] = [sizeFormula(rows), sizeFormula(columns)];
    /** @param {string} name @param {string} numbers */
    const line = (name, numbers) => html("p", {}, html("span", { class: "lab-symbols" }, name), " = ", numbers);
    fill(
      formula,
      html("p", { class: "lab-symbols" }, "O = ⌊(W + 2P − D(K − 1) − 1) / S⌋ + 1"),
      ...(down === across ? [line("O", down)] : [line("O rows", down), line("O columns", across)]),
      html("p", { class: "lab-leftover" }, leftoverWords(rows, columns)),
    );
  }

  function drawTables() {
    if (!details.open) return;
    const { image, rows, columns, output: values } = result;
    const parts = [
      numbersTable("Input", image.height, image.width, (row, column) => image.data[row * image.width + column]),
    ];
    if (rows && columns && values)
      parts.push(
        numbersTable("Output", rows.output, columns.output, (row, column) => values[row * columns.output + column]),
      );
    fill(tables, ...parts);
  }

  /** What is on the screen, position left out: moving the window must not redraw the maps. */
  let drawn = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const { row, column, ...rest } = state;
    const wanted = JSON.stringify(rest);
    const changed = wanted !== drawn;
    if (changed) result = compute(state);
    const { rows, columns, image } = result;
    at = { row: Math.min(row, (rows?.output ?? 1) - 1), column: Math.min(column, (columns?.output ?? 1) - 1) };
    if (changed) {
      drawn = wanted;
      imageChoice.select.value = state.image;
      kernelChoice.select.value = state.kernel;
      padding.select.value = String(state.padding);
      borderMode.select.value = state.padding_mode;
      operation.select.value = state.operation;
      colours.select.value = state.colours;
      show.select.value = state.show;
      stride.show(state.stride);
      dilation.show(state.dilation);
      const [inside, outside] = [columns?.padded ?? image.width, columns?.output ?? 3];
      // On a narrow page two maps with numbers do not fit side by side.
      const stacked = inside + outside > 12 && Math.max(inside, rows?.padded ?? image.height) <= LARGEST_NUMBERED;
      set(stage, { style: `--in:${inside};--out:${outside}`, class: stacked ? "lab-stage lab-stacked" : "lab-stage" });
      say(sign, state.operation === "correlation" ? "⋆" : "∗");
      drawInput();
      drawKernel();
      drawFormula();
      drawTables();
      showExperiment(wanted);
    }
    if (changed || state.show === "steps") drawOutput();
    drawWindow();
    say(words, summary(result, at.row, at.column));
  }

  /** Name the experiment that is on the screen; its text stays while the reader plays with it. @param {string} key */
  function showExperiment(key) {
    const current = experimentKeys.indexOf(key);
    experiments.select.value = current < 0 ? "" : String(current);
    if (current >= 0) say(lesson, EXPERIMENTS[current].text);
    else if (!lesson.textContent)
      say(lesson, "Change anything: picture, weights, stride. Or start with an experiment from the list.");
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return () => {
    stop();
    unwatch();
  };
}

/** Every experiment's state as redraw() names it. */
const experimentKeys = EXPERIMENTS.map(({ state }) => {
  const { row: _row, column: _column, ...rest } = clean({ ...DEFAULTS, ...state });
  return JSON.stringify(rest);
});

export default { render, clean };
