/**
 * The lab LookInside: a trained network at work on a wafer that the reader draws.
 *
 * open(), run(), cam() and gradient() are the mathematics and know nothing of the page; render() draws them. The network
 * and the examples are the figure's cargo, written by kernelbook/labs/look_inside.py.
 */
import { oneOf, whole } from "./lib/checks.js";
import { conv2d, conv2dInputGradient } from "./lib/conv.js";
import { choice, fill, html, root, say, set, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { by, factor, grouped, number } from "./lib/format.js";
import { globalMean, linear, relu, reluGradient, softmax } from "./lib/layers.js";
import { CELL, LEVELS, NumberMap, frame, legend, numbersTable } from "./lib/map.js";
import { whenIdle } from "./lib/idle.js";
import { read, watch, write } from "./lib/model.js";
import { ARROWS } from "./lib/sketch.js";
import { toolbar } from "./lib/toolbar.js";
import { bytesOf, unpack } from "./lib/weights.js";
import { CLASSES, EXAMPLES_EACH, SIZE, inputOf, onWafer, waferBits } from "./lib/wafer.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/layers.js").Result} Result */

/** Stride of each layer's convolution; all have 3 x 3 windows and padding 1. */
const STRIDES = [1, 2, 2, 1];
const CHANNELS = [8, 12, 16, 16];
/** Dies of the wafer that one unit of a layer sees, in each direction. */
const REACH = [3, 5, 9, 17];

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  wafer: "scratch",
  example: 1,
  drawing: "",
  target: "predicted",
  evidence: "cam",
  layer: 4,
  map: 1,
});
const NAMES = Object.keys(DEFAULTS);

// Wafers

