/**
 * The lab Augmentation: one transform on one picture, what becomes of its label, and why.
 *
 * apply() and verdictOf() know nothing of the page (the arithmetic is lib/augment.js); render() draws them.
 */
import {
  BORDERS,
  addNoise,
  blend,
  boxOf,
  brightness,
  contrast,
  cropAndResize,
  cutmixBox,
  erase,
  flipHorizontal,
  flipVertical,
  fold,
  meanOf,
  neighbours,
  paste,
  quarterTurns,
  source,
  theta,
  warp,
} from "./lib/augment.js";
import { bitmap } from "./lib/bitmap.js";
import { oneOf, whole } from "./lib/checks.js";
import { choice, fill, html, root, say, set, slider, svg } from "./lib/dom.js";
import { tryRow } from "./lib/experiments.js";
import { number } from "./lib/format.js";
import { read, watch, write } from "./lib/model.js";
import { namedPicture } from "./lib/pictures.js";
import { normals, uniform } from "./lib/seeded.js";
import { toolbar } from "./lib/toolbar.js";
import packed from "./lib/augmentation.json" with { type: "json" };

/** @typedef {import("./lib/types.js").State} State */
/** @typedef {import("./lib/types.js").RenderContext} RenderContext */
/** @typedef {import("./lib/augment.js").Picture} Picture */

export const DEFAULTS = Object.freeze({
  picture: "edge-loc",
  transform: "rotation",
  amount: 30,
  other: 0,
  border: "zeros",
  seed: 0,
  row: 8,
  column: 12,
});
const NAMES = Object.keys(DEFAULTS);
const DRAWS = 6;

/** @type {Record<string, [string, string, string, string]>} title, label, kind, partner */
const ABOUT = /** @type {any} */ (packed.about);
/** @type {[string, string, number, number, string, string][]} */
const RULES = /** @type {any} */ (packed.rules);

/**
 * @typedef {object} Transform
 * @property {string} title
 * @property {string} [amount] what the slider counts
 * @property {number} low @property {number} high @property {number} usual
 */
/** @type {Record<string, Transform>} */
export const TRANSFORMS = {
  flip_horizontal: { title: "Horizontal flip", low: 0, high: 0, usual: 0 },
  flip_vertical: { title: "Vertical flip", low: 0, high: 0, usual: 0 },
  rotation: { title: "Rotation", amount: "Degrees, against the clock", low: -180, high: 180, usual: 30 },
  shift: { title: "Shift", amount: "To the right, %", low: -50, high: 50, usual: 15 },
  zoom: { title: "Zoom", amount: "Size, %", low: 50, high: 200, usual: 130 },
  brightness: { title: "Brightness", amount: "Factor, %", low: 20, high: 200, usual: 150 },
  contrast: { title: "Contrast", amount: "Factor, %", low: 0, high: 200, usual: 50 },
  noise: { title: "Noise", amount: "Deviation, % of white", low: 0, high: 50, usual: 15 },
  erase: { title: "Random erasing", amount: "Area, %", low: 0, high: 50, usual: 15 },
  crop: { title: "Random crop", amount: "Area, %", low: 10, high: 100, usual: 40 },
  mixup: { title: "MixUp", amount: "λ, %", low: 0, high: 100, usual: 70 },
  cutmix: { title: "CutMix", amount: "λ, %", low: 0, high: 100, usual: 70 },
};

/** @type {Record<string, [string, string]>} sign and words */
const VERDICTS = {
  keeps: ["✓", "Keeps the label."],
  changes: ["✗", "Breaks the label."],
  doubtful: ["?", "Doubtful."],
  mixes: ["½", "Mixes the label."],
};

