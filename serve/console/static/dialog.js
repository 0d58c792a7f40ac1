import { h, say } from "./dom.js";
import { t } from "./words.js";

// A reason in the person's own words, in the browser's own dialog element.
export function why(title, act, question = t("ask_reason")) {
  const field = h("textarea", { id: "why", rows: 3, maxlength: 500, required: true });
  const dialog = h("dialog", { "aria-labelledby": "why-title" },
    h("form", { onsubmit: async (event) => { event.preventDefault(); dialog.close(); await act(field.value.trim()).catch((e) => say(e.message, true)); } },
      h("h2", { id: "why-title" }, title), h("label", { for: "why" }, question), field,
      h("div.steps", h("button", { type: "button", onclick: () => dialog.close() }, t("cancel")), h("button.good", title))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
