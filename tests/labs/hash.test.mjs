/** The address keeps a lab's state: `node --test tests/labs/hash.test.mjs`, run by test_build.py. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeState, encodeState, joinHash, splitHash } from "../../kernelbook/labs/lib/hash.js";
import { DEFAULTS, EXPERIMENTS, clean } from "../../kernelbook/labs/convolution.js";

const STATES = [
  ...EXPERIMENTS.map(({ state }) => clean({ ...DEFAULTS, ...state })),
  clean({
    ...DEFAULTS,
    image: "drawn",
    pixels: [
      [-1.5, 2e-7],
      [0, 1e21],
    ],
    padding: "same",
    divisor: -0.25,
  }),
  clean({ ...DEFAULTS, kernel: "custom", weights: [[1, -2, 3]], padding_mode: "circular", show: "steps" }),
];

test("every state survives the address", () => {
  for (const initial of STATES)
    for (const state of STATES) {
      const hash = `#${joinHash(new Map([["lab-convolution-2", encodeState(state, initial)]]))}`;
      const text = splitHash(new URL(`file:///page.html${hash}`).hash).get("lab-convolution-2") ?? "";
      assert.deepEqual(clean({ ...initial, ...decodeState(text, initial) }), state);
    }
});

test("the address is readable and says only what differs", () => {
  const state = {
    ...DEFAULTS,
    image: "ramp",
    stride: 2,
    padding: "same",
    weights: [
      [1, 0],
      [0, -1],
    ],
  };
  assert.equal(encodeState(state, DEFAULTS), "image:ramp;weights:1,0/0,-1;stride:2;padding:same");
  assert.equal(encodeState({ ...DEFAULTS }, DEFAULTS), "");
});

test("several labs share one address and ordinary anchors are left alone", () => {
  const hash = "#lab-convolution-1=stride:2&lab-convolution-2=image:ramp;kernel:laplacian";
  assert.deepEqual([...splitHash(hash).keys()], ["lab-convolution-1", "lab-convolution-2"]);
  assert.equal(`#${joinHash(splitHash(hash))}`, hash);
  assert.equal(splitHash("#stride-and-padding").size, 0);
  assert.equal(splitHash("").size, 0);
});

test("a link that a mailer has escaped still works", () => {
  const text = splitHash("#lab-convolution-1=image%3Aramp%3Bweights%3A1%2C2%2F3%2C4").get("lab-convolution-1") ?? "";
  assert.deepEqual(decodeState(text, DEFAULTS), {
    image: "ramp",
    weights: [
      [1, 2],
      [3, 4],
    ],
  });
});

test("junk changes nothing", () => {
  assert.deepEqual(decodeState("nonsense:1;__proto__:1;toString:1;constructor:1", DEFAULTS), {});
  const junk = [
    "stride:9",
    "stride:1.5",
    "stride:-1",
    "stride:",
    "stride:1e999",
    "stride:two",
    "stride:true",
    "padding:5",
    "padding:samee",
    "image:cat",
    "pixels:",
    "pixels:1,2/3",
    "pixels:1,x",
    "pixels:NaN",
    "weights:1,2,3,4,5,6,7,8",
    "divisor:0",
    "divisor:Infinity",
    "__proto__:1",
    "constructor:1",
    "toString:1",
    ":",
    ";;;",
    "::",
    "=",
    "%",
    "image:%E0%A4%A",
    "row:-4",
    "row:0.5",
    "show:",
    "%00:1",
  ];
  for (const text of junk) {
    for (const hash of [`#lab-convolution-1=${text}`, `#&&=&lab-convolution-1=${text}&lab-=x&x`]) {
      const part = splitHash(hash).get("lab-convolution-1") ?? "";
      assert.deepEqual(clean({ ...DEFAULTS, ...decodeState(part, DEFAULTS) }), { ...DEFAULTS }, text);
    }
  }
});
