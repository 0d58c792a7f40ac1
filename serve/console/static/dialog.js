import { h, say } from "./dom.js";
import { t } from "./words.js";

// What a person says to a step, in the browser's own dialog element; a reason in their own words, unless `field` asks for
// something else. It stays open, with what was typed, until the step is taken: `act` rejects where it is not. Whoever
// does not wait for that is told on the page.
export function why(title, act, question = t("ask_reason"), field = h("textarea", { rows: 3, maxlength: 500 })) {
  const problem = h("p.bad", { role: "alert", hidden: true });
  let busy = false; // two presses take one step
  const dialog = h("dialog", { "aria-labelledby": "why-title" },
    h("form", { onsubmit: take },
      h("h2", { id: "why-title" }, title), h("label", { for: "why" }, question), field, problem,
      h("div.steps", h("button", { type: "button", onclick: () => dialog.close() }, t("cancel")), h("button.good", title))));
  Object.assign(field, { id: "why", required: true });

  async function take(event) {
    event.preventDefault();
    if (busy) return;
    busy = true;
    try {
      await act(field.value.trim());
      dialog.close();
      if (document.activeElement === document.body) document.getElementById("main").focus(); // the button that opened it has gone
    } catch (error) {
      if (!dialog.open) say(error.message, true);
      problem.hidden = false;
      problem.textContent = error.message;
    } finally {
      busy = false;
    }
  }

  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
