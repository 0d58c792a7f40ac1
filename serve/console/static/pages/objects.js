// Things left behind: what, where, since when, and whether its owner is near.

import { ask, follow } from "../api.js";
import { fill, h } from "../dom.js";
import { marked } from "../marked.js";
import { patrolButton } from "../task.js";
import { measure, number, t, unit, when } from "../words.js";

export async function open(main, { me, rest, signal }) {
  const list = h("div.cards.wide");
  fill(main, h("h1", t("objects")), list);

  async function load() {
    const query = new URLSearchParams({ until: new Date().toISOString(), since: new Date(Date.now() - 30 * 86400e3).toISOString(), closed: "true" });
    const { items } = await ask(`/objects?${query}`, { signal });
    fill(list, items.length ? items.map((item) => card(item, me, item.id === rest[0])) : h("p.empty", t("no_objects")));
  }

  await load();
  list.querySelector(".asked")?.scrollIntoView({ block: "start" });
  follow("type=dome.object.&type=dome.patrol.task.", (event, what) => what !== "away" && load(), signal);
}

// Here it is the owner who leaves, in a violation the vehicle.
const called = (name) => t(name === "leaving" ? "owner_leaves" : `moment.${name}`);
const shown = ({ name, href, xyxy }) => h("figure", marked(href, called(name), xyxy), h("figcaption", called(name)));

function about(data) {
  const moments = [["moment.placing", data.placed_at], ["owner_left", data.left_at], ["moment.taken", data.taken_at]].filter(([, at]) => at);
  const values = Object.entries(data.measured || {}).map(([name, v]) => `${measure(name)} ${number(v.value, 1)} ± ${number((v.high - v.low) / 2, 1)} ${unit(v.unit)}`);
  return [moments.map(([name, at]) => [h("dt", t(name)), h("dd", when(at))]), values.length > 0 && [h("dt", t("measured")), h("dd", values.join("; "))]];
}

// A patrol that comes from its task finds the thing it is about.
function card(item, me, asked) {
  return h(`article.card.${item.state}${asked ? ".asked" : ""}`, { "aria-label": item.id },
    h("header", h("h2", t(`state.${item.state}`)), h(`span.pill.${item.state}`, item.camera), h("small", item.district),
      item.patrol && [h("span.grow"), h(`span.pill.${item.patrol}`, `${t("patrol")}: ${t(`state.${item.patrol}`)}`)]),
    item.pictures.length > 0 && h("div.moments", item.pictures.map(shown)),
    h("dl.facts.small", h("dt", t("time")), h("dd", when(item.noticed_at)), about(item.data)),
    [null, "resolved", "ended"].includes(item.patrol) && patrolButton("object", item, me));
}
