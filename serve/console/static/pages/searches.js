// Searches: cases and who authorised them, leads side by side, the blind second confirmation, the stop switch.

import { ask, post, put, shelf } from "../api.js";
import { fill, h, say } from "../dom.js";
import { why } from "../dialog.js";
import { patrolButton } from "../task.js";
import { degrees, metres, number, t, when } from "../words.js";

export async function open(main, { me, rest, signal }) {
  const [id] = rest;
  const context = { me, signal, faces: shelf() }; // each look is written down: no face outlives a visit to the page
  signal.addEventListener("abort", context.faces.clear);
  return id ? one(main, id, context) : list(main, context);
}

async function list(main, context) {
  const { me, signal } = context;
  const { items, stopped } = await ask("/cases", { signal });
  const can = (...roles) => roles.some((role) => me.roles.includes(role));
  const again = () => { list(main, context); };
  fill(main,
    h("h1", t("searches"), h("span.grow"),
      can("operator") && h("button.good", { onclick: () => draft(main, context) }, t("new_case")),
      stopped
        ? can("authoriser", "administrator") && h("button", { onclick: () => why(t("resume"), (text) => post("/searching/resume", { why: text }).then(again)) }, t("resume"))
        : can("operator", "authoriser", "administrator") && h("button.bad", { onclick: () => why(t("stop_switch"), (text) => post("/searching/stop", { why: text }).then(again)) }, t("stop_switch"))),
    stopped && h("p.banner", { role: "alert" }, t("stopped"), ": ", stopped),
    items.length
      ? h("div.scroll", h("table", h("thead", h("tr", ["case", "purpose", "state", "who", "place", "until"].map((k) => h("th", { scope: "col" }, t(k))))),
          h("tbody", items.map((c) => h("tr", h("td", h("a", { href: `#/searches/${c.id}` }, c.id)), h("td", t(`purpose.${c.purpose}`), c.urgent && h("span.pill.reconnecting", t("urgent"))),
            h("td", h(`span.pill.${c.state}`, t(`state.${c.state}`)), c.unsearched && h("span.pill.reconnecting", { title: c.unsearched }, t("unsearched"))), h("td", c.requester), h("td", [...c.districts, ...c.cameras].join(", ")), h("td", when(c.ends_at)))))))
      : h("p.empty", t("no_cases")));
}

async function one(main, id, context) {
  const { me, signal } = context;
  const found = await ask(`/cases/${id}`, { signal });
  context.version = found.version; // of what is shown, whoever tries again once somebody was faster
  const again = () => one(main, id, context);
  const step = (name, send) => why(t(name), async (text) => {
    try {
      await send(`/cases/${id}/${name}`, { why: text, version: context.version });
    } catch (error) {
      if (error.status === 409) await again();
      throw error;
    }
    again();
  });
  const authoriser = me.roles.includes("authoriser") && found.requester !== me.sub;
  const runs = me.roles.some((role) => ["operator", "authoriser"].includes(role));
  const authorised = found.steps.some((made) => made.deed === "authorised");
  const alive = ["draft", "authorised", "active"].includes(found.state);
  const buttons = [];
  if (authoriser && !authorised && ["draft", "active"].includes(found.state)) buttons.push(["authorise", post, "good"]);
  if (authoriser && alive) buttons.push(["reject", post, "bad"]);
  if (runs && (found.state === "authorised" || (found.state === "draft" && found.urgent))) buttons.push(["activate", put, "good"]);
  if (runs && alive) buttons.push(["close", put, ""]);
  const target = found.target.kind === "vehicle" ? h("span.plate", found.target.plate) : h("b", found.target.name);
  const routed = found.target.kind === "vehicle" && found.steps.some((step) => step.deed === "activated");
  const leads = h("section");
  const seen = found.last_seen;
  const photos = authoriser && alive && found.target.kind === "person" ? found.target.probes.map((probe) => photo(id, probe, context)) : [];
  const given = (key, value) => value && [h("dt", t(key)), h("dd", value)];
  fill(main,
    h("h1", h("a", { href: "#/searches" }, t("searches")), " / ", id, h(`span.pill.${found.state}`, t(`state.${found.state}`)), found.urgent && h("span.pill.reconnecting", t("urgent")), h("span.grow"),
      buttons.map(([name, send, kind]) => h(`button${kind && "." + kind}`, { onclick: () => step(name, send) }, t(name)))),
    found.unsearched && h("p.banner", { role: "alert" }, t("unsearched"), ": ", found.unsearched),
    h("dl.facts", h("dt", t("purpose")), h("dd", t(`purpose.${found.purpose}`)), h("dt", t(found.target.kind)), h("dd", target),
      h("dt", t("law")), h("dd", `${found.basis.law}, ${found.basis.document}`), h("dt", t("who")), h("dd", found.requester),
      h("dt", t("place")), h("dd", [...found.districts, ...found.cameras].join(", ")),
      h("dt", t("time")), h("dd", `${when(found.window.begins_at)} – ${when(found.window.ends_at)}`),
      given("registration", found.registration), given("impact_assessment", found.impact_assessment), given("field.alert_radius_m", metres(found.alert_radius_m)),
      given("field.last_seen", seen && `${degrees(seen)} ± ${metres(seen.radius_m)}, ${when(seen.at)}`),
      routed && [h("dt", t("route")), h("dd", h("a", { href: `/api/v1/cases/${id}/route`, download: `${id}.geojson` }, `${id}.geojson`))]),
    photos.length > 0 && h("div.photos", photos),
    h("section", h("h2", t("audit")), h("ol.log", found.steps.map((made) => h("li", h("b", t(`action.case.${made.deed}`)), " ", made.by, " ", h("small", when(made.at), " ", made.why || ""))))),
    leads);
  if (found.target.kind === "person" && !["draft", "rejected", "expired"].includes(found.state)) await showLeads(leads, id, context);
}

