/**
 * The lab Channels: which channels a pixel of an output map reads, and what that costs.
 *
 * compute() counts five kinds of layer; render() draws the connections of one, all their costs, and the saving.
 */
import { barRows } from "./lib/bars.js";
import { oneOf, whole } from "./lib/checks.js";
import { choice, fill, html, ladder, root, say, set, slider, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { grouped, number, plural, times } from "./lib/format.js";
import { read, watch, write } from "./lib/model.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  c_in: 64,
  c_out: 128,
  kernel: 3,
  groups: 2,
  size: 56,
  layer: "separable",
  output: 0,
  quantity: "parameters",
});
const NAMES = Object.keys(DEFAULTS);

/** @type {Record<string, [number, number]>} */
const LIMITS = { c_in: [1, 2048], c_out: [1, 2048], kernel: [1, 11], groups: [1, 2048], size: [1, 512] };
const CHANNELS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 72, 96, 128, 192, 256, 384, 512, 1024, 2048];
const GROUPS = [1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];
const SIZES = [1, 4, 7, 8, 14, 16, 28, 32, 56, 64, 112, 128, 224, 256, 512];

/** @type {Record<string, string>} */
const LAYERS = {
  standard: "Standard",
  grouped: "Grouped",
  depthwise: "Depthwise",
  pointwise: "Pointwise, 1 × 1",
  separable: "Depthwise separable",
};
/** @type {Record<string, string>} */
const QUANTITIES = { parameters: "weights", multiply_adds: "multiply-adds for one picture" };

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "First space, then channels",
    text: "A standard 3 × 3 layer from 64 to 128 channels has 73,728 weights. Split it: one kernel for each channel, then a 1 × 1 layer that mixes. Predict the number of weights that are left before you read the last bar.",
    state: {},
  },
  {
    title: "What is left, and what is saved",
    text: "1/C_out + 1/K² = 0.119 is the part that is left; the saving is its inverse, 8.4 times. Does the saving ever reach 9? Drag the output maps and watch the curve and its limit.",
    state: { c_in: 32 },
  },
  {
    title: "From where on is it eight times?",
    text: "With 64 maps a separable 3 × 3 layer saves 7.9 times; with 32 only 7.0. “Eight to nine times” is often said of any 3 × 3 layer. From how many maps on is it true?",
    state: { c_out: 64 },
  },
  {
    title: "A larger kernel",
    text: "For 5 × 5 the limit is 25. Predict the saving at 128 maps: about 21, 23 or 25? Why is it further from its limit than 3 × 3 is?",
    state: { kernel: 5 },
  },
  {
    title: "Groups divide",
    text: "Two groups halve the weights: 36,864. Predict 4, 32 and 64 groups. What can a layer with groups no longer do that a standard layer can?",
    state: { layer: "grouped" },
  },
  {
    title: "Which channels does it read?",
    text: "Eight channels in four groups. Before you look at the marked lines: which input channels does map 5 read? Which maps never see channel 0?",
    state: { c_in: 8, c_out: 8, groups: 4, layer: "grouped", output: 5 },
  },
  {
    title: "Two maps for each channel",
    text: "Depthwise means as many groups as input channels. Must there be as many maps as channels? Here there are twice as many, and 1,152 weights.",
    state: { layer: "depthwise" },
  },
  {
    title: "A layer that PyTorch refuses",
    text: "96 maps from 64 channels in 64 groups: each group would make a map and a half. Which numbers of maps between 64 and 256 are possible?",
    state: { c_out: 96, layer: "depthwise" },
  },
  {
    title: "Where the work is",
    text: "Of the separable layer's multiply-adds, how large is the part of the 1 × 1 layer: a tenth, a half, nine tenths? Compare the last two bars. What would a larger kernel cost then?",
    state: { quantity: "multiply_adds" },
  },
  {
    title: "Nothing to split",
    text: "With K = 1 there is no neighbourhood to treat apart. Predict whether the separable layer then has fewer weights than the standard one, as many, or more.",
    state: { kernel: 1 },
  },
];

