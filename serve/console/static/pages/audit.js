// The audit log: who did, saw or decided what, and why; the newest first.

import { ask } from "../api.js";
import { fill, h } from "../dom.js";
import { paged } from "../paged.js";
import { said, t, when } from "../words.js";

const PLAIN = ["claimed", "released", "issued", "appealed"]; // says what the action says already
const PAGES = { "violation.decided": "review", "violation.filed": "review", "violation.filed_again": "review", "camera.viewed": "cameras" };

export async function open(main, { signal }) {
  const body = h("tbody");
  const entries = paged(body, (before) => ask(`/audit?before=${before || Number.MAX_SAFE_INTEGER}&limit=100`, { signal }), row,
    () => h("tr", h("td", { colspan: 7 }, t("nothing_yet"))));
  fill(main, h("h1", t("audit")), h("p.note", t("audit_note")),
    h("div.scroll", h("table.log", h("thead", h("tr", ["#", "time", "who", "action", "subject", "reason", "hash"].map((k) => h("th", { scope: "col" }, t(k))))), body)), entries.more);
  await entries.begin();
}

const row = (entry) => h("tr", h("td", String(entry.seq)), h("td", h("time", { datetime: entry.at }, when(entry.at))), h("td", entry.who),
  h("td", h("span", { title: entry.action }, deed(entry))), h("td", subject(entry)), h("td", reason(entry)),
  h("td.hash", { title: entry.hash }, entry.hash.slice(0, 8)));

// What was done with a violation is told by the state that it came to.
function deed({ action, details }) {
  if (action !== "violation.decided") return t(`action.${action}`);
  return t(`decided.${details.reason === "released" ? "released" : details.state}`);
}

// Links lead to where an auditor may look; what was deleted is nowhere.
function subject({ action, case: id, subject: about }) {
  const page = PAGES[action];
  const parts = [id && h("a", { href: `#/searches/${id}` }, id), about && (page ? h("a", { href: `#/${page}/${about}` }, about) : about)].filter(Boolean);
  return parts.length > 1 ? [parts[0], " / ", parts[1]] : parts;
}

// A code is said in words; what somebody wrote stands as it is.
function reason({ why, details }) {
  const code = PLAIN.includes(details.reason) ? "" : details.reason;
  return [code && t(`why.${code}`), said(`why.${why}`) || said(`ended.${why}`) || why].filter(Boolean).join(": ");
}
