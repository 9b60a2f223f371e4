/** Compares lib/field.js with what torch's autograd measured: `node field_truth.mjs FOLDER`. */
import { extent, paths, sideHolding, walk } from "../../kernelbook/labs/lib/field.js";
import { cases, report, same, take, tally, wrong } from "./truth.mjs";

for (const [index, test] of cases("lines.json").entries()) {
  const name = `line ${index} ${JSON.stringify(test)}`;
  const { fields, error } = walk(test.layers, test.size);
  if (fields.length !== test.fields.length || !error !== (fields.length === test.layers.length))
    wrong.push(`${name}: ${fields.length} layers fit, ${error}`);
  else if (JSON.stringify(fields.map((f) => [f.size, f.field, f.jump, f.start])) !== JSON.stringify(test.fields))
    wrong.push(`${name}: ${JSON.stringify(fields)}`);
  else if (error) tally("refused");
  else if (same(name, paths(test.layers, test.size, test.unit), take(test.size), test.exact))
    tally(test.exact ? "exact" : "close");
}

for (const [index, test] of cases("maps.json").entries()) {
  const name = `map ${index} ${JSON.stringify(test)}`;
  const [rows, columns] = [0, 1].map((axis) => paths(test.layers[axis], test.sizes[axis], test.unit[axis]));
  const product = Float64Array.from({ length: rows.length * columns.length }, (_, i) => {
    return rows[Math.floor(i / columns.length)] * columns[i % columns.length];
  });
  const reached = (extent(rows)?.count ?? 0) * (extent(columns)?.count ?? 0);
  const sides = test.shares.map((/** @type {number} */ share) => sideHolding(rows, columns, share));
  if (reached !== test.reached) wrong.push(`${name}: ${reached} pixels reached`);
  else if (sides.join() !== test.sides.join()) wrong.push(`${name}: sides ${sides}`);
  else if (same(name, product, take(product.length), true)) tally("maps");
}
report();