// The mathematics: all numbers stay below 2 to the 53, so that they are exact

/**
 * @typedef {object} Cost
 * @property {number} parameters weights; biases are left out
 * @property {number} multiplyAdds for one picture, with an output of size x size
 * @property {string} error why PyTorch refuses the layer, or ""
 */

/** One convolution. @param {State} s @param {number} cOut @param {number} kernel @param {number} groups @returns {Cost} */
function convolution(s, cOut, kernel, groups) {
  const indivisible = [
    [s.c_in, "input channels"],
    [cOut, "output maps"],
  ].find(([channels]) => Number(channels) % groups);
  if (indivisible)
    return {
      parameters: 0,
      multiplyAdds: 0,
      error: `PyTorch refuses it: ${indivisible[0]} ${indivisible[1]} can’t be divided into ${plural(groups, "equal group")}.`,
    };
  const parameters = kernel * kernel * (s.c_in / groups) * cOut;
  return { parameters, multiplyAdds: parameters * s.size * s.size, error: "" };
}

/**
 * Everything a state stands for, before any drawing.
 * @param {State} state a clean state
 */
export function compute(state) {
  const { c_in: cIn, c_out: cOut, kernel } = state;
  const depthwise = convolution(state, cIn, kernel, cIn);
  const pointwise = convolution(state, cOut, 1, 1);
  /** @type {Record<string, Cost>} */
  const costs = {
    standard: convolution(state, cOut, kernel, 1),
    grouped: convolution(state, cOut, kernel, state.groups),
    depthwise: convolution(state, cOut, kernel, cIn),
    pointwise,
    separable: {
      parameters: depthwise.parameters + pointwise.parameters,
      multiplyAdds: depthwise.multiplyAdds + pointwise.multiplyAdds,
      error: "",
    },
  };
  const output = Math.min(state.output, cOut - 1);
  const groups = groupsOf(state);
  // The input channels that the chosen map reads: a block of C_in / G.
  const block = cIn / groups;
  const first = costs[state.layer].error ? 0 : Math.floor(output / (cOut / groups)) * block;
  const reads = costs[state.layer].error ? [] : Array.from({ length: block }, (_, i) => first + i);
  return { costs, output, groups, reads, saving: saving(cOut, kernel) };
}

/** How many times fewer weights a separable layer has: 1 / (1/C_out + 1/K²). @param {number} cOut @param {number} kernel */
export const saving = (cOut, kernel) => (cOut * kernel * kernel) / (cOut + kernel * kernel);

/** Groups of the layer that mixes channels. @param {State} state */
const groupsOf = ({ layer, groups, c_in: cIn }) => (layer === "grouped" ? groups : layer === "depthwise" ? cIn : 1);

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = /** @type {State} */ (DEFAULTS);
  const numbers = Object.fromEntries(
    Object.entries(LIMITS).map(([name, [least, most]]) => [name, whole(raw[name], least, most, d[name])]),
  );
  return {
    ...d,
    ...numbers,
    layer: oneOf(raw.layer, Object.keys(LAYERS), d.layer),
    output: whole(raw.output, 0, LIMITS.c_out[1] - 1, d.output),
    quantity: oneOf(raw.quantity, Object.keys(QUANTITIES), d.quantity),
  };
}

// Words

/** The formula of a kind of layer and its numbers. @param {string} layer @param {State} s @returns {[string, string]} */
function formulaOf(layer, s) {
  const square = s.kernel * s.kernel;
  const [cIn, cOut] = [grouped(s.c_in), grouped(s.c_out)];
  return {
    standard: /** @type {[string, string]} */ (["K² · C_in · C_out", `${square} · ${cIn} · ${cOut}`]),
    grouped: /** @type {[string, string]} */ (["K² · (C_in / G) · C_out", `${square} · (${cIn} / ${s.groups}) · ${cOut}`]),
    depthwise: /** @type {[string, string]} */ (["K² · C_out", `${square} · ${cOut}`]),
    pointwise: /** @type {[string, string]} */ (["C_in · C_out", `${cIn} · ${cOut}`]),
    separable: /** @type {[string, string]} */ (["K² · C_in + C_in · C_out", `${square} · ${cIn} + ${cIn} · ${cOut}`]),
  }[/** @type {"standard"} */ (layer)];
}