/** @type {import("./lib/experiments.js").Experiment[]} */
export const EXPERIMENTS = [
  {
    title: "Is a 6 upside down a 9?",
    text: "Predict what a vertical flip makes of this 6 before you read the verdict. Many lists say: a 9. Where is the tail of a 9, and where is it here?",
    state: { picture: "six", transform: "flip_vertical", amount: 0 },
  },
  {
    title: "Half a turn",
    text: "Now turn the 6 by 180 degrees. This is the transform that makes a 9 of it, and no pixel is lost. Up to which angle would you keep the label 6?",
    state: { picture: "six", transform: "rotation", amount: 180 },
  },
  {
    title: "An 8 does not mind",
    text: "The same half turn, another digit. Whether a transform keeps the label depends on the class: can a recipe for all ten digits use it?",
    state: { picture: "eight", transform: "rotation", amount: 180 },
  },
  {
    title: "Turn the wafer",
    text: "The failed dies lie at the upper edge. After a turn they lie elsewhere at the edge: does the class edge-loc survive? Predict also what a turn by 45 degrees does to the corners, and to dies that are whole numbers.",
    state: { picture: "edge-loc", transform: "rotation", amount: 45 },
  },
  {
    title: "Move the wafer",
    text: "A small shift is harmless for photographs. Predict what it does to a map whose classes are distances from the rim.",
    state: { picture: "edge-loc", transform: "shift", amount: 20 },
  },
  {
    title: "Levels that are codes",
    text: "Brighter by half: 128 for a die that passed becomes 192, 255 stays 255. What does a 192 mean on a wafer map? Compare with the photograph.",
    state: { picture: "center", transform: "brightness", amount: 150 },
  },
  {
    title: "Mirror writing",
    text: "The most usual augmentation of all, on a photograph with a word in it. Which label survives: pavilion, or TEA? Left and right of a scan are such words too.",
    state: { picture: "sign", transform: "flip_horizontal", amount: 0 },
  },
  {
    title: "Blend two pictures",
    text: "MixUp with λ = 0.7. Predict the label: not pavilion, not a new class, but 0.7 of one and 0.3 of the other, in the loss as well.",
    state: { picture: "photograph", transform: "mixup", amount: 70 },
  },
  {
    title: "Paste a patch",
    text: "CutMix draws λ = 0.7 and a middle for its box; here the border cuts the box off. Predict whether the label is still shared 0.7 to 0.3. The area that was really replaced counts: 0.89.",
    state: { picture: "photograph", transform: "cutmix", amount: 70, seed: 7 },
  },
  {
    title: "Out of nothing",
    text: "Where do the corners of a turned picture come from? Black is a choice: try the borders. On a wafer 0 means “no die”, so there it is the right one.",
    state: { picture: "photograph", transform: "rotation", amount: 20 },
  },
];

// The mathematics

/** @type {Map<string, Picture>} */
const known = new Map();
/** A picture by its name. @param {string} name @returns {Picture} */
export function pictureOf(name) {
  let picture = known.get(name);
  if (!picture) {
    const own = /** @type {Record<string, {size: number, data: string}>} */ (packed.pictures)[name];
    picture = own
      ? { height: own.size, width: own.size, data: Uint8Array.from(atob(own.data), (c) => c.charCodeAt(0)) }
      : namedPicture(name);
    known.set(name, picture);
  }
  return picture;
}

/** @type {WeakMap<Picture, string>} */
const addresses = new WeakMap();
/** A picture as the address of an image; one that is shown again, as "before" is, is not encoded again. @param {Picture} picture */
function addressOf(picture) {
  let address = addresses.get(picture);
  if (!address) addresses.set(picture, (address = bitmap(picture.data, picture.height, picture.width)));
  return address;
}

/** The amount that counts: inside the transform's range. @param {State} state */
export function amountOf({ transform, amount }) {
  const { low, high } = TRANSFORMS[transform];
  return Math.min(Math.max(amount, low), high);
}

/**
 * The transform with a given strength.
 * @param {State} state @param {number} [amount] @param {number} [other] @param {number} [seed]
 */
