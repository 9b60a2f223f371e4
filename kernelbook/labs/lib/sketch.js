/** A picture that the reader can draw: pointer and keys on a NumberMap, with a pen, a size and a way in. */
import { choice, field, html, set, svg } from "./dom.js";
import { by, number } from "./format.js";
import { CELL, NumberMap } from "./map.js";
import { toRows } from "./pictures.js";

/** @typedef {import("./pictures.js").Picture} Picture */

/** @type {Record<string, [number, number]>} */
export const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * @param {object} options
 * @param {NumberMap} options.map that shows the picture
 * @param {number} options.largest side of the largest picture that can be edited
 * @param {number[]} options.sizes sides to choose from
 * @param {(pixels: number[][]) => void} options.change takes the new picture and makes it the drawn one
 * @param {(text: string) => void} options.speak says in words where the pen is
 */
export function sketch({ map, largest, sizes, change, speak }) {
  /** @type {{picture: Picture, drawn: boolean, top: number, left: number}} */
  let now = { picture: { height: 1, width: 1, data: [0] }, drawn: false, top: 0, left: 0 };
  /** @type {number[][]} */
  let pixels = [[0]];
  let pen = { row: 0, column: 0 };
  /** @type {number | null} */
  let stroke = null;

  const cursor = svg("rect", { class: "lab-cursor" });
  map.overlay.append(cursor);
  const board = html("div", { class: "lab-board" }, map.svg);
  const penValue = html("input", { type: "number", step: "any", value: 1 });
  const size = choice(
    "Size",
    sizes.map((n) => [String(n), by(n, n)]),
    (value) => {
      const n = Number(value);
      change(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => pixels[i]?.[j] ?? 0)));
    },
  );
  const clear = html("button", { type: "button", onclick: () => change(pixels.map((row) => row.map(() => 0))) }, "Clear");
  const edit = html(
    "button",
    {
      type: "button",
      onclick: () => {
        penValue.value = String(Math.max(...Array.from(now.picture.data)) || 1);
        change(toRows(now.picture));
        board.focus();
      },
    },
    "Edit its pixels",
  );
  const pens = [size.field, field("Pen", penValue), clear];
  const tools = html("div", { class: "lab-drawing" }, edit, ...pens);

  const ink = () => (Number.isFinite(penValue.valueAsNumber) ? penValue.valueAsNumber : 1);
  /** @param {number} value */
  function paint(value) {
    if (pixels[pen.row][pen.column] === value) return;
    // Further strokes of the same drag must see this one before the redraw.
    pixels = pixels.map((line, i) => (i === pen.row ? line.map((old, j) => (j === pen.column ? value : old)) : line));
    change(pixels);
  }
  /** @param {PointerEvent} event */
  function pixelAt(event) {
    const cell = map.cellAt(event);
    if (!cell) return null;
    const [row, column] = [cell.row - now.top, cell.column - now.left];
    return row >= 0 && column >= 0 && row < now.picture.height && column < now.picture.width ? { row, column } : null;
  }
  board.addEventListener("pointerdown", (event) => {
    const pixel = now.drawn && event.button === 0 ? pixelAt(event) : null;
    if (!pixel) return;
    pen = pixel;
    stroke = pixels[pen.row][pen.column] === ink() ? 0 : ink();
    board.setPointerCapture(event.pointerId);
    paint(stroke);
    place();
  });
  board.addEventListener("pointermove", (event) => {
    const pixel = stroke === null ? null : pixelAt(event);
    if (!pixel || stroke === null) return;
    pen = pixel;
    paint(stroke);
    place();
  });
  for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => (stroke = null));
  board.addEventListener("keydown", (event) => {
    if (!now.drawn || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      pen = { row: pen.row + down, column: pen.column + right };
      place();
      speak(`Pixel row ${pen.row}, column ${pen.column} is ${number(pixels[pen.row][pen.column])}.`);
    } else if (event.key === " " || event.key === "Enter") paint(pixels[pen.row][pen.column] === ink() ? 0 : ink());
    else if (/^[0-9]$/.test(event.key)) paint(Number(event.key));
    else return;
    event.preventDefault();
  });
  function place() {
    const { height, width } = now.picture;
    pen = {
      row: Math.min(Math.max(pen.row, 0), height - 1),
      column: Math.min(Math.max(pen.column, 0), width - 1),
    };
    set(cursor, {
      x: (pen.column + now.left) * CELL + 3,
      y: (pen.row + now.top) * CELL + 3,
      width: CELL - 6,
      height: CELL - 6,
      display: now.drawn ? null : "none",
    });
  }
  return {
    board,
    tools,
    /**
     * @param {Picture} picture as it is before any move or border @param {boolean} drawn whether it can be edited now
     * @param {number} [top] @param {number} [left] where it begins in the map
     */
    show(picture, drawn, top = 0, left = 0) {
      now = { picture, drawn, top, left };
      if (drawn) pixels = toRows(picture);
      set(board, {
        class: drawn ? "lab-board lab-editable" : "lab-board",
        tabindex: drawn ? 0 : null,
        role: drawn ? "application" : null,
        "aria-label": drawn
          ? "Your drawing. The arrow keys move the pen, Space sets or clears a pixel, digits set its value."
          : null,
      });
      const { height, width } = picture;
      const editable = Math.max(height, width) <= largest;
      for (const tool of pens) set(tool, { hidden: !drawn });
      set(edit, { hidden: drawn || !editable });
      set(tools, { hidden: !drawn && !editable });
      size.select.value = height === width ? String(height) : "";
      place();
    },
  };
}