/** @param {Cost} cost @param {string} quantity */
const chosen = (cost, quantity) => (quantity === "parameters" ? cost.parameters : cost.multiplyAdds);

/** Channels as words. @param {number[]} channels */
const channelWords = (channels) =>
  channels.length === 1
    ? `input channel ${channels[0]}`
    : `input channels ${channels[0]} to ${channels[channels.length - 1]}`;

/** What the lab shows, in words. @param {State} state @param {ReturnType<typeof compute>} result */
export function summary(state, { costs, reads, output, saving: saved }) {
  const cost = costs[state.layer];
  if (cost.error) return `${LAYERS[state.layer]}: ${cost.error}`;
  const kernels = state.layer === "pointwise" ? "1 × 1" : `${state.kernel} × ${state.kernel}`;
  const way =
    state.layer === "separable"
      ? `reads every channel through one weight, after each channel has passed a ${kernels} kernel of its own`
      : `reads ${channelWords(reads)} through ${plural(reads.length, "kernel")} of ${kernels}`;
  return (
    `A pixel of map ${output} ${way}. The layer has ${grouped(cost.parameters)} ${cost.parameters === 1 ? "weight" : "weights"} and needs ` +
    `${grouped(cost.multiplyAdds)} multiply-adds for maps of ${state.size} × ${state.size}. A separable layer costs ` +
    `${number(saved)} times less than a standard one; with endlessly many maps it would be ${state.kernel ** 2}.`
  );
}

// The page

const HEIGHT = 240;
const WIDE = 1000; // units across; the drawing is stretched to the width of the page, its words are not
const MOST_DOTS = 16;

