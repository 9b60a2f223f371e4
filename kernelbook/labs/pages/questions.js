/**
 * Flashcards and a mock interview over the questions of one page (the directive `{questions} all`).
 *
 * The deck is the page itself: folded questions, already typeset, which stay there for readers without scripts, for paper
 * and for the search. What this shows are copies of their parts. Progress stays in the browser; where a browser keeps
 * nothing for a page (some do for file:), it lasts until the page is closed, and the page says so.
 */
import { fill, html, say } from "../lib/dom.js";
import { plural } from "../lib/format.js";
import { drawn, judged, minutes, result, verdict } from "../lib/quiz.js";
import { FRESH, advance, counts, dayOf, graded, inDays, merged, progressFrom, progressText, sitting } from "../lib/scheduler.js";

/** @typedef {import("../lib/scheduler.js").Cards} Cards */
/** @typedef {import("../lib/scheduler.js").Grade} Grade */
/** @typedef {import("../lib/quiz.js").Mark} Mark */
/** @typedef {{id: string, chapter: string, title: string, level: number, kind: string, fold: HTMLElement}} Question */

const KEY = "kernel-by-kernel.questions";
const LEVELS = ["", "warm-up", "standard", "hard"];
const TEN = 10;
const MINUTES = 2;

/** The deck, in the order of the page. @param {ParentNode} page @returns {Question[]} */
export function deckOf(page) {
  return [...page.querySelectorAll("section.question-chapter")].flatMap((section) => {
    const heading = /** @type {HTMLElement} */ (section.querySelector("h2, h3, h4")).cloneNode(true);
    /** @type {HTMLElement} */ (heading).querySelector(".headerlink")?.remove();
    const title = heading.textContent?.trim() ?? "";
    return [.../** @type {NodeListOf<HTMLElement>} */ (section.querySelectorAll("details.question"))].map((fold) => ({
      id: fold.id.replace(/^q-/, ""),
      chapter: section.id,
      title,
      level: Number(fold.dataset.level),
      kind: fold.dataset.kind ?? "open",
      fold,
    }));
  });
}

/** Copies of what is inside a part of a fold, without ids. @param {Element} fold @param {string} part */
function copies(fold, part) {
  return [...fold.querySelectorAll(`:scope ${part}`)].flatMap((found) => {
    const copy = /** @type {Element} */ (found.cloneNode(true));
    for (const named of copy.querySelectorAll("[id]")) named.removeAttribute("id");
    return [...copy.childNodes];
  });
}

/** The reader's progress, kept as well as the browser allows. */
class Progress {
  constructor() {
    /** @type {Cards} */
    this.cards = {};
    this.kept = true;
    this.read();
    window.addEventListener("storage", ({ key }) => key === KEY && this.read());
  }
  read() {
    try {
      const text = localStorage.getItem(KEY);
      this.cards = text ? progressFrom(JSON.parse(text)) : {};
    } catch (error) {
      // Broken contents are started afresh; a store that refuses is done without.
      this.kept = !(error instanceof DOMException);
    }
  }
  save() {
    try {
      localStorage.setItem(KEY, progressText(this.cards));
    } catch {
      this.kept = false;
    }
  }
  /** @param {string} id @param {Grade} grade */
  grade(id, grade) {
    this.cards[id] = graded(this.cards[id], grade, dayOf(new Date()));
    this.save();
  }
}

let serial = 0;

/**
 * A question with its answer hidden, ready to be asked.
 * @param {Question} question @param {string} place such as "Question 3 of 10"
 * @param {(guess: boolean | null) => void} revealed called once, with how a typed or chosen answer was judged
 */
