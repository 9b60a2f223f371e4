/**
 * The lab PatchTokens: from picture and patch to tokens, parameters and cost, and where a small transformer looks.
 *
 * count(), crossing(), open() and look() are the mathematics and know nothing of the page; render() draws them. The small
 * network and its wafers are the figure's cargo, written by kernelbook/labs/patch_tokens.py.
 */
import { oneOf, whole } from "./lib/checks.js";
import { conv2d } from "./lib/conv.js";
import { choice, field, fill, html, root, say, set, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { by } from "./lib/format.js";
import { gelu, layerNorm, linear, selfAttention, softmax } from "./lib/layers.js";
import { CELL, NumberMap, numbersTable } from "./lib/map.js";
import { read, watch, write } from "./lib/model.js";
import { namedPicture } from "./lib/pictures.js";
import { Plot } from "./lib/plot.js";
import { toolbar } from "./lib/toolbar.js";
import { bytesOf, unpack } from "./lib/weights.js";
import { CLASSES, EXAMPLES_EACH, inputOf, waferBits } from "./lib/wafer.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/layers.js").Result} Result */

const PATCHES = [4, 7, 8, 14, 16, 32];
const OUTPUTS = 1000;
/** The small network: heads, layers and patches a side. */
const HEADS = 3;
const DEPTH = 2;
const SIDE = 8;

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  size: 224,
  patch: 16,
  width: 768,
  depth: 12,
  heads: 12,
  wafer: "scratch",
  example: 2,
  layer: 2,
});
const NAMES = Object.keys(DEFAULTS);

/** Width, depth and heads of the published ones (Dosovitskiy et al. 2021; Ti and S from Touvron et al. 2021). */
/** @type {Record<string, {title: string, width: number, depth: number, heads: number}>} */
export const MODELS = {
  tiny: { title: "ViT-Ti", width: 192, depth: 12, heads: 3 },
  small: { title: "ViT-S", width: 384, depth: 12, heads: 6 },
  base: { title: "ViT-B", width: 768, depth: 12, heads: 12 },
  large: { title: "ViT-L", width: 1024, depth: 24, heads: 16 },
  huge: { title: "ViT-H", width: 1280, depth: 32, heads: 16 },
};

/** @type {{title: string, text: string, state: State}[]} */
export const EXPERIMENTS = [
  {
    title: "How quadratic is ViT-B/16?",
    text: "Attention compares every token with every other: the cost is quadratic, one reads. At 224 pixels, what share of the work is that part? Predict it, write it down, and only then read the bars.",
    state: {},
  },
  {
    title: "A picture of 1,024 pixels",
    text: "The side is 4.6 times as long, so there are 21 times as many patches. The linear part grows with them, the quadratic one with their square. Is it now more than half of the work?",
    state: { size: 1024 },
  },
  {
    title: "Where the two parts meet",
    text: "12 N d² = 2 N² d where N = 6 d: 4,608 tokens for a width of 768. With patches of 16 that is a side of about 1,086 pixels. Double the width: by what factor does that side grow?",
    state: { size: 1088 },
  },
  {
    title: "Half the patch",
    text: "Patches of 8 instead of 16 make four times as many tokens of the same picture. Predict by what factor the whole work grows, then compare: 4 would be linear, 16 quadratic.",
    state: { patch: 8 },
  },
  {
    title: "A narrow network",
    text: "ViT-Ti has a quarter of the width. Does the quadratic share grow or shrink, and why? The crossing lies at 1,152 tokens now.",
    state: { width: 192, heads: 3 },
  },
  {
    title: "Another number of heads",
    text: "Four heads instead of twelve. Which of the counts will change? Each head is three times as wide, and none of the counts asks how the width is shared.",
    state: { heads: 4 },
  },
  {
    title: "Which parameters know the size",
    text: "From 224 to 384 pixels the work grows more than threefold. By how much do the parameters grow? Only one of their parts depends on the number of patches.",
    state: { size: 384 },
  },
  {
    title: "Where does a head look?",
    text: "A small trained transformer names a donut. In layer 1 its class token has seen nothing yet: predict whether the three heads look at the ring already there, then choose layer 2.",
    state: { wafer: "donut", example: 3, layer: 1 },
  },
];

// Counting

