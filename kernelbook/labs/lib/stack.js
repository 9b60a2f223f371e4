/** An editor of a chain of layers: kind, K, S, P, D; add, remove, reorder, with native controls. */
import { html, set, uniqueId } from "./dom.js";

/** @typedef {import("./field.js").Layer} Layer */

/** Kind, kernel, stride, padding, dilation: least and most. */
export const LIMITS = [
  [0, Infinity],
  [1, 15],
  [1, 8],
  [0, 32],
  [1, 32],
];
export const LARGEST_STACK = 64;
const LETTERS = ["K", "S", "P", "D"];
const WORDS = ["kernel", "stride", "padding", "dilation"];

/** What a row's first number stands for, unless a lab knows more kinds. */
export const KINDS = ["conv", "pool"];

/**
 * Layers from anything.
 * @param {any} value @param {readonly number[][]} otherwise @param {number} [kinds] how many there are
 * @param {number} [largest] how many rows there may be
 * @returns {Layer[]}
 */
export function cleanLayers(value, otherwise, kinds = KINDS.length, largest = LARGEST_STACK) {
  const good =
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= largest &&
    value.every(
      (row) =>
        Array.isArray(row) &&
        row.length === 5 &&
        row.every((n, i) => Number.isInteger(n) && n >= LIMITS[i][0] && n <= LIMITS[i][1]) &&
        row[0] < kinds,
    );
  return /** @type {Layer[]} */ ((good ? value : otherwise).map((/** @type {number[]} */ row) => [...row]));
}

/**
 * @param {(layers: Layer[]) => void} change takes the new chain
 * @param {string[]} [kinds] @param {number} [largest] how many layers there may be
 */
export function stackEditor(change, kinds = KINDS, largest = LARGEST_STACK) {
  /** @type {Layer[]} */
  let layers = [];
  /** @type {{kind: HTMLSelectElement, numbers: HTMLInputElement[], buttons: HTMLButtonElement[], row: HTMLElement}[]} */
  const rows = [];
  const list = html("div", { class: "lab-editor-rows" });
  const id = uniqueId("stack");

  /** @param {number} index @param {Partial<Record<number, number>>} entries */
  const edit = (index, entries) =>
    change(layers.map((layer, i) => /** @type {Layer} */ (i === index ? layer.map((n, k) => entries[k] ?? n) : layer)));
  /** Swap a layer with its neighbour; the focus goes with it. @param {number} index @param {number} to @param {number} button */
  function move(index, to, button) {
    const next = [...layers];
    [next[index], next[to]] = [next[to], next[index]];
    change(next);
    // The edge's button is disabled there: the other one keeps the focus in the row.
    queueMicrotask(() => {
      const [up, down] = rows[to]?.buttons ?? [];
      (button === 0 ? (up?.disabled ? down : up) : down?.disabled ? up : down)?.focus();
    });
  }

  /** @param {number} index */
  function makeRow(index) {
    const name = `Layer ${index + 1}`;
    const kind = html(
      "select",
      { "aria-label": `${name}: kind`, onchange: () => edit(index, { 0: Number(kind.value) }) },
      ...kinds.map((kind, value) => html("option", { value }, kind)),
    );
    const numbers = WORDS.map((word, k) => {
      const [min, max] = LIMITS[k + 1];
      const input = html("input", {
        type: "number",
        min,
        max,
        step: 1,
        "aria-label": `${name}: ${word} ${LETTERS[k]}`,
        oninput: () => {
          const value = input.valueAsNumber;
          if (Number.isInteger(value) && value >= min && value <= max) edit(index, { [k + 1]: value });
        },
        onblur: () => (input.value = String(layers[index]?.[k + 1] ?? input.value)),
      });
      return input;
    });
    const buttons = [
      html("button", { type: "button", "aria-label": `Move layer ${index + 1} up`, onclick: () => move(index, index - 1, 0) }, "↑"),
      html("button", { type: "button", "aria-label": `Move layer ${index + 1} down`, onclick: () => move(index, index + 1, 1) }, "↓"),
      html(
        "button",
        {
          type: "button",
          "aria-label": `Remove layer ${index + 1}`,
          onclick: () => {
            change(layers.filter((_, i) => i !== index));
            queueMicrotask(() => rows[Math.min(index, rows.length - 1)]?.buttons[2].focus());
          },
        },
        "×",
      ),
    ];
    const row = html(
      "div",
      { class: "lab-editor-row", role: "group", "aria-label": name },
      html("span", { class: "lab-editor-number", "aria-hidden": "true" }, index + 1),
      kind,
      ...numbers,
      html("div", { class: "lab-buttons" }, ...buttons),
    );
    return { kind, numbers, buttons, row };
  }

  /** @param {string} label @param {Layer} layer */
  const adder = (label, layer) =>
    html("button", { type: "button", onclick: () => layers.length < largest && change([...layers, layer]) }, label);
  const adders = [
    adder("Add conv 3 × 3", [0, 3, 1, 1, 1]),
    adder("Add stride 2", [0, 3, 2, 1, 1]),
    adder("Add pool 2 × 2", [1, 2, 2, 0, 1]),
  ];
  const heading = html(
    "div",
    { class: "lab-editor-row lab-editor-head", "aria-hidden": "true" },
    html("span", {}),
    html("span", {}, "Layer"),
    ...LETTERS.map((letter) => html("span", {}, letter)),
  );
  return {
    element: html(
      "div",
      { class: "lab-editor", id, role: "group", "aria-label": "Your layers" },
      heading,
      list,
      html("div", { class: "lab-buttons lab-editor-add" }, ...adders),
    ),
    /** @param {Layer[]} next */
    show(next) {
      layers = next;
      for (const { row } of rows.splice(layers.length)) row.remove();
      for (let i = rows.length; i < layers.length; i++) {
        rows.push(makeRow(i));
        list.append(rows[i].row);
      }
      layers.forEach((layer, i) => {
        const { kind, numbers, buttons } = rows[i];
        kind.value = String(layer[0]);
        numbers.forEach((input, k) => {
          // What is being typed is left alone, even while it is no number yet.
          if (input.valueAsNumber !== layer[k + 1] && document.activeElement !== input) input.value = String(layer[k + 1]);
        });
        set(buttons[0], { disabled: i === 0 });
        set(buttons[1], { disabled: i === layers.length - 1 });
        set(buttons[2], { disabled: layers.length === 1 });
      });
      for (const button of adders) set(button, { disabled: layers.length >= largest });
    },
  };
}
