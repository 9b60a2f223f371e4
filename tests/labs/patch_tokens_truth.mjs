/**
 * The lab PatchTokens' counts and passes: `node patch_tokens_truth.mjs < {cargo, counts, wafers}`, one JSON object out.
 */
import { readFileSync } from "node:fs";
import * as lab from "../../kernelbook/labs/patch_tokens.js";

const { cargo, counts, wafers } = JSON.parse(readFileSync(0, "utf8"));
const network = lab.open(cargo);
const passes = wafers.map((/** @type {[string, number]} */ [name, example]) => {
  const dies = network.example(name, example);
  const { attention, scores } = lab.look(network, dies, true);
  const quick = lab.look(network, dies);
  return {
    attention: attention.map(({ data }) => Array.from(data)),
    scores: Array.from(scores),
    // What the page computes: in the last layer the class token alone.
    quick: { attention: Array.from(quick.attention[1].data), scores: Array.from(quick.scores) },
  };
});
const found = counts.map((/** @type {any} */ state) => ({
  ...lab.count(state),
  crossing: lab.crossing(state),
  share: lab.quadraticShare(lab.count(state).work),
}));
const experiments = Object.fromEntries(
  lab.EXPERIMENTS.map(({ title, state }) => {
    const full = lab.clean({ ...lab.DEFAULTS, ...state });
    return [title, { ...lab.count(full), crossing: lab.crossing(full), share: lab.quadraticShare(lab.count(full).work) }];
  }),
);
console.log(JSON.stringify({ passes, counts: found, experiments, models: lab.MODELS, large: [1, 999, 12345, 1.39e9, 9.999e6, 4e13].map(lab.large) }));
