/** The first row of a lab: a list of experiments, and what to predict before looking. */
import { choice, html, say } from "./dom.js";
import { write } from "./model.js";

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").State} State */
/** @typedef {{title: string, text: string, state: State}} Experiment */

/**
 * @param {Model} model
 * @param {object} lab
 * @param {Experiment[]} lab.experiments
 * @param {State} lab.defaults what an experiment does not name
 * @param {(raw: State) => State} lab.clean
 * @param {string[]} [lab.free] names that the reader may change without leaving the experiment
 * @param {string} lab.invitation shown before the first choice
 * @param {() => void} [before] called before an experiment is set
 */
export function tryRow(model, { experiments, defaults, clean, free = [], invitation }, before = () => {}) {
  /** @param {State} state */
  const key = (state) => JSON.stringify(Object.entries(state).filter(([name]) => !free.includes(name)));
  const keys = experiments.map(({ state }) => key(clean({ ...defaults, ...state })));
  const lesson = html("p", { class: "lab-lesson" });
  const list = choice(
    "Try",
    [
      ["", "Choose an experiment…"],
      ...experiments.map(({ title }, i) => /** @type {[string, string]} */ ([String(i), `${i + 1}. ${title}`])),
    ],
    (value) => {
      const experiment = experiments[Number(value)];
      if (value === "" || !experiment) return;
      before();
      write(model, { ...defaults, ...experiment.state });
    },
  );
  return {
    row: html("div", { class: "lab-try" }, list.field, lesson),
    /** Name the experiment that is on the screen; its text stays while the reader plays with it. @param {State} state */
    show(state) {
      const current = keys.indexOf(key(state));
      list.select.value = current < 0 ? "" : String(current);
      if (current >= 0) say(lesson, experiments[current].text);
      else if (!lesson.textContent) say(lesson, invitation);
    },
  };
}