export function apply(state, amount = amountOf(state), other = state.other, seed = state.seed) {
  const { picture, transform, border } = state;
  const x = pictureOf(picture);
  const { height, width } = x;
  const [, label, , partnerName] = ABOUT[picture];
  const partner = transform === "mixup" || transform === "cutmix" ? pictureOf(partnerName) : null;
  /** @type {{after: Picture, theta: import("./lib/augment.js").Theta | null, turns: number, box: import("./lib/augment.js").Box | null, lambda: number}} */
  const made = { after: x, theta: null, turns: 0, box: null, lambda: 1 };
  const share = amount / 100;
  if (transform === "flip_horizontal") made.after = flipHorizontal(x);
  else if (transform === "flip_vertical") made.after = flipVertical(x);
  else if (transform === "rotation" && amount % 90 === 0) {
    made.turns = amount / 90;
    made.after = quarterTurns(x, made.turns);
  } else if (transform === "rotation" || transform === "shift" || transform === "zoom") {
    const options =
      transform === "rotation"
        ? { degrees: amount }
        : transform === "zoom"
          ? { zoom: share }
          : { right: share, down: other / 100 };
    made.theta = theta(height, width, options);
    made.after = warp(x, made.theta, border);
  } else if (transform === "brightness") made.after = brightness(x, share);
  else if (transform === "contrast") made.after = contrast(x, share);
  else if (transform === "noise") made.after = addNoise(x, 255 * share, normals(seed, height * width));
  else if (transform === "erase" || transform === "crop") {
    if (amount > 0) made.box = boxOf(x, share, uniform(seed, 0), uniform(seed, 1));
    if (made.box) made.after = transform === "erase" ? erase(x, made.box) : cropAndResize(x, made.box);
  } else if (partner && transform === "mixup") {
    made.lambda = share;
    made.after = blend(x, partner, share);
  } else if (partner) {
    const [row, column] = [Math.floor(uniform(seed, 0) * height), Math.floor(uniform(seed, 1) * width)];
    const { box, lambda } = cutmixBox(x, share, row, column);
    made.box = box;
    made.lambda = lambda;
    made.after = paste(x, partner, box);
  }
  /** @type {[string, number][]} */
  const labels = partner
    ? [
        [label, made.lambda],
        [ABOUT[partnerName][1], 1 - made.lambda],
      ]
    : [[label, 1]];
  return { before: x, partner, labels, ...made };
}
/** @typedef {ReturnType<typeof apply>} Result */

/** What one of the draws of a training loop does. @param {State} state @param {number} k */
export function draw(state, k) {
  const seed = state.seed * DRAWS + k + 1000;
  const [u, v] = [uniform(seed, 7), uniform(seed, 8)];
  const amount = amountOf(state);
  const { transform } = state;
  const percent = (/** @type {number} */ value) => `${number(Math.round(value))} %`;
  if (transform.startsWith("flip"))
    return u < 0.5
      ? { ...apply(state), note: "flipped" }
      : { ...apply({ ...state, transform: "shift" }, 0, 0), note: "as it was" };
  if (transform === "rotation") {
    const angle = Math.round(amount * (2 * u - 1));
    return { ...apply(state, angle), note: `${number(angle)}°` };
  }
  if (transform === "shift") {
    const [right, down] = [Math.round(amount * (2 * u - 1)), Math.round(state.other * (2 * v - 1))];
    return { ...apply(state, right, down), note: state.other ? `${number(right)}, ${number(down)} %` : percent(right) };
  }
  if (transform === "zoom") {
    const size = Math.round(100 * (amount / 100) ** (2 * u - 1));
    return { ...apply(state, size), note: percent(size) };
  }
  if (transform === "brightness" || transform === "contrast") {
    const factor = Math.max(Math.round(100 + (amount - 100) * (2 * u - 1)), 0);
    return { ...apply(state, factor), note: percent(factor) };
  }
  if (transform === "mixup" || transform === "cutmix") {
    const result = apply(state, Math.round(100 * u), 0, seed);
    return { ...result, note: `λ = ${result.lambda.toFixed(2)}` };
  }
  return { ...apply(state, amount, 0, seed), note: "" };
}

/** The verdict on a state's label and the reason. @param {State} state */
export function verdictOf(state) {
  const [, , kind] = ABOUT[state.picture];
  const size = Math.max(Math.abs(amountOf(state)), state.transform === "shift" ? Math.abs(state.other) : 0);
  const rule = RULES.find(
    ([on, by, from, to]) =>
      (on === state.picture || on === kind || on === "any") && by === state.transform && size >= from && size <= to,
  );
  return { verdict: rule?.[4] ?? "doubtful", why: rule?.[5] ?? "" };
}

/** A valid state from anything: junk in a link falls back to the defaults. @param {State} raw @returns {State} */
export function clean(raw) {
  const d = DEFAULTS;
  return {
    picture: oneOf(raw.picture, Object.keys(ABOUT), d.picture),
    transform: oneOf(raw.transform, Object.keys(TRANSFORMS), d.transform),
    amount: whole(raw.amount, -180, 200, d.amount),
    other: whole(raw.other, -50, 50, d.other),
    border: oneOf(raw.border, BORDERS, /** @type {"zeros"} */ (d.border)),
    seed: whole(raw.seed, 0, 999, d.seed),
    row: whole(raw.row, 0, 63, d.row),
    column: whole(raw.column, 0, 63, d.column),
  };
}