/** The connections of a layer: columns of channels, and what runs between them. */
function connections() {
  const links = svg("path", { class: "lab-wire-links" });
  const marked = svg("path", { class: "lab-wire-links-marked" });
  const nodes = svg("path", { class: "lab-nodes" });
  const markedNodes = svg("path", { class: "lab-nodes-marked" });
  const drawing = svg(
    "svg",
    { class: "lab-wires", role: "img", width: "100%", height: HEIGHT, viewBox: `0 0 ${WIDE} ${HEIGHT}`, preserveAspectRatio: "none" },
    links,
    marked,
    nodes,
    markedNodes,
  );
  const node = 26; // width of a column of channels

  /**
   * @param {{channels: number, marked: number[]}[]} columns
   * @param {number[]} groups between each two columns
   * @param {string} label
   */
  function draw(columns, groups, label) {
    let [wires, strong, dots, strongDots] = ["", "", "", ""];
    const x = (/** @type {number} */ i) => (columns.length === 1 ? 0 : (i * (WIDE - node)) / (columns.length - 1));
    const y = (/** @type {number} */ i, /** @type {number} */ channel) => (channel * HEIGHT) / columns[i].channels;
    columns.forEach(({ channels, marked: lit }, i) => {
      const gap = Math.min(2, HEIGHT / channels / 6);
      const box = (/** @type {number} */ from, /** @type {number} */ to) =>
        `M${x(i)} ${(y(i, from) + gap).toFixed(2)}h${node}V${(y(i, to) - gap).toFixed(2)}h${-node}z`;
      if (channels > 128) dots += box(0, channels);
      else for (let c = 0; c < channels; c++) dots += box(c, c + 1);
      if (lit.length) strongDots += box(lit[0], lit[lit.length - 1] + 1);
    });
    groups.forEach((count, i) => {
      const [left, right] = [x(i) + node, x(i + 1)];
      const [a, b] = [columns[i].channels / count, columns[i + 1].channels / count];
      const single = columns[i].channels <= MOST_DOTS && columns[i + 1].channels <= MOST_DOTS;
      const middle = (/** @type {number} */ k, /** @type {number} */ c) => y(k, c + 0.5).toFixed(2);
      for (let g = 0; g < count; g++)
        if (single)
          for (let p = g * a; p < (g + 1) * a; p++)
            for (let q = g * b; q < (g + 1) * b; q++) {
              const line = `M${left} ${middle(i, p)}L${right} ${middle(i + 1, q)}`;
              if (columns[i].marked.includes(p) && columns[i + 1].marked.includes(q)) strong += line;
              else wires += line;
            }
        else {
          // Bands keep apart while there is room to see it.
          const gap = count > 1 ? Math.min(1.5, HEIGHT / count / 4) : 0;
          const [top, end] = [y(i, g * a) + gap, y(i, (g + 1) * a) - gap];
          const [farTop, farEnd] = [y(i + 1, g * b) + gap, y(i + 1, (g + 1) * b) - gap];
          wires += `M${left} ${top.toFixed(2)}L${right} ${farTop.toFixed(2)}V${farEnd.toFixed(2)}L${left} ${end.toFixed(2)}z`;
        }
      if (!single) {
        const [from, to] = [columns[i].marked, columns[i + 1].marked];
        // Between the marked channels: all of them lead to one map, or each to its own.
        const pairs = to.length === 1 ? [[from[0], from[from.length - 1] + 1, to[0], to[0] + 1]] : [];
        for (const [p, q, r, s] of pairs)
          strong += `M${left} ${y(i, p).toFixed(2)}L${right} ${y(i + 1, r).toFixed(2)}V${y(i + 1, s).toFixed(2)}L${left} ${y(i, q).toFixed(2)}z`;
      }
      const areas = single ? "lab-wire-links" : "lab-wire-links lab-wire-links-areas";
      if (i === groups.length - 1) set(links, { class: areas });
      if (i === groups.length - 1) set(marked, { class: single ? "lab-wire-links-marked" : "lab-wire-links-marked lab-wire-links-areas" });
    });
    set(links, { d: wires });
    set(marked, { d: strong });
    set(nodes, { d: dots });
    set(markedNodes, { d: strongDots });
    set(drawing, { "aria-label": label });
  }
  return { drawing, draw };
}

/** The saving against the number of output maps, with its limit. */
function savingCurve() {
  const [tall, top, bottom, most] = [170, 14, 24, 2048];
  const line = svg("path", { class: "lab-curve" });
  const limit = svg("path", { class: "lab-curve-limit" });
  const grid = svg("path", { class: "lab-curve-grid" });
  const drop = svg("path", { class: "lab-curve-drop" });
  const shapes = svg(
    "svg",
    { width: "100%", height: tall, viewBox: `0 0 ${WIDE} ${tall}`, preserveAspectRatio: "none" },
    grid,
    limit,
    line,
    drop,
  );
  const point = svg("circle", { class: "lab-curve-point", r: 5 });
  const texts = svg("g", { class: "lab-curve-texts" });
  const drawing = svg("svg", { class: "lab-curve-drawing", role: "img", width: "100%", height: tall }, shapes, point, texts);
  const share = (/** @type {number} */ maps) => Math.log2(maps) / Math.log2(most);

  /** @param {number} kernel @param {number} cOut */
  function draw(kernel, cOut) {
    const square = kernel * kernel;
    const end = square * 1.12;
    const y = (/** @type {number} */ value) => tall - bottom - (value / end) * (tall - top - bottom);
    const points = Array.from({ length: 89 }, (_, i) => 2 ** (i / 8));
    set(line, {
      d: points.map((maps, i) => `${i ? "L" : "M"}${(share(maps) * WIDE).toFixed(1)} ${y(saving(maps, kernel)).toFixed(2)}`).join(""),
    });
    set(limit, { d: `M0 ${y(square).toFixed(2)}H${WIDE}` });
    const step = [0.5, 1, 2, 3, 5, 10, 20, 30].find((n) => square / n <= 4) ?? 40;
    const ticks = Array.from({ length: Math.floor(square / step - 1e-9) + 1 }, (_, i) => i * step).filter((v) => v < square * 0.93);
    set(grid, { d: ticks.map((value) => `M0 ${y(value).toFixed(2)}H${WIDE}`).join("") });
    const [at, value] = [share(cOut), saving(cOut, kernel)];
    set(drop, { d: `M${(at * WIDE).toFixed(1)} ${y(0)}V${y(value).toFixed(2)}` });
    set(point, { cx: `${(at * 100).toFixed(2)}%`, cy: y(value).toFixed(2) });
    const label = (/** @type {number} */ x, /** @type {number} */ height, /** @type {string} */ text, anchor = "middle") =>
      svg("text", { x: `${x.toFixed(2)}%`, y: height.toFixed(1), "text-anchor": anchor }, text);
    fill(
      texts,
      ...ticks.slice(1).map((tick) => label(0.4, y(tick) - 4, `${tick} times`, "start")),
      label(0.4, y(square) - 4, `limit K² = ${square}`, "start"),
      ...[1, 8, 64, 512, 2048].map((maps) =>
        label(share(maps) * 100, tall - 8, String(maps), maps === 1 ? "start" : maps === most ? "end" : "middle"),
      ),
    );
    set(drawing, {
      "aria-label": `How many times less a separable layer costs, against the number of output maps: ${number(value)} at ${cOut}, towards ${square}.`,
    });
  }
  return { drawing, draw };
}