/**
 * What torchvision's VisionTransformer with an MLP of 4 widths has and does on three channels; N counts the class token.
 * @param {State} state size, patch, width, depth, heads
 * @returns {{error: string, tokens: number, parameters: Record<string, number>, work: Record<string, number>}}
 */
export function count({ size, patch, width, depth, heads }) {
  const none = { tokens: 0, parameters: {}, work: {} };
  if (size % patch) return { ...none, error: `Patches of ${patch} do not fill ${size} pixels: torchvision refuses.` };
  if (width % heads) return { ...none, error: `${heads} heads cannot share a width of ${width}: torchvision refuses.` };
  const patches = (size / patch) ** 2;
  const tokens = patches + 1;
  const weights = 3 * patch ** 2 * width;
  return {
    error: "",
    tokens,
    parameters: {
      embedding: weights + width,
      positions: (tokens + 1) * width,
      layers: depth * (12 * width ** 2 + 13 * width) + 2 * width,
      head: (width + 1) * OUTPUTS,
    },
    work: {
      embedding: patches * weights,
      linear: depth * 12 * tokens * width ** 2,
      quadratic: depth * 2 * tokens ** 2 * width,
      head: width * OUTPUTS,
    },
  };
}

/** Side of the picture at which both parts of a layer are equal, in pixels: N = 6 d. @param {State} state */
export const crossing = ({ patch, width }) => patch * Math.sqrt(6 * width - 1);

// The small network

/** The network and its wafers from a figure's cargo. @param {string} cargo */
export function open(cargo) {
  const packed = JSON.parse(cargo);
  const w = unpack(packed);
  const bytes = bytesOf(packed.examples);
  return {
    w,
    accuracy: packed.test_accuracy,
    tested: packed.test_wafers,
    weights: Object.values(w).reduce((sum, { data }) => sum + data.length, 0),
    /** Failed dies of an example. @param {string} name @param {number} n 1 to 5 */
    example: (name, n) => waferBits(bytes, CLASSES.indexOf(name) * EXAMPLES_EACH + n - 1),
  };
}

/** @param {Result} a @param {Result} b @returns {Result} */
const add = (a, b) => ({ data: a.data.map((v, i) => v + b.data[i]), shape: a.shape });

/**
 * The forward pass on a wafer.
 * @param {ReturnType<typeof open>} network @param {ArrayLike<number>} failed 1024 dies
 * @param {boolean} [whole] whether every token's attention in the last layer is wanted, and not the class token's alone
 * @returns {{attention: Result[], scores: Float64Array, shares: Float64Array}} attention (heads, 65, 65) of each layer;
 *   (heads, 1, 65) of the last one if it is not whole
 */
export function look({ w }, failed, whole = false) {
  const patches = conv2d(inputOf(failed), w["conv_proj.weight"], { stride: 4 }, w["conv_proj.bias"].data);
  const [, width, height, across] = patches.shape;
  const count = height * across;
  const data = Float64Array.from(w["encoder.pos_embedding"].data);
  for (let i = 0; i < width; i++) {
    data[i] += w.class_token.data[i];
    for (let p = 0; p < count; p++) data[(p + 1) * width + i] += patches.data[i * count + p];
  }
  let x = /** @type {Result} */ ({ data, shape: [count + 1, width] });
  const attention = [];
  for (let layer = 0; layer < DEPTH; layer++) {
    const last = layer === DEPTH - 1;
    const of = (/** @type {string} */ name) => w[`encoder.layers.encoder_layer_${layer}.${name}`];
    const found = selfAttention(
      layerNorm(x, of("ln_1.weight"), of("ln_1.bias"), 1e-6),
      {
        inWeight: of("self_attention.in_proj_weight"),
        inBias: of("self_attention.in_proj_bias"),
        outWeight: of("self_attention.out_proj.weight"),
        outBias: of("self_attention.out_proj.bias"),
      },
      HEADS,
      last && !whole ? 1 : count + 1,
    );
    attention.push(found.attention);
    // Behind the last attention the tokens do not meet again, and only the class token is read.
    x = last ? add({ data: x.data.subarray(0, width), shape: [1, width] }, found.output) : add(x, found.output);
    const hidden = linear(layerNorm(x, of("ln_2.weight"), of("ln_2.bias"), 1e-6), of("mlp.0.weight"), of("mlp.0.bias"));
    x = add(x, linear(gelu(hidden), of("mlp.3.weight"), of("mlp.3.bias")));
  }
  const normed = layerNorm(x, w["encoder.ln.weight"], w["encoder.ln.bias"], 1e-6);
  const scores = linear(normed, w["heads.head.weight"], w["heads.head.bias"]);
  return { attention, scores: scores.data, shares: softmax(scores).data };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  return {
    size: whole(raw.size, 4, 4096, d.size),
    patch: oneOf(raw.patch, PATCHES, d.patch),
    width: whole(raw.width, 8, 4096, d.width),
    depth: whole(raw.depth, 1, 64, d.depth),
    heads: whole(raw.heads, 1, 64, d.heads),
    wafer: oneOf(raw.wafer, CLASSES, d.wafer),
    example: whole(raw.example, 1, EXAMPLES_EACH, d.example),
    layer: whole(raw.layer, 1, DEPTH, d.layer),
  };
}

