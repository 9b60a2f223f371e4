/**
 * The lab DenseVsConv: what a dense, a locally connected and a convolutional layer cost on one picture.
 *
 * compute() counts in whole numbers of any size (BigInt); render() draws them.
 */
import { barRows } from "./lib/bars.js";
import { oneOf, whole } from "./lib/checks.js";
import { choice, fill, html, ladder, root, say, slider, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { bytes, grouped, times } from "./lib/format.js";
import { read, watch, write } from "./lib/model.js";
import { toolbar } from "./lib/toolbar.js";

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  size: 224,
  channels: 3,
  maps: 32,
  kernel: 3,
  units: 1024,
  bias: false,
  batch: 1,
  quantity: "parameters",
});
const NAMES = Object.keys(DEFAULTS);

/** Least and most of each number. @type {Record<string, [number, number]>} */
const LIMITS = {
  size: [1, 1024],
  channels: [1, 2048],
  maps: [1, 2048],
  kernel: [1, 15],
  units: [1, 16384],
  batch: [1, 1024],
};
const SIZES = [4, 8, 12, 16, 24, 28, 32, 48, 64, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 1024];
const CHANNELS = [1, 2, 3, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048];
const UNITS = [1, 2, 10, 32, 64, 100, 128, 256, 512, 1000, 1024, 2048, 4096, 8192, 16384];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** @type {Record<string, string>} */
const QUANTITIES = {
  parameters: "parameters",
  multiply_adds: "multiply-adds for one picture",
  memory: "memory in training",
};

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "The same job",
    text: "Books set the first bar against the last. But the dense layer gives 1,024 numbers and the convolution 32 maps of 224 × 224. How many times more weights has a dense layer that returns those maps? Guess the power of ten, then read the second bar.",
    state: {},
  },
  {
    title: "172,000 times fewer?",
    text: "154,140,672 divided by 896 is 172,032, a well-known number. Find two faults in it: are there 864 or 896 weights in the convolution, and how many numbers does each of the two layers return?",
    state: { bias: true },
  },
  {
    title: "Dense is one large kernel",
    text: "To 64 numbers a dense layer needs 9,633,792 weights, 5,575 times the convolution's. That is 224² / 3². Why exactly? Think of a kernel as large as the picture. Then predict the ratio for K = 7.",
    state: { maps: 64, units: 64 },
  },
  {
    title: "First locality, then sharing",
    text: "From the second bar to the third every output looks at one window only; from the third to the last all windows share their weights. Which of the two steps saves more, 114 times or 1,024 times? With which kernel would both save the same?",
    state: { size: 32, channels: 16 },
  },
  {
    title: "Sharing saves no work",
    text: "Now the bars count multiply-adds. Two of them are equal: which, and why? What does sharing save, and what does it not?",
    state: { quantity: "multiply_adds" },
  },
  {
    title: "Twice the picture",
    text: "Drag the image size from 224 to 448. Predict the factor of each of the four bars before you do: one grows 16 times, two grow 4 times, and one stays as it is.",
    state: { units: 1000 },
  },
  {
    title: "What training keeps in memory",
    text: "Adam keeps 16 bytes for each weight, so the dense layer to 1,024 numbers takes 2.47 GB. The convolution's memory is nearly all activations. Predict what a batch of 64 changes, and for which layers.",
    state: { quantity: "memory" },
  },
  {
    title: "Where dense is cheap",
    text: "Ten numbers from a digit of 8 × 8 pixels: 640 multiply-adds, a ninth of the convolution's 5,760. Is that still so for a larger picture? And with how many outputs would the two be equal? Predict, then drag.",
    state: { size: 8, channels: 1, maps: 10, units: 10, quantity: "multiply_adds" },
  },
];

// The mathematics

/**
 * @typedef {object} Cost
 * @property {bigint} outputs numbers that the layer returns for one picture
 * @property {bigint} weights @property {bigint} biases @property {bigint} parameters
 * @property {bigint} multiplyAdds for one picture
 * @property {bigint} weightBytes parameters in float32
 * @property {bigint} gradientBytes one for each parameter
 * @property {bigint} adamBytes two for each parameter: the running means of the gradient and of its square
 * @property {bigint} activationBytes input and output of the whole batch, both needed for the backward pass
 * @property {bigint} memory the four together
 */

