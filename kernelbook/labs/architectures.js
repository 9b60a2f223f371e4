/**
 * The lab Architectures: the landmark networks from 1989 to 2022, layer by layer and against each other.
 *
 * lib/networks.json (written by lib/networks.py) lists the layers; networkOf() reckons from them what they
 * cost. tests/labs/test_architectures.py compares the sums with torch. render() draws them.
 */
import { oneOf, whole } from "./lib/checks.js";
import { choice, fill, html, root, say, set, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { plural } from "./lib/format.js";
import { read, watch, write } from "./lib/model.js";
import { Plot, powerOfTen } from "./lib/plot.js";
import { toolbar } from "./lib/toolbar.js";
import packed from "./lib/networks.json" with { type: "json" };

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */

/**
 * @typedef {object} Layer
 * @property {string} kind c, l, a, m, v, n, e, x as lib/networks.py has them, or a mark: [ + ( | )
 * @property {string} name
 * @property {string} shape of the output, "" where nothing is put out
 * @property {number} parameters
 * @property {number} multiplyAdds
 * @property {number} activations numbers put out by convolutions and linear layers
 * @property {number} dense parameters of a linear layer on a single position
 * @property {number} steps layers with weights on the longest path through it
 * @property {boolean} shortcut
 * @property {number} kernel 0 where it is no convolution
 */
/** @typedef {{name: string, kind: string, times: number, layers: Layer[], shape: string, parameters: number, multiplyAdds: number}} Block all numbers for one of its times */

/** @type {Record<string, any>} */
const NETS = packed.nets;
/** @type {Record<string, any[]>} year, source, what was new, what is often told wrongly */
const FAMILIES = packed.families;

export const DEFAULTS = Object.freeze({ net: "resnet50", across: "parameters", up: "top1", block: 2 });
const NAMES = Object.keys(DEFAULTS);

/** @type {Record<string, string>} */
const MEASURES = {
  year: "Year",
  parameters: "Parameters",
  multiplyAdds: "Multiply-adds",
  activations: "Activations",
  top1: "Top-1 accuracy",
};

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "Where VGG keeps its weights",
    text: "VGG-16 is known for its 3 × 3 convolutions. Predict their share of its 138 million parameters, then look at the bars: 89 % lie in three dense layers, 102,760,448 weights in the first of them. Which bar do the multiply-adds fill?",
    state: { net: "vgg16", block: 5 },
  },
  {
    title: "Parameters are not work",
    text: "AlexNet has more than twice the parameters of ResNet-50. Predict which of the two does more multiply-adds. Then follow the chart: the same weight is used once in a dense layer and thousands of times in a convolution.",
    state: { net: "alexnet", across: "parameters", up: "multiplyAdds", block: 3 },
  },
  {
    title: "The same network, a better recipe",
    text: "ResNet-50 appears twice: 76.13 % with its first weights, 80.86 % with those of 2021. Not a layer differs. How much of the distance between ResNet and ConvNeXt is architecture, then?",
    state: { net: "resnet50", block: 2 },
  },
  {
    title: "Mostly 1 × 1",
    text: "“3 × 3 only, since VGG.” Count the kernels of one bottleneck, then of all: 36 of ResNet-50's 53 convolutions are 1 × 1, and 16 are 3 × 3. Which of the three does most of the work here?",
    state: { net: "resnet50", across: "multiplyAdds", block: 6 },
  },
  {
    title: "What counts as a layer?",
    text: "GoogLeNet has 57 convolutions and is called 22 layers deep. Follow the longest path through one block: 1 × 1, then 3 × 3, so two; 3 + 9 · 2 + 1 = 22.",
    state: { net: "googlenet", block: 2 },
  },
  {
    title: "1989",
    text: "LeNet-5 is often called the first convolutional network that worked. How many years before it was this one trained by backpropagation, and with how many parameters? Both are on the chart, which needs a logarithmic axis for it: 9,760 to 304 million.",
    state: { net: "lecun1989", across: "year", up: "parameters", block: 0 },
  },
  {
    title: "Split in two",
    text: "A separable block: a depthwise 3 × 3, then a 1 × 1. Predict which of them has the parameters and does the work before you read the numbers. Together all 1 × 1 layers of MobileNetV1 do 95 % of its multiply-adds.",
    state: { net: "mobilenet_v1", across: "multiplyAdds", block: 7 },
  },
  {
    title: "Scaling everything",
    text: "B7 has 12.5 times the parameters of B0. Predict the factor of the multiply-adds: width, depth and resolution (600 pixels) all grew, and it is 98, for 6.4 points of accuracy.",
    state: { net: "efficientnet_b7", across: "multiplyAdds", block: 7 },
  },
  {
    title: "A hybrid?",
    text: "ConvNeXt is sometimes called half a Transformer. Look for attention in its block: a depthwise 7 × 7 and two linear layers on every position, which are 1 × 1 convolutions by another name.",
    state: { net: "convnext_tiny", block: 5 },
  },
  {
    title: "Larger and worse",
    text: "ViT-L/16 has 3.5 times the parameters of ViT-B/16. Predict its accuracy when both have seen ImageNet-1k alone: 79.66 against 81.07 %. Size has to be paid for in pictures.",
    state: { net: "vit_l_16", across: "parameters", block: 1 },
  },
];

