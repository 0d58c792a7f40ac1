// Citizens' reports: what somebody says happened, held against the files they sent and what cameras saw nearby.

import { apart } from "../apart.js";
import { ask, follow, picture, post } from "../api.js";
import { player } from "../clip.js";
import { why } from "../dialog.js";
import { fill, h, s, say } from "../dom.js";
import { keysButton, once, ours, tellKeys } from "../keys.js";
import { paged } from "../paged.js";
import { patrolButton } from "../task.js";
import { degrees, measure, metres, number, spoken, t, unit, when } from "../words.js";
import { summary } from "../violation.js";

const OPEN = ["proposed", "forwarded", "checked", "received"];
const STATES = [...OPEN, "confirmed", "declined", "merged", "closed"];
const KINDS = { confirm: "good", decline: "bad" };
const KEYS = { confirm: "Y", decline: "N", close: "X", forward: "F", reopen: "O" };

export async function open(main, context) {
  const [id] = context.rest;
  return id ? one(main, await ask(`/reports/${id}`, { signal: context.signal }), context) : list(main, context);
}

async function list(main, { signal }) {
  const state = h("select", { "aria-label": t("state"), onchange: () => found.begin() },
    h("option", { value: OPEN.join() }, t("to_work_on")), h("option", { value: "" }, t("any")), STATES.map((name) => h("option", { value: name }, t(`report.${name}`))));
  const rows = h("div.reports", { role: "list" });
  const found = paged(rows, (cursor) => {
    const query = new URLSearchParams({ limit: "30" });
    for (const name of state.value.split(",").filter(Boolean)) query.append("state", name);
    if (cursor) query.set("cursor", cursor);
    return ask(`/reports?${query}`, { signal });
  }, row, () => h("p.empty", t("no_reports")));
  fill(main, h("h1", t("reports"), h("span.grow"), state), rows, found.more);

  tellKeys(() => [[["↑", "↓"], t("keys.list")], ["Enter", t("keys.open")]], signal);
  addEventListener("keydown", (event) => {
    if (!ours(event) || event.shiftKey || !["ArrowDown", "ArrowUp", "KeyJ", "KeyK"].includes(event.code)) return;
    const links = [...rows.querySelectorAll("a")];
    const step = ["ArrowDown", "KeyJ"].includes(event.code) ? 1 : -1;
    links[Math.max(0, Math.min(links.length - 1, links.indexOf(document.activeElement) + step))]?.focus();
    event.preventDefault();
  }, { signal });
  await found.begin();
  rows.querySelector("a")?.focus();
  follow("type=dome.report.", (event, what) => what !== "away" && found.again().catch(() => {}), signal);
}

function row(item) {
  const signs = [
    item.reporters > 1 && [`${item.reporters}`, t("tellers"), ""],
    item.files > 0 && [`${item.files}`, t("files"), ""],
    item.proposals > 0 && [`${item.proposals}`, t("proposed"), "busy"],
    item.nearby > 0 && [`${item.nearby}`, t("nearby"), "good"],
    item.doubts > 0 && [`${item.doubts}`, t("doubts"), "bad"],
  ].filter(Boolean);
  const thumb = h("span.thumb");
  if (item.picture) {
    const image = h("img", { alt: "" });
    picture(item.picture).then((url) => { image.src = url; }, () => {});
    thumb.append(image);
  }
  return h("div", { role: "listitem" }, h(`a.report.${item.state}`, { href: `#/reports/${item.id}` }, thumb,
    h("span.head", h("b", t(`service.${item.service}`)), h(`span.pill.${item.state}`, t(`report.${item.state}`))),
    h("span.said", item.text || t("no_words")),
    h("span.signs", signs.map(([count, word, kind]) => h(`span.sign${kind && "." + kind}`, `${word}: `, h("b", count)))),
    h("span.where", h("time", { datetime: item.happened_at }, when(item.happened_at)), " · ", item.address || degrees(item), " · ", item.district || t("nobodys"))));
}

