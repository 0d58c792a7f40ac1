// Review: one violation at a time, its pictures with what was measured, one key to decide; and all that there are.

import { ask, picture, post, Problem } from "../api.js";
import { player } from "../clip.js";
import { fill, h, s, say } from "../dom.js";
import { keysButton, once, ours, tellKeys } from "../keys.js";
import { paged } from "../paged.js";
import { patrolButton } from "../task.js";
import { codes, moment as named, number, t, when } from "../words.js";
import { facts, summary } from "../violation.js";

// What a step is asked a reason for: nothing is granted where nobody appealed, and nobody pays what was cancelled.
const REASONS = {
  reject: () => ["no_violation", "not_visible", "wrong_plate", "wrong_vehicle", "emergency", "poor_evidence", "duplicate"],
  cancel: (state) => (state === "appealed" ? ["appeal_granted", "other"] : ["other"]),
  close: (state) => (state === "cancelled" ? ["lapsed", "other"] : ["paid", "lapsed", "other"]),
};

const FILED = ["issued", "appealed", "upheld", "cancelled", "closed"];
const files = (me) => ["authoriser", "auditor"].some((role) => me.roles.includes(role));
const STATES = ["detected", "in_review", "confirmed", "rejected", "issued", "appealed", "upheld", "cancelled", "held_stale_exemptions", "undecided", "closed"];
const SEE_PLATES = ["operator", "reviewer", "authoriser", "auditor"];

const LOOK_MS = 500; // what stood there for less nobody has seen: the second of two presses was meant for the one before

export async function open(main, context) {
  const [id] = context.rest;
  if (id) return one(main, await ask(`/violations/${id}`, { signal: context.signal }), context);
  if (context.me.roles.includes("reviewer")) return start(main, context);
  fill(main, h("h1", t("review")));
  return table(main, context);
}

async function start(main, context) {
  const queue = await ask("/review/queue?limit=8", { signal: context.signal });
  const begin = h("button.good.big", { onclick: () => next(main, context) }, t("begin_review"));
  const rest = h("section");
  fill(main, h("h1", t("review"), " ", h("span.count", number(queue.waiting))),
    queue.waiting ? h("div.start", begin, h("ol.queue", queue.items.map((item) => h("li", badge(item), h("b", t(`rule.${item.rule}`)), " ", summary(item), h("small", when(item.captured_at)))))) : h("p.empty", t("queue_empty")),
    rest);
  begin.focus();
  await table(rest, context);
}

let coming = null; // two presses claim one

function next(main, context) {
  coming ??= claim(main, context).finally(() => { coming = null; });
  return coming;
}

async function claim(main, context) {
  const { item, waiting } = await post("/review/next");
  if (context.signal.aborted) return; // they have gone to another page meanwhile
  if (!item) return start(main, context);
  history.replaceState(null, "", `#/review/${item.id}`);
  one(main, item, context, waiting);
  ahead(context).catch(() => {}); // only a convenience
}

// The head of the queue is on its way while this one is looked at.
async function ahead({ signal }) {
  const queue = await ask("/review/queue?limit=1", { signal });
  for (const item of queue.items) {
    const detail = await ask(`/violations/${item.id}`, { signal });
    for (const file of detail.evidence) if (file.name.endsWith(".jpg")) picture(file.href);
  }
}