function asked(question, place, revealed) {
  const { fold, kind } = question;
  const name = `q-ask-${++serial}`;
  const prompt = html("h3", { class: "q-prompt", id: name, tabindex: -1 }, ...copies(fold, "> summary"));
  const about = html("p", { class: "q-about" }, `${place} · ${question.title} · ${LEVELS[question.level]}`);
  const verdictLine = html("p", { class: "q-verdict", role: "status" });
  const back = html("div", { class: "q-back", hidden: true });
  const form = html("form", { class: "q-form", novalidate: true });
  const show = html("button", { type: "button" }, kind === "open" ? "Show the answer" : "I don't know: show the answer");

  /** @param {boolean | null} guess */
  const reveal = (guess) => {
    if (!back.hidden) return;
    const whys = copies(fold, "> .question-reveal > .question-whys");
    fill(
      back,
      html("h4", { tabindex: -1 }, "A good answer"),
      ...copies(fold, "> .question-answer"),
      ...copies(fold, "> .question-reveal > .question-answer"),
      whys.length > 0 && html("div", { class: "q-whys" }, ...whys),
      html("div", { class: "q-wrong" }, ...copies(fold, "> .question-wrong")),
      html(
        "details",
        { class: "q-follow" },
        html("summary", {}, ...copies(fold, "> .question-follow > summary")),
        ...copies(fold, "> .question-follow > .question-more"),
      ),
      ...copies(fold, "> .question-see"),
    );
    back.hidden = false;
    for (const control of form.querySelectorAll("input, button")) control.setAttribute("disabled", "");
    show.hidden = true;
    revealed(guess);
  };
  show.addEventListener("click", () => {
    reveal(null);
    /** @type {HTMLElement} */ (back.firstElementChild).focus();
  });

  if (kind === "number") {
    const [value, within, unit] = JSON.parse(fold.dataset.number ?? "[0, 0, \"\"]");
    const input = html("input", { type: "text", inputmode: "text", autocomplete: "off", id: `${name}-number`, size: 12 });
    let tries = 0;
    fill(
      form,
      html("label", { for: input.id }, unit ? `Your answer (${unit})` : "Your answer"),
      input,
      html("button", { type: "submit" }, "Check"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!input.value.trim()) return input.focus();
      const { right, say: words } = judged(input.value, { value, within, unit });
      tries += 1;
      say(verdictLine, right || tries > 1 ? words : `${words} Once more, or show the answer.`);
      verdictLine.dataset.right = String(right);
      if (right) reveal(tries === 1);
      else if (tries > 1) reveal(false);
      else input.select();
    });
  } else if (kind === "choice") {
    const right = Number(/** @type {HTMLElement} */ (fold.querySelector(":scope > .question-reveal")).dataset.right);
    const items = [...fold.querySelectorAll(":scope > .question-choices > ol > li")];
    const whys = [...fold.querySelectorAll(":scope > .question-reveal > .question-whys > ol > li")];
    const radios = items.map((item, index) => {
      const radio = html("input", { type: "radio", name, value: index, id: `${name}-${index}` });
      const text = [...item.querySelectorAll(":scope > p")].flatMap((p) => [...p.cloneNode(true).childNodes]);
      return html(
        "div",
        { class: "q-choice" },
        radio,
        html("label", { for: radio.id }, `${String.fromCharCode(65 + index)}. `, ...text),
      );
    });
    fill(
      form,
      html("fieldset", { "aria-labelledby": name }, ...radios),
      html("button", { type: "submit" }, "Check"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = new FormData(form).get(name);
      if (chosen === null) return say(verdictLine, "Choose one first.");
      const index = Number(chosen);
      const why = whys[index].cloneNode(true);
      fill(verdictLine, ...[.../** @type {Element} */ (why).querySelectorAll("p")].flatMap((p) => [...p.childNodes]));
      verdictLine.dataset.right = String(index === right);
      radios[right].classList.add("q-right");
      if (index !== right) radios[index].classList.add("q-chosen");
      reveal(index === right);
    });
  }
  const element = html("div", { class: "q-card" }, about, prompt, form.childElementCount > 0 && form, verdictLine, show, back);
  return { element, prompt, back };
}

/** A select of one of the deck's chapters, or of all. @param {Question[]} deck @param {() => void} changed */
function chapterChoice(deck, changed) {
  const id = `q-chapter-${++serial}`;
  const titles = new Map(deck.map(({ chapter, title }) => [chapter, title]));
  const select = html(
    "select",
    { id, onchange: changed },
    html("option", { value: "" }, "all chapters"),
    ...[...titles].map(([value, title]) => html("option", { value }, title)),
  );
  return { select, field: html("p", { class: "q-field" }, html("label", { for: id }, "Chapter"), select) };
}

/** @param {() => void} changed */
function levelChoice(changed) {
  const id = `q-level-${++serial}`;
  const select = html(
    "select",
    { id, onchange: changed },
    html("option", { value: "" }, "all levels"),
    ...[1, 2, 3].map((level) => html("option", { value: level }, LEVELS[level])),
  );
  return { select, field: html("p", { class: "q-field" }, html("label", { for: id }, "Difficulty"), select) };
}

