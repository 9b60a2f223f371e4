/**
 * What test_every_lab.py asks of a page: loaded into it as a classic script, `checks.…()` answers in plain JSON.
 */
// @ts-nocheck
window.checks = (() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  /** Any CSS colour as [r, g, b, alpha], 0 to 1. */
  function rgba(colour) {
    if (!known.has(colour)) {
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
      known.set(colour, [...paint.getImageData(0, 0, 1, 1).data].map((v) => v / 255));
    }
    return known.get(colour);
  }
  const over = (top, alpha, bottom) => top.slice(0, 3).map((v, i) => v * alpha + bottom[i] * (1 - alpha));
  function luminance(rgb) {
    const [r, g, b] = rgb.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function contrast(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }
  /** The opacity of an element with that of all its ancestors. */
  function opacity(element) {
    let alpha = 1;
    for (let e = element; e; e = e.parentElement) alpha *= Number(getComputedStyle(e).opacity);
    return alpha;
  }
  const visible = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const texts = () =>
    [...document.querySelectorAll("figure.lab svg text")].filter((t) => t.textContent.trim() && visible(t));

  /** What is painted under a text at a point of the window, text itself left out. */
  function ground(x, y, text) {
    const layers = [];
    for (const element of document.elementsFromPoint(x, y)) {
      if (element === text || text.contains(element) || element.closest("text")) continue;
      const style = getComputedStyle(element);
      let colour;
      if (element instanceof SVGElement && element.tagName !== "svg") {
        // A hatch or a picture has no one colour; a lab may not put text on it, except on a plate.
        if (element.tagName === "image" || style.fill.startsWith("url(") || style.fill === "none") continue;
        colour = [...rgba(style.fill)];
        colour[3] *= Number(style.fillOpacity) * opacity(element);
      } else {
        colour = [...rgba(style.backgroundColor)];
        colour[3] *= opacity(element);
      }
      layers.push(colour);
      if (colour[3] > 0.995) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, layer[3], below), [1, 1, 1]);
  }

  return {
    /** Text in SVG, where axe does not look, that is hard to read: contrast (WCAG 1.4.3) and size on the screen. */
    hardToRead() {
      const style = document.head.appendChild(document.createElement("style"));
      style.textContent = "figure.lab svg, figure.lab svg * { pointer-events: visiblePainted !important }";
      const found = [];
      for (const text of texts()) {
        const box = text.getBoundingClientRect();
        const css = getComputedStyle(text);
        const matrix = text.getScreenCTM();
        const size = parseFloat(css.fontSize) * Math.hypot(matrix.a, matrix.b);
        const wanted = size >= 24 || (size >= 18.66 && Number(css.fontWeight) >= 700) ? 3 : 4.5;
        const plate = css.paintOrder.startsWith("stroke") && css.stroke !== "none" ? rgba(css.stroke) : null;
        for (const share of [0.12, 0.5, 0.88]) {
          const below = plate ?? ground(box.left + share * box.width, box.top + box.height / 2, text);
          const colour = rgba(css.fill);
          const ink = over(colour, colour[3] * Number(css.fillOpacity) * opacity(text), below);
          const ratio = contrast(ink, below.slice(0, 3));
          if (ratio < wanted - 0.05) {
            found.push(`“${text.textContent}” has contrast ${ratio.toFixed(2)}`);
            break;
          }
        }
        if (size < 7) found.push(`“${text.textContent}” is ${size.toFixed(1)} px high`);
      }
      style.remove();
      return [...new Set(found)];
    },

    /** What reaches beyond its lab, unless it can be scrolled to. */
    sticksOut() {
      const found = [];
      for (const figure of document.querySelectorAll("figure.lab")) {
        const frame = figure.getBoundingClientRect();
        for (const element of figure.querySelectorAll("*")) {
          if (!visible(element) || element.closest("defs")) continue;
          const box = element.getBoundingClientRect();
          if (!box.width || (box.right <= frame.right + 1 && box.left >= frame.left - 1)) continue;
          let held = false;
          for (let e = element.parentElement; e && e !== figure; e = e.parentElement)
            held ||= getComputedStyle(e).overflowX !== "visible";
          if (!held) found.push(`${element.tagName} .${element.getAttribute("class")} “${element.textContent.slice(0, 30)}”`);
        }
      }
      const wide = document.documentElement.scrollWidth - innerWidth;
      return wide > 0 ? [`the page is ${wide} px too wide`, ...found] : found;
    },

    /** Labels of one drawing that lie on each other. */
    overlaps() {
      const found = [];
      const drawings = new Map();
      for (const text of texts()) {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        // Letters fill about two thirds of the height of their box.
        const inset = (bottom - top) * 0.18;
        const box = { text: text.textContent, left, right, top: top + inset, bottom: bottom - inset };
        const others = drawings.get(text.ownerSVGElement) ?? [];
        for (const other of others)
          if (
            Math.min(box.right, other.right) - Math.max(box.left, other.left) > 1.5 &&
            Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 1.5
          )
            found.push(`“${other.text}” and “${box.text}”`);
        drawings.set(text.ownerSVGElement, [...others, box]);
      }
      return [...new Set(found)];
    },

    /** Words that a reader must never see: a number that went wrong, anywhere in text or attributes. */
    nonsense() {
      const found = document.body.innerHTML.match(/.{0,60}(?:NaN|undefined|Infinity|\[object ).{0,40}/g) ?? [];
      return found.slice(0, 5);
    },

    /** Every control that can be used now. */
    controls() {
      const all = document.querySelectorAll(
        '.lab-app :is(input, select, button, textarea, summary, a[href], [tabindex]:not([tabindex="-1"]))',
      );
      return [...all].filter((e) => visible(e) && !e.disabled);
    },
    name(control) {
      const labelled = (control.getAttribute("aria-labelledby") ?? "")
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent ?? "");
      const own = ["BUTTON", "SUMMARY", "A"].includes(control.tagName) ? control.textContent : "";
      return [control.getAttribute("aria-label"), labelled.join(" "), control.labels?.[0]?.textContent, own]
        .map((text) => text?.trim())
        .find(Boolean);
    },

    /** Two frames: whatever a lab has put off is done. */
    settled: () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),

    /** The state in the lab's own link, as it stands after the `=`. */
    async link() {
      const copied = new Promise((done) =>
        Object.defineProperty(navigator, "clipboard", {
          value: { writeText: (text) => Promise.resolve(done(text)) },
          configurable: true,
        }),
      );
      [...document.querySelectorAll(".lab-toolbar button")].find((b) => b.textContent === "Copy link").click();
      return (await copied).split("#")[1]?.split("=")[1] ?? "";
    },

    /** Go to an address and wait until the lab has followed. @param {string} hash */
    async go(hash) {
      const before = location.hash;
      const followed = new Promise((done) => addEventListener("hashchange", done, { once: true }));
      location.hash = hash;
      if (location.hash !== before) await followed;
      await this.settled();
    },

    /** The controls that a reader moves most: each with a function that moves it to its i-th value. */
    movable() {
      return this.controls()
        .filter((e) => e.tagName === "SELECT" || ["range", "number"].includes(e.type))
        .map((control) => {
          let values;
          if (control.tagName === "SELECT") values = [...control.options].map((o) => o.value).filter(Boolean);
          else {
            const [low, high] = [Number(control.min || 0), Number(control.max || Number(control.min || 0) + 4)];
            const step = Number(control.step) || 1;
            values = [low, high, low + step * Math.floor((high - low) / step / 2)].map(String);
          }
          const event = control.tagName === "SELECT" ? "change" : "input";
          const move = (i) => {
            control.value = values[i % values.length];
            control.dispatchEvent(new Event(event, { bubbles: true }));
            if (event === "input") control.dispatchEvent(new Event("change", { bubbles: true }));
          };
          return { name: this.name(control), control, move, count: values.length };
        });
    },

    /** Milliseconds that a fixed piece of work takes now: how slow this machine is, and how busy. */
    yardstick() {
      const times = Array.from({ length: 9 }, () => {
        const start = performance.now();
        let x = 0;
        for (let i = 0; i < 300_000; i++) x = (x * 1103515245 + 12345) % 2147483648;
        return performance.now() - start + 0 * x;
      });
      return times.sort((a, b) => a - b)[4];
    },

    /** Milliseconds of script that each control's moves cost: the median of a few, frames and queued work included. */
    async costs(repeats) {
      const frame = window.requestAnimationFrame.bind(window);
      let late = 0;
      window.requestAnimationFrame = (callback) =>
        frame((time) => {
          const start = performance.now();
          callback(time);
          late += performance.now() - start;
        });
      const costs = {};
      for (const { name, control, move } of this.movable()) {
        const times = [];
        for (let i = 0; i < repeats; i++) {
          if (!control.isConnected) break;
          await new Promise(frame);
          late = 0;
          const start = performance.now();
          move(i);
          await null; // the redraw is queued as a microtask
          await null;
          const now = performance.now() - start;
          await new Promise(frame);
          times.push(now + late);
        }
        if (times.length) costs[name] = Math.round(10 * times.sort((a, b) => a - b)[times.length >> 1]) / 10;
      }
      window.requestAnimationFrame = frame;
      return costs;
    },
  };
})();
