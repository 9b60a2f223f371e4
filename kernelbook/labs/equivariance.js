/**
 * The lab Equivariance: is "move, then layer" the same as "layer, then move"?
 *
 * The picture moves round: what leaves on one side comes in on the other, so that a move loses nothing. compute() knows
 * nothing of the page; render() draws the square x, T x, f(x), f(T x), T f(x).
 */
import { matrix, oneOf, whole } from "./lib/checks.js";
import { PADDING_MODES, conv2d } from "./lib/conv.js";
import { choice, fill, html, root, say, set, slider, svg, uniqueId } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { fitNumbers } from "./lib/fit.js";
import { by, number, percent } from "./lib/format.js";
import { CELL, NumberMap, numbersTable } from "./lib/map.js";
import { read, watch, write } from "./lib/model.js";
import { fromRows, namedPicture, noise } from "./lib/pictures.js";
import { difference, pool } from "./lib/pool.js";
import { ARROWS, sketch } from "./lib/sketch.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/pictures.js").Picture} Picture */

const LARGEST_IMAGE = 32;
const LARGEST_MOVE = 8;
const SHAPE = ["00100000", "00100000", "00110000"];
const OBJECT = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => Number(SHAPE[i - 2]?.[j] ?? 0)));

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  image: "object",
  pixels: OBJECT,
  kernel: "sobel_x",
  border: "zeros",
  stride: 2,
  down: 0,
  right: 1,
  view: "convolution",
});
const NAMES = Object.keys(DEFAULTS);

/** @type {Record<string, string>} */
const IMAGES = { object: "A small object", digit: "Digit", wafer: "Wafer map", noise: "Noise", drawn: "Your drawing" };

/** @type {Record<string, {title: string, weights: number[]}>} */
export const KERNELS = {
  sobel_x: { title: "Sobel X", weights: [-1, 0, 1, -2, 0, 2, -1, 0, 1] },
  sobel_y: { title: "Sobel Y", weights: [-1, -2, -1, 0, 0, 0, 1, 2, 1] },
  laplacian: { title: "Laplacian", weights: [0, 1, 0, 1, -4, 1, 0, 1, 0] },
  sharpen: { title: "Sharpen", weights: [0, -1, 0, -1, 5, -1, 0, -1, 0] },
};

/** @type {Record<string, string>} */
const VIEWS = {
  convolution: "Convolution, stride 1",
  strided: "Convolution, stride S",
  pooled: "The first, max-pooled S × S",
  mean: "Global mean of the first",
  strided_mean: "Global mean of the second",
};
/** @param {string} view @param {State} state */
const titleOf = (view, { stride }) => VIEWS[view].replace("S × S", by(stride, stride)).replace(/S$/, String(stride));

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "The exact case",
    text: "The layer's border wraps round, as the move does. Predict how many of the 64 values differ after a move by 3. Then try any other move: is it ever another number?",
    state: { border: "circular", right: 3 },
  },
  {
    title: "Far from the border",
    text: "Zeros round the picture now, and still no value differs: the object and its answer stay inside. At which move to the right does the first difference appear?",
    state: { kernel: "laplacian", right: 1 },
  },
  {
    title: "The border is carried along",
    text: "Noise everywhere, zeros round it, a move by 5. Which columns can differ? Guess before you look at the marks: the two at the border, and the two where the border has been carried to.",
    state: { image: "noise", right: 5 },
  },
  {
    title: "Stride 2, a move by 2",
    text: "The strided map has half the rows and columns. Moving the picture by 2 moves it by 1, exactly. Predict what a move by 1 does, then choose it.",
    state: { view: "strided", border: "circular", right: 2 },
  },
  {
    title: "Stride 2, a move by 1",
    text: "No move of the strided map gives what the layer sees now: half a cell does not exist. The lab shows the whole move that comes closest. How many values does it get right?",
    state: { view: "strided", border: "circular", right: 1, image: "noise" },
  },
  {
    title: "Pooling does not mend it",
    text: "Max pooling is said to make a network indifferent to small moves. Predict the share of equal values after a move by 1, then read it in the third row of the table.",
    state: { view: "pooled", border: "circular", right: 1, image: "noise" },
  },
  {
    title: "Invariant at last",
    text: "The mean over all places forgets where things were: four numbers, one for each kernel, and none of them changes. This is invariance, and it needs the circular border and stride 1.",
    state: { view: "mean", border: "circular", down: 2, right: 3, image: "noise" },
  },
  {
    title: "Almost invariant",
    text: "The same with zeros round the picture. The border's pixels now count differently from the others. Predict: do the four means change by a tenth, a hundredth, or not at all?",
    state: { view: "mean", right: 1, image: "noise" },
  },
  {
    title: "A stride undoes it",
    text: "Circular border again, but the mean is taken after stride 2: every second place is never asked. Compare the largest difference with that of the row above.",
    state: { view: "strided_mean", border: "circular", right: 1, image: "noise" },
  },
  {
    title: "A wafer, five dies to the right",
    text: "A real picture is dark towards its corners, so zeros fit it better than noise. Where do the marks appear, and how many values are still equal?",
    state: { image: "wafer", right: 5 },
  },
];

