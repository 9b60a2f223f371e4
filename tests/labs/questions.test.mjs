/** The flashcards' schedule and the quiz's reckoning: `node --test`, run by tests/book/test_question_page.py. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, judged, minutes, result, shuffled, typedNumber, verdict } from "../../kernelbook/labs/lib/quiz.js";
import {
  DAYS,
  advance,
  counts,
  dayOf,
  graded,
  inDays,
  merged,
  progressFrom,
  progressText,
  sitting,
} from "../../kernelbook/labs/lib/scheduler.js";

/** A small generator of numbers in [0, 1). @param {number} seed */
const seeded = (seed) => () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;

test("a known card moves up box by box and stays in the last", () => {
  let card = graded(undefined, "knew", 100);
  const days = [];
  for (let i = 0; i < 6; i++) {
    days.push(card.due - card.seen);
    card = graded(card, "knew", card.due);
  }
  assert.deepEqual(days, [3, 7, 16, 35, 35, 35]);
  assert.equal(card.box, DAYS.length - 1);
});

test("unsure is one box down and tomorrow, unknown is today and from the start", () => {
  const old = { box: 4, due: 50, seen: 34 };
  assert.deepEqual(graded(old, "unsure", 60), { box: 3, due: 61, seen: 60 });
  assert.deepEqual(graded(undefined, "unsure", 60), { box: 1, due: 61, seen: 60 });
  const failed = graded(old, "again", 60);
  assert.deepEqual(failed, { box: 0, due: 60, seen: 60 });
  assert.equal(graded(failed, "knew", 60).due, 61);
});

test("a sitting begins with what is longest overdue and ends with new cards in order", () => {
  const cards = {
    b: { box: 2, due: 9, seen: 6 },
    c: { box: 1, due: 5, seen: 4 },
    d: { box: 3, due: 20, seen: 9 },
    gone: { box: 1, due: 1, seen: 0 },
  };
  assert.deepEqual(sitting(["a", "b", "c", "d", "e", "f"], cards, 10, 2), ["c", "b", "a", "e"]);
  assert.deepEqual(sitting(["b", "c", "d"], cards, 9), ["c", "b"], "due on the day itself");
  assert.deepEqual(counts(["a", "b", "c", "d", "e", "f"], cards, 10), { due: 2, waiting: 1, fresh: 3 });
  assert.deepEqual(sitting(["constructor", "toString"], {}, 10), ["constructor", "toString"]);
});

test("what was not known comes back in the same sitting, not at once", () => {
  assert.deepEqual(advance(["a", "b", "c", "d", "e"], "again"), ["b", "c", "d", "a", "e"]);
  assert.deepEqual(advance(["a", "b"], "again"), ["b", "a"]);
  assert.deepEqual(advance(["a"], "again"), ["a"]);
  assert.deepEqual(advance(["a", "b"], "knew"), ["b"]);
});

test("days are the reader's own, and whole", () => {
  const morning = new Date(2026, 2, 29, 0, 5);
  const night = new Date(2026, 2, 29, 23, 55);
  assert.equal(dayOf(morning), dayOf(night));
  assert.equal(dayOf(new Date(2026, 2, 30, 0, 5)), dayOf(night) + 1);
  const east = /** @type {Date} */ ({ getTime: () => Date.UTC(2026, 2, 29, 23, 30), getTimezoneOffset: () => -60 });
  assert.equal(dayOf(east), Date.UTC(2026, 2, 30) / 86_400_000);
  assert.deepEqual([0, 1, 3].map(inDays), ["today", "tomorrow", "in 3 days"]);
});

test("progress survives export and import, and junk is refused or left out", () => {
  const cards = { a: { box: 2, due: 30, seen: 27 } };
  assert.deepEqual(progressFrom(JSON.parse(progressText(cards))), cards);
  for (const junk of [null, 3, [], {}, { kind: "something else", cards: {} }])
    assert.throws(() => progressFrom(junk), /no progress/);
  const mixed = JSON.parse('{"kind":"kernel-by-kernel questions","cards":{"a":{"box":99,"due":1,"seen":1},"__proto__":{"box":1,"due":1,"seen":1},"B":{"box":1,"due":1,"seen":1},"c":{"box":-1,"due":1,"seen":1},"d":{"box":1,"due":"x","seen":1},"e":null}}');
  assert.deepEqual(progressFrom(mixed), { a: { box: DAYS.length - 1, due: 1, seen: 1 } });
});