async function one(main, item, context) {
  const { me, signal } = context;
  const handles = me.roles.some((role) => ["operator", "reviewer"].includes(role));
  const steps = handles ? item.may : [];
  const again = (next) => one(main, next, context);

  // What was done meanwhile is shown, and whoever tries again does so on top of it.
  async function stale({ status }) {
    if (status !== 409) return;
    item = await ask(`/reports/${item.id}`, { signal });
    again(item);
  }

  async function send(step, said) {
    const done = await post(`/reports/${item.id}/${step}`, { version: item.version, ...said }).catch(async (error) => {
      await stale(error);
      throw error;
    });
    say(`${t(`do.${step}`)}: ${t(`report.${done.state}`)}`);
    // Who gave it to another district may not see it any more.
    const next = step === "forward" ? await ask(`/reports/${item.id}`, { signal }).catch(() => done) : done;
    if (!signal.aborted) again(next); // they may have gone to another page meanwhile
  }

  async function choose(file, thing) {
    try {
      const next = await post(`/reports/${item.id}/files/${file.id}/subject`, { version: item.version, thing });
      if (!signal.aborted) again(next);
    } catch (error) {
      say(error.message, true);
      await stale(error);
    }
  }

  function take(step) {
    if (step === "forward") return why(t("do.forward"), (district) => send(step, { district }), t("district"), h("input", { pattern: "[a-z0-9][a-z0-9_-]*" }));
    return why(t(`do.${step}`), (note) => send(step, { note }), t("told_to_reporter"));
  }

  const files = gallery(item, me.roles.includes("operator"), handles && ["checked", "forwarded", "proposed"].includes(item.state) && choose, context);
  fill(main,
    h("h1", h("a", { href: "#/reports" }, t("reports")), " / ", t(`service.${item.service}`), h(`span.pill.${item.state}`, t(`report.${item.state}`)),
      item.merged_into && h("a", { href: `#/reports/${item.merged_into}` }, t("merged_into"))),
    h("div.case",
      h("section.evidence", files.element, proposals(item, files), unknown(item)),
      h("section.words",
        h("div.steps", steps.map((step) => h(`button${KINDS[step] ? "." + KINDS[step] : ""}`, { onclick: () => take(step) }, t(`do.${step}`), h("kbd", KEYS[step]))), patrolButton("report", item, me)),
        claim(item),
        told(item), nearby(item), life(item), h("p.note", t("never_evidence")), h("p", keysButton()))));
  main.focus();

  const mine = once(signal);
  tellKeys(() => [...steps.map((step) => [KEYS[step], t(`do.${step}`)]), ...files.keys()], mine);
  addEventListener("keydown", (event) => {
    if (!ours(event) || event.shiftKey) return;
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
    const step = steps.find((name) => event.code === `Key${KEYS[name]}`);
    if (step) take(step);
    else if (event.key === "ArrowRight") files.go(1);
    else if (event.key === "ArrowLeft") files.go(-1);
    else if (event.code === "KeyC") files.play();
    else if (event.code === "Period") files.step(1);
    else if (event.code === "Comma") files.step(-1);
    else if (digit) files.pick(Number(digit[1]));
    else return;
    event.preventDefault();
  }, { signal: mine });
  if (item.attachments.some((file) => file.state === "chosen")) {
    follow("type=dome.report.", async (event, what) => {
      if (what === "away" || (event && event.data.report !== item.id)) return;
      const next = await ask(`/reports/${item.id}`, { signal: mine }).catch(() => item);
      if (next.version !== item.version && !mine.aborted) again(next);
    }, mine);
  }
}