// The mathematics

/** The picture before the move. @param {State} state @returns {Picture} */
export function picture(state) {
  if (state.image === "noise") return noise(16);
  if (state.image === "digit" || state.image === "wafer") return namedPicture(state.image);
  return fromRows(state.image === "drawn" ? state.pixels : OBJECT);
}

/** A picture moved round its own edges, as torch.roll does. @param {Picture} x @param {number} down @param {number} right @returns {Picture} */
export function roll(x, down, right) {
  const { height, width } = x;
  const data = new Float64Array(height * width);
  const wrap = (/** @type {number} */ i, /** @type {number} */ n) => ((i % n) + n) % n;
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) data[wrap(i + down, height) * width + wrap(j + right, width)] = x.data[i * width + j];
  return { height, width, data };
}

/**
 * Convolution with one 3 x 3 kernel, padding 1, then ReLU.
 * @param {Picture} x @param {string} kernel @param {import("./lib/conv.js").PaddingMode} mode @param {number} stride
 * @returns {Picture}
 */
function convolve(x, kernel, mode, stride) {
  const { data, shape } = conv2d(
    { data: x.data, shape: [1, 1, x.height, x.width] },
    { data: KERNELS[kernel].weights, shape: [1, 1, 3, 3] },
    { stride, padding: 1, mode },
  );
  return { height: shape[2], width: shape[3], data: data.map((v) => Math.max(v, 0)) };
}

/**
 * The layer of a view on one picture; a global mean is a picture of one row, a column for each kernel.
 * @param {State} state @param {string} view @param {Picture} x @returns {Picture}
 */
export function layer(state, view, x) {
  const { kernel, border, stride } = state;
  if (view === "convolution") return convolve(x, kernel, border, 1);
  if (view === "strided") return convolve(x, kernel, border, stride);
  if (view === "pooled") {
    const options = { window: stride, stride, padding: 0, ceil: false, countPad: true };
    const { rows, columns, data } = pool(convolve(x, kernel, border, 1), "max", options);
    return { height: rows.output, width: columns.output, data };
  }
  const means = Object.keys(KERNELS).map((name) => {
    const { data } = convolve(x, name, border, view === "mean" ? 1 : stride);
    // The sum first: whole numbers add up without error, in any order.
    return Array.from(data).reduce((sum, v) => sum + v, 0) / data.length;
  });
  return { height: 1, width: means.length, data: means };
}

/**
 * One view on both ways round.
 * @param {State} state @param {string} view
 */
