/** The lab TransferPlan's counts and comparisons: `node transfer_plan_truth.mjs < {states}`, one JSON object out. */
import { readFileSync } from "node:fs";
import * as lab from "../../kernelbook/labs/transfer_plan.js";

const { states } = JSON.parse(readFileSync(0, "utf8"));
const [sources, amounts] = [Object.keys(lab.SOURCES), [5, 10, 20, 50, 100]];
console.log(
  JSON.stringify({
    plans: states.map((/** @type {any} */ state) => ({ stages: lab.plan(state), way: lab.wayOf(state), words: lab.summary(state) })),
    measured: sources.flatMap((source) =>
      amounts.flatMap((labels) =>
        lab.waysFrom(source).map((way) => ({
          source,
          way,
          labels,
          accuracies: lab.measured(source, way, labels),
          ...lab.spread(lab.measured(source, way, labels)),
          against: lab.compare(source, way, "scratch", labels),
          verdict: lab.verdict(source, labels),
        })),
      ),
    ),
    experiments: Object.fromEntries(lab.EXPERIMENTS.map(({ title, state }) => [title, lab.plan(lab.clean({ ...lab.DEFAULTS, ...state }))])),
  }),
);
