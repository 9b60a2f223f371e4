/** Work ahead of the reader, in the pauses that the browser has. */

/**
 * Run tasks one at a time while nothing else is going on. Returns a function that drops the rest.
 * @param {(() => void)[]} tasks
 */
export function whenIdle(tasks) {
  const rest = [...tasks];
  let handle = 0;
  const ask = window.requestIdleCallback ?? ((/** @type {() => void} */ run) => window.setTimeout(run, 50));
  const drop = window.cancelIdleCallback ?? window.clearTimeout;
  const step = () => {
    rest.shift()?.();
    if (rest.length) handle = ask(step);
  };
  if (rest.length) handle = ask(step);
  return () => drop(handle);
}