/** @param {Question[]} deck @param {HTMLSelectElement} chapter @param {HTMLSelectElement} level */
const chosen = (deck, chapter, level) =>
  deck.filter((q) => (!chapter.value || q.chapter === chapter.value) && (!level.value || q.level === Number(level.value)));

/** @param {HTMLElement} root @param {Question[]} deck @param {Progress} progress */
function flashcards(root, deck, progress) {
  const byId = new Map(deck.map((question) => [question.id, question]));
  /** @type {string[]} */
  let queue = [];
  let place = 0;
  const status = html("p", { class: "q-status", role: "status" });
  const table = html("div", { class: "q-table" });
  const note = html("p", { class: "q-note", role: "status" });
  const { select: chapter, field: chapterField } = chapterChoice(deck, () => start());
  const { select: level, field: levelField } = levelChoice(() => start());

  const tell = () => {
    const { due, waiting, fresh } = counts(chosen(deck, chapter, level).map(({ id }) => id), progress.cards, dayOf(new Date()));
    say(status, `${due} due today, ${waiting} waiting for their day, ${fresh} new.`);
    if (!progress.kept)
      say(note, "This browser keeps nothing for this page. Your progress lasts until you close it: export it before that.");
  };
  /** @param {number} [fresh] */
  const start = (fresh = FRESH) => {
    queue = sitting(chosen(deck, chapter, level).map(({ id }) => id), progress.cards, dayOf(new Date()), fresh);
    place = 0;
    tell();
    begin();
  };
  const begin = () => {
    if (!queue.length) return rest();
    fill(
      table,
      html("p", {}, `${plural(queue.length, "card")} in this sitting. Say your answer aloud before you look.`),
      html("button", { type: "button", onclick: () => next(true) }, "Start"),
    );
  };
  const rest = () => {
    const left = chosen(deck, chapter, level).filter(({ id }) => !Object.hasOwn(progress.cards, id)).length;
    fill(
      table,
      html("h3", { class: "q-prompt", tabindex: -1 }, place ? "Done for today" : "Nothing is due"),
      html("p", {}, left ? `${plural(left, "card")} of these you haven't seen yet.` : "You have seen all of these."),
      left > 0 &&
        html("button", { type: "button", onclick: () => (start(FRESH), queue.length && next(true)) }, `${Math.min(left, FRESH)} new cards`),
    );
    if (place) /** @type {HTMLElement} */ (table.querySelector("h3")).focus();
  };
  /** @param {boolean} focus */
  const next = (focus) => {
    const question = queue.length ? byId.get(queue[0]) : undefined;
    if (!question) return rest();
    place += 1;
    const buttons = html("div", { class: "q-grades", role: "group", "aria-label": "How did it go?", hidden: true });
    const { element, prompt } = asked(question, `Card ${place}, ${queue.length} to go`, (guess) => {
      const day = dayOf(new Date());
      /** @type {[Grade, string][]} */
      const grades = [
        ["again", "Didn't know"],
        ["unsure", "Unsure"],
        ["knew", "Knew it"],
      ];
      fill(
        buttons,
        ...grades.map(([grade, words], index) =>
          html(
            "button",
            { type: "button", onclick: () => give(question, grade), "data-suggested": guess !== null && (guess ? grade === "knew" : grade === "again") },
            html("span", {}, `${words} `),
            html("small", {}, `${inDays(graded(progress.cards[question.id], grade, day).due - day)} · key ${index + 1}`),
          ),
        ),
      );
      buttons.hidden = false;
    });
    element.append(buttons);
    element.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement && event.target.type === "text" && !event.target.disabled;
      const button = buttons.querySelectorAll("button")[Number(event.key) - 1];
      if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && button && !buttons.hidden) {
        event.preventDefault();
        button.click();
      }
    });
    fill(table, element);
    if (focus) prompt.focus();
  };
  /** @param {Question} question @param {Grade} grade */
  const give = (question, grade) => {
    progress.grade(question.id, grade);
    queue = advance(queue, grade);
    tell();
    next(true);
  };

  const exported = html("button", {
    type: "button",
    onclick: () => {
      const blob = new Blob([progressText(progress.cards)], { type: "application/json" });
      const link = html("a", { href: URL.createObjectURL(blob), download: "kernel-by-kernel-progress.json" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      say(note, `Progress of ${plural(Object.keys(progress.cards).length, "card")} exported.`);
    },
  }, "Export progress");
  const file = html("input", {
    type: "file",
    id: "q-import",
    accept: ".json,application/json",
    onchange: async () => {
      const [picked] = file.files ?? [];
      if (!picked) return;
      try {
        const found = progressFrom(JSON.parse(await picked.text()));
        progress.cards = merged(progress.cards, found);
        progress.save();
        start();
        say(note, `Progress of ${plural(Object.keys(found).length, "card")} imported.`);
      } catch (error) {
        say(note, error instanceof SyntaxError ? "This file holds no progress of these flashcards." : String(/** @type {Error} */ (error).message));
      }
      file.value = "";
    },
  });
  let sure = 0;
  const forget = html("button", {
    type: "button",
    onclick: () => {
      sure += 1;
      say(forget, sure % 2 ? "Really forget everything?" : "Forget progress");
      if (sure % 2) return;
      progress.cards = {};
      progress.save();
      start();
      say(note, "Progress forgotten.");
    },
    onblur: () => {
      sure = 0;
      say(forget, "Forget progress");
    },
  }, "Forget progress");
  fill(
    root,
    html("div", { class: "q-fields" }, chapterField, levelField),
    status,
    table,
    html("div", { class: "q-fields q-keep" }, exported, html("p", { class: "q-field" }, html("label", { for: "q-import" }, "Import progress"), file), forget),
    note,
  );
  start();
  return start;
}

/** @param {HTMLElement} root @param {Question[]} deck @param {Progress} progress @param {() => void} changed */
function interview(root, deck, progress, changed) {
  const table = html("div", { class: "q-table" });
  const titles = new Map(deck.map(({ chapter, title }) => [chapter, title]));
  const boxes = [...titles].map(([value, title]) => {
    const box = html("input", { type: "checkbox", id: `q-in-${value}`, value, checked: true, onchange: () => tell() });
    return { box, row: html("div", { class: "q-choice" }, box, html("label", { for: box.id }, title)) };
  });
  const { select: level, field: levelField } = levelChoice(() => tell());
  const available = () => {
    const wanted = new Set(boxes.filter(({ box }) => box.checked).map(({ box }) => box.value));
    return deck.filter((q) => wanted.has(q.chapter) && (!level.value || q.level === Number(level.value)));
  };
  const stock = html("p", { class: "q-status", role: "status" });
  const go = html("button", { type: "button", onclick: () => begin() }, "Start the interview");
  const tell = () => {
    const number = available().length;
    say(stock, number ? `${plural(Math.min(TEN, number), "question")} of ${number}, ${MINUTES} minutes each.` : "Choose at least one chapter.");
    go.disabled = !number;
  };
  const setup = html(
    "div",
    {},
    html("fieldset", { class: "q-chapters" }, html("legend", {}, "Chapters"), ...boxes.map(({ row }) => row)),
    html("div", { class: "q-fields" }, levelField),
    stock,
    go,
  );

  let ticking = 0;
  const begin = () => {
    const questions = drawn(available(), TEN, Math.random);
    /** @type {import("../lib/quiz.js").Answered[]} */
    const answers = [];
    const step = () => {
      clearInterval(ticking);
      const question = questions[answers.length];
      if (!question) return end();
      const started = Date.now();
      let stopped = 0;
      const clock = html("p", { class: "q-clock", role: "timer" });
      const tick = () => {
        const seconds = ((stopped || Date.now()) - started) / 1000;
        say(clock, `${minutes(seconds)} of ${minutes(60 * MINUTES)}${seconds > 60 * MINUTES ? ", over time" : ""}`);
        clock.classList.toggle("q-late", seconds > 60 * MINUTES);
      };
      tick();
      ticking = window.setInterval(tick, 1000);
      const buttons = html("div", { class: "q-grades", role: "group", "aria-label": "Mark yourself", hidden: true });
      const { element, prompt } = asked(question, `Question ${answers.length + 1} of ${questions.length}`, (guess) => {
        stopped = Date.now();
        clearInterval(ticking);
        tick();
        const marks = ["Missed it", "In part", "Had it"];
        fill(
          buttons,
          ...marks.map((words, mark) =>
            html(
              "button",
              {
                type: "button",
                "data-suggested": guess !== null && (guess ? mark === 2 : mark === 0),
                onclick: () => {
                  const seconds = (stopped - started) / 1000;
                  answers.push({ id: question.id, chapter: question.chapter, mark: /** @type {Mark} */ (mark), seconds });
                  step();
                },
              },
              html("span", {}, `${words} `),
              html("small", {}, plural(mark, "point")),
            ),
          ),
        );
        buttons.hidden = false;
      });
      element.append(buttons);
      element.prepend(clock);
      fill(table, element, html("button", { type: "button", class: "q-quiet", onclick: end }, "End here"));
      prompt.focus();
    };
    const end = () => {
      clearInterval(ticking);
      if (!answers.length) return home();
      const { points, most, seconds, chapters, again } = result(answers);
      const heading = html("h3", { class: "q-prompt", tabindex: -1 }, `${points} of ${most} points in ${minutes(seconds)}`);
      const reread = again.map((id) => {
        const question = /** @type {Question} */ (deck.find((one) => one.id === id));
        return html("li", {}, html("span", {}, ...copies(question.fold, "> summary")), " ", ...copies(question.fold, "> .question-see > p"));
      });
      const later = html("button", {
        type: "button",
        onclick: () => {
          for (const id of again) progress.grade(id, "again");
          changed();
          later.replaceWith(html("p", { role: "status" }, `${plural(again.length, "question")} among today's flashcards.`));
        },
      }, "Put these among today's flashcards");
      fill(
        table,
        heading,
        html("p", {}, verdict(points, most)),
        html(
          "table",
          { class: "q-result" },
          html("caption", {}, "Points by chapter, the weakest first"),
          html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "Chapter"), html("th", { scope: "col" }, "Points"))),
          html(
            "tbody",
            {},
            ...chapters.map((sum) =>
              html("tr", {}, html("th", { scope: "row" }, titles.get(sum.chapter)), html("td", {}, `${sum.points} of ${sum.most}`)),
            ),
          ),
        ),
        reread.length > 0 && html("h4", {}, "To read again"),
        reread.length > 0 && html("ol", { class: "q-again" }, ...reread),
        reread.length > 0 && later,
        html("p", {}, html("button", { type: "button", onclick: home }, "Another interview")),
      );
      heading.focus();
    };
    step();
  };
  const home = () => {
    fill(table, setup);
    tell();
  };
  fill(root, table);
  home();
}

