/**
 * The lab TransferPlan: which layers to train for how much data.
 *
 * plan(), wayOf(), spread() and compare() are the mathematics and know nothing of the page; render() draws them. Counts
 * and measurements come from lib/transfer.json, which lib/transfer.py writes.
 */
import { oneOf, whole } from "./lib/checks.js";
import { choice, field, fill, html, root, say, set, slider, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { read, watch, write } from "./lib/model.js";
import { Plot } from "./lib/plot.js";
import { toolbar } from "./lib/toolbar.js";
import facts from "./lib/transfer.json" with { type: "json" };

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {{name: string, parameters: number, norms: number, trained: boolean}} Stage */

/** @type {Record<string, {title: string, stages: {name: string, parameters: number, norms: number}[], features: number}>} */
const NETWORKS = facts.networks;
const LABELS = [5, 10, 20, 50, 100];
/** @type {Record<string, string>} */
export const WAYS = {
  scratch: "From scratch",
  frozen: "Head only",
  last: "Last stage and head",
  all: "Everything, one rate",
  rates: "Everything, a rate a stage",
};

/** What the small network was pretrained on. */
/** @type {Record<string, {title: string, name: "texture_cnn" | "other_wafer_cnn"}>} */
export const SOURCES = {
  textures: { title: "textured shapes", name: "texture_cnn" },
  wafers: { title: "another product's wafers", name: "other_wafer_cnn" },
};

/** The state of a lab that nobody has touched: equal to the Python class's defaults, a test says so. */
export const DEFAULTS = Object.freeze({
  network: "resnet50",
  classes: 9,
  start: "pretrained",
  trained: 1,
  rates: "one",
  source: "textures",
  labels: 20,
});
const NAMES = Object.keys(DEFAULTS);

/** @type {{title: string, text: string, state: State}[]} */
export const EXPERIMENTS = [
  {
    title: "The head alone",
    text: "Everything pretrained is kept and a new head for 5 classes is trained. How many of the 23.5 million parameters of a ResNet-50 is that? Predict a share before you read it.",
    state: { classes: 5, trained: 0 },
  },
  {
    title: "“The last blocks”",
    text: "A common recipe unfreezes layer4 and calls it the last two blocks. It is one stage of three blocks. What share of the network is trained now: a twentieth, a third or more than half?",
    state: { classes: 5, trained: 1 },
  },
  {
    title: "A far source, few labels",
    text: "The small network has learned textured shapes; now it gets five labelled wafers of each class. Which of the five ways wins, and does it beat training from scratch by more than the seeds differ?",
    state: { network: "book", trained: 4, labels: 5 },
  },
  {
    title: "Frozen, with a hundred labels",
    text: "The features of the far task are kept, and there are twenty times as many labels. Predict how far the head alone gets, and how far a network gets that starts from nothing.",
    state: { network: "book", trained: 0, labels: 100 },
  },
  {
    title: "A near source",
    text: "Now the small network comes from another product's wafers: the same faults, 20 × 20 larger dies. Predict what the head alone reaches with five labels a class, then compare it with the far source.",
    state: { network: "book", trained: 0, source: "wafers", labels: 5 },
  },
  {
    title: "When does the source stop mattering?",
    text: "The near source again, the last stage trained, a hundred labels a class. How much of its lead is left? Walk back through 50, 20, 10 and 5 labels.",
    state: { network: "book", trained: 1, source: "wafers", labels: 100 },
  },
  {
    title: "A smaller rate for earlier stages",
    text: "Each stage learns at a third of the next one's rate, so that what is general changes least. Does that beat one rate for all, from the far source? Look at the error bars before you answer.",
    state: { network: "book", trained: 4, rates: "stage", labels: 20 },
  },
];

// The mathematics

/**
 * The network's stages from the input to the head, and which of them the plan trains.
 * @param {State} state @returns {Stage[]}
 */
export function plan({ network, classes, start, trained }) {
  const { stages, features } = NETWORKS[network];
  const kept = start === "scratch" ? 0 : Math.max(stages.length - trained, 0);
  return [
    ...stages.map((stage, i) => ({ ...stage, trained: i >= kept })),
    { name: "head", parameters: (features + 1) * classes, norms: 0, trained: true },
  ];
}

/** Which of the five measured ways a plan is; "" for one that was not measured. @param {State} state */
export function wayOf({ network, start, trained, rates }) {
  if (start === "scratch") return "scratch";
  if (trained >= NETWORKS[network].stages.length) return rates === "one" ? "all" : "rates";
  return ["frozen", "last"][trained] ?? "";
}

/** Measured accuracies, a fraction for each seed. @param {string} source @param {string} way @param {number} labels a class */
export function measured(source, way, labels) {
  const from = way === "scratch" ? "none" : SOURCES[source].name;
  return facts.measured.results.find((r) => r.source === from && r.way === way && r.labels === labels)?.accuracies ?? [];
}

/** The ways that were measured from a source. @param {string} source */
export const waysFrom = (source) => Object.keys(WAYS).filter((way) => measured(source, way, LABELS[0]).length);

/** Mean and deviation (n - 1). @param {number[]} values */
export function spread(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/**
 * One way against another on the same seeds: mean difference and its standard error, as fractions. "Clear" is a
 * difference of more than 2.78 standard errors, which five pairs show by chance in 5 of 100 cases (Student's t, 4
 * degrees of freedom).
 * @param {string} source @param {string} way @param {string} other @param {number} labels
 */
export function compare(source, way, other, labels) {
  const theirs = measured(source, other, labels);
  const { mean, deviation } = spread(measured(source, way, labels).map((v, i) => v - theirs[i]));
  const error = deviation / Math.sqrt(theirs.length);
  return { mean, error, clear: Math.abs(mean) > 2.776 * error };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  return {
    network: oneOf(raw.network, Object.keys(NETWORKS), d.network),
    classes: whole(raw.classes, 2, 1000, d.classes),
    start: oneOf(raw.start, ["pretrained", "scratch"], d.start),
    trained: whole(raw.trained, 0, 5, d.trained),
    rates: oneOf(raw.rates, ["one", "stage"], d.rates),
    source: oneOf(raw.source, Object.keys(SOURCES), d.source),
    labels: oneOf(raw.labels, LABELS, d.labels),
  };
}

// Words

/** Thousands set apart. @param {number} value a whole number */
const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/** @param {number[]} values */
const spreadWords = (values) => {
  const { mean, deviation } = spread(values);
  return `${Math.floor(100 * mean + 0.5)} ± ${Math.max(1, Math.round(100 * deviation))} %`;
};

/** @param {Stage[]} stages */
const totals = (stages) => ({
  all: stages.reduce((sum, { parameters }) => sum + parameters, 0),
  trained: stages.reduce((sum, { parameters, trained }) => sum + (trained ? parameters : 0), 0),
});

/** Of these ways the one with the highest measured mean. @param {string} source @param {string[]} ways @param {number} labels */
const bestOf = (source, ways, labels) => {
  const mean = (/** @type {string} */ way) => spread(measured(source, way, labels)).mean;
  return ways.reduce((a, b) => (mean(b) > mean(a) ? b : a));
};

/** What was measured from this source at this amount, in words. @param {string} source @param {number} labels */
export function verdict(source, labels) {
  const best = bestOf(source, waysFrom(source).slice(1), labels);
  const { mean, error, clear } = compare(source, best, "scratch", labels);
  const size = `${Math.abs(100 * mean).toFixed(1)} ± ${(100 * error).toFixed(1)} points`;
  const [from, name] = [SOURCES[source].title, WAYS[best].toLowerCase()];
  const start = `With ${labels} labels a class, transfer from ${from}`;
  if (!clear)
    return `${start} makes no difference that five seeds can show: the best of it (${name}) is ${size} ${mean < 0 ? "behind" : "ahead of"} training from scratch.`;
  return mean > 0
    ? `${start} helps: the best of it (${name}) is ${size} ahead of training from scratch.`
    : `${start} does not help: even the best of it (${name}) is ${size} behind training from scratch.`;
}

/** What the lab shows, in words. @param {State} state */
export function summary(state) {
  const { all, trained } = totals(plan(state));
  const way = wayOf(state);
  const result = waysFrom(state.source).includes(way)
    ? `Measured on the book's small network with ${state.labels} labels a class: ${spreadWords(measured(state.source, way, state.labels))} of the wafers named rightly.`
    : "This plan was not measured.";
  return `The plan trains ${grouped(trained)} of ${grouped(all)} parameters, ${((100 * trained) / all).toFixed(1)} %. ${result}`;
}

// The page

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const trial = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    invitation: "Decide how many stages to train, and for how many labels. Or start with an experiment.",
  });

  const network = choice(
    "Network",
    Object.entries(NETWORKS).map(([name, { title }]) => [name, title]),
    (value) => change({ network: value }),
  );
  const classes = html("input", {
    type: "number",
    min: 2,
    max: 1000,
    oninput: () => {
      const value = classes.valueAsNumber;
      if (Number.isInteger(value) && value >= 2 && value <= 1000) change({ classes: value });
    },
  });
  const start = choice("Start from", [["pretrained", "pretrained weights"], ["scratch", "random weights"]], (value) =>
    change({ start: value }),
  );
  const trained = slider("Stages trained beside the head", 0, 5, (value) => change({ trained: value }));
  const rates = choice("Learning rates", [["one", "one for all"], ["stage", "smaller for earlier stages"]], (value) =>
    change({ rates: value }),
  );
  const source = choice(
    "Pretrained on",
    Object.entries(SOURCES).map(([name, { title }]) => [name, title]),
    (value) => change({ source: value }),
  );
  const labels = choice("Labels a class", LABELS.map((n) => [String(n), String(n)]), (value) =>
    change({ labels: Number(value) }),
  );

  const stack = html("tbody", {});
  const table = html("table", { class: "lab-plan" }, html("caption", {}, "From the input to the head"), stack);
  const norms = html("p", { class: "lab-note" });
  const formula = html("div", { class: "lab-formula" });
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const plot = new Plot("lab-transfer", { height: 270, left: 50, redraw: () => drawPlot() });
  const results = html("tbody", {});
  const resultTable = html("table", { class: "lab-plan lab-results" }, html("caption", {}), results);
  const conclusion = html("p", {});
  const m = facts.measured;
  const recipe = html("p", { class: "lab-note" });
  const recipeWords = () =>
    `Measured by kernelbook/experiments/transfer.py: a network of four stages, pretrained on ${SOURCES[state.source].title} (${(100 * m.sources[SOURCES[state.source].name]).toFixed(1)} % of its own test pictures right), then trained on wafers for ${m.steps} steps of ${m.batch}. Each way has the one of four learning rates that was best for it on other wafers. Bars show the standard deviation over five seeds; all are tested on the same ${grouped(m.test_wafers)} wafers.`;

  root(el, "lab-transfer-plan");
  fill(
    el,
    trial.row,
    html(
      "div",
      { class: "lab-planning" },
      html(
        "div",
        { class: "lab-settings", role: "group", "aria-label": "Plan" },
        network.field,
        field("Classes", classes),
        start.field,
        trained.field,
        rates.field,
      ),
      table,
      norms,
    ),
    formula,
    words,
    html(
      "div",
      { class: "lab-measured" },
      html("div", { class: "lab-settings", role: "group", "aria-label": "Measurement" }, source.field, labels.field),
      html("p", { class: "lab-name" }, "Wafers named rightly by the book's small network"),
      plot.element,
      resultTable,
      conclusion,
      recipe,
    ),
    toolbar(model, NAMES),
  );

  /** @param {Stage[]} stages */
  function drawStack(stages) {
    const most = Math.max(...stages.map(({ parameters }) => parameters));
    const last = stages.length - 1;
    fill(
      stack,
      ...stages.map(({ name, parameters, trained: on }, i) =>
        html(
          "tr",
          { class: on ? "lab-trained" : "lab-frozen" },
          html("th", { scope: "row" }, name),
          html(
            "td",
            { class: "lab-parttrack", "aria-hidden": "true" },
            html("span", { class: "lab-planbar", style: `width:${((100 * parameters) / most).toFixed(2)}%` }),
          ),
          html("td", {}, grouped(parameters)),
          html(
            "td",
            {},
            !on ? "frozen" : state.rates === "stage" && state.start === "pretrained" && i < last ? `rate ÷ ${grouped(3 ** (last - i))}` : "trained",
          ),
        ),
      ),
    );
    const frozen = stages.reduce((sum, stage) => sum + (stage.trained ? 0 : stage.norms), 0);
    say(
      norms,
      frozen
        ? `The frozen stages hold ${frozen} ${frozen === 1 ? "layer" : "layers"} of batch normalisation. requires_grad = False does not stop their running means: call eval() on them after every train().`
        : "Nothing is frozen, so batch normalisation may learn everywhere.",
    );
    const { all, trained: on } = totals(stages);
    fill(
      formula,
      html(
        "p",
        {},
        html("span", { class: "lab-symbols" }, "trainable"),
        ` = ${stages
          .filter((stage) => stage.trained)
          .map(({ parameters }) => grouped(parameters))
          .join(" + ")}`,
      ),
      html("p", {}, `= ${grouped(on)} of ${grouped(all)} parameters, ${((100 * on) / all).toFixed(1)} %`),
    );
  }

  function drawPlot() {
    const way = wayOf(state);
    plot.axes({
      x: { title: "labels a class", low: 4, high: 120, log: true, ticks: LABELS, format: String },
      y: { title: "", low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: (v) => `${Math.round(100 * v)} %` },
      label: `Accuracy for 5 to 100 labels a class. ${verdict(state.source, state.labels)}`,
    });
    const names = waysFrom(state.source);
    fill(
      plot.marks,
      svg("path", { class: "lab-here", d: `M${plot.x(state.labels)} ${plot.y(1)}V${plot.y(0)}` }),
      ...names.flatMap((name, i) => {
        const found = LABELS.map((n) => spread(measured(state.source, name, n)));
        // Side by side, or the bars would cover each other.
        const x = (/** @type {number} */ n) => plot.x(n) + 4 * (i - (names.length - 1) / 2);
        const bars = found
          .map(({ mean, deviation }, j) => `M${x(LABELS[j]).toFixed(1)} ${plot.y(mean - deviation).toFixed(1)}V${plot.y(mean + deviation).toFixed(1)}`)
          .join("");
        const line = found.map(({ mean }, j) => `${j ? "L" : "M"}${x(LABELS[j]).toFixed(1)} ${plot.y(mean).toFixed(1)}`).join("");
        const chosen = name === way ? " lab-chosen" : "";
        return [
          svg("path", { class: `lab-planline lab-way-${name}${chosen}`, d: line }),
          svg("path", { class: `lab-errors lab-way-${name}${chosen}`, d: bars }),
        ];
      }),
    );
  }

  function drawResults() {
    const way = wayOf(state);
    const best = bestOf(state.source, waysFrom(state.source), state.labels);
    say(/** @type {Node} */ (resultTable.caption), `${state.labels} labels a class, mean ± deviation over five seeds`);
    fill(
      results,
      ...waysFrom(state.source).map((name) =>
        html(
          "tr",
          { class: name === way ? "lab-chosen" : null },
          html("th", { scope: "row" }, html("span", { class: `lab-way-key lab-way-${name}`, "aria-hidden": "true" }), WAYS[name]),
          html("td", {}, `${grouped(/** @type {Record<string, number>} */ (m.trainable)[name])} trained`),
          html("td", {}, spreadWords(measured(state.source, name, state.labels))),
          html("td", {}, name === way && name === best ? "your plan, best" : name === way ? "your plan" : name === best ? "best" : ""),
        ),
      ),
    );
    say(recipe, recipeWords());
    say(conclusion, verdict(state.source, state.labels));
  }

  function redraw() {
    state = clean(read(model, NAMES));
    const { stages } = NETWORKS[state.network];
    network.select.value = state.network;
    if (classes.valueAsNumber !== state.classes) classes.value = String(state.classes);
    start.select.value = state.start;
    rates.select.value = state.rates;
    source.select.value = state.source;
    labels.select.value = String(state.labels);
    set(trained.input, { max: stages.length, disabled: state.start === "scratch" });
    trained.show(Math.min(state.trained, stages.length));
    set(rates.select, { disabled: state.start === "scratch" });
    drawStack(plan(state));
    drawPlot();
    drawResults();
    say(words, summary(state));
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
