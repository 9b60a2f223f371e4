/**
 * The lab ReceptiveField: which pixels one unit of a chain of layers can see, and which it listens to.
 *
 * The mathematics is in lib/field.js; compute() applies it to a state and render() draws the result.
 */
import { oneOf, whole } from "./lib/checks.js";
import { choice, field, fill, html, root, say, set, svg, uniqueId } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { extent, paths, sideHolding, walk } from "./lib/field.js";
import { by, number, percent, plural } from "./lib/format.js";
import { CELL, NumberMap, frame, numbersTable } from "./lib/map.js";
import { read, watch, write } from "./lib/model.js";
import { namedPicture } from "./lib/pictures.js";
import { ARROWS } from "./lib/sketch.js";
import { LARGEST_STACK, cleanLayers, stackEditor } from "./lib/stack.js";
import { toolbar } from "./lib/toolbar.js";
import architectures from "./lib/architectures.json" with { type: "json" };

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/field.js").Layer} Layer */

const OWN_SIZE = 32;
const LARGEST_SIZE = 512;
const NETWORKS = /** @type {Record<string, {title: string, size: number, layers: {name: string, window: Layer}[]}>} */ (
  /** @type {unknown} */ (architectures)
);

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  network: "own",
  layers: [
    [0, 3, 1, 1, 1],
    [0, 3, 1, 1, 1],
    [1, 2, 2, 0, 1],
    [0, 3, 1, 1, 1],
  ],
  size: 0,
  layer: 0,
  row: -1,
  column: -1,
});
const NAMES = Object.keys(DEFAULTS);

/** @param {number} count @param {number[]} layer */
const repeat = (count, layer) => Array(count).fill(layer);
const CONV = [0, 3, 1, 1, 1];
const HALVE = [0, 3, 2, 1, 1];

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "Three small for one large",
    text: "Predict the field after each of three 3 × 3 layers before you read the table. A single 7 × 7 layer sees as much, with 49 weights instead of 27.",
    state: { layers: repeat(3, CONV) },
  },
  {
    title: "A stride acts later",
    text: "Stride 2 in the first layer. Does it widen that layer's own field? Predict both fields: 3, then 7. A stride multiplies the reach of the layers after it, never its own.",
    state: { layers: [HALVE, CONV] },
  },
  {
    title: "A table put right",
    text: "This chain circulates with the fields 7, 15, 19, 23, …, 199. Work out the second one: 7 + (3 − 1)·2. It is 11, and the last is 259: more than the picture.",
    state: {
      layers: [[0, 7, 2, 3, 1], [1, 3, 2, 1, 1], CONV, CONV, HALVE, CONV, HALVE, CONV, HALVE, CONV, HALVE],
      size: 224,
    },
  },
  {
    title: "Seeing is not listening",
    text: "Eight layers see 17 × 17 pixels. From how large a square does half of the gradient come? Guess before you read the numbers. The corner has one path to the unit, the middle more than a million.",
    state: { layers: repeat(8, CONV), size: 33 },
  },
  {
    title: "VGG-16, layer by layer",
    text: "A unit of the last pooling sees 212 of 224 pixels. Walk up the table, layer by layer, and watch field and effective field grow apart.",
    state: { network: "vgg16" },
  },
  {
    title: "Past the border",
    text: "The frame is 427 pixels wide, the picture 224. Move the unit to a corner: what does the rest of its field consist of?",
    state: { network: "resnet50" },
  },
  {
    title: "Dilation reaches far",
    text: "Three 3 × 3 layers again, with dilations 1, 2 and 4. Predict the field: 7 as before, or more? Swap the layers: does the order change it?",
    state: { layers: [CONV, [0, 3, 1, 2, 2], [0, 3, 1, 4, 4]] },
  },
  {
    title: "Dilation leaves holes",
    text: "All dilations are 2. The field is 13 × 13, yet the gradient reaches 49 of its 169 pixels. Set one dilation to 1 and look again.",
    state: { layers: repeat(3, [0, 3, 1, 2, 2]) },
  },
  {
    title: "Pixels that nobody reads",
    text: "A 1 × 1 kernel with stride 2 stands in every ResNet's shortcut. The field is one pixel and the jump two: which share of the picture does no unit see?",
    state: { layers: [[0, 1, 2, 0, 1]], size: 8 },
  },
];

