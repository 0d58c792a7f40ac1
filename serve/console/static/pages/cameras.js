// Cameras: who runs, how far behind, who is fit for evidence; a look only where somebody asks for one.

import { ask, Problem } from "../api.js";
import { fill, h, s, say } from "../dom.js";
import { clock, number, t, when } from "../words.js";

const EVERY_MS = 5000;
const KEPT = 60;
const OVER = ["ended", "failed", "stopped"]; // sends no more pictures
const history_of = new Map(); // camera -> last rates and lags, as long as this page lives

export async function open(main, { me, rest, signal }) {
  const list = h("div.cards");
  fill(main, h("h1", t("cameras")), list);

  async function load() {
    const { items } = await ask("/cameras", { signal });
    for (const camera of items) note(camera);
    const shown = rest[0] ? items.filter((c) => c.id === rest[0]) : items;
    const looks = Object.fromEntries([...list.querySelectorAll("[data-look]")].map((e) => [e.dataset.look, e]));
    fill(list, shown.length ? shown.map((camera) => card(camera, me, looks[camera.id])) : h("p.empty", t("nothing_yet")));
  }

  await load();
  const timer = setInterval(() => load().catch(() => {}), EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function note(camera) {
  if (!camera.status || camera.silent) return;
  const row = history_of.get(camera.id) || [];
  row.push({ rate: camera.status.rate_hz || 0, lag: camera.status.lag_s || 0 });
  history_of.set(camera.id, row.slice(-KEPT));
}

function card(camera, me, look) {
  const status = camera.status || {};
  const state = camera.silent ? "silent" : status.state;
  const row = history_of.get(camera.id) || [];
  const read = status.frames_read || 0;
  const refused = Object.entries(status.refusals || {});
  const errors = Object.entries(status.errors || {});
  const place = look || h("div.look", { "data-look": camera.id });
  const may = me.roles.some((role) => ["operator", "administrator"].includes(role));
  return h("article.card", { "aria-label": camera.id },
    h("header", h("h2", h("a", { href: `#/cameras/${camera.id}` }, status.name || camera.id)), h("small", `${camera.id}, ${camera.district}`), h(`span.pill.${state}`, camera.silent ? t("silent") : t(`state.${state}`)),
      !camera.silent && status.unfit && (status.unfit.length ? h("span.pill.moved", t("unfit")) : h("span.pill.fit", t("fitness")))),
    !camera.silent && status.message && h("p.note", status.message),
    h("dl.facts.small",
      !camera.silent && [ // nobody knows how fast a silent one runs, or whether it stands still
        h("dt", t("rate")), h("dd", number(status.rate_hz || 0, 1), spark(row.map((r) => r.rate), t("rate"))),
        h("dt", t("lag")), h("dd", number(status.lag_s || 0, 1), spark(row.map((r) => r.lag), t("lag"))),
      ],
      h("dt", t("frames")), h("dd", `${number(read)}; ${t("gated")} ${read ? number((100 * (status.gated || 0)) / read) : 0} %; ${t("dropped")} ${number(status.dropped || 0)}`),
      !camera.silent && status.unfit?.length > 0 && [h("dt", t("unfit")), h("dd", h("ul.reasons-list", status.unfit.map((code) => h("li", t(`refused.${code}`)))))],
      !camera.silent && status.fitness && [h("dt", t("steadiness")), h("dd", t(`fit.${status.fitness}`), status.moved_px !== null && ` (${number(status.moved_px, 1)} px)`)],
      camera.last_report_at && [h("dt", t("last_report")), h("dd", when(camera.last_report_at))],
      refused.length > 0 && [h("dt", t("refusals")), h("dd", refused.map(([why, n]) => `${t(`refused.${why}`)} ${n}`).join(", "))],
      errors.length > 0 && [h("dt", t("errors")), h("dd", errors.map(([kind, n]) => `${t(`error.${kind}`)} ${n}`).join(", "))]),
    may && !camera.silent && !OVER.includes(status.state) && h("button.quiet", { title: t("looked_note"), onclick: () => glance(camera.id, place) }, t("look")), place);
}

// Zones, lines and lights that the camera's rules speak of, over its picture.
function drawn(outlines, width, height) {
  const size = width / 26;
  const places = (points) => points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
  return s("svg.overlay", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": outlines.map((o) => o.name).join(", ") }, outlines.map(({ kind, name, points }) => {
    const [x, y] = points.reduce(([a, b], [px, py]) => [a + px / points.length, b + py / points.length], [0, 0]);
    return s("g", {}, s(kind === "line" ? "polyline.outline.line" : `polygon.outline.${kind}`, { points: places(points) }),
      s("text.on.named", { x: Math.min(Math.max(x, 0.1), 0.9) * width, y: Math.min(Math.max(y, 0.06), 0.97) * height, "font-size": size }, name));
  }));
}

async function glance(id, place) {
  fill(place, h("p.note", "…"));
  for (let tries = 0; tries < 8; tries++) {
    try {
      const [answer, { outlines }] = await Promise.all([ask(`/cameras/${id}/picture`, { raw: true, again: false }), ask(`/cameras/${id}`)]);
      const at = answer.headers.get("Dome-Captured-At");
      const url = URL.createObjectURL(await answer.blob());
      const stage = h("div.stage", h("img", { src: url, alt: id, onload: ({ target }) => {
        stage.append(drawn(outlines, target.naturalWidth, target.naturalHeight));
        URL.revokeObjectURL(url);
      } }));
      fill(place, h("figure", stage, h("figcaption", clock(at), " · ", t("looked_note"))));
      return;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 503) { fill(place); return say(error.message, true); }
      await new Promise((go) => setTimeout(go, 2000));
    }
  }
  fill(place, h("p.note", t("nothing_yet")));
}

function spark(values, label) {
  if (values.length < 2) return "";
  const most = Math.max(...values, 1e-6);
  const points = values.map((v, i) => `${(i * 80) / (KEPT - 1)},${18 - (16 * v) / most}`).join(" ");
  return s("svg.spark", { viewBox: "0 0 80 20", role: "img", "aria-label": label }, s("polyline", { points }));
}
