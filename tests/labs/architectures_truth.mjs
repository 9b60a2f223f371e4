/** What the lab Architectures reckons from its layers, as one JSON object: `node architectures_truth.mjs`. */
import {
  DEFAULTS,
  EXPERIMENTS,
  blockTitle,
  clean,
  networks,
  points,
  summary,
} from "../../kernelbook/labs/architectures.js";

console.log(
  JSON.stringify({
    DEFAULTS,
    nothing: clean({}),
    EXPERIMENTS,
    networks: Object.fromEntries(networks().map((net) => [net.id, net])),
    titles: Object.fromEntries(networks().map((net) => [net.id, net.blocks.map(blockTitle)])),
    summaries: networks().map(summary),
    points: points(DEFAULTS).map(({ net, x, y, weights }) => [net.id, x, y, weights]),
  }),
);