// The mathematics

/** Layers with their names, and the input size. @param {State} state */
export function chain(state) {
  if (state.network === "own")
    return {
      layers: /** @type {Layer[]} */ (state.layers),
      names: /** @type {number[][]} */ (state.layers).map(([kind]) => (kind === 1 ? "pool" : "conv")),
      size: state.size || OWN_SIZE,
    };
  const { layers, size } = NETWORKS[state.network];
  return { layers: layers.map((l) => l.window), names: layers.map((l) => l.name), size: state.size || size };
}

/**
 * Everything a state stands for.
 * @param {State} state a clean state
 */
export function compute(state) {
  const { layers, names, size } = chain(state);
  const { fields, error } = walk(layers, size);
  const index = Math.min(state.layer || layers.length, fields.length) - 1;
  if (index < 0) return { layers, names, size, fields, error, index, at: null };
  const here = fields[index];
  const place = (/** @type {number} */ unit) => (unit < 0 ? Math.floor(here.size / 2) : Math.min(unit, here.size - 1));
  const [row, column] = [place(state.row), place(state.column)];
  const used = layers.slice(0, index + 1);
  const [rows, columns] = [paths(used, size, row), paths(used, size, column)];
  const reach = (/** @type {number} */ unit) => {
    const first = here.start + unit * here.jump;
    return { first, last: first + here.field - 1 };
  };
  return {
    layers,
    names,
    size,
    fields,
    error,
    index,
    at: { row, column, rows, columns, vertical: reach(row), horizontal: reach(column) },
  };
}

/** @typedef {ReturnType<typeof compute>} Result */
/** @typedef {NonNullable<Result["at"]>} Place */

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  return {
    network: oneOf(raw.network, ["own", ...Object.keys(NETWORKS)], d.network),
    layers: cleanLayers(raw.layers, d.layers),
    size: whole(raw.size, 4, LARGEST_SIZE, d.size),
    layer: whole(raw.layer, 0, LARGEST_STACK, d.layer),
    row: whole(raw.row, -1, 1e6, d.row),
    column: whole(raw.column, -1, 1e6, d.column),
  };
}

// Words

/** How many of n pixels from first to last are on a picture. @param {{first: number, last: number}} reach @param {number} size */
const onPicture = ({ first, last }, size) => Math.max(Math.min(last, size - 1) - Math.max(first, 0) + 1, 0);

/** What is seen and what is listened to. @param {Result} result @param {Place} at */
export function measures({ size, fields, index }, at) {
  const { field: r } = fields[index];
  const [down, across] = [extent(at.rows), extent(at.columns)];
  return {
    field: r,
    seen: /** @type {[number, number]} */ ([onPicture(at.vertical, size), onPicture(at.horizontal, size)]),
    reached: (down?.count ?? 0) * (across?.count ?? 0),
    half: sideHolding(at.rows, at.columns, 0.5),
    most: sideHolding(at.rows, at.columns, 0.95),
  };
}

/** What the lab shows, in words. @param {Result} result */
export function summary(result) {
  const { at, fields, index, names, size, error } = result;
  if (!at) return `No map: ${error}`;
  const here = fields[index];
  const m = measures(result, at);
  const span = (/** @type {{first: number, last: number}} */ { first, last }) =>
    first === last ? number(first) : `${number(first)} to ${number(last)}`;
  const words = [
    `Layer ${index + 1} (${names[index]}): the unit in row ${at.row}, column ${at.column} of ${by(here.size, here.size)} sees ${by(m.field, m.field)} pixels, rows ${span(at.vertical)}, columns ${span(at.horizontal)}.`,
  ];
  if (m.seen[0] < m.field || m.seen[1] < m.field)
    words.push(`Of these, ${by(...m.seen)} lie on the picture of ${by(size, size)}; the rest is padding.`);
  const inside = m.seen[0] * m.seen[1];
  if (m.reached < inside) words.push(`The gradient reaches ${m.reached} of ${inside} pixels.`);
  if (m.reached)
    words.push(
      `Half of the gradient comes from ${by(m.half, m.half)} pixels in the middle, 95 % from ${by(m.most, m.most)}.`,
    );
  if (error) words.push(error);
  return words.join(" ");
}

