/**
 * The lab LookInside's passes over many wafers: `node look_inside_truth.mjs < {cargo, drawings, examples}`.
 *
 * Prints for each wafer the scores, every layer's maps, and for its class the activation map and the gradient, and for
 * each experiment what the network says.
 */
import { readFileSync } from "node:fs";
import * as lab from "../../kernelbook/labs/look_inside.js";

const { cargo, wafers } = JSON.parse(readFileSync(0, "utf8"));
const network = lab.open(cargo);
const passes = wafers.map((/** @type {any} */ { drawing, wafer, example, target }) => {
  const failed = drawing ? lab.decode(drawing) : network.example(wafer, example);
  if (!failed) throw new Error(`not a drawing: ${drawing}`);
  const pass = lab.run(network, failed);
  return {
    input: Array.from(pass.input.data),
    again: lab.encode(failed),
    scores: Array.from(pass.scores),
    shares: Array.from(pass.shares),
    maps: pass.maps.map(({ data }) => Array.from(data)),
    cam: Array.from(lab.cam(network, pass, target).data),
    gradient: Array.from(lab.gradient(network, pass, target).data),
  };
});
const experiments = Object.fromEntries(
  lab.EXPERIMENTS.map(({ title, state }) => {
    const { drawing, wafer, example } = lab.clean({ ...lab.DEFAULTS, ...state });
    return [title, Array.from(lab.run(network, lab.decode(drawing) ?? network.example(wafer, example)).shares)];
  }),
);
console.log(JSON.stringify({ passes, experiments, drawings: lab.EXPERIMENTS.map((e) => e.state.drawing ?? null) }));