// Words

/** Labels with their shares. @param {[string, number][]} labels */
const labelWords = (labels) =>
  labels.length === 1 ? labels[0][0] : labels.map(([name, share]) => `${share.toFixed(2)} ${name}`).join(" + ");

/**
 * Where one output pixel comes from: a place in the input to mark, and the arithmetic.
 * @param {State} state @param {Result} result @param {number} row @param {number} column
 */
export function trace(state, result, row, column) {
  const { before: x, after, theta: t, turns, box, lambda, partner } = result;
  const { height, width, data } = x;
  const at = (/** @type {number} */ i, /** @type {number} */ j) => data[i * width + j];
  const value = after.data[row * width + column];
  const own = at(row, column);
  const here = { place: { row, column }, text: `= ${number(value)}` };
  const share = amountOf(state) / 100;
  if (t) {
    const raw = source(t, height, width, row, column);
    const place = { row: fold(raw.row, height, state.border), column: fold(raw.column, width, state.border) };
    const terms = neighbours(x, place.row, place.column).filter(({ weight }) => weight > 1e-9);
    const sum = terms
      .map(({ weight, value: v, inside }) => `${weight.toFixed(2)} · ${inside ? number(v) : "0 (outside)"}`)
      .join(" + ");
    return {
      place: raw,
      text: `reads the input at row ${raw.row.toFixed(2).replace("-", "−")}, column ${raw.column.toFixed(2).replace("-", "−")}: ${sum} = ${number(value)}`,
    };
  }
  const copied = (/** @type {number} */ i, /** @type {number} */ j) => ({
    place: { row: i, column: j },
    text: `is the input's row ${i}, column ${j}: ${number(at(i, j))}`,
  });
  if (state.transform === "flip_horizontal") return copied(row, width - 1 - column);
  if (state.transform === "flip_vertical") return copied(height - 1 - row, column);
  if (state.transform === "rotation") {
    const k = ((turns % 4) + 4) % 4;
    return k === 0
      ? copied(row, column)
      : k === 1
        ? copied(column, width - 1 - row)
        : k === 2
          ? copied(height - 1 - row, width - 1 - column)
          : copied(height - 1 - column, row);
  }
  const cut = (/** @type {number} */ v) => (v > 255 ? ", cut off at 255" : v < 0 ? ", cut off at 0" : "");
  if (state.transform === "brightness")
    return { ...here, text: `= ${number(share)} · ${number(own)} = ${number(share * own)}${cut(share * own)}` };
  if (state.transform === "contrast") {
    const mean = meanOf(x);
    const sum = mean + share * (own - mean);
    return {
      ...here,
      text: `= mean + ${number(share)} · (pixel − mean) = ${number(mean)} + ${number(share)} · ${number(own - mean)} = ${number(sum)}${cut(sum)}`,
    };
  }
  if (state.transform === "noise") return { ...here, text: `= ${number(own)} and noise = ${number(value)}` };
  if (partner && state.transform === "mixup") {
    const theirs = partner.data[row * width + column];
    return {
      ...here,
      text: `= ${number(lambda)} · ${number(own)} + ${number(1 - lambda)} · ${number(theirs)} = ${number(value)}`,
    };
  }
  if (state.transform === "crop" && box)
    return {
      place: {
        row: box.top + Math.max(((row + 0.5) * box.height) / height - 0.5, 0),
        column: box.left + Math.max(((column + 0.5) * box.width) / width - 0.5, 0),
      },
      text: `is interpolated from the box of ${box.height} × ${box.width} pixels: ${number(value)}`,
    };
  const inside =
    box && row >= box.top && row < box.top + box.height && column >= box.left && column < box.left + box.width;
  return { ...here, text: inside ? `lies in the box: ${number(value)}` : `lies outside the box: ${number(value)}` };
}