// Files as others see them: a mosaic but for what the report is about. The original needs a reason, which is logged.
// Where the machine took something else for what a file is about, whoever works on the report says what it is.
function gallery(item, opens, choose, context) {
  const looks = item.attachments.flatMap((file) => file.shown.map((href) => ({ file, href, moves: href.endsWith(".mp4") })));
  const refused = item.attachments.filter((file) => file.state === "refused");
  const waiting = item.attachments.filter((file) => file.state === "waiting");
  const notes = h("div", refused.map((file) => h("p.bad", `${t(`file.${file.kind}`)}: ${file.why}`)), waiting.length > 0 && h("p.note", `${t("not_looked_at")}: ${waiting.length}`),
    item.attachments.some((file) => file.state === "chosen") && h("p.note", { role: "status" }, t("being_made")));
  if (!looks.length) return { element: h("div", h("p.empty", item.attachments.length ? t("nothing_to_show") : t("no_files")), notes), keys: () => [], go() {}, play() {}, step() {}, show() {}, pick() {} };
  const stage = h("div.stage");
  const strip = h("div.strip", { role: "tablist" });
  const facts = h("dl.facts.small");
  const about = h("section.about");
  const overlay = s("svg.overlay", { "aria-hidden": "true" });
  const original = opens && h("button.quiet", { onclick: () => reveal(looks[at].file) }, t("open_original"));
  let at = 0;
  let clip = null;

  async function show(index) {
    at = (index + looks.length) % looks.length;
    const { file, href, moves } = looks[at];
    clip = moves ? player(href) : null;
    context.file = file.id;
    [...strip.children].forEach((tab, i) => tab.setAttribute("aria-selected", String(i === at)));
    if (clip) fill(stage, clip.element);
    else {
      const image = h("img", { alt: `${t(`file.${file.kind}`)}: ${t("blurred")}` });
      fill(stage, image, choose && overlay);
      draw(file, href.split("/").at(-1));
      image.src = await picture(href);
    }
    fill(facts, against(file));
    fill(about, choose && file.things.length > 0 && subjects(file));
  }

  // What was found, by its number, on a picture in which it cannot be made out. A number that has no room of its own
  // shows when its thing is pointed at, here or in the list.
  function draw(file, name) {
    const [width, height] = [file.width_px, file.height_px];
    const size = Math.max(width, height) / 45;
    const found = file.things.map((thing, i) => ({ ...thing, number: i + 1 })).filter((thing) => thing.picture === name);
    const wishes = found.map(({ xyxy, number: n }) => placesOf(xyxy, (0.72 * String(n).length + 0.3) * size, 1.15 * size));
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    overlay.replaceChildren(...apart(wishes, { width, height }).map((free, i) => {
      const { xyxy: [x0, y0, x1, y1], kept, number: n } = found[i];
      const place = free || wishes[i].at(-1);
      const group = s(`g.thing${free ? "" : ".crowded"}`, { "data-thing": n },
        s(`rect.box${kept ? ".kept" : ""}`, { x: x0, y: y0, width: x1 - x0, height: y1 - y0, rx: 3, "stroke-width": width / 400 }),
        s("rect.chip", place), s("text.on", { x: place.x + 0.15 * size, y: place.y + 0.93 * size, "font-size": size }, String(n)));
      group.addEventListener("pointerenter", () => light(n));
      group.addEventListener("pointerleave", () => light(0));
      group.addEventListener("click", () => buttonOf(n)?.focus());
      return group;
    }));
  }

  const buttonOf = (n) => about.querySelector(`button[data-thing="${n}"]`);

  // Shows which box on the picture and which button below belong together.
  function light(n) {
    for (const each of [...overlay.children, ...about.querySelectorAll("button[data-thing]")]) each.classList.toggle("lit", each.dataset.thing === String(n));
    const lit = overlay.querySelector(".lit");
    if (lit && lit !== overlay.lastElementChild) overlay.append(lit); // before its neighbours; moved, it is entered anew
  }

  function subjects(file) {
    const button = (pressed, thing, n, ...what) => h("button", { "aria-pressed": String(pressed), "data-thing": n, onclick: () => pressed || choose(file, thing),
      onpointerenter: () => light(n), onpointerleave: () => light(0), onfocus: () => light(n), onblur: () => light(0) }, what);
    return [h("h2", t("what_about")),
      h("div.steps", file.things.map((thing, i) => button(thing.kept, thing.id, i + 1, `${i + 1} ${t(`cls.${thing.cls || "thing"}`)}`, file.seconds > 0 && h("small", ` ${number(thing.after_s, 1)} ${unit("s")}`))),
        button(!file.things.some((thing) => thing.kept), null, 0, `0 ${t("none_of_these")}`)),
      h("p.note", t("what_about_note"), file.chosen_by && ` ${t("chosen_by")}: ${file.chosen_by}.`)];
  }

  function reveal(file) {
    why(t("open_original"), async (text) => {
      const answer = await ask(`/reports/${item.id}/files/${file.id}/original`, { method: "POST", body: { why: text }, raw: true });
      const url = URL.createObjectURL(await answer.blob());
      clip = file.kind === "clip" ? player(url, t("original")) : null;
      fill(stage, clip ? clip.element : h("img", { src: url, alt: t("original") }), h("span.original", t("original")));
    });
  }

  strip.append(...looks.map(({ file, moves }, i) => h("button", { role: "tab", onclick: () => show(i) }, `${i + 1} ${t(moves ? "clip" : `file.${file.kind === "clip" ? "still" : "photo"}`)}`)));
  show(Math.max(0, looks.findIndex(({ file }) => file.id === context.file)));
  return {
    element: h("div.viewer", strip, stage, h("div.under", h("p.note", t("blurred_note")), original), about, facts, notes),
    keys: () => [looks.length > 1 && [["←", "→"], t("keys.pictures")], clip && ["C", t("keys.clip")], clip && [[",", "."], t("keys.frame")],
      choose && about.querySelector("button") && ["0–9", t("what_about")]].filter(Boolean),
    pick: (digit) => about.querySelectorAll("button")[digit ? digit - 1 : about.querySelectorAll("button").length - 1]?.click(),
    go: (by) => show(at + by),
    show: (name) => show(Math.max(0, looks.findIndex((look) => look.href.endsWith(`/${name}`)))),
    play: () => clip?.play(),
    step: (by) => clip?.step(by),
  };
}