// `waiting`: how many more there are; null outside the queue.
function one(main, item, context, waiting = null, typed = item.plate?.text || "") {
  const { signal } = context;
  const known = item.plate?.text || "";
  const view = viewer(item, () => setTimeout(() => { if (buttons.confirm) buttons.confirm.disabled = false; }, LOOK_MS));
  const can = (step) => item.steps.includes(step);
  let asking = null;
  let busy = false; // two presses decide once

  async function take(step, reason) {
    if (busy || buttons[step].disabled) return;
    busy = true;
    await decide(step, reason).finally(() => { busy = false; });
  }

  async function decide(step, reason) {
    let done; // as it is then, whoever made it so
    try {
      const body = { version: item.version };
      if (reason) body.reason = reason;
      const read = plate.value.trim();
      if (step === "confirm" && !read) throw new Problem(409, { code: "plate_unread" }); // an empty field is no consent to what stood there
      if (step === "confirm" && !(item.plate?.confident && read === item.plate.text)) body.plate = read;
      done = await post(`/violations/${item.id}/${step}`, body);
      say(`${t(step)}: ${t(`state.${done.state}`)}`);
    } catch (error) {
      say(error.message, true);
      if (error.code === "plate_unread") return plate.focus(); // what is missing is theirs to type
      if (error.status !== 409) return;
      done = await ask(`/violations/${item.id}`, { signal });
    }
    if (signal.aborted) return; // they have gone to another page meanwhile
    if (waiting !== null && !done.steps.includes(step)) return next(main, context);
    one(main, done, context, waiting, plate.value === known ? undefined : plate.value);
  }

  const plate = h("input", { id: "plate", value: typed, maxlength: 20, autocomplete: "off", spellcheck: "false", placeholder: t("unread"),
    onkeydown: (event) => { if (event.key === "Enter" && !event.repeat) take("confirm"); if (event.key === "Escape") main.focus(); } });
  const reading = can("confirm") && h("label.reading", t("plate_read"), plate, h("kbd", "P"));
  const reasons = h("div.reasons", { hidden: true, role: "group" });
  const ask_why = (step) => {
    asking = { step, known: REASONS[step](item.state) };
    const asked = step === "reject" ? t("why_reject") : `${t(step)}: ${t("reason")}`;
    reasons.setAttribute("aria-label", asked);
    fill(reasons, h("p", asked), asking.known.map((reason, i) => h("button", { onclick: () => take(step, reason) }, h("kbd", String(i + 1)), " ", t(`why.${reason}`))));
    reasons.hidden = false;
    reasons.querySelector("button").focus();
  };
  const buttons = Object.fromEntries(item.steps.map((step) => {
    const kind = { confirm: "good", reject: "bad", issue: "good" }[step] || "";
    const act = REASONS[step] ? () => ask_why(step) : () => take(step);
    return [step, h(`button${kind && "." + kind}`, { onclick: act, disabled: step === "confirm" }, t(step), { confirm: h("kbd", "Y"), reject: h("kbd", "N") }[step])];
  }));

  const filed = h("div");
  if (FILED.includes(item.state) && (files(context.me) || context.me.roles.includes("operator"))) filings(filed, item, context);
  fill(main,
    h("h1", badge(item), t(`rule.${item.rule}`), " ", h("span.state", t(`state.${item.state}`)), waiting !== null && h("span.count", number(waiting))),
    h("div.case.judged",
      h("section.evidence", view.element),
      h("section.words", reading, h("div.steps", Object.values(buttons), patrolButton("violation", item, context.me)), reasons, facts(item),
        item.doubts?.length > 0 && h("details", { open: true }, h("summary", t("doubted"), ` (${item.doubts.length})`), h("ul", item.doubts.map((doubt) => h("li", doubt)))),
        item.missing?.length > 0 && h("p.bad", t("law_asks"), ": ", item.missing.map((name) => t(`missing.${name}`)).join(", ")),
        item.problems.length > 0 && h("details", { open: true }, h("summary", t("problems"), ` (${item.problems.length})`), h("ul", item.problems.map((p) => h("li", p)))),
        item.decisions.length > 0 && h("details", h("summary", t("decisions"), ` (${item.decisions.length})`),
          h("ol.log", item.decisions.map((d) => h("li", h("b", t(`state.${d.state}`)), " ", d.by || d.who || "", " ", h("small", d.reason ? t(`why.${d.reason}`) : "", " ", d.detail || ""))))),
        filed,
        item.has_evidence && ["reviewer", "authoriser", "auditor"].some((role) => context.me.roles.includes(role)) &&
          h("p", h("a", { href: `/api/v1/violations/${item.id}/package`, download: `evidence-${item.id}.zip` }, t("package"))),
        h("p", keysButton()))));
  main.focus();

  const mine = once(signal);
  tellKeys(() => [
    can("confirm") && ["Y", t("confirm")], can("reject") && ["N", t("reject")], can("confirm") && ["P", t("plate_read")],
    can("reject") && ["1–7", t("keys.reasons")], ...view.keys,
  ].filter(Boolean), mine);
  addEventListener("keydown", (event) => {
    if (!ours(event) || event.shiftKey) return;
    const digit = Number(event.key);
    if (event.code === "KeyY" && can("confirm")) take("confirm");
    else if (event.code === "KeyN" && can("reject")) ask_why("reject");
    else if (asking && event.key === "Escape") {
      asking = null;
      reasons.hidden = true;
      main.focus();
    } else if (asking && digit >= 1 && digit <= asking.known.length) take(asking.step, asking.known[digit - 1]);
    else if (event.key === "ArrowRight") view.go(1);
    else if (event.key === "ArrowLeft") view.go(-1);
    else if (event.code === "KeyC") view.clip();
    else if (event.code === "Period") view.step(1);
    else if (event.code === "Comma") view.step(-1);
    else if (event.code === "KeyP" && can("confirm")) plate.select();
    else return;
    event.preventDefault();
  }, { signal: mine });
}

