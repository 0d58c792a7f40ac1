// What happens now: alerts as they are written, the map, the day by hours.

import { ask, follow } from "../api.js";
import { fill, h, s } from "../dom.js";
import { lately, number, t, when } from "../words.js";
import { map, settle } from "../map.js";
import { called } from "../thing.js";
import { summary } from "../violation.js";

const SHOWN = 60;
const EVERY_MS = 10000;

export async function open(main, { me, signal }) {
  const link = h("span.link", t("away"));
  const list = h("ol.alerts");
  const none = h("p.empty", { hidden: true }, t("no_alerts"));
  const leads = h("ol.alerts.leads", { "aria-label": t("leads_waiting"), hidden: true });
  const tiles = h("div.tiles");
  const chart = h("figure.chart", { hidden: true });
  const plan = h("figure.map");
  fill(
    main,
    h("h1.hidden", t("now")),
    tiles,
    h("div.split", h("section", h("h2", t("map")), plan, chart), h("section", h("h2", t("alerts"), " ", link), leads, list, none)),
  );
  let cameras = [];
  const watches = (...roles) => roles.some((role) => me.roles.includes(role));
  const { items: districts } = await ask("/districts", { signal });

  function draw() {
    fill(plan, map(cameras, recent(list), districts));
    settle(plan.firstChild);
    none.hidden = list.children.length + leads.children.length > 0;
    for (const time of main.querySelectorAll(".alerts time")) time.textContent = lately(time.dateTime); // midnight may have passed
  }

  async function count() {
    const [rows, hours, queue, objects, found] = await Promise.all([
      ask("/cameras", { signal }),
      watches("operator", "reviewer", "authoriser", "analyst", "auditor") ? ask("/counts/hours", { signal }) : null,
      watches("operator", "reviewer", "authoriser", "auditor") ? ask("/review/queue?limit=1", { signal }) : null,
      left(),
      watches("operator", "authoriser") ? ask("/leads/waiting", { signal }) : null,
    ]);
    cameras = rows.items;
    const running = cameras.filter((c) => !c.silent && c.status?.state === "running").length;
    fill(
      tiles,
      tile(`${running} / ${cameras.length}`, t("cameras_up"), "#/cameras", running < cameras.length),
      queue && tile(number(queue.waiting), t("waiting"), "#/review", queue.waiting > 0),
      found && tile(number(found.items.length), t("leads_waiting"), "#/searches", found.items.length > 0, found.items.some((lead) => lead.first)),
      objects && tile(number(objects.items.length), t("open_objects"), "#/objects", objects.items.length > 0),
      hours && tile(number(hours.items.reduce((sum, hour) => sum + hour.count, 0)), t("violations_day"), "#/review"),
    );
    chart.hidden = !hours;
    if (hours) fill(chart, bars(hours.items));
    if (found) waiting(found.items);
    draw();
  }

  // Things left behind in the last day; null for who may not see them.
  const left = () => (watches("operator", "patrol", "analyst", "auditor") ? ask(`/objects?until=${encodeURIComponent(new Date().toISOString())}`, { signal }) : null);

  // Of a lead the stream says only that there is one: what waits for whom is asked for.
  function waiting(items) {
    leads.hidden = !items.length;
    fill(leads, items.map(lead));
  }

  // The stream begins when it is opened: what was written before is asked for, whenever it opens.
  async function before() {
    const asked = [watches("operator", "reviewer", "authoriser", "analyst", "auditor") ? ask(`/violations?limit=${SHOWN / 2}`, { signal }) : null, left()];
    const [violations, objects] = (await Promise.all(asked)).map((found) => found?.items || []);
    const rows = [...violations.map((item) => violation(item, true)), ...objects.map((item) => object(item, true))];
    rows.sort((a, b) => new Date(b.dataset.at) - new Date(a.dataset.at));
    const known = new Map([...list.children].map((row) => [row.dataset.id, row]));
    const news = rows.filter((row) => !(new Date(known.get(row.dataset.id)?.dataset.at) >= new Date(row.dataset.at)));
    for (const row of news) known.get(row.dataset.id)?.remove(); // of a thing more was told meanwhile
    const older = [...list.children].find((row) => !row.classList.contains("fresh")) || null;
    for (const row of news) list.insertBefore(row, older);
  }

  function add(event, type) {
    if (type === "open" || type === "away") {
      if (type === "open") before().catch(() => {});
      link.className = `link ${type}`;
      link.textContent = type === "open" ? t("live") : t("away");
      return;
    }
    if (type === "dome.search.waiting.v1") return ask("/leads/waiting", { signal }).then(({ items }) => waiting(items), () => {});
    const row = alert(event);
    if (!row) return;
    [...list.children].find((other) => other.dataset.id === row.dataset.id)?.remove(); // asked for when it was just written, or told before
    list.prepend(row);
    while (list.children.length > SHOWN) list.lastChild.remove();
    draw();
  }

  await before();
  await count();
  const timer = setInterval(() => count().catch(() => {}), EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  follow("type=dome.violation.&type=dome.object.&type=dome.camera.fitness.&type=dome.search.waiting.", add, signal);
}

function alert(event) {
  const [, noun, kind] = event.type.split(".");
  const camera = event.source.replace("/cameras/", "");
  if (noun === "violation")
    return violation({ id: event.id, rule: kind, captured_at: event.time, camera, district: event.subject, ...event.data });
  if (noun === "object")
    return object({ id: event.data.object || event.id, state: kind, changed_at: event.time, camera, district: event.subject, data: event.data });
  return h("li.alert.object.fresh", { "data-id": event.id, "data-camera": camera, "data-at": event.time },
    h("a", { href: `#/cameras/${camera}`, title: when(event.time) }, time(event.time), h("b", t(`fitness.${event.data.fitness}`)), h("span", camera), h("span", event.subject)));
}

// One row a thing, however often it is told of.
function object(item, old = false) {
  return h(`li.alert.object${old ? "" : ".fresh"}`, { "data-id": item.id, "data-camera": item.camera, "data-at": item.changed_at },
    h("a", { href: `#/objects/${item.id}`, title: when(item.changed_at) },
      time(item.changed_at), h("b", called(item.data)), h("span", t(`state.${item.state}`)), h("span", item.camera)));
}

const time = (at) => h("time", { datetime: at }, lately(at));

function violation(item, old = false) {
  return h(`li.alert${old ? "" : ".fresh"}`, { "data-id": item.id, "data-camera": item.camera, "data-at": item.captured_at },
    h("a", { href: `#/review/${item.id}`, title: when(item.captured_at) },
      time(item.captured_at), h("b", t(`rule.${item.rule}`)), h("span", summary(item)), h("span", item.camera)));
}

// Cameras of the last alerts, the newest brightest.
function recent(list) {
  return [...list.children].filter((row) => row.classList.contains("fresh")).slice(0, 5).map((row) => row.dataset.camera);
}

function lead({ case: id, purpose, first, camera, district, at }) {
  return h(`li.alert.lead-row${first ? ".first" : ""}`,
    h("a", { href: `#/searches/${id}`, title: when(at) }, time(at), h("b", `${t("kind.lead")}: ${t(`purpose.${purpose}`)}`), h("span", camera), h("span", district)));
}

function tile(value, label, href, busy = false, presses = false) {
  return h(`a.tile${presses ? ".presses" : busy ? ".busy" : ""}`, { href }, h("b", value), h("span", label));
}

function bars(hours) {
  const most = Math.max(1, ...hours.map((hour) => hour.count));
  const label = `${t("violations_24h")}: ${hours.map((hour) => hour.count).join(", ")}`;
  return [
    h("figcaption", t("violations_24h")),
    s("svg", { viewBox: "0 0 480 92", role: "img", "aria-label": label }, hours.map((hour, i) => {
      const height = (70 * hour.count) / most;
      const at = new Date(hour.begins_at);
      return s("g", {}, s("title", {}, `${at.getHours()}:00  ${hour.count}`),
        s("rect.bar", { x: i * 20 + 2, y: 74 - height, width: 16, height: Math.max(height, 1), rx: 2 }),
        i % 3 === 0 && s("text.axis", { x: i * 20 + 10, y: 88 }, String(at.getHours()).padStart(2, "0")));
    })),
  ];
}