// Where a number may stand: at its box's corners and sides, then inside; at last in its middle.
function placesOf([x0, y0, x1, y1], width, height) {
  const [middle, level, off] = [(x0 + x1 - width) / 2, (y0 + y1 - height) / 2, height / 3];
  const corners = [[x0, y0 - height], [x1 - width, y0 - height], [x0, y1], [x1 - width, y1], [x0 - width - off, level], [x1 + off, level]];
  return [...corners, [x0, y0], [x1 - width, y1 - height], [middle, level]].map(([x, y]) => ({ x, y, width, height }));
}

// What a file says of itself against what its sender says.
function against(file) {
  const far = file.away_m === null ? t("says_nothing") : `${metres(file.away_m)} ${t("from_claim")}`;
  const late = file.apart_s === null ? t("says_nothing") : `${span(Math.abs(file.apart_s))} ${t(file.apart_s < 0 ? "before_claim" : "after_claim")}`;
  const mark = (bad, text) => h(`span.verdict${bad ? ".bad" : ".fine"}`, text);
  const doubtful = (word) => file.doubts.some((doubt) => doubt.includes(word));
  return [
    h("dt", t("place")), h("dd", file.away_m === null ? far : mark(doubtful("km"), far)),
    h("dt", t("time")), h("dd", file.apart_s === null ? late : mark(doubtful("reported") && !doubtful("km") || doubtful("future") || Math.abs(file.apart_s) > 1800, late)),
    file.seconds > 0 && [h("dt", t("length")), h("dd", `${number(file.seconds, 1)} ${unit("s")}`)],
    h("dt", "SHA-256"), h("dd.hash", `${file.sha256.slice(0, 16)}…`),
  ];
}