/** The four layers, keyed as in the Python class. */
export const LAYERS = /** @type {const} */ (["units", "maps", "local", "conv"]);

/**
 * What each layer costs, in whole numbers.
 * @param {State} state a clean state
 * @returns {Record<typeof LAYERS[number], Cost>}
 */
export function compute(state) {
  const [size, channels, maps, kernel, units, batch] = [
    state.size,
    state.channels,
    state.maps,
    state.kernel,
    state.units,
    state.batch,
  ].map(BigInt);
  const pixels = size * size;
  const inputs = pixels * channels;
  const window = kernel * kernel * channels;
  const returned = pixels * maps;
  /** @param {bigint} outputs @param {bigint} weights @param {bigint} biases @param {bigint} multiplyAdds @returns {Cost} */
  const cost = (outputs, weights, biases, multiplyAdds) => {
    const parameters = weights + (state.bias ? biases : 0n);
    const activationBytes = 4n * batch * (inputs + outputs);
    return {
      outputs,
      weights,
      biases: state.bias ? biases : 0n,
      parameters,
      multiplyAdds,
      weightBytes: 4n * parameters,
      gradientBytes: 4n * parameters,
      adamBytes: 8n * parameters,
      activationBytes,
      memory: 16n * parameters + activationBytes,
    };
  };
  return {
    units: cost(units, inputs * units, units, inputs * units),
    maps: cost(returned, inputs * returned, returned, inputs * returned),
    local: cost(returned, returned * window, returned, returned * window),
    conv: cost(returned, window * maps, maps, returned * window),
  };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = /** @type {State} */ (DEFAULTS);
  const numbers = Object.fromEntries(
    Object.entries(LIMITS).map(([name, [least, most]]) => [name, whole(raw[name], least, most, d[name])]),
  );
  return {
    ...d,
    ...numbers,
    bias: oneOf(raw.bias, [true, false], d.bias),
    quantity: oneOf(raw.quantity, Object.keys(QUANTITIES), d.quantity),
  };
}

// Words

/** The value of the chosen quantity. @param {Cost} cost @param {string} quantity */
const chosen = (cost, quantity) =>
  quantity === "memory" ? cost.memory : quantity === "multiply_adds" ? cost.multiplyAdds : cost.parameters;

/** How a layer's number comes about. @param {typeof LAYERS[number]} layer @param {State} s @param {Cost} cost */
function working(layer, s, cost) {
  if (s.quantity === "memory")
    return `16 × ${grouped(cost.parameters)} parameters + 4 × ${grouped(cost.activationBytes / 4n)} activations`;
  const [pixels, channels, maps] = [`${grouped(s.size)}²`, grouped(s.channels), grouped(s.maps)];
  const window = `${s.kernel}²`;
  const shared = s.quantity === "parameters" && layer === "conv";
  const text = {
    units: `${pixels} · ${channels} · ${grouped(s.units)}`,
    maps: `(${pixels})² · ${channels} · ${maps}`,
    local: `${pixels} · ${window} · ${channels} · ${maps}`,
    conv: `${shared ? "" : `${pixels} · `}${window} · ${channels} · ${maps}`,
  }[layer];
  return cost.biases && s.quantity === "parameters" ? `${text} + ${grouped(cost.biases)}` : text;
}

/** @param {State} state @param {ReturnType<typeof compute>} costs */
export function summary(state, costs) {
  const value = (/** @type {Cost} */ cost) => {
    const number = chosen(cost, state.quantity);
    return state.quantity === "memory" ? bytes(number) : grouped(number);
  };
  const of = {
    parameters: "Parameters",
    multiply_adds: "Multiply-adds for one picture",
    memory: `Memory in training with a batch of ${state.batch}`,
  }[/** @type {"memory"} */ (state.quantity)];
  return (
    `${of}: dense to ${grouped(state.units)} numbers ${value(costs.units)}, dense to ${state.maps} whole maps ` +
    `${value(costs.maps)}, locally connected ${value(costs.local)}, convolution ${value(costs.conv)}. The last three ` +
    `return the same ${grouped(costs.conv.outputs)} numbers.`
  );
}

