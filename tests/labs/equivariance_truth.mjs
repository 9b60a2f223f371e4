/** Compares the lab Equivariance with what PyTorch wrote: `node equivariance_truth.mjs FOLDER`. */
import { clean, compare } from "../../kernelbook/labs/equivariance.js";
import { cases, report, same, take, tally, wrong } from "./truth.mjs";

for (const [index, test] of cases("cases.json").entries()) {
  const state = clean(test.state);
  if (JSON.stringify(state) !== JSON.stringify(test.state)) wrong.push(`case ${index}: clean() changed a valid state`);
  for (const { view, size, shift, equal } of test.views) {
    const name = `case ${index} ${view} ${JSON.stringify(test.state)}`;
    const got = compare(state, view);
    const right =
      same(`${name} moved first`, got.movedFirst.data, take(size), test.exact) &&
      same(`${name} layer first`, got.layerFirst.data, take(size), test.exact);
    if (!right) continue;
    if (got.shift.join() !== shift.join()) wrong.push(`${name}: shift ${got.shift} instead of ${shift}`);
    else if (test.exact && got.equal !== equal) wrong.push(`${name}: ${got.equal} equal instead of ${equal}`);
    else tally(test.exact ? "exact" : "close");
  }
}
report();
