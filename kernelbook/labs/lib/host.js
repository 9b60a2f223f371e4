/**
 * Brings every `figure.lab` of a published page to life without a kernel: the part that anywidget plays in Jupyter.
 *
 * The author's state comes from `data-state`, a reader's from the address (hash.js), and changes go back into the
 * address, so that a teacher can link to what is on the screen.
 */
import { decodeState, encodeState, joinHash, splitHash } from "./hash.js";
import { html } from "./dom.js";

/** @typedef {import("./types.js").Lab} Lab */
/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").State} State */

/** Browsers refuse more than about 100 history changes in half a minute. */
const SETTLE_MS = 300;

/** @implements {Model} */
class PageModel {
  /**
   * @param {State} initial @param {State} state @param {string} cargo
   * @param {() => void} saved @param {(encoded: string) => string} address
   */
  constructor(initial, state, cargo, saved, address) {
    this.initial = initial;
    this.state = { ...state };
    this.cargo = cargo;
    this.saved = saved;
    this.address = address;
    /** @type {Map<string, Set<() => void>>} */
    this.listeners = new Map();
  }
  /** @param {string} name */
  get(name) {
    return name === "cargo" ? this.cargo : this.state[name];
  }
  /** @param {string} name @param {any} value */
  set(name, value) {
    if (JSON.stringify(this.state[name]) === JSON.stringify(value)) return;
    this.state[name] = value;
    this.listeners.get(`change:${name}`)?.forEach((callback) => callback());
  }
  /** @param {string} event @param {() => void} callback */
  on(event, callback) {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(callback));
  }
  /** @param {string} event @param {() => void} callback */
  off(event, callback) {
    this.listeners.get(event)?.delete(callback);
  }
  save_changes() {
    this.saved();
  }
  encoded() {
    return encodeState(this.state, this.initial);
  }
  link() {
    return this.address(this.encoded());
  }
}

/** What all labs share comes first and once, whichever script brings it. @param {Record<string, string>} styles */
export function addStyles(styles) {
  for (const [name, css] of Object.entries(styles))
    if (css && !document.head.querySelector(`style[data-labs="${name}"]`))
      document.head.append(html("style", { "data-labs": name }, css));
}

/**
 * Mount every lab of the page that is one of these. Several scripts, each with labs of its own, may do so on one page.
 * @param {Record<string, Lab>} labs by `data-lab` name
 * @param {Record<string, string>} styles one for each lab by its name, and before them "labs" for what they share
 */
export function mount(labs, styles) {
  /** @type {Map<string, {model: PageModel, lab: Lab, figure: HTMLElement}>} */
  const mounted = new Map();
  /** @type {Map<string, number>} */
  const count = new Map();
  let timer = 0;

  const currentHash = () => {
    const states = splitHash(location.hash);
    for (const [id, { model }] of mounted) states.set(id, model.encoded());
    return joinHash(states);
  };
  /** @param {string} hash */
  const address = (hash) => location.href.replace(/#.*$/s, "") + (hash && `#${hash}`);
  const saveSoon = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      const hash = currentHash();
      // An ordinary anchor (#section) stays while there is nothing to say.
      if (!hash && !splitHash(location.hash).size) return;
      try {
        history.replaceState(history.state, "", address(hash));
      } catch {
        // A sandboxed page may not touch its address; the lab works all the same.
      }
    }, SETTLE_MS);
  };

  /** @param {Map<string, string>} states */
  const scrollToFirst = (states) => {
    for (const id of states.keys()) {
      const found = mounted.get(id);
      if (found) return found.figure.scrollIntoView({ block: "start" });
    }
  };

  const asked = splitHash(location.hash);
  const figures = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("figure.lab[data-lab]"));
  let styled = false;
  for (const figure of figures) {
    const name = figure.dataset.lab ?? "";
    const lab = Object.hasOwn(labs, name) ? labs[name] : null;
    if (!lab || figure.querySelector(".lab-app")) continue;
    if (!styled) addStyles(styles);
    styled = true;
    const number = (count.get(name) ?? 0) + 1;
    count.set(name, number);
    const id = `lab-${name}-${number}`;
    try {
      const initial = lab.clean(JSON.parse(figure.dataset.state ?? "{}"));
      const state = lab.clean({ ...initial, ...decodeState(asked.get(id) ?? "", initial) });
      const cargo = figure.dataset.cargo ?? "";
      const model = new PageModel(initial, state, cargo, saveSoon, (now) =>
        address(joinHash(new Map([[id, now]])) || id),
      );
      const el = html("div", { class: "lab-app" });
      lab.render({ model, el });
      figure.id ||= id;
      figure.prepend(el);
      figure.classList.add("lab-live");
      mounted.set(id, { model, lab, figure });
    } catch (error) {
      // The still picture stays, and the other labs still mount.
      console.error(`Lab ${id} could not start`, error);
    }
  }
  if (asked.size) scrollToFirst(asked);

  window.addEventListener("hashchange", () => {
    const states = splitHash(location.hash);
    if (!states.size) return;
    for (const [id, { model, lab }] of mounted) {
      const wanted = lab.clean({ ...model.initial, ...decodeState(states.get(id) ?? "", model.initial) });
      for (const [key, value] of Object.entries(wanted)) model.set(key, value);
    }
    scrollToFirst(states);
  });
}

/** @param {Record<string, Lab>} labs @param {Record<string, string>} styles */
export function mountWhenReady(labs, styles) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => mount(labs, styles));
  else mount(labs, styles);
}