// The page

const GRID = 6;
const STEP = 8;
/**
 * What one output reads, as a small drawing: each colour is one set of weights.
 * @param {typeof LAYERS[number]} layer
 */
function sketch(layer) {
  const dense = layer === "units" || layer === "maps";
  /** @param {number} x @param {number} row @param {number} column @param {number} span @param {string} colour */
  const square = (x, row, column, span, colour) =>
    svg("rect", {
      class: `lab-sketch-${colour}`,
      x: x + column * STEP,
      y: row * STEP,
      width: span * STEP,
      height: span * STEP,
    });
  const second = layer === "conv" ? "a" : "b";
  const right = GRID * STEP + 22;
  const grid = (/** @type {number} */ x, /** @type {number} */ columns) => {
    let d = "";
    for (let i = 0; i <= GRID; i++) d += `M${x} ${i * STEP}h${columns * STEP}`;
    for (let i = 0; i <= columns; i++) d += `M${x + i * STEP} 0v${GRID * STEP}`;
    return svg("path", { class: "lab-sketch-lines", d });
  };
  const marks = dense
    ? [square(0, 0, 0, GRID, "a"), layer === "units" ? square(right, 2, 0, 1, "a") : square(right, 1, 1, 1, "a")]
    : [
        square(0, 0, 0, 3, "a"),
        square(right, 1, 1, 1, "a"),
        square(0, 3, 3, 3, second),
        square(right, 4, 4, 1, second),
      ];
  const words = {
    units: "Each number reads every pixel, with its own weights.",
    maps: "Each pixel of each map reads every pixel, with its own weights.",
    local: "Each pixel of a map reads one window, with its own weights.",
    conv: "Each pixel of a map reads one window, all with the same weights.",
  }[layer];
  return svg(
    "svg",
    { viewBox: `-1 -1 ${right + GRID * STEP + 2} ${GRID * STEP + 2}`, role: "img", "aria-label": words },
    ...marks,
    grid(0, GRID),
    grid(right, layer === "units" ? 1 : GRID),
    svg("path", {
      class: "lab-sketch-arrow",
      d: `M${GRID * STEP + 5} ${(GRID * STEP) / 2}h11m-4 -4l4 4l-4 4`,
    }),
  );
}

