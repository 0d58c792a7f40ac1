// The audit log: who did, saw or decided what, and why.

import { ask } from "../api.js";
import { fill, h } from "../dom.js";
import { t, when } from "../words.js";

export async function open(main, { signal }) {
  const body = h("tbody");
  const more = h("button", { onclick: () => load() }, t("more"));
  fill(main, h("h1", t("audit")),
    h("div.scroll", h("table", h("thead", h("tr", ["#", "time", "who", "action", "subject", "reason"].map((k) => h("th", { scope: "col" }, t(k))))), body)), more);
  let since = 0;

  async function load() {
    const page = await ask(`/audit?since=${since}&limit=100`, { signal });
    body.append(...page.items.map((entry) => h("tr", h("td", String(entry.seq)), h("td", when(entry.at)), h("td", entry.who), h("td", h("span", { title: entry.action }, t(`action.${entry.action}`))),
      h("td", [entry.case, entry.subject].filter(Boolean).join(" / ")), h("td", entry.why, h("small.hash", { title: entry.hash }, ` ${entry.hash.slice(0, 8)}`)))));
    if (!body.children.length) body.append(h("tr", h("td", { colspan: 6 }, t("nothing_yet"))));
    more.hidden = page.next === null;
    since = page.next ?? since;
  }
  await load();
}