/** Answers are folded; on paper they are all open. @param {HTMLElement[]} folds */
function openOnPaper(folds) {
  /** @type {HTMLDetailsElement[]} */
  let opened = [];
  window.addEventListener("beforeprint", () => {
    const all = folds.flatMap((fold) => [fold, ...fold.querySelectorAll("details")]);
    opened = /** @type {HTMLDetailsElement[]} */ (all).filter((fold) => !fold.open);
    for (const fold of opened) fold.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
    opened = [];
  });
}

/** A link to a question opens it. */
function openLinked() {
  const fold = document.getElementById(location.hash.slice(1));
  if (!(fold instanceof HTMLDetailsElement)) return;
  fold.open = true;
  fold.scrollIntoView({ block: "start" });
}

/** Bring the page to life, once its formulas are drawn: copies of them must be drawn, too. @param {string} css */
export async function start(css) {
  const typeset = /** @type {any} */ (window).MathJax?.startup?.promise;
  if (typeset) await typeset.catch(() => undefined);
  document.head.append(html("style", {}, css));
  const deck = deckOf(document);
  const progress = new Progress();
  openOnPaper(deck.map(({ fold }) => fold));
  openLinked();
  window.addEventListener("hashchange", openLinked);
  const places = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-questions]"));
  let renew = () => {};
  for (const root of places) if (root.dataset.questions === "flashcards") renew = flashcards(root, deck, progress);
  for (const root of places) if (root.dataset.questions === "interview") interview(root, deck, progress, () => renew());
}

/** @param {string} css */
export function startWhenLoaded(css) {
  // MathJax is loaded on its own time; once the page is loaded, it is there.
  if (document.readyState === "complete") start(css);
  else window.addEventListener("load", () => start(css));
}
