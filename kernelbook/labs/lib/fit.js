/** Numbers in cells that have become too small to read are hidden: on a narrow page the colours and the tables stay. */
import { set } from "./dom.js";
import { CELL } from "./map.js";

/** @typedef {import("./map.js").NumberMap} NumberMap */

const READABLE_PX = 7.2;

/** @param {NumberMap[]} maps */
export function fitNumbers(maps) {
  const check = () => {
    for (const map of maps) {
      const scale = map.svg.getBoundingClientRect().width / (map.columns * CELL + 4);
      set(map.numbers, { display: map.smallest * scale < READABLE_PX ? "none" : null });
    }
  };
  const observer = new ResizeObserver(check);
  for (const map of maps) observer.observe(map.svg);
  return {
    /** Look again once what was drawn has been laid out. */
    soon: () => requestAnimationFrame(check),
    stop: () => observer.disconnect(),
  };
}