/** What the transform computes, with its numbers. @param {State} state @param {Result} result @returns {string[]} */
export function formulas(state, result) {
  const { theta: t, box, lambda, labels, before, turns } = result;
  const amount = amountOf(state);
  if (t) {
    const rows = [t.slice(0, 3), t.slice(3)].map((row) =>
      row.map((v) => number(Math.round(v * 1000) / 1000)).join("\u2002"),
    );
    return [
      `θ = [ ${rows[0]} ]`,
      `\u2003 [ ${rows[1]} ]`,
      "leads from an output place (x, y, 1) to the input place that is read; x and y run from −1 to 1",
    ];
  }
  if (state.transform === "rotation")
    return [turns % 4 ? "Quarter turns move whole pixels: nothing is interpolated." : "Nothing is turned."];
  if (state.transform.startsWith("flip")) return ["A flip moves whole pixels: nothing is interpolated."];
  if (state.transform === "erase" && box)
    return [
      `box of √${number(amount / 100)} · ${before.height} ≈ ${box.height} rows and ${box.width} columns, set to 0`,
    ];
  if (state.transform === "mixup")
    return [
      `x = λ x₁ + (1 − λ) x₂,  λ = ${number(lambda)}`,
      `loss = ${labels.map(([name, share]) => `${share.toFixed(2)} · CE(${name})`).join(" + ")}`,
    ];
  if (state.transform === "cutmix" && box) {
    const all = before.height * before.width;
    return [
      `λ = 1 − ${box.height} · ${box.width} / (${before.height} · ${before.width}) = 1 − ${box.height * box.width} / ${all} = ${lambda.toFixed(2)}${Math.abs(lambda - amount / 100) > 0.005 ? `, not the ${number(amount / 100)} that was drawn` : ""}`,
      `loss = ${labels.map(([name, share]) => `${share.toFixed(2)} · CE(${name})`).join(" + ")}`,
    ];
  }
  return [];
}

/** What the lab shows, in words. @param {State} state @param {Result} result @param {string} traced */
export function summary(state, result, traced) {
  const { title, amount } = TRANSFORMS[state.transform];
  const { verdict } = verdictOf(state);
  const strength = amount ? ` (${amount.toLowerCase()}: ${number(amountOf(state))})` : "";
  return `${title}${strength} of ${ABOUT[state.picture][0].toLowerCase()}: ${VERDICTS[verdict][1].toLowerCase()} Pixel row ${Math.min(state.row, result.before.height - 1)}, column ${Math.min(state.column, result.before.width - 1)} ${traced}.`;
}

// The page