// Whoever says whether a search is lawful sees whom it is for; each look is written down.
function photo(id, probe, { faces }) {
  const image = h("img", { alt: t("probe") });
  faces.picture(`/api/v1/cases/${id}/photos/${probe}`).then((url) => { image.src = url; }, () => {});
  return h("figure", image, h("figcaption", t("probe")));
}

async function showLeads(place, id, context) {
  const { items } = await ask(`/cases/${id}/leads`, { signal: context.signal });
  const again = () => showLeads(place, id, context);
  fill(place, h("h2", t("leads"), " ", h("span.count", number(items.length))), h("p.note", t("lead_note")),
    items.length ? h("div.leads", items.map((view) => lead(view, context, again))) : h("p.empty", t("nothing_yet")));
}

function lead({ lead: found, own, others }, { me, faces }, again) {
  const pair = ["seen", "probe"].map((which) => {
    const image = h("img", { alt: t(which) });
    if (me.roles.some((role) => ["operator", "authoriser"].includes(role)) && found[`${which}_crop`])
      faces.picture(`/api/v1/leads/${found.id}/pictures/${which}`).then((url) => { image.src = url; }, () => {});
    return h("figure", image, h("figcaption", t(which)));
  });
  const answer = (what, body = {}) => post(`/leads/${found.id}/${what}`, body).then(() => { say(t("done")); again(); });
  const like = found.likeness;
  return h("article.lead", { "aria-label": `${t("leads")} ${found.camera}`, "data-key": found.id }, h("div.pair", pair),
    h("dl.facts.small", h("dt", t("camera")), h("dd", `${found.camera}, ${when(found.at)}`), h("dt", t("similarity")),
      h("dd", h("b", number(like.similarity, 2)), ` (${t("shown_from")} ${number(like.threshold, 2)})`),
      h("dt", t("as_alike")), h("dd", like.false_alarms < 0.001 ? `< ${number(0.001, 3)}` : number(like.false_alarms, 3)), h("dt", t("frames_agree")), h("dd", number(like.votes)),
      h("dt", t("state")), h("dd", t(`state.${found.state}`)), own && [h("dt", t("you_answered")), h("dd", t(`state.${own.verdict}`))],
      others.length > 0 && [h("dt", t("who")), h("dd", others.map((o) => `${o.by}: ${t(`state.${o.verdict}`)}`).join("; "))]),
    !own && ["lead", "confirmed_once"].includes(found.state) && h("div.steps", h("button.good", { onclick: () => answer("confirm") }, t("same_person")), h("button.bad", { onclick: () => answer("reject", { reason: "not_this_person" }) }, t("not_this_person"))),
    ["confirmed", "dispatched"].includes(found.state) && me.roles.some((role) => ["operator", "authoriser"].includes(role)) &&
      h("p", h("a", { href: `/api/v1/leads/${found.id}/package`, download: `evidence-${found.id}.zip` }, t("package"))),
    found.state === "confirmed" && h("div.steps", h("button.good", { onclick: () => answer("dispatch") }, t("dispatch"))),
    patrolButton("lead", found, me));
}

