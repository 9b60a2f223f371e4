// A field that narrows a long page to the entries that hold all the words typed. Without it the page is a plain list.
//
// <div data-filter="p[id^=erratum-]" data-filter-name="errata"></div> puts the field there. A <dt> stands for itself and
// the <dd>s after it. Sections without a match are hidden, and so are the code cells between the entries.
(() => {
  /** The text as it is compared: lower case, no accents, no signs that differ by keyboard. @param {string | null} text */
  const plain = (text) =>
    (text ?? "")
      .normalize("NFKD")
      .replace(/[\u0300-\u036f\u201c\u201d]/g, "")
      .replace(/[\u2010-\u2015\u2212]/g, "-")
      .replace(/\s+/g, " ")
      .toLowerCase();

  /** An entry with what belongs to it. @param {HTMLElement} entry @returns {HTMLElement[]} */
  function parts(entry) {
    const found = [entry];
    let next = entry.nextElementSibling;
    while (entry.tagName === "DT" && next instanceof HTMLElement && next.tagName === "DD") {
      found.push(next);
      next = next.nextElementSibling;
    }
    return found;
  }

  /** @param {HTMLElement} place */
  function mount(place) {
    const name = place.dataset.filterName ?? "entries";
    /** @type {HTMLElement[]} */
    const nodes = [...document.querySelectorAll(place.dataset.filter ?? "")].filter((n) => n instanceof HTMLElement);
    const entries = nodes.map(parts).map((group) => ({
      group,
      text: plain(group.map((part) => part.textContent).join(" ")),
    }));
    const article = place.closest("article") ?? document.body;

    const label = document.createElement("label");
    label.textContent = `Find among the ${name}: `;
    const field = document.createElement("input");
    field.type = "search";
    field.autocomplete = "off";
    field.spellcheck = false;
    label.append(field);
    const count = document.createElement("output");
    place.append(label, count);
    place.classList.add("page-filter");

    function narrow() {
      const words = plain(field.value).split(" ").filter(Boolean);
      let left = 0;
      for (const { group, text } of entries) {
        const shown = words.every((word) => text.includes(word));
        for (const part of group) part.hidden = !shown;
        left += Number(shown);
      }
      for (const section of article.querySelectorAll("section section")) {
        const inside = entries.filter(({ group }) => section.contains(group[0]));
        const empty = words.length > 0 && inside.length > 0 && inside.every(({ group }) => group[0].hidden);
        /** @type {HTMLElement} */ (section).hidden = empty;
      }
      for (const cell of article.querySelectorAll(".cell")) {
        /** @type {HTMLElement} */ (cell).hidden = words.length > 0;
      }
      count.textContent = words.length ? `${left} of ${entries.length}` : "";
    }

    field.addEventListener("input", narrow);
    // Whoever follows a link to an entry wants to see it.
    window.addEventListener("hashchange", () => {
      if (document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("[hidden]")) {
        field.value = "";
        narrow();
        document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
      }
    });
    if (field.value) narrow(); // some browsers restore what was typed
  }

  for (const place of document.querySelectorAll("[data-filter]")) mount(/** @type {HTMLElement} */ (place));
})();
