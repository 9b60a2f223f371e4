/**
 * Runs a lab's compute() on states: `node counts_truth.mjs MODULE < states.json`, a JSON list of what it returned.
 *
 * BigInts become strings, so that nothing is rounded on the way.
 */
import { readFileSync } from "node:fs";

const { compute, clean } = await import(process.argv[2]);
const states = JSON.parse(readFileSync(0, "utf8"));
const results = states.map((/** @type {any} */ state) => {
  const cleaned = clean(state);
  if (JSON.stringify(cleaned) !== JSON.stringify(state)) throw new Error(`clean() changed ${JSON.stringify(state)}`);
  return compute(cleaned);
});
process.stdout.write(JSON.stringify(results, (_, value) => (typeof value === "bigint" ? String(value) : value)));