export function compare(state, view) {
  const x = picture(state);
  const before = layer(state, view, x);
  const movedFirst = layer(state, view, roll(x, state.down, state.right));
  const step = view === "convolution" ? 1 : view === "mean" || view === "strided_mean" ? 0 : state.stride;
  const fits = step > 0 && state.down % step === 0 && state.right % step === 0;
  /** @type {[number, number]} */
  let shift = [0, 0];
  if (fits) shift = [state.down / step + 0, state.right / step + 0];
  else if (step) {
    // No move of the map is half a cell: of the whole ones on either side, the closest in the sum of all differences.
    let least = Infinity;
    const sides = (/** @type {number} */ n) => [Math.floor(n / step) + 0, Math.ceil(n / step) + 0];
    for (const a of sides(state.down))
      for (const b of sides(state.right)) {
        let sum = 0;
        const { data } = roll(before, a, b);
        for (let i = 0; i < data.length; i++) sum += Math.abs(data[i] - movedFirst.data[i]);
        // A tie goes to the first, however the sums were rounded.
        if (sum < least * (1 - 1e-9)) [least, shift] = [sum, [a, b]];
      }
  }
  const layerFirst = roll(before, shift[0], shift[1]);
  const total = Array.from(movedFirst.data).reduce((sum, v) => sum + v, 0);
  return {
    view,
    before,
    movedFirst,
    layerFirst,
    shift,
    fits: fits || !step,
    global: !step,
    mean: total / movedFirst.data.length,
    ...difference(layerFirst.data, movedFirst.data),
  };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  const pixels = matrix(raw.pixels, LARGEST_IMAGE, d.pixels);
  return {
    image: oneOf(raw.image, Object.keys(IMAGES), d.image),
    pixels: Math.min(pixels.length, pixels[0].length) < 4 ? d.pixels.map((row) => [...row]) : pixels,
    kernel: oneOf(raw.kernel, Object.keys(KERNELS), d.kernel),
    border: oneOf(raw.border, PADDING_MODES, d.border),
    stride: whole(raw.stride, 1, 4, d.stride),
    down: whole(raw.down, -LARGEST_MOVE, LARGEST_MOVE, d.down),
    right: whole(raw.right, -LARGEST_MOVE, LARGEST_MOVE, d.right),
    view: oneOf(raw.view, Object.keys(VIEWS), d.view),
  };
}

// Words

/** Small numbers with their first digits. @param {number} value */
const precise = (value) => (value !== 0 && Math.abs(value) < 0.01 ? value.toPrecision(1) : number(value));

/** @param {[number, number]} shift */
function shiftWords([down, right]) {
  const parts = [
    down && `${Math.abs(down)} ${down > 0 ? "down" : "up"}`,
    right && `${Math.abs(right)} ${right > 0 ? "right" : "left"}`,
  ].filter(Boolean);
  return parts.join(", ") || "none";
}

/** What a view shows, in words. @param {State} state @param {ReturnType<typeof compare>} result */
export function summary(state, result) {
  const { equal, total, largest, fits, global, shift, mean } = result;
  const move = shiftWords([state.down, state.right]);
  const moved = move === "none" ? "The picture is not moved." : `The picture is moved ${move}.`;
  const verdict =
    equal === total
      ? global
        ? `All ${total} means stay exactly what they were: the vector is invariant to this move.`
        : `All ${total} values are equal: to move and then apply the layer is to apply it and then move.`
      : `${equal} of ${total} values are equal (${percent(equal, total)}); the largest difference is ${precise(largest)}, where the values average ${number(mean)}.`;
  const how = global
    ? ""
    : fits
      ? `The map has to move ${shiftWords(shift) === "none" ? "by nothing" : shiftWords(shift)}. `
      : `No move of the map fits, since S = ${state.stride} does not divide this one; the closest whole one is ${shiftWords(shift)}. `;
  return `${moved} ${how}${verdict}`;
}