/** @param {RenderContext} context */
export function render({ model, el }) {
  let state = clean(read(model, NAMES));
  let result = apply(state);
  let drawn = "";
  let at = { row: 0, column: 0 };
  /** @param {State} changes */
  const change = (changes) => write(model, changes);
  const trial = tryRow(model, {
    experiments: EXPERIMENTS,
    defaults: DEFAULTS,
    clean,
    free: ["row", "column"],
    invitation: "Choose a picture and a transform. Would you still give the result the same label?",
  });

  const pictureChoice = choice(
    "Picture",
    Object.entries(ABOUT).map(([name, [title]]) => [name, title]),
    (picture) => change({ picture }),
  );
  const transformChoice = choice(
    "Transform",
    Object.entries(TRANSFORMS).map(([name, { title }]) => [name, title]),
    (transform) => change({ transform, amount: TRANSFORMS[transform].usual, other: 0 }),
  );
  const amount = slider("Amount", 0, 100, (value) => change({ amount: value }));
  const other = slider("Down, %", -50, 50, (value) => change({ other: value }));
  const border = choice(
    "Outside the picture",
    [
      ["zeros", "zeros"],
      ["border", "nearest pixel"],
      ["reflection", "reflection"],
    ],
    (value) => change({ border: value }),
  );
  const again = html(
    "button",
    { type: "button", onclick: () => change({ seed: (state.seed + 1) % 1000 }) },
    "Draw again",
  );

  /** @param {string} name */
  const panel = (name) => {
    const image = svg("image", { class: "lab-aug-pixels", preserveAspectRatio: "none" });
    const marks = svg("g", {});
    const frame = svg("svg", { class: "lab-aug-picture-frame", role: "img" }, image, marks);
    const title = html("div", { class: "lab-name" }, name);
    const caption = html("p", { class: "lab-note" });
    return {
      image,
      marks,
      frame,
      title,
      caption,
      element: html("div", { class: "lab-aug-shot" }, title, frame, caption),
    };
  };
  /** @param {ReturnType<typeof panel>} target @param {Picture} picture @param {string} label */
  function show({ image, frame }, picture, label) {
    const { height, width } = picture;
    set(frame, { viewBox: `0 0 ${width} ${height}`, "aria-label": label });
    set(image, { width, height, href: addressOf(picture) });
  }
  const [before, partner, after] = [panel("Before"), panel("Partner"), panel("After")];
  const board = html(
    "div",
    {
      class: "lab-aug-shot-board",
      tabindex: 0,
      role: "application",
      "aria-label": "Picture after the transform. The arrow keys move the marked pixel.",
    },
    after.frame,
  );
  after.element.insertBefore(board, after.caption);
  const target = svg("rect", { class: "lab-frame", width: 1, height: 1 });
  const targetHalo = svg("rect", { class: "lab-halo", width: 1, height: 1 });
  after.marks.append(targetHalo, target);
  const origin = svg("circle", { class: "lab-frame", r: 0.9 });
  const originHalo = svg("circle", { class: "lab-halo", r: 0.9 });
  const boxMark = svg("rect", { class: "lab-aug-box-mark" });
  before.marks.append(boxMark, originHalo, origin);
  const partnerBox = svg("rect", { class: "lab-aug-box-mark" });
  partner.marks.append(partnerBox);

  const verdict = html("div", { class: "lab-aug-verdict" });
  const formula = html("div", { class: "lab-formula" });
  const draws = Array.from({ length: DRAWS }, () => panel(""));
  for (const { title } of draws) title.remove();
  const strip = html("div", { class: "lab-aug-draws" }, ...draws.map(({ element }) => element));
  const words = html("p", { class: "lab-summary", "aria-live": "polite" });
  const table = html("div", {
    class: "lab-scroll",
    tabindex: 0,
    role: "group",
    "aria-label": "Which transform keeps which label",
  });
  const details = html(
    "details",
    { ontoggle: () => drawTable() },
    html("summary", {}, "Which transform keeps which label"),
    table,
  );
  const drawsTitle = html("div", { class: "lab-name" });

  const shots = html(
    "div",
    {},
    before.element,
    partner.element,
    after.element,
    html("div", { class: "lab-aug-shot lab-aug-finding" }, verdict, formula),
  );

  root(el, "lab-augmentation");
  fill(
    el,
    trial.row,
    html(
      "div",
      { class: "lab-settings", role: "group", "aria-label": "Transform" },
      pictureChoice.field,
      transformChoice.field,
      amount.field,
      other.field,
      border.field,
    ),
    shots,
    words,
    html("div", { class: "lab-aug-draw-head" }, drawsTitle, again),
    strip,
    details,
    toolbar(model, NAMES),
  );

  /** @param {number} row @param {number} column */
  const goTo = (row, column) =>
    change({
      row: Math.min(Math.max(row, 0), result.before.height - 1),
      column: Math.min(Math.max(column, 0), result.before.width - 1),
    });
  /** @type {Record<string, [number, number]>} */
  const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  board.addEventListener("keydown", (event) => {
    const step = arrows[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    goTo(at.row + step[0], at.column + step[1]);
  });
  board.addEventListener("pointerdown", (event) => {
    const box = after.frame.getBoundingClientRect();
    goTo(
      Math.floor(((event.clientY - box.top) / box.height) * result.before.height),
      Math.floor(((event.clientX - box.left) / box.width) * result.before.width),
    );
  });

  function drawTable() {
    if (!details.open || table.firstChild) return;
    const shown = ["six", "eight", "edge-loc", "photograph", "sign"];
    fill(
      table,
      html(
        "table",
        { class: "lab-table lab-aug-verdicts" },
        html("caption", {}, "At each transform's usual strength"),
        html(
          "thead",
          {},
          html(
            "tr",
            {},
            html("th", { scope: "col" }, "Transform"),
            ...shown.map((name) => html("th", { scope: "col" }, ABOUT[name][0])),
          ),
        ),
        html(
          "tbody",
          {},
          ...Object.entries(TRANSFORMS).map(([transform, { title, usual }]) =>
            html(
              "tr",
              {},
              html("th", { scope: "row" }, title),
              ...shown.map((picture) => {
                const found = verdictOf({ ...DEFAULTS, picture, transform, amount: usual });
                return html(
                  "td",
                  { class: `lab-aug-verdict-${found.verdict}` },
                  html("b", {}, `${VERDICTS[found.verdict][0]} ${VERDICTS[found.verdict][1]}`),
                  ` ${found.why}`,
                );
              }),
            ),
          ),
        ),
      ),
      html(
        "p",
        { class: "lab-note" },
        "Scans have sides: mirrored, a left lung becomes a right one, and a label that names a side is wrong. RandAugment draws from such a list at random; it does not know your labels either.",
      ),
    );
  }

  function drawPixel() {
    const { height, width } = result.before;
    at = { row: Math.min(state.row, height - 1), column: Math.min(state.column, width - 1) };
    const { place, text } = trace(state, result, at.row, at.column);
    for (const mark of [target, targetHalo]) set(mark, { x: at.column, y: at.row });
    const inside = place.row > -1 && place.column > -1 && place.row < height && place.column < width;
    for (const mark of [origin, originHalo])
      set(mark, { cx: place.column + 0.5, cy: place.row + 0.5, r: width / 32, display: inside ? null : "none" });
    say(after.caption, `Row ${at.row}, column ${at.column} ${text}`);
    say(words, summary(state, result, text));
  }

  function redraw() {
    state = clean(read(model, NAMES));
    const { row: _row, column: _column, ...rest } = state;
    const wanted = JSON.stringify(rest);
    if (wanted !== drawn) {
      drawn = wanted;
      result = apply(state);
      const transform = TRANSFORMS[state.transform];
      const [title, label, , partnerName] = ABOUT[state.picture];
      pictureChoice.select.value = state.picture;
      transformChoice.select.value = state.transform;
      border.select.value = state.border;
      set(amount.input, { min: transform.low, max: transform.high });
      const name = amount.field.querySelector("label");
      if (name && transform.amount) say(name, transform.amount);
      set(amount.field, { hidden: !transform.amount });
      set(other.field, { hidden: state.transform !== "shift" });
      set(border.field, { hidden: !["rotation", "shift", "zoom"].includes(state.transform) });
      amount.show(amountOf(state));
      other.show(state.other);

      show(before, result.before, `${title}, before`);
      say(before.caption, `Label: ${label}`);
      set(partner.element, { hidden: !result.partner });
      set(shots, { class: result.partner ? "lab-aug-shots lab-aug-shots-three" : "lab-aug-shots" });
      if (result.partner) {
        show(partner, result.partner, `${ABOUT[partnerName][0]}, the partner`);
        say(partner.caption, `Label: ${ABOUT[partnerName][1]}`);
      }
      show(after, result.after, `${title} after ${transform.title.toLowerCase()}`);
      const { box } = result;
      const area = box && { x: box.left, y: box.top, width: box.width, height: box.height };
      set(boxMark, area ? { ...area, display: null } : { display: "none" });
      set(partnerBox, area && state.transform === "cutmix" ? { ...area, display: null } : { display: "none" });

      const { verdict: kind, why } = verdictOf(state);
      set(verdict, { class: `lab-aug-verdict lab-aug-verdict-${kind}` });
      fill(
        verdict,
        html("span", { class: "lab-aug-verdict-sign", "aria-hidden": "true" }, VERDICTS[kind][0]),
        html(
          "p",
          {},
          html("b", {}, `${VERDICTS[kind][1]} `),
          why,
          html("span", { class: "lab-note" }, ` Label for training: ${labelWords(result.labels)}.`),
        ),
      );
      const lines = formulas(state, result);
      set(formula, { hidden: !lines.length });
      fill(
        formula,
        ...lines.map((line, i) => html("p", { class: i && i === lines.length - 1 ? "lab-leftover" : null }, line)),
      );
      say(
        drawsTitle,
        result.partner
          ? "Six draws, λ anywhere from 0 to 1: Beta(α, α) with α = 1"
          : "Six draws: what a training loop would see",
      );
      draws.forEach((target, k) => {
        const shown = draw(state, k);
        show(target, shown.after, `Draw ${k + 1}${shown.note ? `: ${shown.note}` : ""}`);
        say(target.caption, shown.note);
      });
      trial.show(state);
    }
    drawPixel();
  }

  const unwatch = watch(model, NAMES, redraw);
  redraw();
  return unwatch;
}

export default { render, clean };