const local = (at) => new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
const base64 = (file) => new Promise((done, fail) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.split(",")[1]);
  reader.onerror = () => fail(reader.error);
  reader.readAsDataURL(file);
});

function draft(main, context) {
  const now = new Date();
  const labelled = (key, field) => h("label", t(key), field);
  const input = (name, more = {}) => h("input", { name, ...more });
  const form = h("form.draft", { onsubmit: send },
    labelled("purpose", h("select", { name: "purpose" }, ["missing_child", "missing_person", "victim_search", "wanted_by_court_order"].map((p) => h("option", { value: p }, t(`purpose.${p}`))))),
    labelled("law", input("law", { required: true })), labelled("document", input("document", { required: true })),
    labelled("person", input("person")), labelled("photos", input("photos", { type: "file", accept: "image/jpeg,image/png", multiple: true })),
    labelled("plate", input("plate")),
    labelled("districts", input("districts", { value: context.me.districts.filter((d) => d !== "*").join(", ") })),
    labelled("cameras", input("cameras")),
    labelled("from", input("from", { type: "datetime-local", required: true, value: local(now) })),
    labelled("until", input("until", { type: "datetime-local", required: true, value: local(new Date(now.getTime() + 86400e3)) })),
    labelled("radius_m", input("radius", { type: "number", min: 1, value: 1000 })),
    labelled("registration", input("registration")), labelled("impact_assessment", input("impact_assessment")),
    h("fieldset", h("legend", t("field.last_seen")),
      h("label", t("field.latitude"), input("latitude", { type: "number", step: "any", min: -90, max: 90 })), h("label", t("field.longitude"), input("longitude", { type: "number", step: "any", min: -180, max: 180 })),
      labelled("time", input("seen_at", { type: "datetime-local" })), labelled("radius_m", input("seen_radius", { type: "number", min: 1, value: 500 }))),
    h("label.check", input("urgent", { type: "checkbox" }), t("urgent")),
    h("p.bad", { role: "alert", hidden: true }),
    h("div.steps", h("button", { type: "button", onclick: () => list(main, context) }, t("cancel")), h("button.good", t("create"))));

  let busy = false; // two presses make one case
  let [asked, key] = ["", ""]; // as does the same draft that is tried again

  async function send(event) {
    event.preventDefault();
    if (busy) return;
    busy = true;
    await create().finally(() => { busy = false; });
  }

  async function create() {
    const data = new FormData(form);
    const photos = {};
    let n = 0;
    for (const file of data.getAll("photos")) if (file.size) photos[`p${++n}`] = await base64(file);
    const refuse = (why) => {
      const place = form.querySelector("[role=alert]");
      place.hidden = false;
      place.textContent = why;
    };
    if (!data.get("plate").trim() && !(data.get("person").trim() && n)) return refuse(t("whom_needed"));
    const iso = (name) => (data.get(name) ? new Date(data.get(name)).toISOString() : undefined);
    const amount = (name) => (data.get(name) ? Number(data.get(name)) : undefined);
    const names = (name) => data.get(name).split(/[\s,]+/).filter(Boolean);
    const seen = { latitude: amount("latitude"), longitude: amount("longitude"), at: iso("seen_at") }; // of which the API says what is missing
    try {
      const body = {
        purpose: data.get("purpose"), basis: { law: data.get("law"), document: data.get("document") }, person: data.get("person"), photos, plate: data.get("plate"),
        districts: names("districts"), cameras: names("cameras"), window: { begins_at: iso("from"), ends_at: iso("until") }, expires_at: iso("until"),
        alert_radius_m: Number(data.get("radius")), urgent: data.get("urgent") === "on", registration: data.get("registration"), impact_assessment: data.get("impact_assessment"),
      };
      if (Object.values(seen).some((part) => part !== undefined)) body.last_seen = { ...seen, radius_m: amount("seen_radius") };
      if (asked !== JSON.stringify(body)) [asked, key] = [JSON.stringify(body), crypto.randomUUID()];
      const made = await ask("/cases", { method: "POST", body, key });
      if (!context.signal.aborted) location.hash = `#/searches/${made.id}`;
    } catch (error) {
      refuse(error.message);
    }
  }
  fill(main, h("h1", t("new_case")), form);
  form.querySelector("select").focus();
}
