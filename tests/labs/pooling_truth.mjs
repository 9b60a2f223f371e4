/** Compares lib/pool.js with what PyTorch wrote: `node pooling_truth.mjs FOLDER`. */
import { GeometryError } from "../../kernelbook/labs/lib/conv.js";
import { pool, poolGradient } from "../../kernelbook/labs/lib/pool.js";
import { cases, report, same, take, tally, wrong } from "./truth.mjs";

for (const [index, test] of cases("cases.json").entries()) {
  const name = `case ${index} ${JSON.stringify(test)}`;
  const [height, width] = test.x;
  const x = { height, width, data: take(height * width) };
  const size = test.y ? test.y[0] * test.y[1] : 0;
  const [wanted, upstream, gradient] = test.y ? [take(size), take(size), take(height * width)] : [];
  let pooled;
  try {
    pooled = pool(x, test.operation, test.options);
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error;
    if (test.y) wrong.push(`${name}: refused, ${error.message}`);
    else tally("refused");
    continue;
  }
  if (!wanted || !upstream || !gradient) {
    wrong.push(`${name}: PyTorch refuses it`);
    continue;
  }
  const shape = [pooled.rows.output, pooled.columns.output];
  if (shape.join() !== test.y.join()) wrong.push(`${name}: shape ${shape}`);
  const right =
    same(name, pooled.data, wanted, test.exact) &&
    same(`${name} gradient`, poolGradient(pooled, upstream), gradient, test.exact);
  if (right) tally(test.exact ? "exact" : "close");
}
report();