const span = (seconds) => (seconds < 120 ? `${number(seconds)} ${unit("s")}` : seconds < 7200 ? `${number(seconds / 60)} ${unit("min")}` : seconds < 172800 ? `${number(seconds / 3600, 1)} ${unit("h")}` : `${number(seconds / 86400)} ${unit("d")}`);

function claim(item) {
  return h("dl.facts", h("dt", t("time")), h("dd", when(item.happened_at)),
    h("dt", t("place")), h("dd", item.address || degrees(item), item.address && h("small", ` ${degrees(item)}`)),
    h("dt", t("district")), h("dd", item.district || t("nobodys")),
    h("dt", t("received")), h("dd", when(item.received_at)));
}

function told(item) {
  return h("section.told", h("h2", t("who_told"), " ", h("span.count", number(item.told.length))), h("p.note", t("nobody_named")),
    h("ol", item.told.map((each) => h("li", h("time", { datetime: each.at }, when(each.at)), h("p", each.text || t("no_words"))))));
}

function proposals(item, files) {
  if (!item.proposed.length) return null;
  return h("section", h("h2", t("proposed_by_machine")), h("div.cards.small", item.proposed.map((proposal) =>
    h("button.proposal", { onclick: () => files.show(proposal.picture) },
      h("b", t(`rule.${proposal.rule}`)), h("span", `${number(proposal.after_s, 1)} ${unit("s")} · ${t(`cls.${proposal.cls || "thing"}`)}`),
      h("small", Object.entries(proposal.measured).map(([name, value]) => `${measure(name)} ${value}`).join("; ")),
      h("span.pill.needs_review", t("state.needs_review"))))));
}

// What looks at clips says what it cannot know in English sentences; here they are in the language of whoever reads.
const SENTENCES = [
  [/^a citizen's clip comes without /, "cannot.no_survey"],
  [/^there is no rule for it/, "cannot.no_rule"],
  [/^the camera was not held still/, "cannot.not_still"],
  [/^the camera was turned meanwhile/, "cannot.turned"],
  [/^whether the camera was held still cannot be told/, "cannot.stillness"],
  [/^a vehicle stood, but for a shorter time/, "cannot.stood_short"],
  [/^what others see of a file could not be made again/, "cannot.made_again"],
];

function sentence(text) {
  const [, about, rest] = /^([a-z_]+): (.+)$/.exec(text) || [null, "", text];
  const [, key] = SENTENCES.find(([known]) => known.test(rest)) || [];
  const told = key && spoken() !== "en" ? t(key) : rest;
  return about ? `${t(`service.${about}`)}: ${told}` : told;
}

function unknown(item) {
  return item.unknown.length > 0 && h("details", { open: true }, h("summary", t("cannot_be_known"), ` (${item.unknown.length})`), h("ul", item.unknown.map((text) => h("li", sentence(text)))));
}

function life(item) {
  return h("details", h("summary", t("decisions"), ` (${item.steps.length})`),
    h("ol.log", item.steps.map((step) => h("li", h("b", t(`report.${step.state}`)), " ", step.by === "machine" ? t("machine") : step.by, " ", h("small", when(step.at), " ", step.note)))));
}

function nearby({ nearby: all, cameras_saw: saw }) {
  if (!all) return h("section", h("h2", t("cameras_nearby")), h("p.note", t("nothing_nearby")));
  return h("section", h("h2", t("cameras_nearby"), " ", h("span.count", number(all))),
    h("ol.queue", saw.map((item) => h("li", h("a", { href: `#/${item.kind === "object" ? "objects" : "review"}/${item.id}` }, t(`rule.${item.rule}`)),
      item.kind === "violation" && summary(item), h("small", `${item.camera}, ${when(item.captured_at)}`)))),
    saw.length < all && h("p.note", `${t("others")}: ${all - saw.length}`));
}