/** @param {RenderContext} context */
export function render({ model, el }) {
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const tries = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["output"],
    invitation: "Choose a kind of layer, and drag channels, maps and groups. Or start with an experiment from the list.",
  });
  const layer = choice("Layer", Object.entries(LAYERS), (value) => change({ layer: value }));
  const cIn = ladder("Input channels", CHANNELS, (value) => change({ c_in: value }));
  const cOut = ladder("Output maps", CHANNELS, (value) => change({ c_out: value }));
  const kernel = slider("Kernel K", ...LIMITS.kernel, (value) => change({ kernel: value }));
  const groups = ladder("Groups G", GROUPS, (value) => change({ groups: value, layer: "grouped" }));
  const size = ladder("Size of a map", SIZES, (value) => change({ size: value }));
  const output = slider("Marked map", 0, 1, (value) => change({ output: value }));
  const quantity = choice("Count", Object.entries(QUANTITIES), (value) => change({ quantity: value }));

  const wires = connections();
  const heads = [0, 1, 2].map(() => html("span", {}));
  const headRow = html("p", { class: "lab-wire-heads" }, ...heads);
  const board = html("div", { class: "lab-wire-board" }, headRow, wires.drawing);
  const sorry = html("p", { class: "lab-error", hidden: true });
  const note = html("p", { class: "lab-note" });
  const bars = barRows(Object.entries(LAYERS).map(([, name]) => ({ name })));
  const curve = savingCurve();
  const curveTitle = html("p", { class: "lab-curve-title" }, "What a separable layer saves, against the number of output maps");
  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });

  root(el, "lab-channels");
  fill(
    el,
    tries.row,
    html(
      "div",
      { class: "lab-settings", role: "group", "aria-label": "Kind, channels and groups" },
      layer.field,
      cIn.field,
      cOut.field,
      kernel.field,
      groups.field,
      output.field,
      quantity.field,
      size.field,
    ),
    html("div", { class: "lab-wire-stage" }, sorry, board, note),
    words,
    formula,
    bars.element,
    html("div", { class: "lab-curve-stage" }, curveTitle, curve.drawing),
    toolbar(model, NAMES),
  );

  /** @param {State} state @param {ReturnType<typeof compute>} result */
  function drawWires(state, result) {
    const { costs, reads, output: at } = result;
    const { error } = costs[state.layer];
    set(sorry, { hidden: !error });
    set(board, { hidden: !!error });
    set(note, { hidden: !!error });
    say(sorry, error);
    if (error) return;
    const separable = state.layer === "separable";
    const columns = [
      { channels: state.c_in, marked: reads },
      ...(separable ? [{ channels: state.c_in, marked: reads }] : []),
      { channels: state.c_out, marked: [at] },
    ];
    const between = separable ? [state.c_in, 1] : [result.groups];
    wires.draw(
      columns,
      between,
      `Connections of one pixel: ${columns.map(({ channels }) => channels).join(" to ")} channels${result.groups > 1 ? ` in ${result.groups} groups` : ""}; marked are those of map ${at}.`,
    );
    const names = [plural(state.c_in, "input channel"), `${plural(state.c_in, "map")} between`, plural(state.c_out, "output map")];
    say(heads[0], names[0]);
    say(heads[1], separable ? names[1] : "");
    say(heads[2], names[2]);
    const single = Math.max(state.c_in, state.c_out) <= MOST_DOTS;
    const kernels = state.layer === "pointwise" ? "one weight" : `a kernel of ${state.kernel} × ${state.kernel} weights`;
    const line = single ? "Each line is" : "A band holds a line for each pair of channels that it joins; each line is";
    say(
      note,
      separable
        ? `On the left each channel has a kernel of ${state.kernel} × ${state.kernel} weights to itself. On the right ${line.charAt(0).toLowerCase()}${line.slice(1)} one weight, the same at every pixel.`
        : `${line} ${kernels}, the same at every pixel.`,
    );
  }

  /** @param {State} state @param {ReturnType<typeof compute>} result */
  function drawFormula(state, result) {
    const cost = result.costs[state.layer];
    const [symbols, numbers] = formulaOf(state.layer, state);
    const pixels = state.quantity === "multiply_adds";
    const sum = state.layer === "separable" && pixels ? [`(${symbols})`, `(${numbers})`] : [symbols, numbers];
    const [square, maps] = [state.kernel ** 2, grouped(state.c_out)];
    const left = 1 / state.c_out + 1 / square;
    fill(
      formula,
      !cost.error &&
        html(
          "p",
          {},
          `${LAYERS[state.layer]}: `,
          html("span", { class: "lab-symbols" }, `${sum[0]}${pixels ? " · O²" : ""}`),
          ` = ${sum[1]}${pixels ? ` · ${state.size}²` : ""} = ${grouped(chosen(cost, state.quantity))}`,
        ),
      html(
        "p",
        {},
        "left of a standard layer: ",
        html("span", { class: "lab-symbols" }, "1/C_out + 1/K²"),
        ` = 1/${maps} + 1/${square} = ${left.toFixed(3)}; saved: `,
        html("span", { class: "lab-symbols" }, "1 / (1/C_out + 1/K²)"),
        ` = ${number(result.saving)} times`,
      ),
    );
  }

  function redraw() {
    const state = clean(read(model, NAMES));
    const result = compute(state);
    for (const [name, control] of Object.entries({ c_in: cIn, c_out: cOut, kernel, groups, size })) control.show(state[name]);
    set(output.input, { max: state.c_out - 1, disabled: state.c_out === 1 });
    output.show(result.output);
    layer.select.value = state.layer;
    quantity.select.value = state.quantity;
    tries.show(state);
    drawWires(state, result);
    drawFormula(state, result);
    const standard = BigInt(chosen(result.costs.standard, state.quantity));
    bars.draw(
      Object.keys(LAYERS).map((name) => {
        const cost = result.costs[name];
        const value = BigInt(chosen(cost, state.quantity));
        const [symbols] = formulaOf(name, state);
        const compared = value < standard ? `${times(standard, value || 1n)} times less` : value > standard ? `${times(value, standard)} times more` : "the same";
        return {
          value,
          text: cost.error ? "not possible" : grouped(value),
          note: state.quantity === "parameters" ? symbols : `(${symbols}) · O²`,
          ratio: name === "standard" || cost.error ? "" : compared,
          lit: name === state.layer,
        };
      }),
      "linear",
    );
    curve.draw(state.kernel, state.c_out);
    say(words, summary(state, result));
  }
  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return unwatch;
}

export default { render, clean };
