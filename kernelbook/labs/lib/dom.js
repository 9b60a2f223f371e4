/** Small makers of elements, so that a lab reads like the page it draws. */
import { grouped } from "./format.js";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @param {Element} element @param {Record<string, any>} attributes
 * `on…` functions become listeners, `false` and `null` remove, `true` is an empty attribute.
 */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else {
      const text = value === true ? "" : String(value);
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }
  return element;
}

/** @param {Element} element @param {Child[]} children */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flatMap((c) =>
      c === null || c === undefined || c === false ? [] : [typeof c === "number" ? String(c) : c],
    ),
  );
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [attributes] @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  if (children.length) fill(element, ...children);
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [attributes] @param {Child[]} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, attributes);
  if (children.length) fill(element, ...children);
  return element;
}

/**
 * Make `el` the root of a lab. JupyterLab must not take the lab's keys for its own: digits there turn cells to headings.
 * @param {HTMLElement} el @param {string} className
 */
export function root(el, className) {
  el.classList.add("lab-app", className);
  return set(el, { "data-lm-suppress-shortcuts": "true" });
}

// In Jupyter each lab is a module of its own, with its own copy of this file: they count together.
const COUNTER = Symbol.for("kernelbook.labs.serial");
const page = /** @type {Record<symbol, number>} */ (/** @type {unknown} */ (globalThis));
/** An id that no other element of the page has, nor one of another lab. @param {string} stem */
export function uniqueId(stem) {
  page[COUNTER] = (page[COUNTER] ?? 0) + 1;
  return `lab-${stem}-${page[COUNTER]}-id`;
}

/** Write text only where it differs: a live region must not speak twice. @param {Node} node @param {string} text */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A control with its label before it. The label stands beside the control and not round it: round a select, some
 * readers take the options for part of its name.
 * @param {string} label @param {HTMLElement} control @param {string} [className] @param {Child[]} extra beside the label
 */
export function field(label, control, className = "", ...extra) {
  control.id ||= uniqueId("field");
  const name = html("div", { class: "lab-name" }, html("label", { for: control.id }, label), ...extra);
  return html("div", { class: `lab-field ${className}` }, name, control);
}

/**
 * A labelled native select.
 * @param {string} label @param {[string, string][]} options value and text
 * @param {(value: string) => void} onchange
 */
export function choice(label, options, onchange) {
  const select = html(
    "select",
    { onchange: () => onchange(select.value) },
    ...options.map(([value, text]) => html("option", { value }, text)),
  );
  return { field: field(label, select), select };
}

/**
 * A labelled native slider over whole numbers, with its value beside it.
 * @param {string} label @param {number} min @param {number} max @param {(value: number) => void} onchange
 */
export function slider(label, min, max, onchange) {
  const shown = html("output", {});
  const input = html("input", { type: "range", min, max, step: 1, oninput: () => onchange(input.valueAsNumber) });
  /** @param {number} value */
  const show = (value) => {
    if (input.valueAsNumber !== value) input.value = String(value);
    say(shown, String(value).replace("-", "−"));
  };
  return { field: field(label, input, "lab-slider", shown), input, show };
}

/**
 * A native slider over a list of sensible numbers, for quantities that grow by doubling. Other values, which a notebook
 * or a link may ask for, are shown as they are, with the thumb at the nearest number of the list.
 * @param {string} label @param {readonly number[]} values in rising order @param {(value: number) => void} onchange
 */
export function ladder(label, values, onchange) {
  const shown = html("output", {});
  const input = html("input", {
    type: "range",
    min: 0,
    max: values.length - 1,
    step: 1,
    oninput: () => onchange(values[input.valueAsNumber]),
  });
  /** @param {number} value */
  const show = (value) => {
    const distance = (/** @type {number} */ v) => Math.abs(Math.log(v / value));
    const nearest = values.reduce((best, v, i) => (distance(v) < distance(values[best]) ? i : best), 0);
    if (input.valueAsNumber !== nearest) input.value = String(nearest);
    set(input, { "aria-valuetext": value });
    say(shown, grouped(value));
  };
  return { field: field(label, input, "lab-slider", shown), input, show };
}