// Words

/** Thousands set apart. @param {number} value a whole number */
const grouped = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

/** A large number in words, to three digits. @param {number} value */
export function large(value) {
  const [size, name] = [
    [1e12, " trillion"],
    [1e9, " billion"],
    [1e6, " million"],
    [1, ""],
  ].find(([least]) => value >= Number(least)) ?? [1, ""];
  const scaled = value / Number(size);
  return name ? `${scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)}${name}` : grouped(value);
}

/** @param {number} share @param {number} [digits] */
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/** The quadratic part of the layers' work. @param {Record<string, number>} work */
export const quadraticShare = (work) => work.quadratic / (work.quadratic + work.linear);

/** What the lab shows, in words. @param {State} state @param {ReturnType<typeof count>} found */
export function summary(state, { error, tokens, parameters, work }) {
  if (error) return `No such network. ${error}`;
  const meet = crossing(state);
  const total = Object.values(parameters).reduce((a, b) => a + b);
  return (
    `${grouped(tokens)} tokens, ${large(total)} parameters. The quadratic part is ${percent(quadraticShare(work))} of the ` +
    `layers' work; both parts are equal at ${grouped(6 * state.width)} tokens, a side of about ${grouped(meet)} pixels.`
  );
}

// The page

/** @type {Record<string, string>} */
const PARTS = { embedding: "Patch embedding", positions: "Positions", layers: "Layers", head: "Head" };
/** @type {Record<string, string>} */
const WORK = {
  embedding: "Patch embedding",
  linear: "Linear: 12 N d²",
  quadratic: "Quadratic: 2 N² d",
  head: "Head",
};

/** Rows with a name, a bar of the share, a number and the share. @param {string} title @param {Record<string, string>} names */
function shares(title, names) {
  const total = html("b", {});
  const rows = Object.entries(names).map(([key, name]) => {
    const bar = html("span", { class: `lab-partbar lab-part-${key}` });
    const value = html("td", {});
    const share = html("td", {});
    const row = html(
      "tr",
      {},
      html("th", { scope: "row" }, name),
      html("td", { class: "lab-parttrack", "aria-hidden": "true" }, bar),
      value,
      share,
    );
    return { key, bar, value, share, row };
  });
  const element = html(
    "table",
    { class: "lab-parts" },
    html("caption", {}, title, " ", total),
    html("tbody", {}, ...rows.map(({ row }) => row)),
  );
  return {
    element,
    /** @param {Record<string, number>} values */
    draw(values) {
      const sum = Object.values(values).reduce((a, b) => a + b, 0);
      say(total, sum ? large(sum) : "none");
      for (const { key, bar, value, share } of rows) {
        const part = sum ? values[key] / sum : 0;
        set(bar, { style: `width:${(100 * part).toFixed(2)}%` });
        say(value, sum ? large(values[key]) : "–");
        say(share, sum ? percent(part) : "–");
      }
    },
  };
}