/** Failed dies (1024 of 0 and 1) as the text of the state: bits in URL-safe base64. @param {ArrayLike<number>} failed */
export function encode(failed) {
  const bytes = new Uint8Array((SIZE * SIZE) / 8);
  for (let i = 0; i < SIZE * SIZE; i++)
    if (failed[i] && onWafer(Math.floor(i / SIZE), i % SIZE)) bytes[i >> 3] |= 128 >> (i & 7);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The failed dies of a drawing's text, or null if it is not one. @param {any} text */
export function decode(text) {
  if (typeof text !== "string" || text.length !== 171 || !/^[\w-]*$/.test(text)) return null;
  return waferBits(bytesOf(text));
}

/** A drawing from a rule. @param {(away: number, angle: number, row: number, column: number) => boolean} fails radius (the rim is 1), degrees from "right" clockwise */
const draw = (fails) =>
  encode(
    Array.from({ length: SIZE * SIZE }, (_, i) => {
      const [row, column] = [Math.floor(i / SIZE), i % SIZE];
      const [y, x] = [(2 * row + 1) / SIZE - 1, (2 * column + 1) / SIZE - 1];
      return fails(Math.hypot(y, x), (Math.atan2(y, x) * 180) / Math.PI, row, column) ? 1 : 0;
    }),
  );

/** @type {{title: string, text: string, state: State}[]} */
export const EXPERIMENTS = [
  {
    title: "Where is the evidence?",
    text: "The network says scratch. Predict where on the wafer its evidence lies before you look at the map; then cut the line in the middle with the pen and see which cells change.",
    state: { wafer: "scratch", example: 2 },
  },
  {
    title: "How much of a ring is a ring?",
    text: "A third of the rim has failed, 120 of 360 degrees: a patch at the edge or a ring? The network says edge-loc. At 150 degrees it says edge-ring: extend the arc with the pen until it changes its mind.",
    state: { drawing: draw((away, angle) => away > 0.85 && angle + 180 < 120) },
  },
  {
    title: "A disc that it calls a donut",
    text: "A full disc without a hole: which class would you choose? The network is 99 % sure of donut. The discs that it learned from were smaller than this one, and it never learned what a hole is.",
    state: { drawing: draw((away) => away < 0.55) },
  },
  {
    title: "The perfect wafer",
    text: "Not one die has failed. The network is less sure of none than on a dusty wafer: 62 % here, 99 % for example 4 of the class. Every wafer that it learned from had some dust. Where on the map does it look?",
    state: { drawing: draw(() => false) },
  },
  {
    title: "How long is a scratch?",
    text: "Three failed dies in a row are a scratch, says the network, at 43 %. How sure will it be of five in a row? Predict, then add two dies.",
    state: { drawing: draw((_, _angle, row, column) => row === 16 && column >= 15 && column < 18) },
  },
  {
    title: "Scratch or patch?",
    text: "A block of 3 by 3 dies is a scratch to this network, a block of 4 by 4 a loc. Add one row and one column with the pen, and follow which maps of layer 4 change.",
    state: { drawing: draw((_, _angle, row, column) => row >= 8 && row < 11 && column >= 8 && column < 11) },
  },
  {
    title: "Two faults at once",
    text: "A ring and a scratch on one wafer. Softmax has to share out 100 %, and the ring takes it all. Choose the class scratch: is there evidence for it all the same, and where?",
    state: { drawing: draw((away, _, row, column) => away > 0.87 || (row === column && away < 0.5)) },
  },
  {
    title: "A face is a donut",
    text: "No fault draws a face, but there is no class for “something else”. Predict which of the nine it chooses, and whether it hesitates, before you read the scores.",
    state: {
      drawing: draw(
        (away, angle, row, column) =>
          Math.hypot(row - 11, column - 11) < 2.2 ||
          Math.hypot(row - 11, column - 20) < 2.2 ||
          (away > 0.5 && away < 0.62 && angle > 20 && angle < 160),
      ),
    },
  },
  {
    title: "What is one die worth?",
    text: "Now the gradient: by how much the score of scratch would change for each die, if its grey changed a little. Orange dies should fail, blue ones pass. Do the orange ones lie on the scratch or beside it?",
    state: { wafer: "scratch", example: 2, evidence: "gradient" },
  },
];

// The network

/**
 * The network and the examples from a figure's cargo.
 * @param {string} cargo
 */
export function open(cargo) {
  const packed = JSON.parse(cargo);
  const weights = unpack(packed);
  const bytes = bytesOf(packed.examples);
  return {
    convs: STRIDES.map((stride, i) => ({
      w: weights[`convs.${i}.weight`],
      b: weights[`convs.${i}.bias`].data,
      options: { stride, padding: 1 },
    })),
    headWeight: weights["head.weight"],
    headBias: weights["head.bias"],
    accuracy: packed.test_accuracy,
    tested: packed.test_wafers,
    /** Failed dies of an example. @param {string} name @param {number} n 1 to 5 */
    example: (name, n) => waferBits(bytes, CLASSES.indexOf(name) * EXAMPLES_EACH + n - 1),
  };
}
/** @typedef {ReturnType<typeof open>} Network */

/**
 * The forward pass.
 * @param {Network} network @param {ArrayLike<number>} failed 1024 dies
 */
export function run(network, failed) {
  const input = inputOf(failed);
  /** @type {Result[]} */
  const maps = [];
  let x = /** @type {Result} */ (input);
  for (const { w, b, options } of network.convs) maps.push((x = relu(conv2d(x, w, options, b))));
  const means = globalMean(x);
  const scores = linear(means, network.headWeight, network.headBias);
  return { input, maps, means: means.data, scores: scores.data, shares: softmax(scores).data };
}
/** @typedef {ReturnType<typeof run>} Pass */

/** The class activation map of one class, (8, 8): its mean plus the bias is the score. @param {Network} network @param {Pass} pass @param {number} target */
export function cam(network, pass, target) {
  const last = pass.maps[pass.maps.length - 1];
  const [, channels, height, width] = last.shape;
  const data = new Float64Array(height * width);
  for (let c = 0; c < channels; c++) {
    const weight = network.headWeight.data[target * channels + c];
    for (let i = 0; i < data.length; i++) data[i] += weight * last.data[c * data.length + i];
  }
  return { data, shape: [height, width] };
}

/** The gradient of one class's score with respect to every pixel, (32, 32). @param {Network} network @param {Pass} pass @param {number} target */
export function gradient(network, pass, target) {
  const last = pass.maps[pass.maps.length - 1];
  const [, channels, height, width] = last.shape;
  const plane = height * width;
  let g = /** @type {Result} */ ({
    data: Float64Array.from(last.data, (_, i) => network.headWeight.data[target * channels + Math.floor(i / plane)] / plane),
    shape: last.shape,
  });
  for (let i = network.convs.length - 1; i >= 0; i--) {
    const { w, options } = network.convs[i];
    g = conv2dInputGradient(reluGradient(g, pass.maps[i]), w, i ? pass.maps[i - 1].shape : pass.input.shape, options);
  }
  return { data: g.data, shape: [SIZE, SIZE] };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  const layer = whole(raw.layer, 1, STRIDES.length, d.layer);
  return {
    wafer: oneOf(raw.wafer, CLASSES, d.wafer),
    example: whole(raw.example, 1, EXAMPLES_EACH, d.example),
    drawing: decode(raw.drawing) ? raw.drawing : "",
    target: oneOf(raw.target, ["predicted", ...CLASSES], d.target),
    evidence: oneOf(raw.evidence, ["cam", "gradient"], d.evidence),
    layer,
    map: whole(raw.map, 1, 16, d.map),
  };
}

// Words

/** What fits into a cell; the tables have two decimals. @param {number} value */
const short = (value) => (Math.abs(value) >= 9.95 ? String(Math.round(value)) : value.toFixed(1)).replace("-", "−");

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Index of the largest number. @param {ArrayLike<number>} values */
const largest = (values) => {
  let index = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[index]) index = i;
  return index;
};