// What the layers cost

/** @param {number} c @param {number} o */
const map = (c, o) => (o === 1 ? String(c) : `${c} × ${o} × ${o}`);

/**
 * One layer from its code.
 * @param {string} code @param {string} blockKind @returns {Layer}
 */
export function layerOf(code, blockKind = "") {
  const shortcut = code[0] === "^";
  const kind = code[shortcut ? 1 : 0];
  const words = code.slice(shortcut ? 2 : 1).split(",");
  const n = words.map(Number);
  const nothing = {
    kind,
    name: "",
    shape: "",
    parameters: 0,
    multiplyAdds: 0,
    activations: 0,
    dense: 0,
    steps: 0,
    shortcut,
    kernel: 0,
  };
  if (kind === "c") {
    const [kernel, stride, from, to, o, groups, flags] = n;
    const weights = (kernel * kernel * from * to) / groups;
    // Squeeze and excitation stands beside the path, not on it.
    const aside = blockKind === "MBConv" && o === 1;
    const grouped = groups === 1 ? "" : groups === from ? " depthwise" : ` in ${groups} groups`;
    const name = aside
      ? `${from > to ? "squeeze" : "excite"}, 1 × 1`
      : `${kernel} × ${kernel}${grouped}${stride > 1 ? `, stride ${stride}` : ""}`;
    return {
      ...nothing,
      name,
      shape: map(to, o),
      parameters: weights + (flags & 1 ? to : 0) + (flags & 2 ? 2 * to : 0),
      multiplyAdds: weights * o * o,
      activations: to * o * o,
      steps: aside ? 0 : 1,
      kernel,
    };
  }
  if (kind === "l") {
    const [from, to, positions, bias] = n;
    const side = Math.sqrt(positions);
    const parameters = from * to + bias * to;
    return {
      ...nothing,
      name: `linear${positions > 1 ? " on each position" : ""}`,
      shape: positions === 1 ? String(to) : Number.isInteger(side) ? map(to, side) : `${positions} × ${to}`,
      parameters,
      multiplyAdds: from * to * positions,
      activations: to * positions,
      dense: positions === 1 ? parameters : 0,
      steps: 1,
    };
  }
  if (kind === "a") {
    const [d, heads, tokens] = n;
    return {
      ...nothing,
      name: `attention, ${heads} heads`,
      shape: `${tokens} × ${d}`,
      parameters: 4 * d * d + 4 * d,
      multiplyAdds: 4 * tokens * d * d + 2 * tokens * tokens * d,
      activations: 4 * tokens * d,
      steps: 2,
    };
  }
  if (kind === "m" || kind === "v") {
    const [kernel, stride, c, o] = n;
    const what = kind === "m" ? "max pool" : "mean pool";
    return {
      ...nothing,
      name: kernel
        ? `${what} ${kernel} × ${kernel}${stride > 1 ? `, stride ${stride}` : ""}`
        : `${what} to ${o} × ${o}`,
      shape: map(c, o),
    };
  }
  if (kind === "n") return { ...nothing, name: "layer norm", parameters: 2 * n[0] };
  if (kind === "e") return { ...nothing, name: words[1], parameters: n[0] };
  if (kind === "x")
    return {
      ...nothing,
      name: words[0],
      shape: map(n[3], n[4]),
      parameters: n[1],
      multiplyAdds: n[2],
      activations: n[3] * n[4] ** 2,
      steps: n[5],
    };
  return nothing; // a mark
}