test("of two records of a card the later one counts", () => {
  const one = { a: { box: 1, due: 5, seen: 4 }, b: { box: 3, due: 9, seen: 8 } };
  const other = { a: { box: 2, due: 9, seen: 6 }, b: { box: 1, due: 3, seen: 2 }, c: { box: 1, due: 2, seen: 1 } };
  assert.deepEqual(merged(one, other), { a: other.a, b: one.b, c: other.c });
});

test("a shuffle keeps everything and favours no order", () => {
  const random = seeded(7);
  /** @type {Record<string, number>} */
  const seen = {};
  for (let i = 0; i < 6000; i++) {
    const order = shuffled("abc".split(""), random).join("");
    seen[order] = (seen[order] ?? 0) + 1;
  }
  assert.equal(Object.keys(seen).length, 6);
  for (const times of Object.values(seen)) assert.ok(Math.abs(times - 1000) < 150, String(times));
});

test("an interview has different questions, spread over the chapters", () => {
  const deck = ["a", "a", "a", "a", "a", "a", "b", "b", "c"].map((chapter, id) => ({ chapter, id }));
  for (let seed = 1; seed < 50; seed++) {
    const five = drawn(deck, 5, seeded(seed));
    assert.equal(new Set(five.map(({ id }) => id)).size, 5);
    assert.deepEqual([...new Set(five.map(({ chapter }) => chapter))].sort(), ["a", "b", "c"]);
    assert.equal(five.filter(({ chapter }) => chapter === "a").length, 2);
  }
  assert.equal(drawn(deck, 20, seeded(1)).length, 9);
  assert.deepEqual(drawn([], 10, seeded(1)), []);
});

test("numbers are read as people write them", () => {
  /** @type {[string, number][]} */
  const written = [
    ["1,792", 1792],
    ["1 792", 1792],
    ["102,760,448", 102760448],
    [" 28 ", 28],
    ["8.4", 8.4],
    ["−2.118", -2.118],
    ["1/3", 1 / 3],
    ["25 %", 25],
    ["about 2.2", 2.2],
    ["2e3", 2000],
    [".5", 0.5],
    ["50 pixels", 50],
    ["= 7.", 7],
  ];
  for (const [text, value] of written) assert.equal(typedNumber(text), value, text);
  for (const text of ["", "many", "3 x 3", "1,79", "2..3", "--1", "1/2/3"]) assert.ok(Number.isNaN(typedNumber(text)), text);
});

test("a wrong number gets a hint, a right one a nod", () => {
  const wanted = { value: 1792, within: 0, unit: "" };
  assert.deepEqual(judged("1,792", wanted), { right: true, say: "Right." });
  assert.match(judged("1,791", wanted).say, /One off/);
  assert.match(judged("-1792", wanted).say, /sign/);
  assert.match(judged("3584", wanted).say, /2 times too large/);
  assert.match(judged("448", wanted).say, /4 times too small/);
  assert.match(judged("1728", wanted).say, /Close/);
  assert.match(judged("64", wanted).say, /Too small/);
  assert.match(judged("a few", wanted).say, /not a number/);
  assert.equal(judged("2.2", { value: 2.197, within: 0.02, unit: "" }).right, true);
  assert.equal(judged("2.25", { value: 2.197, within: 0.02, unit: "" }).right, false);
  assert.equal(judged("2.3", { value: 2.197, within: 0.02, unit: "" }).right, false);
  assert.equal(judged("0", { value: 3, within: 0, unit: "" }).say, "Too small.");
});

test("the result adds up and sends the reader to what was missed, the worst first", () => {
  /** @type {import("../../kernelbook/labs/lib/quiz.js").Answered[]} */
  const answers = [
    { id: "p", chapter: "one", mark: 1, seconds: 60 },
    { id: "q", chapter: "two", mark: 0, seconds: 30.5 },
    { id: "r", chapter: "one", mark: 2, seconds: 90 },
  ];
  assert.deepEqual(result(answers), {
    points: 3,
    most: 6,
    seconds: 180.5,
    chapters: [
      { chapter: "two", points: 0, most: 2 },
      { chapter: "one", points: 3, most: 4 },
    ],
    again: ["q", "p"],
  });
  assert.equal(minutes(180.5), "3:00");
  assert.equal(minutes(59.9), "0:59");
  assert.notEqual(verdict(20, 20), verdict(13, 20));
  assert.notEqual(verdict(13, 20), verdict(5, 20));
});
