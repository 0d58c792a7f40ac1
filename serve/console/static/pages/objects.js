// Things left behind: what, where, since when, and whether its owner is near.

import { ask, follow } from "../api.js";
import { fill, h } from "../dom.js";
import { marked } from "../marked.js";
import { patrolButton } from "../task.js";
import { called, stateOf } from "../thing.js";
import { interval } from "../violation.js";
import { number, t, unit, when } from "../words.js";

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
const moment = (name) => t(name === "leaving" ? "owner_leaves" : `moment.${name}`);
const shown = ({ name, href, xyxy }) => h("figure", marked(href, moment(name), xyxy), h("figcaption", moment(name)));

// In the order in which it happened. How far off its owner was says nothing where they may have stood at it.
function about({ noticed_at, data }) {
  const { alone, distance } = data.measured || {};
  const rows = [
    ["moment.placing", data.placed_at && when(data.placed_at)],
    ["owner_left", data.left_at && when(data.left_at)],
    ["noticed", when(noticed_at)],
    ["moment.taken", data.taken_at && when(data.taken_at)],
    ["owner", data.owner && t(`owner.${data.owner}`)],
    ["owner_distance", distance?.low > 0 && interval(distance)],
    ["measured.alone", alone && interval(alone)],
    ["size", data.size_m && data.size_m.map((m) => number(m, 1)).join(" × ") + ` ${unit("m")}`],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => [h("dt", t(name)), h("dd", value)]);
}

// A patrol that comes from its task finds the thing it is about.
function card(item, me, asked) {
  return h(`article.card.${item.state}${asked ? ".asked" : ""}`, { "aria-label": item.id, "data-key": item.id },
    h("header", h("h2", called(item.data)), stateOf(item), h("small", h("a", { href: `#/cameras/${item.camera}` }, item.camera), `, ${item.district}`),
      item.patrol && [h("span.grow"), h(`span.pill.${item.patrol}`, `${t("patrol")}: ${t(`state.${item.patrol}`)}`)]),
    item.pictures.length > 0 && h("div.moments", item.pictures.map(shown)),
    h("dl.facts.small", about(item)),
    [null, "resolved", "ended"].includes(item.patrol) && patrolButton("object", item, me));
}