// What the electronic proceedings have of it. What they refused is sent again by whoever has seen to the reason.
async function filings(place, item, { me, signal }) {
  const path = `/violations/${item.id}/exports`;
  const show = ({ items }) => fill(place, items.length > 0 && [h("details", { open: items.at(-1).state !== "delivered" }, h("summary", t("filings")),
    h("ol.log", items.map((filing) => h("li", h("b", t(`filing.${filing.action}`)), ": ", t(`filing.${filing.state}`), " ", h("small", filing.at ? when(filing.at) : "", " ", filing.answer))))),
    items.at(-1).state === "refused" && me.roles.includes("authoriser") && h("button", { onclick: () => { sent ??= draw(post(`${path}/again`)).finally(() => { sent = null; }); } }, t("send_again"))]);
  const draw = (told) => told.then(show, (error) => { if (!signal.aborted) say(error.message, true); });
  let sent = null; // two presses send once
  await draw(ask(path, { signal }));
}

// Those that were issued, and that the proceedings would not have: nobody else is told.
async function refusals(place, { me, signal }) {
  if (!files(me)) return;
  const { items } = await ask("/exports?limit=200", { signal });
  const refused = items.filter((filing) => filing.state === "refused");
  fill(place, refused.length > 0 && [h("h2", t("filings_refused"), " ", h("span.count", number(refused.length))),
    h("ul", refused.map((filing) => h("li", h("a", { href: `#/review/${filing.violation}` }, when(filing.at)), " ", filing.answer)))]);
}

const stem = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "-");

// Pictures of the decisive moments with the vehicle's box and what was measured drawn on them, the plate, the clip.
// `shown` is called whenever a picture stands there, and at once where there is none.
function viewer(item, shown) {
  const files = Object.fromEntries(item.evidence.map((file) => [file.name, file.href]));
  const [entry, own] = [["entry/", item.entry?.moments || []], ["", item.moments]];
  const moments = [entry, own].flatMap(([side, known]) => known.map((m) => ({ ...m, side, file: side + stem(m.name) }))).filter((m) => files[`${m.file}.jpg`]);
  const told = (side, text) => (side ? `${named("entry")}: ${text}` : text);
  const title = (m) => told(m.side, named(m.name));
  if (!moments.length) {
    shown();
    return { element: h("p.empty", t("no_evidence")), keys: [], go() {}, clip() {}, step() {} };
  }
  const image = h("img", { alt: "" });
  const overlay = s("svg.overlay", { "aria-hidden": "true" });
  const stage = h("div.stage", image, overlay);
  const strip = h("div.strip", { role: "tablist" });
  const beside = h("div.side");
  let at = 0;

  async function show(index) {
    at = (index + moments.length) % moments.length;
    const moment = moments[at];
    [...strip.children].forEach((tab, i) => tab.setAttribute("aria-selected", String(i === at)));
    image.alt = `${t(`rule.${item.rule}`)}: ${title(moment)}, ${when(moment.at)}`;
    const url = await picture(files[`${moment.file}.jpg`]);
    if (moments[at] !== moment) return; // another was asked for meanwhile
    image.src = url;
    const whole = await image.decode().then(() => true, () => false);
    if (moments[at] !== moment) return;
    draw(moment);
    if (whole) shown();
  }

  function draw(moment) {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const [x0, y0, x1, y1] = moment.xyxy;
    const size = width / 48;
    const text = summary(item);
    const y = y0 > 2 * size ? y0 - size * 0.6 : y1 + size * 1.3;
    overlay.replaceChildren(
      s("rect.box", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, rx: 3, "stroke-width": width / 400 }),
      s("text.on", { x: Math.min(x0, width - text.length * size * 0.6), y, "font-size": size }, text));
  }

  strip.append(...moments.map((moment, i) => h("button", { role: "tab", onclick: () => show(i) }, title(moment))));
  const film = (side) => {
    const href = files[`${side}clip.mp4`];
    const first = moments.find((m) => m.side === side) || moments[0];
    return href && player(href, told(side, t("clip")), picture(files[`${first.file}.jpg`]));
  };
  const [before, clip] = [film("entry/"), film("")];
  for (const [side] of [entry, own]) {
    const closest = [...moments].reverse().find((m) => m.side === side && files[`${m.file}-crop.jpg`]);
    for (const [name, label] of [[`${side}plate.jpg`, t("plate")], [closest && `${closest.file}-crop.jpg`, t("vehicle")]]) {
      if (!name || !files[name]) continue;
      const crop = h("img", { alt: told(side, label) });
      picture(files[name]).then((url) => { crop.src = url; });
      beside.append(h("figure", crop, h("figcaption", told(side, label))));
    }
  }
  show(0);
  return {
    element: h("div.viewer", strip, stage, h("div.beside", beside, h("figure.clip",
      before && [before.element, h("figcaption", told("entry/", t("clip")))],
      clip ? [clip.element, h("figcaption", t("clip"))] : h("p.note", t("no_clip"))))),
    keys: [[["←", "→"], t("keys.pictures")], ...(clip ? [["C", t("keys.clip")], [[",", "."], t("keys.frame")]] : [])],
    go: (by) => show(at + by),
    clip: () => clip?.play(),
    step: (by) => clip?.step(by),
  };
}

