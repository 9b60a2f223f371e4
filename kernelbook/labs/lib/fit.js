/** Numbers in cells that have become too small to read are hidden: on a narrow page the colours and the tables stay. */
import { set } from "./dom.js";
import { CELL } from "./map.js";

/** @typedef {import("./map.js").NumberMap} NumberMap */

const READABLE_PX = 7.2;

/** @param {NumberMap[]} maps */
export function fitNumbers(maps) {
  // Widths come from the observer: to ask for one here would lay the page out between two changes of it.
  /** @type {Map<Element, number>} */
  const widths = new Map();
  const check = () => {
    for (const map of maps) {
      const width = widths.get(map.svg);
      if (width === undefined) continue;
      const scale = width / (map.columns * CELL + 4);
      set(map.numbers, { display: map.smallest * scale < READABLE_PX ? "none" : null });
    }
  };
  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) widths.set(target, contentRect.width);
    check();
  });
  for (const map of maps) observer.observe(map.svg);
  return {
    /** Look again at what was drawn; where its size changes, the observer looks again too. */
    soon: check,
    stop: () => observer.disconnect(),
  };
}