/** @param {RenderContext} context */
export function render({ model, el }) {
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const tries = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    invitation: "Drag anything and watch which bars move. Or start with an experiment from the list.",
  });
  const size = ladder("Image size H = W", SIZES, (value) => change({ size: value }));
  const channels = ladder("Input channels", CHANNELS, (value) => change({ channels: value }));
  const maps = ladder("Output maps", CHANNELS, (value) => change({ maps: value }));
  const kernel = slider("Kernel K", ...LIMITS.kernel, (value) => change({ kernel: value }));
  const units = ladder("Outputs of the first layer", UNITS, (value) => change({ units: value }));
  const batch = ladder("Batch, pictures", BATCHES, (value) => change({ batch: value }));
  const quantity = choice("Count", Object.entries(QUANTITIES), (value) => change({ quantity: value }));
  const bias = choice(
    "Biases",
    [
      ["no", "none"],
      ["yes", "one for each set of weights"],
    ],
    (value) => change({ bias: value === "yes" }),
  );
  const names = {
    units: "Dense, to a few numbers",
    maps: "Dense, to whole maps",
    local: "Locally connected",
    conv: "Convolution",
  };
  const bars = barRows(LAYERS.map((layer) => ({ name: names[layer], sketch: sketch(layer) })));
  const note = html("p", { class: "lab-note" });
  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const tables = html("div", { class: "lab-scroll", tabindex: 0, role: "group", "aria-label": "All the numbers" });
  const details = html("details", { ontoggle: () => drawTable() }, html("summary", {}, "All the numbers"), tables);

  root(el, "lab-dense-vs-conv");
  fill(
    el,
    tries.row,
    html(
      "div",
      { class: "lab-settings", role: "group", "aria-label": "Picture and layers" },
      size.field,
      channels.field,
      maps.field,
      kernel.field,
      units.field,
      batch.field,
      quantity.field,
      bias.field,
    ),
    html("div", { class: "lab-bars-stage" }, bars.element, note),
    formula,
    words,
    details,
    toolbar(model, NAMES),
  );

  let state = clean(read(model, NAMES));
  let costs = compute(state);

  function drawFormula() {
    const { maps: dense, local, conv } = costs;
    /** @param {string} name @param {string} symbols @param {string} numbers */
    const line = (name, symbols, numbers) =>
      html("p", {}, `${name}: `, html("span", { class: "lab-symbols" }, symbols), ` = ${numbers}`);
    fill(
      formula,
      html("p", {}, "What the same maps cost in weights, biases left out:"),
      line("locality saves", "(HW)² / (HW · K²) = HW / K²", `${times(dense.weights, local.weights)} times`),
      line("sharing saves", "HW · K² / K² = HW", `${times(local.weights, conv.weights)} times`),
      line("both", "(HW)² / K²", `${times(dense.weights, conv.weights)} times`),
    );
  }

  function drawTable() {
    if (!details.open) return;
    /** @type {[string, (cost: Cost) => bigint][]} */
    const lines = [
      ["Numbers returned", (c) => c.outputs],
      ["Weights", (c) => c.weights],
      ["Biases", (c) => c.biases],
      ["Multiply-adds, one picture", (c) => c.multiplyAdds],
      ["Bytes: parameters", (c) => c.weightBytes],
      ["Bytes: gradients", (c) => c.gradientBytes],
      ["Bytes: Adam's two states", (c) => c.adamBytes],
      ["Bytes: input and output of the batch", (c) => c.activationBytes],
      ["Bytes: all together", (c) => c.memory],
    ];
    fill(
      tables,
      html(
        "table",
        { class: "lab-table" },
        html(
          "thead",
          {},
          html("tr", {}, html("td", {}), ...LAYERS.map((layer) => html("th", { scope: "col" }, names[layer]))),
        ),
        html(
          "tbody",
          {},
          ...lines.map(([name, value]) =>
            html(
              "tr",
              {},
              html("th", { scope: "row" }, name),
              ...LAYERS.map((layer) => html("td", {}, grouped(value(costs[layer])))),
            ),
          ),
        ),
      ),
    );
  }

  function redraw() {
    state = clean(read(model, NAMES));
    costs = compute(state);
    for (const [name, control] of Object.entries({ size, channels, maps, kernel, units, batch })) control.show(state[name]);
    quantity.select.value = state.quantity;
    bias.select.value = state.bias ? "yes" : "no";
    tries.show(state);
    const yardstick = chosen(costs.conv, state.quantity);
    const memory = state.quantity === "memory";
    bars.draw(
      LAYERS.map((layer) => {
        const value = chosen(costs[layer], state.quantity);
        return {
          value,
          text: memory ? bytes(value) : grouped(value),
          note: working(layer, state, costs[layer]),
          ratio: layer === "conv" ? "" : `${times(value, yardstick)} × the convolution`,
        };
      }),
      memory ? "bytes" : "count",
    );
    say(
      note,
      `One colour in the drawings is one set of weights. The first layer returns ${grouped(costs.units.outputs)} ` +
        `${costs.units.outputs === 1n ? "number" : "numbers"}, the other three ${state.maps} maps of ${state.size} × ` +
        `${state.size}: stride 1, padded to keep the size. ` +
        (memory
          ? "Training with Adam in float32 keeps 4 bytes for each weight, 4 for its gradient and 8 for two running means, and 4 for each number that goes in or comes out."
          : "The scale is logarithmic: each grey line is a thousand times the one before."),
    );
    drawFormula();
    drawTable();
    say(words, summary(state, costs));
  }
  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return unwatch;
}

export default { render, clean };