/** Layers with weights on the longest path through a block. @param {Layer[]} layers */
function longest(layers) {
  let [steps, branch, most] = [0, 0, 0];
  let parallel = false;
  for (const { kind, steps: own, shortcut } of layers) {
    if (kind === "(") parallel = true;
    else if (kind === "|" || kind === ")") {
      most = Math.max(most, branch);
      branch = 0;
      if (kind === ")") {
        steps += most;
        [parallel, most] = [false, 0];
      }
    } else if (!shortcut) parallel ? (branch += own) : (steps += own);
  }
  return steps;
}

/**
 * @typedef {object} Network
 * @property {string} id @property {string} title @property {string} family @property {number} year
 * @property {number} size pixels a side of its pictures
 * @property {Block[]} blocks
 * @property {number} parameters @property {number} multiplyAdds @property {number} activations
 * @property {number} dense share of the parameters in dense layers
 * @property {number} depth layers with weights on the longest path
 * @property {[string, number, number | null, number][]} weights name, top-1 and top-5 accuracy in percent, pixels
 */
/** @type {Map<string, Network>} */
const reckoned = new Map();

/** @param {string} id @returns {Network} */
export function networkOf(id) {
  const known = reckoned.get(id);
  if (known) return known;
  const net = NETS[id];
  const total = { parameters: 0, multiplyAdds: 0, activations: 0, dense: 0, depth: 0 };
  /** @type {Block[]} */
  const blocks = net.blocks.map((/** @type {[string, string, number, string]} */ [name, kind, times, codes]) => {
    const layers = codes.split(";").map((code) => layerOf(code, kind));
    const sum = (/** @type {"parameters" | "multiplyAdds" | "activations" | "dense"} */ what) =>
      layers.reduce((s, layer) => s + layer[what], 0);
    for (const what of /** @type {const} */ (["parameters", "multiplyAdds", "activations", "dense"]))
      total[what] += times * sum(what);
    const steps = longest(layers);
    total.depth += times * steps;
    const put = layers.filter(({ shape, shortcut }) => shape && !shortcut);
    let shape = put.length ? put[put.length - 1].shape : "";
    if (codes[0] === "(") {
      // Parallel branches are concatenated: their channels add up.
      const ends = layers.filter((_, i) => ["|", ")"].includes(layers[i + 1]?.kind));
      shape = ends[0].shape.replace(/^\d+/, String(ends.reduce((s, layer) => s + parseInt(layer.shape), 0)));
    }
    return { name, kind, times, layers, shape, parameters: sum("parameters"), multiplyAdds: sum("multiplyAdds") };
  });
  const made = {
    id,
    title: net.title,
    family: net.family,
    year: net.year ?? FAMILIES[net.family][0],
    size: net.size,
    weights: net.weights,
    blocks,
    ...total,
    dense: total.dense / total.parameters,
  };
  reckoned.set(id, made);
  return made;
}
export const networks = () => Object.keys(NETS).map(networkOf);

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  return {
    net: oneOf(raw.net, Object.keys(NETS), d.net),
    across: oneOf(raw.across, ["year", "parameters", "multiplyAdds", "activations"], d.across),
    up: oneOf(raw.up, ["top1", "parameters", "multiplyAdds", "activations"], d.up),
    block: whole(raw.block, 0, 99, d.block),
  };
}

// Words