// The page

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  /** @type {ReturnType<typeof compare>[]} */
  let results = [];
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const id = uniqueId("equivariance");

  const tries = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    invitation: "Move the object and compare the two ways round. Or start with an experiment from the list.",
  });

  // Controls
  const imageChoice = choice("Picture x", Object.entries(IMAGES), (image) => change({ image }));
  const kernel = choice(
    "Kernel of the maps",
    Object.entries(KERNELS).map(([name, { title }]) => [name, title]),
    (value) => change({ kernel: value }),
  );
  const border = choice(
    "The layer's border",
    PADDING_MODES.map((mode) => [mode, mode]),
    (value) => change({ border: value }),
  );
  const down = slider("Move T: down", -LARGEST_MOVE, LARGEST_MOVE, (value) => change({ down: value }));
  const right = slider("Move T: right", -LARGEST_MOVE, LARGEST_MOVE, (value) => change({ right: value }));
  const stride = slider("Stride S", 1, 4, (value) => change({ stride: value }));

  // The square of maps
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const titles = ["x", "f(x)", "T x", "f(T x)", "T f(x)"];
  const notes = ["the picture", "through the layer", "moved", "moved, then layer", "layer, then moved"];
  const maps = titles.map((_, i) => new NumberMap(i % 2 || i === 4 ? "lab-output" : "lab-input"));
  const marks = [3, 4].map((i) => {
    const path = svg("path", { class: "lab-changed" });
    maps[i].overlay.append(path);
    return path;
  });
  const drawing = sketch({
    map: maps[0],
    largest: 16,
    sizes: [4, 5, 6, 8, 10, 12, 16],
    change: (pixels) => change({ image: "drawn", pixels }),
    speak: (text) => say(words, text),
  });
  const boards = maps.map((map, i) => (i === 0 ? drawing.board : html("div", { class: "lab-board" }, map.svg)));
  set(boards[2], {
    tabindex: 0,
    role: "application",
    "aria-label": "The moved picture. The arrow keys move it, Home puts it back.",
  });
  const cells = boards.map((board, i) =>
    html(
      "div",
      { class: `lab-corner lab-corner-${i}` },
      html("p", { class: "lab-corner-title" }, html("span", { class: "lab-symbols" }, titles[i]), html("span", { class: "lab-note" }, notes[i])),
      board,
    ),
  );
  const legend = html("p", { class: "lab-note lab-corner-legend" });
  const table = html("table", { class: "lab-table lab-views" });
  const body = html("tbody", {});
  /** @type {{radio: HTMLInputElement, name: HTMLElement, cells: HTMLElement[]}[]} */
  const rows = Object.entries(VIEWS).map(([view, title], i) => {
    const radio = html("input", {
      type: "radio",
      name: `${id}-view`,
      value: view,
      "aria-label": title,
      onchange: () => change({ view }),
    });
    const values = [0, 1, 2, 3].map(() => html("td", {}));
    const name = html("th", { scope: "row" }, `${i + 1}. ${title}`);
    body.append(html("tr", {}, html("td", {}, radio), name, ...values));
    return { radio, name, cells: values };
  });
  fill(
    table,
    html("caption", {}, "Which layer f? Every convolution is 3 × 3 with padding 1, followed by ReLU."),
    html(
      "thead",
      {},
      html("tr", {}, html("td", {}), ...["Layer f", "Map moves", "Equal values", "Largest difference", "Mean value"].map((t) => html("th", { scope: "col" }, t))),
    ),
    body,
  );
  const tables = html("div", {});
  const details = html("details", { ontoggle: () => drawTables() }, html("summary", {}, "The numbers as tables"), tables);
  const stage = html("div", { class: "lab-stage" }, html("div", { class: "lab-square" }, ...cells, legend), drawing.tools);

  const fit = fitNumbers(maps);
  root(el, "lab-equivariance");
  fill(
    el,
    tries.row,
    html("div", { class: "lab-settings", role: "group", "aria-label": "Move and layer" }, imageChoice.field, down.field, right.field, kernel.field, border.field, stride.field),
    stage,
    words,
    html("div", { class: "lab-scroll lab-tall", tabindex: 0, role: "group", "aria-label": "Layers" }, table),
    details,
    toolbar(model, NAMES),
  );

  boards[2].addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const keep = (/** @type {number} */ n) => Math.min(Math.max(n, -LARGEST_MOVE), LARGEST_MOVE);
    if (event.key in ARROWS) {
      const [a, b] = ARROWS[event.key];
      change({ down: keep(state.down + a), right: keep(state.right + b) });
    } else if (event.key === "Home") change({ down: 0, right: 0 });
    else return;
    event.preventDefault();
  });

  // Drawing

  /** @param {ArrayLike<number>[]} parts @param {number} high @returns {{colours: "grey" | "signed", low: number, high: number}} */
  function range(parts, high) {
    let low = 0;
    for (const part of parts)
      for (const value of Array.from(part)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    return { colours: low < 0 ? "signed" : "grey", low, high };
  }

  function drawMaps() {
    const x = picture(state);
    const result = results.find((r) => r.view === state.view) ?? results[0];
    const { before, movedFirst, layerFirst, global } = result;
    const inside = range([x.data], Math.max(x.height, x.width) > 8 && state.image !== "drawn" ? 255 : 1);
    const outside = range([before.data, movedFirst.data, layerFirst.data], 1e-9);
    const names = [
      IMAGES[state.image],
      `${titleOf(state.view, state)}`,
      `${IMAGES[state.image]}, moved ${shiftWords([state.down, state.right])}`,
      "Moved first, then the layer",
      "The layer first, then moved",
    ];
    [x, before, roll(x, state.down, state.right), movedFirst, layerFirst].forEach(({ height, width, data }, i) => {
      maps[i].draw({
        rows: height,
        columns: width,
        value: (row, column) => data[row * width + column],
        ...(i === 0 || i === 2 ? inside : outside),
        label: `${names[i]}, ${by(height, width)}`,
      });
      set(boards[i], { style: `--n:${width}${global && i % 2 | Number(i === 4) ? ";--cell:var(--wide)" : ""}` });
    });
    let d = "";
    const { width } = movedFirst;
    for (let k = 0; k < movedFirst.data.length; k++)
      if (movedFirst.data[k] !== layerFirst.data[k])
        d += `M${(k % width) * CELL + 4} ${Math.floor(k / width) * CELL + 4}h${CELL - 8}v${CELL - 8}h${8 - CELL}z`;
    for (const mark of marks) set(mark, { d });
    const { view, total, equal, fits } = result;
    const columns = Object.values(KERNELS).map(({ title }) => title);
    say(
      legend,
      `f: ${titleOf(view, state).toLowerCase()}. ` +
        (global ? `One mean for each kernel: ${columns.join(", ")}. A vector has no place, so T leaves it as it is. ` : "") +
        (fits ? "" : "T f(x) is the whole move of the map that comes closest. ") +
        (equal === total ? "Nothing is marked: f(T x) equals T f(x)." : "Marked: where f(T x) and T f(x) differ."),
    );
    set(stage, { style: `--side:${x.width};--out:${before.width}`, class: `lab-stage ${global ? "lab-global" : ""}` });
    drawing.show(x, state.image === "drawn");
    return result;
  }

  function drawViews() {
    results.forEach((r, i) => {
      const { radio, name, cells: values } = rows[i];
      const title = titleOf(r.view, state);
      say(name, `${i + 1}. ${title}`);
      set(radio, { "aria-label": title });
      radio.checked = r.view === state.view;
      say(values[0], r.global ? "–" : r.fits ? shiftWords(r.shift) : `nearest: ${shiftWords(r.shift)}`);
      say(values[1], `${r.equal} of ${r.total} (${percent(r.equal, r.total)})`);
      say(values[2], precise(r.largest));
      say(values[3], number(r.mean));
    });
  }

  function drawTables() {
    if (!details.open) return;
    const result = results.find((r) => r.view === state.view) ?? results[0];
    const x = picture(state);
    const shown = [x, result.before, roll(x, state.down, state.right), result.movedFirst, result.layerFirst];
    fill(
      tables,
      ...shown.map(({ height, width, data }, i) =>
        numbersTable(`${titles[i]}: ${notes[i]}`, height, width, (r, c) => data[r * width + c]),
      ),
    );
  }

  let drawn = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const { view: _view, ...rest } = state;
    const wanted = JSON.stringify(rest);
    if (wanted !== drawn) {
      drawn = wanted;
      results = Object.keys(VIEWS).map((view) => compare(state, view));
      imageChoice.select.value = state.image;
      kernel.select.value = state.kernel;
      border.select.value = state.border;
      down.show(state.down);
      right.show(state.right);
      stride.show(state.stride);
    }
    tries.show(state);
    drawViews();
    const result = drawMaps();
    drawTables();
    fit.soon();
    say(words, summary(state, result));
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return () => {
    unwatch();
    fit.stop();
  };
}

export default { render, clean };
