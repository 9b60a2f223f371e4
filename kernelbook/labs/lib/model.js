/** Reading, writing and watching a lab's model: the same few lines in Jupyter and on the page. */

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").State} State */

/** @param {Model} model @param {string[]} names @returns {State} */
export const read = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));

/** Set several traits and send them together. @param {Model} model @param {State} changes */
export function write(model, changes) {
  for (const [name, value] of Object.entries(changes)) model.set(name, value);
  model.save_changes();
}

/**
 * Call back once after any number of changes made in one go (a preset sets ten traits).
 * @param {Model} model @param {string[]} names @param {() => void} callback @returns {() => void} stops watching
 */
export function watch(model, names, callback) {
  let waiting = false;
  const notice = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      callback();
    });
  };
  for (const name of names) model.on(`change:${name}`, notice);
  return () => names.forEach((name) => model.off(`change:${name}`, notice));
}