/** 25.6 M for a large number. @param {number} value */
export function short(value) {
  for (const [size, unit] of /** @type {[number, string][]} */ ([
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]))
    if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  return String(value);
}
/** @param {number} value */
const thousands = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
/** @param {number} value */
const percent = (value) => `${Math.round(100 * value)} %`;

/** Basic block × 2, or what an unnamed stage has in it. @param {Block} block */
export function blockTitle({ kind, times, layers }) {
  if (kind) return times > 1 ? `${kind} × ${times}` : kind;
  const count = (/** @type {string} */ of) => layers.filter((layer) => layer.kind === of).length;
  const [convolutions, dense, others] = [count("c"), count("l"), layers.filter((layer) => layer.kind === "x")];
  const parts = [
    convolutions && plural(convolutions, "convolution"),
    ...others.map(({ name }) => name.replace(/^.*(convolution|subsampling).*$/, "$1")),
    (count("m") > 0 && "max pool") || (count("v") > 0 && "mean pool"),
    dense && (dense === 1 ? "classifier" : `${dense} dense layers`),
  ].filter(Boolean);
  return parts.join(", ") || layers.map(({ name }) => name).join(", ");
}

/** @param {Network} net */
export function summary(net) {
  const accuracy = net.weights.length
    ? net.weights
        .map(
          ([name, top1, , size]) =>
            `${top1.toFixed(2)} % top-1 ${name === "paper" ? "by its paper" : `with weights ${name}`} at ${size} pixels`,
        )
        .join(", ")
    : "never trained on ImageNet";
  return `${net.title}, ${net.year}: ${thousands(net.parameters)} parameters, ${short(net.multiplyAdds)} multiply-adds for one picture of ${net.size} pixels, ${accuracy}.`;
}

// The page

/** @typedef {{net: Network, x: number, y: number, weights: string}} Point */

/** Points of the chart, left to right. @param {State} state @returns {Point[]} */
export function points({ across, up }) {
  const found = networks().flatMap((net) => {
    const x = /** @type {any} */ (net)[across];
    if (up !== "top1") return [{ net, x, y: /** @type {any} */ (net)[up], weights: "" }];
    return net.weights.map(([weights, y]) => ({ net, x, y, weights }));
  });
  return found.sort((a, b) => a.x - b.x || a.y - b.y);
}