/** Where the evidence is largest; of a gradient, where its size is. @param {Result} evidence @param {string} kind */
const peakOf = (evidence, kind) => largest(kind === "cam" ? evidence.data : evidence.data.map(Math.abs));

/** What the lab shows, in words. @param {State} state @param {Pass} pass @param {Result} evidence @param {number} target */
export function summary(state, pass, evidence, target) {
  const order = CLASSES.map((_, i) => i).sort((a, b) => pass.scores[b] - pass.scores[a]);
  const peak = peakOf(evidence, state.evidence);
  const width = evidence.shape[1];
  const [row, column] = [Math.floor(peak / width), peak % width];
  const where =
    state.evidence === "cam"
      ? `The map of ${CLASSES[target]} is largest at row ${row}, column ${column}, over dies ${4 * row} to ${4 * row + 3} down and ${4 * column} to ${4 * column + 3} across`
      : `The score of ${CLASSES[target]} answers most to the die at row ${row}, column ${column}: ${number(evidence.data[peak])} for each unit of its grey`;
  return `The network says ${CLASSES[order[0]]}, ${percent(pass.shares[order[0]])}; next comes ${CLASSES[order[1]]}, ${percent(pass.shares[order[1]])}. ${where}.`;
}

// The page

/** Grey levels as pixels of a canvas. */
const OPAQUE_GREYS = Uint32Array.from(LEVELS, (level) => 0xff000000 | (0x010101 * level));