/** @param {RenderContext} context */
export function render({ model, el }) {
  const network = open(model.get("cargo"));
  let state = clean(read(model, NAMES));
  let found = count(state);
  /** @param {State} changes */
  const change = (changes) => write(model, changes);

  const trial = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    invitation: "Change the picture's size or the patch and watch which part of the cost grows. Or start with an experiment.",
  });

  // Counting
  const known = choice(
    "Network",
    [...Object.entries(MODELS).map(([name, { title }]) => /** @type {[string, string]} */ ([name, title])), ["", "your own"]],
    (name) => {
      if (!MODELS[name]) return;
      const { width, depth, heads } = MODELS[name];
      change({ width, depth, heads });
    },
  );
  const patch = choice(
    "Patch",
    PATCHES.map((n) => [String(n), by(n, n)]),
    (value) => change({ patch: Number(value) }),
  );
  /** @param {string} name @param {number} min @param {number} max @param {number} step */
  const entry = (name, min, max, step) => {
    const input = html("input", {
      type: "number",
      min,
      max,
      step,
      oninput: () => {
        const value = input.valueAsNumber;
        if (Number.isInteger(value) && value >= min && value <= max) change({ [name]: value });
      },
    });
    return input;
  };
  const inputs = {
    size: entry("size", 4, 4096, 4),
    width: entry("width", 8, 4096, 8),
    depth: entry("depth", 1, 64, 1),
    heads: entry("heads", 1, 64, 1),
  };
  // One step of the size is one patch more.
  const photograph = namedPicture("photograph");
  const picture = new NumberMap("lab-photograph");
  const lines = svg("path", { class: "lab-patchlines" });
  picture.overlay.append(lines);
  const pictureNote = html("p", { class: "lab-note" });
  const sorry = html("p", { class: "lab-error", hidden: true });
  const parameterTable = shares("Parameters:", PARTS);
  const workTable = shares("Multiply-adds for one picture:", WORK);
  const plot = new Plot("lab-cost", { height: 250, left: 50, redraw: () => drawPlot() });
  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });

  // The small network
  const wafer = choice("Wafer", CLASSES.map((name) => [name, name]), (value) => change({ wafer: value }));
  const example = choice(
    "Example",
    Array.from({ length: EXAMPLES_EACH }, (_, i) => [String(i + 1), String(i + 1)]),
    (value) => change({ example: Number(value) }),
  );
  const layer = choice("Layer", [["1", "1"], ["2", "2"]], (value) => change({ layer: Number(value) }));
  const waferMap = new NumberMap("lab-wafer");
  waferMap.overlay.append(
    svg("path", {
      class: "lab-patchlines",
      d: Array.from({ length: 7 }, (_, i) => `M${(i + 1) * 4 * CELL} 0v${32 * CELL}M0 ${(i + 1) * 4 * CELL}h${32 * CELL}`).join(""),
    }),
  );
  const heads = Array.from({ length: HEADS }, (_, i) => {
    const map = new NumberMap("lab-head");
    const note = html("p", { class: "lab-note" });
    const element = html(
      "div",
      { class: "lab-panel" },
      html("p", { class: "lab-name" }, `Head ${i + 1}`),
      html("div", { class: "lab-board" }, map.svg),
      note,
    );
    return { map, note, element };
  });
  const verdict = html("p", { class: "lab-verdict" });
  const tables = html("div", { class: "lab-tables" });
  const details = html("details", { ontoggle: () => drawTables() }, html("summary", {}, "The numbers as tables"), tables);

  root(el, "lab-patch-tokens");
  fill(
    el,
    trial.row,
    html(
      "div",
      { class: "lab-tokens" },
      html("div", { class: "lab-panel" }, html("div", { class: "lab-board" }, picture.svg), pictureNote),
      html(
        "div",
        { class: "lab-panel" },
        html(
          "div",
          { class: "lab-entries", role: "group", "aria-label": "Network and picture" },
          known.field,
          field("Size, pixels", inputs.size),
          patch.field,
          field("Width d", inputs.width),
          field("Depth", inputs.depth),
          field("Heads", inputs.heads),
        ),
        sorry,
        parameterTable.element,
        workTable.element,
      ),
    ),
    html("div", {}, html("p", { class: "lab-name" }, "Multiply-adds of one layer, by size of the picture"), plot.element),
    formula,
    words,
    html(
      "div",
      { class: "lab-attention" },
      html("p", {}, html("b", {}, "A small one at work."), ` A transformer of ${grouped(network.weights)} weights, trained on wafers (${percent(network.accuracy)} of ${grouped(network.tested)} test wafers right), reads 64 patches of 4 × 4 dies. Its class token gathers what the answer is made from: here is how each head shares out its attention, in percent. The strongest orange is what the head looks at most.`),
      html("div", { class: "lab-attention-controls" }, wafer.field, example.field, layer.field),
      html(
        "div",
        { class: "lab-heads" },
        html("div", { class: "lab-panel" }, html("p", { class: "lab-name" }, "The wafer in patches"), html("div", { class: "lab-board" }, waferMap.svg), verdict),
        ...heads.map(({ element }) => element),
      ),
    ),
    details,
    toolbar(model, NAMES),
  );

  // Drawing the parts

  picture.draw({
    rows: photograph.height,
    columns: photograph.width,
    value: (row, column) => photograph.data[row * photograph.width + column],
    colours: "grey",
    low: 0,
    high: 255,
    label: "A photograph, cut into patches",
  });

  function drawPicture() {
    const across = state.size / state.patch;
    const side = photograph.width * CELL;
    const drawn = across <= 64 && across > 1;
    set(lines, {
      d: drawn
        ? Array.from({ length: Math.ceil(across) - 1 }, (_, i) => {
            const at = (((i + 1) * side) / across).toFixed(1);
            return `M${at} 0V${side}M0 ${at}H${side}`;
          }).join("")
        : "",
    });
    const n = Math.floor(across);
    say(
      pictureNote,
      found.error
        ? "The patches do not fit."
        : `${by(state.size, state.size)} pixels: ${n} × ${n} = ${grouped(n * n)} patches${drawn || n === 1 ? "" : ", too many to draw"}, each ${by(state.patch, state.patch)} × 3 = ${grouped(3 * state.patch ** 2)} numbers that become a token of ${grouped(state.width)}.`,
    );
  }

  /** Multiply-adds of one layer for a picture of this side. @param {number} side */
  const costs = (side) => {
    const n = (side / state.patch) ** 2 + 1;
    return [12 * n * state.width ** 2, 2 * n ** 2 * state.width];
  };
  function drawPlot() {
    const sides = Array.from({ length: 49 }, (_, i) => 2 ** (4 + i / 6));
    const all = sides.map(costs);
    const low = 10 ** Math.floor(Math.log10(Math.min(...all[0])));
    const high = 10 ** Math.ceil(Math.log10(Math.max(...all[48])));
    const meet = crossing(state);
    const narrow = plot.width < 420;
    plot.axes({
      x: {
        title: "side of the picture, pixels",
        low: 16,
        high: 4096,
        log: true,
        ticks: narrow ? [16, 64, 256, 1024] : [16, 32, 64, 128, 256, 512, 1024, 2048],
        format: grouped,
      },
      y: { title: "", low, high, log: true },
      label: `Multiply-adds of one layer from 16 to 4,096 pixels: the linear part lies above the quadratic one up to about ${grouped(meet)} pixels, and below it after that.`,
    });
    const [cx, cy] = [plot.x(meet), plot.y(costs(meet)[0])];
    const inside = meet >= 16 && meet <= 4096;
    const left = cx > plot.width - 150;
    fill(
      plot.marks,
      svg("path", { class: "lab-linear", d: plot.path(sides, all.map(([a]) => a)) }),
      svg("path", { class: "lab-quadratic", d: plot.path(sides, all.map(([, b]) => b)) }),
      state.size >= 16 && svg("path", { class: "lab-here", d: `M${plot.x(state.size)} ${plot.y(high)}V${plot.y(low)}` }),
      inside && svg("circle", { class: "lab-meet", cx, cy, r: 5 }),
      inside &&
        svg(
          "text",
          { class: "lab-plot-title", x: cx + (left ? -10 : 10), y: cy + (left ? -8 : 16), "text-anchor": left ? "end" : "start" },
          `equal at ${grouped(meet)}`,
        ),
      svg("text", { class: "lab-linear-name", x: plot.x(18), y: 26 }, "linear: 12 N d²"),
      svg("text", { class: "lab-quadratic-name", x: plot.x(18), y: 44 }, "quadratic: 2 N² d"),
    );
  }

  function drawFormula() {
    const { size, patch: p, width } = state;
    const line = (/** @type {string} */ name, /** @type {string} */ numbers) =>
      html("p", {}, html("span", { class: "lab-symbols" }, name), ` = ${numbers}`);
    set(formula, { hidden: !!found.error });
    if (found.error) return;
    const n = size / p;
    const tokens = found.tokens;
    const [a, b] = [12 * tokens * width ** 2, 2 * tokens ** 2 * width];
    fill(
      formula,
      line("N", `(${size} / ${p})² + 1 = ${n}² + 1 = ${grouped(tokens)}, the class token included`),
      line("12 N d² + 2 N² d", `${large(a)} + ${large(b)} multiply-adds a layer`),
      line("share of the second", `N / (6 d + N) = ${grouped(tokens)} / ${grouped(6 * width + tokens)} = ${percent(b / (a + b))}`),
    );
  }

  let pass = look(network, network.example(state.wafer, state.example));
  /** Attention of the class token in the chosen layer. @param {number} head @param {number} token */
  const attended = (head, token) => {
    const { data, shape } = pass.attention[state.layer - 1];
    return data[head * shape[1] * shape[2] + token];
  };
  function drawAttention(/** @type {boolean} */ newWafer) {
    if (newWafer) {
      const failed = network.example(state.wafer, state.example);
      pass = look(network, failed);
      const { data } = inputOf(failed);
      waferMap.draw({
        rows: 32,
        columns: 32,
        value: (row, column) => data[row * 32 + column],
        colours: "grey",
        low: 0,
        high: 1,
        label: `Wafer: ${state.wafer}, example ${state.example}`,
      });
      let best = 0;
      pass.shares.forEach((share, i) => share > pass.shares[best] && (best = i));
      say(verdict, `It says ${CLASSES[best]}, ${percent(pass.shares[best])}.`);
    }
    heads.forEach(({ map, note }, head) => {
      let best = 1;
      for (let t = 2; t <= 64; t++) if (attended(head, t) > attended(head, best)) best = t;
      map.draw({
        rows: SIDE,
        columns: SIDE,
        value: (row, column) => 100 * attended(head, 1 + row * SIDE + column),
        format: (value) => value.toFixed(value < 9.95 ? 1 : 0),
        colours: "signed",
        low: 0,
        high: 100 * attended(head, best),
        label: `Head ${head + 1} of layer ${state.layer}: attention of the class token to 64 patches, in percent`,
      });
      say(
        note,
        `Most, ${percent(attended(head, best))}, to the patch in row ${Math.floor((best - 1) / SIDE)}, column ${(best - 1) % SIDE}; ${percent(attended(head, 0))} to itself.`,
      );
    });
  }

  function drawTables() {
    if (!details.open) return;
    fill(
      tables,
      ...heads.map((_, head) =>
        numbersTable(`Head ${head + 1} of layer ${state.layer}, percent`, SIDE, SIDE, (r, c) => 100 * attended(head, 1 + r * SIDE + c)),
      ),
    );
  }

  let counted = "";
  let looked = "";
  function redraw() {
    state = clean(read(model, NAMES));
    const { wafer: name, example: n, layer: l, ...rest } = state;
    const key = JSON.stringify(rest);
    if (key !== counted) {
      counted = key;
      found = count(state);
      const same = Object.keys(MODELS).find((m) =>
        /** @type {("width" | "depth" | "heads")[]} */ (["width", "depth", "heads"]).every((k) => MODELS[m][k] === state[k]),
      );
      known.select.value = same ?? "";
      patch.select.value = String(state.patch);
      set(inputs.size, { step: state.patch, min: state.patch });
      for (const [trait, input] of Object.entries(inputs))
        if (input.valueAsNumber !== state[trait]) input.value = String(state[trait]);
      say(sorry, found.error);
      set(sorry, { hidden: !found.error });
      parameterTable.draw(found.parameters);
      workTable.draw(found.work);
      drawPicture();
      drawPlot();
      drawFormula();
    }
    const seen = `${name} ${n}`;
    if (`${seen} ${l}` !== looked) {
      const newWafer = !looked.startsWith(`${seen} `);
      looked = `${seen} ${l}`;
      wafer.select.value = name;
      example.select.value = String(n);
      layer.select.value = String(l);
      drawAttention(newWafer);
      drawTables();
    }
    say(words, summary(state, found));
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