// Whoever gets an appeal finds its violation by the plate; what was upheld or cancelled still has to be closed.
async function table(place, context) {
  const { me, signal } = context;
  const refused = h("section");
  place.append(refused);
  refusals(refused, context).catch((error) => { if (!signal.aborted) say(error.message, true); });
  const again = { onchange: () => found.begin() };
  const choice = (names, word) => h("select", again, h("option", { value: "" }, t("any")), names.map((name) => h("option", { value: name }, word(name))));
  const asked = {
    state: choice(STATES, (name) => t(name === "detected" ? "state.stands" : `state.${name}`)),
    rule: choice(codes("rule").filter((name) => name !== "abandoned_object"), (name) => t(`rule.${name}`)),
    district: choice([]),
    plate: h("input", { maxlength: 20, autocomplete: "off", spellcheck: "false", ...again }),
    since: h("input", { type: "datetime-local", ...again }),
    until: h("input", { type: "datetime-local", ...again }),
  };
  ask("/districts", { signal }).then(({ items }) => asked.district.append(...items.map(({ id, name }) => h("option", { value: id }, name || id))), () => {}); // only a convenience
  const body = h("tbody");
  const found = paged(body, (cursor) => {
    const query = new URLSearchParams({ limit: "30" });
    for (const [name, { value }] of Object.entries(asked)) if (value) query.set(name, ["since", "until"].includes(name) ? new Date(value).toISOString() : value);
    if (cursor) query.set("cursor", cursor);
    return ask(`/violations?${query}`, { signal });
  }, row, () => h("tr", h("td", { colspan: 6 }, t("nothing_yet"))));
  const field = ([name, element]) => h("label", t(name === "since" ? "from" : name), element);
  const sees = me.roles.some((role) => SEE_PLATES.includes(role));
  place.append(h("section", h("h2", t("history")), h("div.filters", Object.entries(asked).filter(([name]) => sees || name !== "plate").map(field)),
    h("div.scroll", h("table", h("thead", h("tr", ["time", "rule", "measured", "plate", "camera", "state"].map((k) => h("th", { scope: "col" }, t(k))))), body)), found.more));
  await found.begin();
}

const row = (item) => h("tr", h("td", h("a", { href: `#/review/${item.id}` }, h("time", { datetime: item.captured_at }, when(item.captured_at)))),
  h("td", badge(item), t(`rule.${item.rule}`)), h("td", summary(item)), h("td", item.plate ? h("span.plate", item.plate.text) : "–"),
  h("td", item.camera), h("td", h("span.state", t(`state.${item.state}`))));

const badge = (item) => h(`span.severity.s${item.severity}`, { title: `${item.severity}/9` }, String(item.severity));