/** @param {RenderContext} context */
export function render({ model, el }) {
  const network = open(model.get("cargo"));
  let state = clean(read(model, NAMES));
  let failed = /** @type {Uint8Array} */ (new Uint8Array(SIZE * SIZE));
  let pass = run(network, failed);
  let pen = { row: 16, column: 16 };
  /** @type {number | null} */
  let stroke = null;
  /** @param {State} changes */
  const change = (changes) => write(model, changes);

  /**
   * What the network makes of the examples and experiments: the reader goes back and forth between them.
   * @type {Map<string, {failed: Uint8Array, pass: ReturnType<typeof run>}>}
   */
  const passes = new Map();
  /** @param {State} of @param {boolean} [keep] */
  function look({ drawing, wafer, example }, keep = !drawing) {
    const name = drawing || `${wafer} ${example}`;
    let found = passes.get(name);
    if (!found) {
      const failed = decode(drawing) ?? network.example(wafer, example);
      found = { failed, pass: run(network, failed) };
      if (keep) passes.set(name, found);
    }
    return found;
  }

  const trial = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["layer", "map"],
    invitation: "Damage the wafer with the pen, or repair it, and watch the maps, the scores and the evidence. Or start with an experiment.",
  });

  // The wafer
  const wafer = choice("Wafer", CLASSES.map((name) => [name, name]), (value) => change({ wafer: value, drawing: "" }));
  const example = choice(
    "Example",
    Array.from({ length: EXAMPLES_EACH }, (_, i) => [String(i + 1), String(i + 1)]),
    (value) => change({ example: Number(value), drawing: "" }),
  );
  const input = new NumberMap("lab-wafer");
  const cursor = svg("rect", { class: "lab-cursor" });
  const outline = frame();
  input.overlay.append(outline.group, cursor);
  const board = html(
    "div",
    {
      class: "lab-board lab-editable",
      tabindex: 0,
      role: "application",
      "aria-label": "The wafer. The arrow keys move the pen, Space lets dies fail or pass.",
    },
    input.svg,
  );
  const size = choice(
    "Pen",
    [1, 2, 3, 5].map((n) => [String(n), n === 1 ? "1 die" : by(n, n)]),
    () => placeCursor(),
  );
  size.select.value = "2";
  /** @param {(row: number, column: number) => number} fails the new wafer */
  const redrawn = (fails) =>
    change({
      drawing: encode(Array.from({ length: SIZE * SIZE }, (_, i) => fails(Math.floor(i / SIZE), i % SIZE))),
    });
  const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => html("button", { type: "button", onclick }, text);
  const clear = button("All pass", () => redrawn(() => 0));
  const turn = button("Turn 90°", () => redrawn((row, column) => failed[(SIZE - 1 - column) * SIZE + row]));
  const back = button("Undo", () => change({ drawing: "" }));

  // Evidence
  const evidenceKind = choice(
    "Evidence",
    [
      ["cam", "class activation map"],
      ["gradient", "gradient for each die"],
    ],
    (value) => change({ evidence: value }),
  );
  const target = choice(
    "for the class",
    [["predicted", "it predicts"], ...CLASSES.map((name) => /** @type {[string, string]} */ ([name, name]))],
    (value) => change({ target: value }),
  );
  const evidenceMap = new NumberMap("lab-evidence");
  const scale = html("div", { class: "lab-legend", role: "img" });

  // Scores
  const bars = CLASSES.map((name) => {
    const bar = html("span", { class: "lab-scorebar" });
    const score = html("span", { class: "lab-score" });
    const share = html("span", { class: "lab-share" });
    const line = html(
      "button",
      { type: "button", class: "lab-scoreline", onclick: () => change({ target: name }) },
      html("span", { class: "lab-class" }, name),
      html("span", { class: "lab-track", "aria-hidden": "true" }, bar),
      score,
      share,
    );
    return { line, bar, score, share };
  });

  // Layers
  const strips = CHANNELS.map((channels, i) => {
    const side = SIZE / STRIDES.slice(0, i + 1).reduce((a, b) => a * b, 1);
    const gap = Math.max(1, side / 16);
    const canvas = html("canvas", { class: "lab-strip", role: "img" });
    canvas.style.width = `${(100 * (channels % 8 ? 6 : 8)) / 8}%`;
    const across = channels % 8 ? 6 : 8;
    canvas.width = across * side + (across - 1) * gap;
    canvas.height = (channels / across > 1 ? 2 : 1) * side + (channels / across > 1 ? gap : 0);
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * across);
      const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(channels / across));
      const index = row * across + column;
      if (index >= 0 && index < channels) change({ layer: i + 1, map: index + 1 });
    });
    return { canvas, side, gap, channels, across };
  });
  const layer = choice(
    "Layer",
    CHANNELS.map((_, i) => [String(i + 1), String(i + 1)]),
    (value) => change({ layer: Number(value), map: Math.min(state.map, CHANNELS[Number(value) - 1]) }),
  );
  const map = choice("Map", [], (value) => change({ map: Number(value) }));
  const enlarged = new NumberMap("lab-feature");
  const mapWords = html("p", { class: "lab-note" });

  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const tested = html(
    "p",
    { class: "lab-note" },
    `The network has ${grouped([...network.convs.map(({ w, b }) => w.data.length + b.length), network.headWeight.data.length + 9].reduce((a, b) => a + b))} weights and names ${percent(network.accuracy)} of ${grouped(network.tested)} test wafers rightly.`,
  );
  const tables = html("div", { class: "lab-tables" });
  const details = html("details", { ontoggle: () => drawTables() }, html("summary", {}, "The numbers as tables"), tables);

  root(el, "lab-look-inside");
  fill(
    el,
    trial.row,
    html(
      "div",
      { class: "lab-look" },
      html(
        "div",
        { class: "lab-panel" },
        html("div", { class: "lab-pair" }, wafer.field, example.field),
        board,
        html("div", { class: "lab-drawing" }, size.field, clear, turn, back),
      ),
      html(
        "div",
        { class: "lab-panel" },
        html("div", { class: "lab-pair" }, evidenceKind.field, target.field),
        html("div", { class: "lab-board" }, evidenceMap.svg),
        scale,
      ),
      html(
        "div",
        { class: "lab-panel lab-scores", role: "group", "aria-label": "Scores" },
        html("div", { class: "lab-title lab-scorehead" }, html("span", {}, "Class"), html("span", {}, "Score"), html("span", {}, "Softmax")),
        ...bars.map(({ line }) => line),
      ),
    ),
    formula,
    words,
    html(
      "div",
      { class: "lab-layers" },
      html(
        "div",
        { class: "lab-strips" },
        ...strips.map(({ canvas }, i) =>
          html(
            "div",
            { class: "lab-striprow" },
            html(
              "p",
              { class: "lab-name" },
              `Layer ${i + 1}: ${CHANNELS[i]} maps of ${by(strips[i].side, strips[i].side)}`,
              html("span", {}, `each value sees ${by(REACH[i], REACH[i])} dies`),
            ),
            canvas,
          ),
        ),
      ),
      html(
        "div",
        { class: "lab-panel" },
        html("div", { class: "lab-pair" }, layer.field, map.field),
        html("div", { class: "lab-board" }, enlarged.svg),
        mapWords,
      ),
    ),
    tested,
    details,
    toolbar(model, NAMES),
  );

  // Drawing with the pen

  /** Rows and columns under the pen. @param {{row: number, column: number}} at */
  function under({ row, column }) {
    const n = Number(size.select.value);
    const first = (/** @type {number} */ p) => Math.min(Math.max(p - Math.floor((n - 1) / 2), 0), SIZE - n);
    return { top: first(row), left: first(column), n };
  }
  /** @param {number} value 1 lets the dies under the pen fail, 0 lets them pass */
  function paint(value) {
    const { top, left, n } = under(pen);
    const next = Uint8Array.from(failed);
    for (let row = top; row < top + n; row++) for (let column = left; column < left + n; column++) next[row * SIZE + column] = value;
    const drawing = encode(next);
    if (drawing === encode(failed)) return;
    // Further strokes of the same drag must see this one before the redraw.
    failed = next;
    change({ drawing });
  }
  function placeCursor() {
    const { top, left, n } = under(pen);
    set(cursor, { x: left * CELL, y: top * CELL, width: n * CELL, height: n * CELL });
  }
  board.addEventListener("pointerdown", (event) => {
    const die = event.button === 0 ? input.cellAt(event) : null;
    if (!die) return;
    pen = die;
    stroke = failed[pen.row * SIZE + pen.column] ? 0 : 1;
    board.setPointerCapture(event.pointerId);
    paint(stroke);
    placeCursor();
  });
  board.addEventListener("pointermove", (event) => {
    const die = stroke === null ? null : input.cellAt(event);
    if (!die || stroke === null) return;
    pen = die;
    paint(stroke);
    placeCursor();
  });
  for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => (stroke = null));
  board.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      pen = {
        row: Math.min(Math.max(pen.row + down, 0), SIZE - 1),
        column: Math.min(Math.max(pen.column + right, 0), SIZE - 1),
      };
      placeCursor();
      const here = !onWafer(pen.row, pen.column) ? "no die" : failed[pen.row * SIZE + pen.column] ? "failed" : "passed";
      say(words, `Row ${pen.row}, column ${pen.column}: ${here}.`);
    } else if (event.key === " " || event.key === "Enter") paint(failed[pen.row * SIZE + pen.column] ? 0 : 1);
    else return;
    event.preventDefault();
  });

  // Drawing the parts

  /** @type {ImageData[]} */
  const images = [];
  function drawStrips() {
    strips.forEach(({ canvas, side, gap, channels, across }, i) => {
      const { data } = pass.maps[i];
      const context = canvas.getContext("2d");
      if (!context) return;
      images[i] ??= context.createImageData(canvas.width, canvas.height);
      const pixels = new Uint32Array(images[i].data.buffer);
      const wide = canvas.width;
      for (let c = 0; c < channels; c++) {
        const values = data.subarray(c * side * side, (c + 1) * side * side);
        let high = 0;
        for (let k = 0; k < values.length; k++) if (values[k] > high) high = values[k];
        const start = Math.floor(c / across) * (side + gap) * wide + (c % across) * (side + gap);
        for (let row = 0, at = 0; row < side; row++)
          for (let to = start + row * wide, end = to + side; to < end; to++)
            pixels[to] = OPAQUE_GREYS[high && Math.round((values[at++] / high) * (OPAQUE_GREYS.length - 1))];
      }
      context.putImageData(images[i], 0, 0);
      set(canvas, {
        "aria-label": `Layer ${i + 1}: ${channels} maps of ${side} by ${side}, black for 0, white for each one's largest value. Its numbers are under “The numbers as tables”.`,
      });
    });
  }

  function drawFeature() {
    const { side, channels } = strips[state.layer - 1];
    const index = Math.min(state.map, channels) - 1;
    if (map.select.options.length !== channels)
      fill(map.select, ...Array.from({ length: channels }, (_, i) => html("option", { value: i + 1 }, i + 1)));
    layer.select.value = String(state.layer);
    map.select.value = String(index + 1);
    const values = pass.maps[state.layer - 1].data.subarray(index * side * side, (index + 1) * side * side);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const high = Math.max(...values);
    enlarged.draw({
      rows: side,
      columns: side,
      value: (row, column) => values[row * side + column],
      colours: "grey",
      low: 0,
      high,
      format: short,
      label: `Layer ${state.layer}, map ${index + 1}, ${side} by ${side}`,
    });
    const last = state.layer === STRIDES.length;
    const weight = network.headWeight.data[targetIndex() * channels + index];
    say(
      mapWords,
      last
        ? `Its mean is ${number(mean)}; times its weight for ${CLASSES[targetIndex()]}, ${number(weight)}, it adds ${number(mean * weight)} to the score.`
        : `Its mean is ${number(mean)}, its largest value ${number(high)}. Each value comes from ${state.layer === 1 ? "9 dies" : `9 places on each of the ${CHANNELS[state.layer - 2]} maps before it`}.`,
    );
  }

  const targetIndex = () => (state.target === "predicted" ? largest(pass.scores) : CLASSES.indexOf(state.target));
  /** @type {Result} */
  let evidence = cam(network, pass, 0);

  function drawEvidence() {
    const index = targetIndex();
    evidence = state.evidence === "cam" ? cam(network, pass, index) : gradient(network, pass, index);
    const [rows, columns] = evidence.shape;
    let [low, high] = [0, 0];
    for (const value of evidence.data) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    evidenceMap.draw({
      rows,
      columns,
      value: (row, column) => evidence.data[row * columns + column],
      colours: "signed",
      low,
      high,
      format: short,
      label: `${state.evidence === "cam" ? "Class activation map" : "Gradient of the score"} for ${CLASSES[index]}, ${rows} by ${columns}`,
    });
    legend(scale, "signed", low, high);
    const reach = number(Math.max(-low, high));
    set(scale, { "aria-label": `Colours: blue speaks against the class down to −${reach}, orange for it up to ${reach}` });
    // On the wafer, what the words speak of.
    const peak = peakOf(evidence, state.evidence);
    const step = SIZE / columns;
    outline.place(Math.floor(peak / columns) * step, (peak % columns) * step, step, step);
  }

  function drawScores() {
    const index = targetIndex();
    const reach = Math.max(...Array.from(pass.scores, Math.abs)) || 1;
    bars.forEach(({ line, bar, score, share }, i) => {
      const value = pass.scores[i];
      const length = (50 * Math.abs(value)) / reach;
      set(bar, {
        class: `lab-scorebar ${value < 0 ? "lab-minus" : "lab-plus"}`,
        style: `left:${value < 0 ? 50 - length : 50}%;width:${length}%`,
      });
      say(score, number(value));
      say(share, percent(pass.shares[i]));
      set(line, { "aria-pressed": String(i === index) });
    });
  }

  function drawFormula() {
    const index = targetIndex();
    const name = html("i", {}, CLASSES[index]);
    const mean = pass.scores[index] - network.headBias.data[index];
    const terms = Array.from(pass.means, (m, k) => ({ k, term: m * network.headWeight.data[index * 16 + k] }));
    const top = terms.sort((a, b) => Math.abs(b.term) - Math.abs(a.term)).slice(0, 3);
    fill(
      formula,
      html(
        "p",
        {},
        html("span", { class: "lab-symbols" }, "score = bias + mean of the class activation map"),
      ),
      html("p", {}, "score of ", name, ` = ${number(network.headBias.data[index])} + ${factor(mean)} = ${number(pass.scores[index])}`),
      html(
        "p",
        { class: "lab-leftover" },
        `The map is the sum of the 16 maps of layer 4, each times a weight. Most comes from ${top.map(({ k, term }) => `map ${k + 1} (${number(term)})`).join(", ")}.`,
      ),
    );
  }

  function drawTables() {
    if (!details.open) return;
    const { side, channels } = strips[state.layer - 1];
    const index = Math.min(state.map, channels) - 1;
    const { data } = pass.maps[state.layer - 1];
    fill(
      tables,
      numbersTable("Wafer: 0 no die, 0.5 passed, 1 failed", SIZE, SIZE, (r, c) => pass.input.data[r * SIZE + c]),
      numbersTable(
        `${state.evidence === "cam" ? "Class activation map" : "Gradient of the score"} for ${CLASSES[targetIndex()]}`,
        evidence.shape[0],
        evidence.shape[1],
        (r, c) => evidence.data[r * evidence.shape[1] + c],
      ),
      numbersTable(`Layer ${state.layer}, map ${index + 1}`, side, side, (r, c) => data[(index * side + r) * side + c]),
    );
  }

  let shown = "";
  let marked = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const source = state.drawing || `${state.wafer} ${state.example}`;
    const newWafer = source !== shown;
    if (newWafer) {
      shown = source;
      ({ failed, pass } = look(state));
      input.draw({
        rows: SIZE,
        columns: SIZE,
        value: (row, column) => pass.input.data[row * SIZE + column],
        colours: "grey",
        low: 0,
        high: 1,
        label: `Wafer with ${failed.reduce((a, b) => a + b, 0)} failed dies`,
      });
      drawStrips();
    }
    wafer.select.value = state.wafer;
    example.select.value = String(state.example);
    evidenceKind.select.value = state.evidence;
    target.select.value = state.target;
    set(back, { disabled: !state.drawing });
    const mark = `${state.target} ${state.evidence}`;
    if (newWafer || mark !== marked) {
      marked = mark;
      drawEvidence();
      drawScores();
      drawFormula();
    }
    drawFeature();
    drawTables();
    placeCursor();
    say(words, summary(state, pass, evidence, targetIndex()));
    trial.show(state);
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  const stop = whenIdle(EXPERIMENTS.map((experiment) => () => look(clean({ ...DEFAULTS, ...experiment.state }), true)));
  return () => {
    stop();
    unwatch();
  };
}

export default { render, clean };
