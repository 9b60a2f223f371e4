/** What every lab has under it: reset, and on the page a link to what is shown. */
import { html, say } from "./dom.js";
import { read, write } from "./model.js";

/** @typedef {import("./types.js").Model} Model */

/** @param {Model} model @param {string[]} names the lab's traits */
export function toolbar(model, names) {
  const initial = model.initial ?? read(model, names);
  const status = html("span", { class: "lab-status", role: "status" });
  const address = html("input", {
    class: "lab-address",
    type: "text",
    readonly: true,
    "aria-label": "Link to this lab",
    hidden: true,
  });
  const reset = html("button", { type: "button", onclick: () => write(model, initial) }, "Reset");
  const copy =
    model.link &&
    html(
      "button",
      {
        type: "button",
        onclick: async () => {
          address.value = model.link?.() ?? "";
          try {
            await navigator.clipboard.writeText(address.value);
            address.hidden = true;
            say(status, "Link copied.");
          } catch {
            address.hidden = false;
            address.select();
            say(status, "Copy the selected link.");
          }
        },
      },
      "Copy link",
    );
  return html("div", { class: "lab-toolbar" }, reset, copy, status, address);
}