// The page

const LEVELS = 40;

/**
 * Strips of one axis, by strength: the picture of two axes is the product of two sets of strips, so that a heat map of
 * 512 x 512 pixels costs tens of elements.
 * @param {ArrayLike<number>} weights @param {(at: number) => string} path of the strip at a pixel
 */
function strips(weights, path) {
  const most = Math.max(...Array.from(weights));
  /** @type {Map<number, string>} */
  const levels = new Map();
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    const level = Math.max(1, Math.round((weights[i] / most) * LEVELS));
    levels.set(level, (levels.get(level) ?? "") + path(i));
  }
  return [...levels].map(([level, d]) => ({ opacity: level / LEVELS, d }));
}

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  let result = compute(state);
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const id = uniqueId("receptive");

  const tries = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["layer", "row", "column"],
    invitation: "Build a chain of layers or load a known one, and pick a unit. Or start with an experiment from the list.",
  });

  // Controls
  const network = choice(
    "Network",
    [["own", "Your own layers"], ...Object.entries(NETWORKS).map(([key, { title }]) => /** @type {[string, string]} */ ([key, title]))],
    (value) => change({ network: value, size: 0, layer: 0, row: -1, column: -1 }),
  );
  /** @param {string} name @param {number} least */
  const entry = (name, least) => {
    const input = html("input", {
      type: "number",
      min: least,
      step: 1,
      oninput: () => {
        const value = input.valueAsNumber;
        if (Number.isInteger(value) && value >= least && value <= Number(input.max)) change({ [name]: value });
      },
    });
    return input;
  };
  const sizeInput = entry("size", 4);
  set(sizeInput, { max: LARGEST_SIZE });
  const rowInput = entry("row", 0);
  const columnInput = entry("column", 0);
  const middle = html("button", { type: "button", onclick: () => change({ row: -1, column: -1 }) }, "Middle unit");

  // Picture
  const picture = namedPicture("photograph");
  const photo = new NumberMap("lab-sight-photo");
  photo.draw({
    rows: picture.height,
    columns: picture.width,
    value: (row, column) => picture.data[row * picture.width + column],
    colours: "grey",
    low: 0,
    high: 255,
    label: "",
  });
  set(photo.svg, { role: null, "aria-label": null, "aria-hidden": "true", x: 0, y: 0, preserveAspectRatio: "none" });
  set(photo.svg, { viewBox: `0 0 ${picture.width * CELL} ${picture.height * CELL}` });
  const maskRows = svg("g", {});
  const heat = svg("g", { class: "lab-sight-heat", mask: `url(#${id}-rows)` });
  const border = svg("rect", { class: "lab-sight-border" });
  const neighbour = svg("rect", { class: "lab-sight-next" });
  const theory = frame();
  const dot = svg("circle", { class: "lab-sight-dot" });
  const map = svg(
    "svg",
    { class: "lab-sight", role: "img" },
    svg("defs", {}, svg("mask", { id: `${id}-rows`, maskUnits: "userSpaceOnUse", x: 0, y: 0, width: LARGEST_SIZE, height: LARGEST_SIZE }, maskRows)),
    photo.svg,
    heat,
    border,
    neighbour,
    theory.group,
    dot,
  );
  const board = html(
    "div",
    {
      class: "lab-sight-board",
      tabindex: 0,
      role: "application",
      "aria-label": "Picture. The arrow keys move the unit, Home and End go to the corners.",
    },
    map,
  );
  const profileLine = svg("path", { class: "lab-sight-heat lab-sight-profile-line" });
  const profileEdges = svg("path", { class: "lab-sight-profile-edges" });
  const profile = svg("svg", { class: "lab-sight-profile", role: "img", preserveAspectRatio: "none" }, profileLine, profileEdges);
  const facts = html("dl", { class: "lab-sight-facts" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });

  // Layers
  const editor = stackEditor((layers) => change({ network: "own", layers, layer: 0 }));
  const copy = html(
    "button",
    {
      type: "button",
      onclick: () => change({ network: "own", layers: result.layers.map((layer) => [...layer]), size: result.size, layer: 0 }),
    },
    "Change its layers",
  );
  const copyRow = html("div", {}, copy);
  const sorry = html("p", { class: "lab-error", hidden: true });
  const table = html("table", { class: "lab-table lab-sight-layers", "aria-label": "Layers and their fields" });
  const scroll = html("div", { class: "lab-scroll", tabindex: 0, role: "group", "aria-label": "Layers and their fields" }, table);
  const formula = html("div", { class: "lab-formula" });
  const tables = html("div", {});
  const details = html("details", { ontoggle: () => drawTables() }, html("summary", {}, "The effective field as a table"), tables);

  root(el, "lab-receptive-field");
  fill(
    el,
    tries.row,
    html(
      "div",
      { class: "lab-settings lab-sight-controls", role: "group", "aria-label": "Network and unit" },
      network.field,
      field("Picture side", sizeInput),
      field("Unit row", rowInput),
      field("Unit column", columnInput),
      middle,
    ),
    html(
      "div",
      { class: "lab-stage" },
      html(
        "div",
        { class: "lab-sight-panel" },
        board,
        html("p", { class: "lab-note" }, "Frame: everything that the unit can see. Orange: how much each pixel counts. Dashed: the next unit's field."),
        profile,
        html("p", { class: "lab-note" }, "The same along one row through the middle of the field."),
      ),
      html("div", { class: "lab-sight-side" }, facts, words),
    ),
    sorry,
    editor.element,
    copyRow,
    html("p", { class: "lab-note" }, "Choose the layer whose unit looks. Field, jump and start are pixels of the picture."),
    scroll,
    formula,
    details,
    toolbar(model, NAMES),
  );

  // Moving the unit

  /** @param {number} row @param {number} column */
  function goTo(row, column) {
    const last = result.fields[result.index]?.size - 1;
    if (!result.at) return;
    change({ row: Math.min(Math.max(row, 0), last), column: Math.min(Math.max(column, 0), last) });
  }
  board.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !result.at) return;
    const { row, column } = result.at;
    if (event.key in ARROWS) goTo(row + ARROWS[event.key][0], column + ARROWS[event.key][1]);
    else if (event.key === "Home") goTo(0, 0);
    else if (event.key === "End") goTo(Infinity, Infinity);
    else return;
    event.preventDefault();
  });
  board.addEventListener("pointerdown", (event) => {
    const here = result.fields[result.index];
    const matrix = map.getScreenCTM();
    if (!here || !matrix) return;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const unit = (/** @type {number} */ pixel) => Math.round((pixel - here.start - here.field / 2) / here.jump);
    goTo(unit(point.y), unit(point.x));
  });

  // Drawing

  function drawPicture() {
    const { at, size, fields, index } = result;
    for (const part of [heat, neighbour, theory.group, dot, profile]) set(part, { display: at ? null : "none" });
    set(photo.svg, { width: size, height: size });
    set(border, { x: 0, y: 0, width: size, height: size });
    if (!at) {
      set(map, { viewBox: `-1 -1 ${size + 2} ${size + 2}`, "aria-label": "Picture without a field" });
      return;
    }
    const { field: r, jump } = fields[index];
    const { vertical, horizontal } = at;
    // As much of the surroundings as the frame needs, within reason.
    const room = 0.6 * size;
    const low = Math.max(Math.min(0, vertical.first, horizontal.first), -room);
    const high = Math.min(Math.max(size, vertical.last + 1, horizontal.last + 1), size + room);
    const edge = (high - low) * 0.015;
    const box = [low - edge, high - low + 2 * edge];
    set(map, {
      viewBox: `${box[0]} ${box[0]} ${box[1]} ${box[1]}`,
      "aria-label": `Picture of ${by(size, size)} with the field of the unit, ${by(r, r)}`,
    });
    fill(maskRows, ...strips(at.rows, (i) => `M0 ${i}h${size}v1h${-size}z`).map(({ opacity, d }) => svg("path", { fill: "#fff", "fill-opacity": opacity, d })));
    fill(heat, ...strips(at.columns, (i) => `M${i} 0h1v${size}h-1z`).map(({ opacity, d }) => svg("path", { "fill-opacity": opacity, d })));
    place(theory.group.children[0], horizontal.first, vertical.first, r);
    place(theory.group.children[1], horizontal.first, vertical.first, r);
    const beside = fields[index].size === 1 ? 0 : at.column + 1 < fields[index].size ? jump : -jump;
    place(neighbour, horizontal.first + beside, vertical.first, r);
    set(dot, { cx: horizontal.first + r / 2, cy: vertical.first + r / 2, r: box[1] * 0.009 });

    const most = Math.max(...at.columns);
    let d = `M${box[0]} 10`;
    at.columns.forEach((weight, i) => {
      if (weight) d += `H${i}V${10 - (9 * weight) / most}H${i + 1}V10`;
    });
    set(profile, {
      viewBox: `${box[0]} 0 ${box[1]} 10`,
      "aria-label": `Along one row: highest in the middle, from column ${number(horizontal.first)} to ${number(horizontal.last)}`,
    });
    set(profileLine, { d });
    set(profileEdges, { d: `M${horizontal.first} 0V10M${horizontal.last + 1} 0V10M${box[0]} 10h${box[1]}` });
  }
  /** @param {Element} rect @param {number} x @param {number} y @param {number} side */
  const place = (rect, x, y, side) => set(rect, { x, y, width: side, height: side });

  function drawFacts() {
    const { at } = result;
    if (!at) return fill(facts);
    const m = measures(result, at);
    const inside = m.seen[0] * m.seen[1];
    /** @param {string} name @param {string} value */
    const fact = (name, value) => html("div", {}, html("dt", {}, name), html("dd", {}, value));
    fill(
      facts,
      fact("Field (theory)", by(m.field, m.field)),
      m.seen[0] < m.field || m.seen[1] < m.field ? fact("on the picture", by(...m.seen)) : null,
      m.reached < inside ? fact("reached by the gradient", `${m.reached} of ${inside} pixels (${percent(m.reached, inside)})`) : null,
      m.reached ? fact("Half of the gradient from", by(m.half, m.half)) : null,
      m.reached ? fact("95 % of it from", by(m.most, m.most)) : null,
    );
  }

  const body = html("tbody", {});
  fill(
    table,
    html(
      "thead",
      {},
      html(
        "tr",
        {},
        ...["", "Layer", "K", "S", "P", "D", "Map", "Field", "Jump", "Start"].map((text) =>
          text ? html("th", { scope: "col" }, text) : html("td", {}),
        ),
      ),
    ),
    body,
  );
  /** The picture's line, then one a layer. @type {{row: HTMLElement, radio: HTMLInputElement | null, cells: HTMLElement[]}[]} */
  const lines = [];
  /** @param {number} i */
  function makeLine(i) {
    const radio =
      i === 0
        ? null
        : html("input", {
            type: "radio",
            name: `${id}-layer`,
            onchange: () => change({ layer: i === result.layers.length ? 0 : i, row: -1, column: -1 }),
          });
    const cells = [html("th", { scope: "row" }), ...Array.from({ length: 8 }, () => html("td", {}))];
    return { row: html("tr", {}, html("td", {}, radio), ...cells), radio, cells };
  }
  /** Bring the chosen layer of a long table into its window, once the page has laid it out. */
  function scrollToLayer() {
    new ResizeObserver((_, observer) => {
      observer.disconnect();
      const line = lines[result.index + 1]?.row;
      if (line) scroll.scrollTop = line.offsetTop - scroll.clientHeight / 2;
    }).observe(table);
  }
  function drawTable() {
    const { layers, names, fields, size } = result;
    for (const { row } of lines.splice(layers.length + 1)) row.remove();
    for (let i = 0; i <= layers.length; i++) {
      if (!lines[i]) body.append((lines[i] = makeLine(i)).row);
      const { radio, cells } = lines[i];
      const f = fields[i - 1];
      const [, ...window] = layers[i - 1] ?? [0, "", "", "", ""];
      const texts =
        i === 0
          ? ["picture", ...window, size, 1, 1, 0]
          : [`${i} ${names[i - 1]}`, ...window, ...(f ? [f.size, f.field, f.jump, number(f.start)] : ["–", "–", "–", "–"])];
      texts.forEach((text, k) => say(cells[k], String(text)));
      if (radio) set(radio, { disabled: !f, "aria-label": `Layer ${i}, ${names[i - 1]}` });
    }
  }

  function drawFormula() {
    const { layers, fields, index } = result;
    if (index < 0) return fill(formula);
    const [, kernel, stride, padding, dilation] = layers[index];
    const before = fields[index - 1] ?? { field: 1, jump: 1, start: 0 };
    const here = fields[index];
    /** @param {string} symbols @param {string} text */
    const line = (symbols, text) => html("p", {}, html("span", { class: "lab-symbols" }, symbols), text);
    fill(
      formula,
      line("r = r′ + D(K − 1) j′", ` = ${before.field} + ${dilation}·(${kernel} − 1)·${before.jump} = ${here.field}`),
      line("j = j′ S", ` = ${before.jump}·${stride} = ${here.jump}`),
      line("start = start′ − P j′", ` = ${number(before.start)} − ${padding}·${before.jump} = ${number(here.start)}`),
      html(
        "p",
        { class: "lab-leftover" },
        `For layer ${index + 1}; a dash marks the layer before it. The field counts what can matter; the gradient, here with every weight equal and poolings that average, what does.`,
      ),
    );
  }

  function drawTables() {
    const { at } = result;
    if (!details.open || !at) return;
    const down = extent(at.rows);
    const across = extent(at.columns);
    if (!down || !across) return fill(tables, html("p", {}, "The unit sees nothing of the picture."));
    const most = Math.max(...at.rows) * Math.max(...at.columns);
    // A sample of at most 15 x 15 pixels: the product of two lines needs no more.
    const pick = (/** @type {{first: number, last: number}} */ { first, last }) => {
      const step = Math.ceil((last - first + 1) / 15);
      return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
    };
    const [rows, columns] = [pick(down), pick(across)];
    fill(
      tables,
      numbersTable(
        `Percent of the strongest pixel; every ${plural(rows[1] - rows[0] || 1, "row")} from ${down.first}, every ${plural(columns[1] - columns[0] || 1, "column")} from ${across.first}`,
        rows.length,
        columns.length,
        (r, c) => Math.round((1000 * at.rows[rows[r]] * at.columns[columns[c]]) / most) / 10,
      ),
    );
  }

  let drawn = "";
  function redraw() {
    state = clean(read(model, NAMES));
    result = compute(state);
    const { fields, index, at, size, error } = result;
    const wanted = JSON.stringify([state.network, state.layers, size]);
    if (wanted !== drawn) {
      drawn = wanted;
      network.select.value = state.network;
      if (document.activeElement !== sizeInput) sizeInput.value = String(size);
      const own = state.network === "own";
      set(editor.element, { hidden: !own });
      set(copyRow, { hidden: own });
      if (own) editor.show(state.layers);
      set(sorry, { hidden: !error });
      say(sorry, error);
      drawTable();
      scrollToLayer();
    }
    tries.show(state);
    lines.forEach(({ radio }, i) => radio && (radio.checked = i === index + 1));
    for (const [input, value] of /** @type {[HTMLInputElement, number][]} */ ([
      [rowInput, at?.row ?? 0],
      [columnInput, at?.column ?? 0],
    ])) {
      set(input, { max: (fields[index]?.size ?? 1) - 1, disabled: !at });
      if (input.valueAsNumber !== value && document.activeElement !== input) input.value = String(value);
    }
    drawPicture();
    drawFacts();
    drawFormula();
    drawTables();
    say(words, summary(result));
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return unwatch;
}

export default { render, clean };
