// A patrol's task: sent to what people have confirmed, by who may send one.

import { post } from "./api.js";
import { why } from "./dialog.js";
import { h, say } from "./dom.js";
import { t } from "./words.js";

const SENDS = ["operator"];
// The states in which a patrol may be sent to something, as the API has them.
const CONFIRMED = {
  lead: ["dispatched"],
  violation: ["confirmed", "issued", "appealed", "upheld"],
  object: ["abandoned", "escalated", "unwatched"],
  report: ["confirmed"],
};

// A button that sends a patrol; false where the person may not, or nobody has confirmed it.
export function patrolButton(kind, { id, state }, me) {
  if (!me.roles.some((role) => SENDS.includes(role)) || !CONFIRMED[kind].includes(state)) return false;
  const send = (text) => post("/patrol/tasks", { kind, about: id, text }).then(() => { say(t("done")); button.remove(); });
  const button = h("button", { type: "button", onclick: () => why(t("send_patrol"), send) }, t("send_patrol"));
  return button;
}