/** @param {number[]} values @param {string} measure @returns {import("./lib/plot.js").Axis} */
function axisOf(values, measure) {
  if (measure === "year") return { title: "Year", low: 1987, high: 2024, ticks: [1990, 2000, 2010, 2020] };
  if (measure === "top1") return { title: "", low: 55, high: 86, ticks: [55, 60, 65, 70, 75, 80, 85] };
  const [low, high] = [Math.min(...values) / 1.4, Math.max(...values) * 1.5];
  const ticks = [];
  const fine = high / low < 2000;
  for (let e = 3; e < 12; e++)
    for (const m of fine ? [1, 2, 5] : [1]) if (m * 10 ** e >= low && m * 10 ** e <= high) ticks.push(m * 10 ** e);
  return {
    title: `${MEASURES[measure]}, logarithmic`,
    low,
    high,
    log: true,
    ticks,
    format: (v) => (v >= 1e3 ? short(v).replace(" ", "\u2009") : powerOfTen(Math.round(Math.log10(v)))),
  };
}

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  let drawn = "";
  let chartDrawn = "";
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  /** The block to open a network with: its most frequent one. @param {string} net */
  const firstBlock = (net) => {
    const { blocks } = networkOf(net);
    return blocks.reduce(
      (best, { times, kind }, i) => (kind && times > (blocks[best].kind ? blocks[best].times : 0) ? i : best),
      0,
    );
  };
  /** @param {string} net */
  const choose = (net) => net !== state.net && change({ net, block: firstBlock(net) });
  const trial = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    invitation: "Choose a network in the list or on the chart: its layers, their costs and its block are below.",
  });

  // Chart
  const netChoice = choice(
    "Network",
    Object.entries(NETS).map(([name, { title }]) => [name, title]),
    choose,
  );
  const acrossChoice = choice(
    "Across",
    ["year", "parameters", "multiplyAdds", "activations"].map((m) => [m, MEASURES[m]]),
    (across) => change({ across }),
  );
  const upChoice = choice(
    "Up",
    ["top1", "parameters", "multiplyAdds", "activations"].map((m) => [m, MEASURES[m]]),
    (up) => change({ up }),
  );
  const plot = new Plot("lab-scatter", { height: 330, left: 52, redraw: () => drawn && drawChart() });
  const links = svg("path", { class: "lab-arch-links" });
  const dots = svg("g", {});
  const labels = svg("g", { class: "lab-point-names" });
  fill(plot.marks, links, dots, labels);
  const board = html(
    "div",
    {
      class: "lab-arch-chart",
      tabindex: 0,
      role: "application",
      "aria-label": "Chart of the networks. The arrow keys go to the next network to the left or to the right.",
    },
    plot.element,
  );
  /** One button a family, in the order of their years. */
  const lineage = Object.entries(FAMILIES).map(([family, [year]]) => {
    const first = networks().filter((net) => net.family === family);
    const names = first.map(({ title }) => title);
    const name = first.length === 1 ? names[0] : names[0].replace(/(?<=[a-z])V\d$|[-/].*$/, "");
    return {
      family,
      button: html(
        "button",
        { type: "button", onclick: () => choose(first.some(({ id }) => id === state.net) ? state.net : first[0].id) },
        html("span", {}, year),
        family === "lecun" ? "LeCun’s" : name,
      ),
    };
  });
  const timeline = html(
    "div",
    { class: "lab-arch-lineage", role: "group", "aria-label": "From 1989 to 2022" },
    ...lineage.map(({ button }) => button),
  );
  const upTitle = html("div", { class: "lab-name" });
  const chartNote = html("p", { class: "lab-note" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });

  board.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if ((!step && event.key !== "Home" && event.key !== "End") || event.ctrlKey || event.altKey || event.metaKey)
      return;
    event.preventDefault();
    const order = [...new Set(points(state).map(({ net }) => net.id))];
    const at = order.indexOf(state.net);
    if (event.key === "Home") choose(order[0]);
    else if (event.key === "End") choose(order[order.length - 1]);
    else if (at < 0) choose(order[0]);
    else choose(order[Math.min(Math.max(at + (step ?? 0), 0), order.length - 1)]);
  });
  board.addEventListener("pointerdown", (event) => {
    const box = plot.svg.getBoundingClientRect();
    const scale = plot.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    let nearest = { distance: 28, net: "" };
    for (const point of points(state)) {
      const distance = Math.hypot(plot.x(point.x) - x, plot.y(point.y) - y);
      if (distance < nearest.distance) nearest = { distance, net: point.net.id };
    }
    if (nearest.net) choose(nearest.net);
  });

  // The network
  const facts = html("div", { class: "lab-arch-facts" });
  const blockChoice = choice("Block", [], (value) => change({ block: Number(value) }));
  const diagram = html("div", { class: "lab-diagram" });
  const layers = html("div", { class: "lab-scroll lab-arch-layers", tabindex: 0, role: "group" });
  const all = html("div", { class: "lab-scroll", tabindex: 0, role: "group", "aria-label": "All networks" });
  const allDetails = html(
    "details",
    { ontoggle: () => drawAll() },
    html("summary", {}, "All networks as a table"),
    all,
  );

  root(el, "lab-architectures");
  fill(
    el,
    trial.row,
    timeline,
    html("div", { class: "lab-arch-choices" }, netChoice.field, upChoice.field, acrossChoice.field),
    html("div", {}, upTitle, board, chartNote),
    words,
    facts,
    html("div", { class: "lab-arch-anatomy" }, html("div", { class: "lab-panel" }, blockChoice.field, diagram), layers),
    allDetails,
    toolbar(model, NAMES),
  );

  function drawChart() {
    const shown = points(state);
    const [xs, ys] = [shown.map(({ x }) => x), shown.map(({ y }) => y)];
    const y = axisOf(ys, state.up);
    plot.axes({
      x: axisOf(xs, state.across),
      y: { ...y, title: "" },
      label: `${MEASURES[state.up]} against ${MEASURES[state.across].toLowerCase()} of ${new Set(shown.map(({ net }) => net.id)).size} networks; the same numbers are in the table of all networks.`,
    });
    say(
      upTitle,
      state.up === "top1"
        ? "Top-1 accuracy on ImageNet's validation set, % (the axis starts at 55)"
        : `${MEASURES[state.up]}, logarithmic`,
    );
    let d = "";
    for (const net of networks()) {
      const two = shown.filter((point) => point.net === net);
      if (two.length === 2) d += `M${two.map((p) => `${plot.x(p.x).toFixed(1)} ${plot.y(p.y).toFixed(1)}`).join("L")}`;
    }
    set(links, { d });
    const chosen = networkOf(state.net);
    fill(
      dots,
      ...[...shown]
        .sort((a, b) => Number(a.net === chosen) - Number(b.net === chosen))
        .map(({ net, x, y, weights }) => {
          const look = `lab-arch-point${net === chosen ? " lab-arch-chosen" : net.family === chosen.family ? " lab-arch-related" : ""}`;
          const [cx, cy, r] = [plot.x(x), plot.y(y), net === chosen ? 7 : 5];
          if (weights === "V2") return svg("rect", { class: look, x: cx - r, y: cy - r, width: 2 * r, height: 2 * r });
          return weights === "paper"
            ? svg("path", { class: look, d: `M${cx} ${cy - r - 2}L${cx + r + 1} ${cy + r - 1}H${cx - r - 1}z` })
            : svg("circle", { class: look, cx, cy, r });
        }),
    );
    placeNames(shown, chosen);
    const missing = networks().filter((net) => !shown.some((point) => point.net === net));
    say(
      chartNote,
      state.up === "top1"
        ? `● first weights (V1), ■ later recipe (V2), joined where it is the same network, ▲ accuracy from the paper; single networks, one crop, torchvision ${packed.about.torchvision}. All at 224 pixels but EfficientNet-B7 at 600. Not trained on ImageNet, so not here: ${missing.map(({ title }) => title).join(", ")}.`
        : "Each network at its own picture size: 16 pixels in 1989, 32 for LeNet-5, 600 for EfficientNet-B7, 224 for the others. Activations: numbers put out by convolutions and linear layers.",
    );
  }

  /** Names beside the points, where there is room; the chosen one always. @param {Point[]} shown @param {Network} chosen */
  function placeNames(shown, chosen) {
    /** @type {[number, number, number, number][]} boxes that are taken */
    const taken = shown.map(({ x, y }) => [plot.x(x) - 6, plot.y(y) - 6, plot.x(x) + 6, plot.y(y) + 6]);
    const named = new Map();
    for (const point of shown) if (!named.has(point.net)) named.set(point.net, point);
    const order = [...named.values()].sort(
      (a, b) =>
        Number(b.net === chosen) - Number(a.net === chosen) ||
        Number(b.net.family === chosen.family) - Number(a.net.family === chosen.family),
    );
    const texts = [];
    for (const { net, x, y } of order) {
      const [cx, cy, wide] = [plot.x(x), plot.y(y), net.title.length * 7];
      const places = [
        [cx + 9, cy + 4],
        [cx - 9 - wide, cy + 4],
        [cx - wide / 2, cy - 10],
        [cx - wide / 2, cy + 19],
        [cx + 6, cy - 8],
        [cx - 6 - wide, cy - 8],
        [cx + 6, cy + 16],
        [cx - 6 - wide, cy + 16],
      ];
      const free = places.find(
        ([left, base]) =>
          left > plot.left &&
          left + wide < plot.width - 4 &&
          base > 12 &&
          base < plot.height - 42 &&
          !taken.some(([a, b, c, e]) => left < c && left + wide > a && base - 10 < e && base + 3 > b),
      );
      if (!free && net !== chosen) continue;
      const [left, base] = free ?? [
        Math.min(Math.max(cx - wide / 2, plot.left), plot.width - wide),
        Math.max(cy - 10, 12),
      ];
      taken.push([left, base - 10, left + wide, base + 3]);
      texts.push(
        svg(
          "text",
          { class: net === chosen ? "lab-arch-point-name lab-arch-chosen" : "lab-arch-point-name", x: left, y: base },
          net.title,
        ),
      );
    }
    fill(labels, ...texts);
  }

  /** @param {Network} net */
  function drawFacts(net) {
    const [, source, idea, note] = FAMILIES[net.family];
    /** @param {string} name @param {string} value */
    const fact = (name, value) => html("div", {}, html("dt", {}, name), html("dd", {}, value));
    fill(
      facts,
      html("p", {}, html("b", {}, `${net.title} (${net.year}) `), idea),
      html(
        "dl",
        {},
        fact("Parameters", thousands(net.parameters)),
        fact(`Multiply-adds at ${net.size} px`, short(net.multiplyAdds)),
        fact("Activations", short(net.activations)),
        fact("Layers, longest path", String(net.depth)),
        fact("In dense layers", percent(net.dense)),
        ...net.weights.map(([name, top1, top5, size]) =>
          fact(
            `${name === "paper" ? "Top-1, paper" : `Top-1 / 5, ${name}`}, ${size} px`,
            top5 === null ? `${top1.toFixed(2)} %` : `${top1.toFixed(2)} / ${top5.toFixed(2)} %`,
          ),
        ),
      ),
      html(
        "p",
        { class: "lab-note" },
        `${note}${net.id === "alexnet" ? ` That of 2012 has ${thousands(packed.about.alexnet2012)} parameters.` : ""} Source: ${source}.`,
      ),
    );
  }

  /** @param {Layer} layer */
  const box = (layer) =>
    html(
      "div",
      { class: `lab-arch-layer${layer.multiplyAdds ? " lab-arch-layer-strong" : ""}` },
      html(
        "div",
        {},
        html("b", {}, layer.name),
        layer.shape && html("span", {}, layer.shape),
        layer.parameters > 0 && html("span", {}, `${short(layer.parameters)} parameters`),
      ),
    );

  /** Boxes from top to bottom; branches with their shortcut beside them. @param {Block} block */
  function drawDiagram(block) {
    /** @type {HTMLElement[]} */
    let out = [];
    /** @type {HTMLElement[]} */
    let main = out;
    /** @type {HTMLElement[]} */
    let shortcut = [];
    /** @type {HTMLElement[]} */
    let columns = [];
    for (const layer of block.layers) {
      if (layer.kind === "[") {
        main = [];
        shortcut = [];
      } else if (layer.kind === "+") {
        const wire = shortcut.length ? shortcut : [html("span", { class: "lab-arch-identity" }, "identity")];
        const fork = html("div", { class: "lab-arch-fork" });
        const plus = html("div", { class: "lab-arch-plus" }, html("span", {}, "+"));
        out.push(
          html(
            "div",
            { class: "lab-arch-branch" },
            html("div", { class: "lab-arch-chain lab-arch-skip" }, ...wire),
            html("div", { class: "lab-arch-chain" }, fork, ...main, plus),
          ),
        );
        main = out;
      } else if (layer.kind === "(") main = [];
      else if (layer.kind === "|" || layer.kind === ")") {
        columns.push(html("div", { class: "lab-arch-chain" }, ...main));
        main = [];
        if (layer.kind === ")") {
          out.push(
            html("div", { class: "lab-arch-parallel" }, ...columns),
            html("div", { class: "lab-arch-node" }, "concatenate"),
          );
          columns = [];
          main = out;
        }
      } else (layer.shortcut ? shortcut : main).push(box(layer));
    }
    fill(diagram, html("div", { class: "lab-arch-chain" }, ...out));
  }

  /** The lines of the table below. @type {{row: HTMLElement, button: HTMLElement}[]} */
  let lines = [];
  /** @param {Network} net */
  function drawLayers(net) {
    /** @param {number} share */
    const bar = (share) => ({ class: "lab-arch-share", style: `--share:${(100 * share).toFixed(1)}%` });
    lines = net.blocks.map((block, i) => {
      const button = html("button", { type: "button", onclick: () => change({ block: i }) }, blockTitle(block));
      const row = html(
        "tr",
        {},
        html("th", { scope: "row" }, button),
        html("td", {}, block.shape),
        html("td", bar((block.times * block.parameters) / net.parameters), thousands(block.times * block.parameters)),
        html("td", bar((block.times * block.multiplyAdds) / net.multiplyAdds), short(block.times * block.multiplyAdds)),
      );
      return { row, button };
    });
    set(layers, { "aria-label": `Layers of ${net.title}` });
    fill(
      layers,
      html(
        "table",
        { class: "lab-table" },
        html("caption", {}, `Layers of ${net.title}: bars show the share of the whole`),
        html(
          "thead",
          {},
          html(
            "tr",
            {},
            ...["Block", "Output", "Parameters", "Multiply-adds"].map((head) => html("th", { scope: "col" }, head)),
          ),
        ),
        html(
          "tbody",
          {},
          ...lines.map(({ row }) => row),
          html(
            "tr",
            { class: "lab-arch-total" },
            html("th", { scope: "row" }, "Total"),
            html("td", {}, ""),
            html("td", {}, thousands(net.parameters)),
            html("td", {}, short(net.multiplyAdds)),
          ),
        ),
      ),
    );
  }

  function drawAll() {
    if (!allDetails.open || all.firstChild) return;
    const heads = [
      "Network",
      "Year",
      "Parameters",
      "Multiply-adds",
      "Activations",
      "Layers",
      "Dense",
      "Top-1 % (weights)",
      "Pixels",
      "What was new",
    ];
    fill(
      all,
      html(
        "table",
        { class: "lab-table" },
        html(
          "caption",
          {},
          "Layers: with weights, on the longest path; the shortcut's own and squeeze-and-excitation are left out",
        ),
        html("thead", {}, html("tr", {}, ...heads.map((head) => html("th", { scope: "col" }, head)))),
        html(
          "tbody",
          {},
          ...networks().map((net) =>
            html(
              "tr",
              {},
              html("th", { scope: "row" }, net.title),
              ...[
                String(net.year),
                thousands(net.parameters),
                short(net.multiplyAdds),
                short(net.activations),
                String(net.depth),
                percent(net.dense),
                net.weights.map(([name, top1]) => `${top1.toFixed(2)} (${name})`).join(", ") || "–",
                String(net.size),
              ].map((text) => html("td", {}, text)),
              html("td", { class: "lab-arch-left" }, FAMILIES[net.family][2]),
            ),
          ),
        ),
      ),
    );
  }

  let netDrawn = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const wanted = JSON.stringify(state);
    if (wanted === drawn) return;
    drawn = wanted;
    const net = networkOf(state.net);
    const current = Math.min(state.block, net.blocks.length - 1);
    netChoice.select.value = state.net;
    for (const { family, button } of lineage) set(button, { "aria-pressed": String(family === net.family) });
    acrossChoice.select.value = state.across;
    upChoice.select.value = state.up;
    const chart = [state.net, state.across, state.up].join();
    if (chart !== chartDrawn) drawChart();
    chartDrawn = chart;
    if (state.net !== netDrawn) {
      const focused = layers.contains(document.activeElement);
      drawFacts(net);
      drawLayers(net);
      fill(
        blockChoice.select,
        ...net.blocks.map((block, i) => html("option", { value: i }, `${i + 1}. ${blockTitle(block)}`)),
      );
      say(words, summary(net));
      if (focused) lines[current].button.focus();
    }
    netDrawn = state.net;
    blockChoice.select.value = String(current);
    lines.forEach(({ row, button }, i) => {
      set(row, { class: i === current ? "lab-arch-current" : null });
      set(button, { "aria-pressed": String(i === current) });
    });
    drawDiagram(net.blocks[current]);
    trial.show(state);
  }
  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return () => {
    unwatch();
    plot.stop();
  };
}

export default { render, clean };
