// Cameras: who runs, how far behind, who is fit for evidence; a look only where somebody asks for one.

import { apart } from "../apart.js";
import { ask, follow, Problem } from "../api.js";
import { fill, h, s, say } from "../dom.js";
import { called, stateOf } from "../thing.js";
import { clock, degrees, lately, number, t, when } from "../words.js";
import { summary } from "../violation.js";

const EVERY_MS = 5000;
const KEPT = 60;
const LAST = 8; // violations on a camera's own page
const OVER = ["ended", "failed", "stopped"]; // sends no more pictures
const history_of = new Map(); // camera -> last rates and lags, as long as this page lives

export async function open(main, context) {
  const [id] = context.rest;
  const load = await (id ? one(main, id, context) : list(main, context));
  const timer = setInterval(() => load().catch(() => {}), EVERY_MS);
  context.signal.addEventListener("abort", () => clearInterval(timer));
}

async function list(main, { me, signal }) {
  const cards = h("div.cards");
  fill(main, h("h1", t("cameras")), cards);

  async function load() {
    const { items } = await ask("/cameras", { signal });
    for (const camera of items) note(camera);
    const looks = Object.fromEntries([...cards.querySelectorAll("[data-look]")].map((e) => [e.dataset.look, e]));
    fill(cards, items.length ? items.map((camera) => card(camera, me, looks[camera.id])) : h("p.empty", t("nothing_yet")));
  }
  await load();
  return load;
}

// One camera: where its zones lie, over its picture once somebody looks; how it is doing; what it found last.
async function one(main, id, { me, signal }) {
  const heading = h("h1");
  const place = h("div.look");
  const figures = h("section.words");
  const found = h("section");
  fill(main, heading, h("div.case", h("section", place, found), figures));
  let shown = ""; // what the picture's place was made of

  async function load() {
    const camera = await ask(`/cameras/${id}`, { signal });
    note(camera);
    fill(heading, h("a", { href: "#/cameras" }, t("cameras")), " / ", camera.status?.name || camera.id, signs(camera));
    fill(figures, facts(camera, true));
    const made = JSON.stringify([seen(camera), camera.outlines]);
    if (made !== shown) fill(place, stage(camera, me, place));
    shown = made;
  }

  const last = () => foundBy(id, me, signal).then((rows) => fill(found, rows));
  await Promise.all([load(), last()]);
  follow("type=dome.violation.&type=dome.object.", (event, what) => (what === "open" || event?.source === `/cameras/${id}`) && last().catch(() => {}), signal);
  return load;
}

function note(camera) {
  if (!camera.status || !sends(camera)) return;
  const row = history_of.get(camera.id) || [];
  row.push({ rate: camera.status.rate_hz || 0, lag: camera.status.lag_s || 0 });
  history_of.set(camera.id, row.slice(-KEPT));
}

const seen = (camera) => (camera.silent ? "silent" : camera.status.state);
const sends = (camera) => !camera.silent && !OVER.includes(camera.status.state);
const looks = (me) => me.roles.some((role) => ["operator", "administrator"].includes(role));

function signs(camera) {
  const { unfit } = camera.status || {};
  return [h(`span.pill.${seen(camera)}`, t(`state.${seen(camera)}`)),
    !camera.silent && unfit && (unfit.length ? h("span.pill.moved", t("unfit")) : h("span.pill.fit", t("fitness")))];
}

function card(camera, me, look) {
  const place = look || h("div.look", { "data-look": camera.id });
  return h("article.card", { "aria-label": camera.id, "data-key": camera.id },
    h("header", h("h2", h("a", { href: `#/cameras/${camera.id}` }, camera.status?.name || camera.id)), h("small", `${camera.id}, ${camera.district}`), signs(camera)),
    facts(camera),
    looks(me) && (sends(camera) ? h("button.quiet", { title: t("looked_note"), onclick: () => glance(camera.id, place) }, t("look")) : h("p.note.small", t("no_picture"))),
    place);
}

// How it is doing; `whole` where there is room for what changes only with the site.
function facts(camera, whole = false) {
  const status = camera.status || {};
  const row = history_of.get(camera.id) || [];
  const read = status.frames_read || 0;
  const refused = Object.entries(status.refusals || {});
  const errors = Object.entries(status.errors || {});
  return [
    !camera.silent && status.message && h("p.note", status.message),
    h(`dl.facts${whole ? "" : ".small"}`,
      whole && [
        h("dt", t("camera")), h("dd", `${camera.id}, ${camera.district}`),
        status.latitude != null && status.longitude != null && [h("dt", t("place")), h("dd", degrees(status))],
        status.rules?.length > 0 && [h("dt", t("rules")), h("dd", h("ul.reasons-list", status.rules.map((kind) => h("li", t(`rule.${kind}`)))))],
      ],
      !camera.silent && [ // nobody knows how fast a silent one runs, or whether it stands still
        h("dt", t("rate")), h("dd", number(status.rate_hz || 0, 1), spark(row.map((r) => r.rate), t("rate"))),
        h("dt", t("lag")), h("dd", number(status.lag_s || 0, 1), spark(row.map((r) => r.lag), t("lag"))),
      ],
      h("dt", t("frames")), h("dd", number(read), "; ", h("span.range", `${t("gated")} ${read ? number((100 * (status.gated || 0)) / read) : 0} %;`), " ", h("span.range", `${t("dropped")} ${number(status.dropped || 0)}`)),
      !camera.silent && status.unfit?.length > 0 && [h("dt", t("unfit")), h("dd", h("ul.reasons-list", status.unfit.map((code) => h("li", t(`refused.${code}`)))))],
      !camera.silent && status.fitness && [h("dt", t("steadiness")), h("dd", t(`fit.${status.fitness}`), status.moved_px !== null && ` (${number(status.moved_px, 1)} px)`)],
      camera.last_report_at && [h("dt", t("last_report")), h("dd", when(camera.last_report_at))],
      refused.length > 0 && [h("dt", t("refusals")), h("dd", refused.map(([why, n]) => `${t(`refused.${why}`)} ${n}`).join(", "))],
      errors.length > 0 && [h("dt", t("errors")), h("dd", errors.map(([kind, n]) => `${t(`error.${kind}`)} ${n}`).join(", "))]),
  ];
}

