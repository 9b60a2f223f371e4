/**
 * What a lab's module says of itself, and what its clean() makes of junk: `node every_lab.mjs < request.json`.
 *
 * The request names the module and, for each trait, values that the Python class takes. Prints one JSON object.
 */
import { readFileSync } from "node:fs";
import { encodeState } from "../../kernelbook/labs/lib/hash.js";

/** @type {{module: string, pools: Record<string, any[]>, junk: number, valid: number}} */
const request = JSON.parse(readFileSync(0, "utf8"));
const { DEFAULTS, EXPERIMENTS, clean, default: lab } = await import(request.module);

let seed = 11;
/** mulberry32: a number in [0, 1), the same on every run. */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
/** @template T @param {T[]} list @returns {T} */
const pick = (list) => list[Math.floor(random() * list.length)];

/** @type {any[]} */
const JUNK = [null, undefined, NaN, Infinity, -Infinity, -1, 0, -0, 0.5, 1e-300, 1e21, 2 ** 53, "", "cat", "3", "NaN"];
JUNK.push("__proto__", "constructor", "toString", true, false, {}, { length: 3 }, [], [[]], [[], []], [null], [[1, "x"]]);
JUNK.push([[1], [2, 3]], [1, 2, [3]], Array(99).fill(7), [["a"]], [NaN], [[Infinity]], () => 1, [-1], [1e9], [[0.5, -0]]);

const names = Object.keys(DEFAULTS);
const pools = Object.fromEntries(names.map((name) => [name, [...(request.pools[name] ?? []), DEFAULTS[name]]]));
for (const { state } of EXPERIMENTS) for (const name of Object.keys(state)) pools[name]?.push(state[name]);
const before = JSON.stringify(DEFAULTS);

/** @type {string[]} */
const wrong = [];
/** @param {any} raw */
function cleaned(raw) {
  try {
    const state = clean(raw);
    if (JSON.stringify(clean(state)) !== JSON.stringify(state)) wrong.push("clean() changes a clean state");
    return state;
  } catch (error) {
    wrong.push(`clean() threw ${error}`);
    return null;
  }
}

const junk = [];
for (let i = 0; i < request.junk; i++) {
  /** @type {Record<string, any>} */
  const raw = {};
  for (const name of names) {
    const draw = random();
    if (draw < 0.5) raw[name] = pick(pools[name]);
    else if (draw < 0.8) raw[name] = pick(JUNK);
    else if (draw < 0.9) raw[name] = pick(pools[pick(names)]);
  }
  junk.push(cleaned(raw));
}
const valid = [];
for (let i = 0; i < request.valid; i++) {
  const raw = Object.fromEntries(names.map((name) => [name, random() < 0.5 ? DEFAULTS[name] : pick(pools[name])]));
  const state = cleaned(raw);
  valid.push({ raw, state, encoded: encodeState(state, clean({})) });
}
const experiments = EXPERIMENTS.map((/** @type {any} */ experiment) => {
  const state = cleaned({ ...DEFAULTS, ...experiment.state });
  return { ...experiment, clean: state, encoded: encodeState(state, clean({})) };
});
if (JSON.stringify(DEFAULTS) !== before) wrong.push("clean() changed DEFAULTS");
for (const key of ["render", "clean"]) if (typeof lab[key] !== "function") wrong.push(`no ${key} in the default export`);
console.log(JSON.stringify({ defaults: DEFAULTS, nothing: clean({}), experiments, junk, valid, wrong: [...new Set(wrong)] }));
