// The keys of the page that is shown, and the list of them that "?" opens.

import { either } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";

let shown = () => [];

// A page tells its keys, as rows of [key or keys, what they do]; they are those of nobody once it is left.
export function tellKeys(rows, signal) {
  shown = rows;
  signal.addEventListener("abort", () => { if (shown === rows) shown = () => []; });
}

// The keys of one case end when the next is shown, or the page is left.
let last = new AbortController();
export function once(signal) {
  last.abort();
  last = new AbortController();
  return either(last.signal, signal);
}

// Of a key that is held down only these go on: they look at something and decide nothing.
const HELD = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "KeyJ", "KeyK", "Comma", "Period"];

// Whether keys are for the page: nobody types, nothing stands before it, no finger rests on one.
export const ours = (event) => (!event.repeat || HELD.includes(event.code)) && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]");

export function showKeys(pages) {
  const everywhere = [...pages.map((page, i) => [`⇧ ${i + 1}`, t(page)]), ["?", t("keys_help")]];
  const dialog = h("dialog", { "aria-labelledby": "keys-title" },
    h("form", { method: "dialog" }, h("h2", { id: "keys-title" }, t("keys_help")),
      h("dl.keys", [...shown(), ...everywhere].map(([keys, what]) => [h("dt", [keys].flat().map((key) => h("kbd", key))), h("dd", what)])),
      h("div.steps", h("button.good", t("close")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export const keysButton = () => h("button.quiet", { type: "button", onclick: () => dispatchEvent(new CustomEvent("keys")) }, t("keys_help"), h("kbd", "?"));