// Zones, lines and lights that the camera's rules speak of, over its picture; on a card letters are larger in it. A name
// stands in the middle of its own, or as near above or below as there is room.
function drawn(outlines, width, height, large) {
  const size = width / (large ? 36 : 26);
  const places = (points) => points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
  const shapes = outlines.map(({ kind, name, points }) =>
    s(kind === "line" ? "polyline.outline.line" : `polygon.outline.${kind}`, { points: places(points) }, s("title", {}, name)));
  const names = apart(outlines.map((outline) => wishes(outline, width, height, size)), { width, height }).map((place, i) =>
    place && s("text.on.named", { x: place.x + place.width / 2, y: place.y + 0.95 * size, "font-size": size }, outlines[i].name));
  return s("svg.overlay", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": outlines.map((o) => o.name).join(", ") }, shapes, names);
}

function wishes({ name, points }, width, height, size) {
  const [x, y] = points.reduce(([a, b], [px, py]) => [a + px / points.length, b + py / points.length], [0, 0]);
  const [wide, high] = [0.65 * name.length * size, 1.2 * size];
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  return [0, -1, 1, -2, 2].map((rows) => ({ x: within(x * width - wide / 2, width - wide), y: within(y * height - high / 2, height - high) + rows * (high + 5), width: wide, height: high }));
}

// Where a picture comes once somebody asks for one, and why there is none; its zones are known without it.
function stage(camera, me, place) {
  const button = looks(me) && sends(camera) && h("button", { onclick: () => glance(camera.id, place, true) }, t("look"));
  const why = button ? t("looked_note") : sends(camera) ? t("may_look") : `${t("no_picture")}. ${t("pictures_kept")}`;
  return h("figure",
    camera.outlines.length > 0 && h("div.stage.bare", drawn(camera.outlines, 640, 360, true)),
    h("figcaption", `${t(camera.outlines.length ? "drawn_zones" : "no_zones")}. `, why, button && [" ", button]));
}

async function glance(id, place, large = false) {
  const before = [...place.childNodes];
  fill(place, h("p.note", { role: "status" }, "…"));
  for (let tries = 0; tries < 8; tries++) {
    try {
      const [answer, { outlines }] = await Promise.all([ask(`/cameras/${id}/picture`, { raw: true, again: false }), ask(`/cameras/${id}`)]);
      const at = answer.headers.get("Dome-Captured-At");
      const url = URL.createObjectURL(await answer.blob());
      const picture = h("div.stage", h("img", { src: url, alt: id, onload: ({ target }) => {
        picture.append(drawn(outlines, target.naturalWidth, target.naturalHeight, large));
        URL.revokeObjectURL(url);
      } }));
      const again = large && h("button", { onclick: () => glance(id, place, true) }, t("look"));
      fill(place, h("figure", picture, h("figcaption", clock(at), " · ", t("looked_note"), again)));
      return;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 503) { fill(place, before); return say(error.message, true); }
      await new Promise((go) => setTimeout(go, 2000));
    }
  }
  fill(place, before.length ? before : h("p.note", t("nothing_yet")));
}

// What a camera found last, for who may see it: each leads to its own page.
async function foundBy(id, me, signal) {
  const may = (...roles) => roles.some((role) => me.roles.includes(role));
  const days = new URLSearchParams({ until: new Date().toISOString(), since: new Date(Date.now() - 30 * 86400e3).toISOString(), closed: "true" });
  const [violations, objects] = await Promise.all([
    may("operator", "reviewer", "authoriser", "analyst", "auditor") && ask(`/violations?camera=${id}&limit=${LAST}`, { signal }),
    may("operator", "patrol", "analyst", "auditor") && ask(`/objects?${days}`, { signal }),
  ]);
  const left = objects ? objects.items.filter((item) => item.camera === id).slice(0, LAST) : [];
  return [
    left.length > 0 && [h("h2", t("objects")), h("ol.queue", left.map((item) => h("li", h("a", { href: `#/objects/${item.id}` }, lately(item.noticed_at)), h("b", called(item.data)), stateOf(item))))],
    violations && (violations.items.length > 0 || !left.length) && [h("h2", t("last_violations")),
      violations.items.length ? h("ol.queue", violations.items.map((item) => h("li", h("a", { href: `#/review/${item.id}`, title: when(item.captured_at) }, lately(item.captured_at)),
        h("b", t(`rule.${item.rule}`)), summary(item), h("span.grow"), h("span.state", t(`state.${item.state}`))))) : h("p.note", t("nothing_yet"))],
  ];
}

// One value over and over is no line to look at.
function spark(values, label) {
  if (new Set(values).size < 2) return "";
  const most = Math.max(...values, 1e-6);
  const points = values.map((v, i) => `${(i * 80) / (values.length - 1)},${18 - (16 * v) / most}`).join(" ");
  return s("svg.spark", { viewBox: "0 0 80 20", role: "img", "aria-label": label }, s("polyline", { points }));
}
