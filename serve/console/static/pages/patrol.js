// A patrol's tasks on a phone or tablet: near me, one thumb for each step, and a connection that may fail at any time.

import { ANSWER_MS, ask, comesBack, follow, Problem, within } from "../api.js";
import { why } from "../dialog.js";
import { fill, h, say } from "../dom.js";
import { degrees, metres, t, when } from "../words.js";

const STEPS = { open: ["accept"], accepted: ["arrive", "resolve", "hand_over"], arrived: ["resolve", "hand_over"], resolved: [], ended: ["resolve"] };
const AFTER = { accept: "accepted", arrive: "arrived", resolve: "resolved", hand_over: "open" };
const AGAIN_MS = 5000;
const MOVED_M = 100; // whoever has driven on so far is measured, and called, from there
const over = ({ status }) => status >= 400 && status < 500 && status !== 429; // asked again it would be the same
const NOT_NOW = [401, 403, 408, 425, 429]; // says nothing of the step: who signs in again, or waits, has it taken

// A person's steps wait here until they are sent, each with its own key: sent twice, it is taken once. The queue outlives
// the page, and is nobody's but theirs: whoever signs in on the same tablet sends nothing of it.
const QUEUE = "dome.patrol.queue.";

function queueOf(sub) {
  const name = QUEUE + sub;
  const queue = {
    read: () => JSON.parse(localStorage.getItem(name) || "[]"),
    write: (rows) => localStorage.setItem(name, JSON.stringify(rows)),
    add: (row) => queue.write([...queue.read(), { ...row, key: crypto.randomUUID() }]),
  };
  return queue;
}

// Whether they want to see what is near: it outlives the page, so that whoever opens it again is called. Theirs alone, too.
const NEAR = "dome.patrol.near.";

const RADIAN = Math.PI / 180;
// From one place to another that is not far, m.
function apart_m(one, other) {
  const north = other.latitude - one.latitude;
  const east = (other.longitude - one.longitude) * Math.cos(one.latitude * RADIAN);
  return Math.hypot(north, east) * RADIAN * 6371000;
}

// How many steps wait on this device, whosoever: told while it cannot be known who is there.
export function unsent() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(QUEUE));
  return names.reduce((count, name) => count + JSON.parse(localStorage.getItem(name)).length, 0);
}

// A task as it will be once its waiting steps are taken, so that the next one can wait, too.
function ahead(task, rows, sub) {
  for (const { id, name, body } of rows) {
    if (id !== task.id || body.version !== task.version) continue;
    task = { ...task, unsent: true, state: AFTER[name], holder: name === "hand_over" ? "" : sub, note: body.note, version: task.version + 1 };
  }
  return task;
}

// One sends at a time: a second step taken while the first is on its way must not send the first again.
let sending = Promise.resolve();
let line = new AbortController(); // what is under way over one connection does not wait for it once there is another
function send(...what) { // queue, signal, taken, refused
  const sent = sending.then(() => sendAll(...what));
  sending = sent.catch(() => {});
  return sent;
}

// Sends what waits until somebody leaves the page or it cannot be sent now; hands on each task as it is then, and each
// step that was not taken.
async function sendAll(queue, signal, taken, refused) {
  for (let rows = queue.read(); rows.length && !signal.aborted; rows = queue.read()) {
    const [{ name, path, body, key }] = rows;
    let answer;
    try {
      answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "Idempotency-Key": key }, body: JSON.stringify(body), signal: within(ANSWER_MS, line.signal) });
    } catch {
      return false; // no connection: all of it stays, in order
    }
    if (answer.status === 401) throw new Problem(401, {}); // the page asks who it is
    if (answer.status >= 500 || NOT_NOW.includes(answer.status) || comesBack(answer) !== null) return false;
    queue.write(queue.read().filter((row) => row.key !== key));
    if (answer.ok) taken(await answer.json());
    else refused(name, new Problem(answer.status, await answer.json().catch(() => ({}))));
  }
  return true;
}

// Android gives geo: to whatever map is there. Elsewhere nothing takes it: the degrees are copied into one.
function whereTo(task) {
  const at = `${task.latitude},${task.longitude}`;
  if (/Android/.test(navigator.userAgent)) return h("a", { href: `geo:${at}?q=${at}` }, degrees(task));
  const copy = () => navigator.clipboard.writeText(degrees(task)).then(() => say(t("copied")), (error) => say(error.message, true));
  return [degrees(task), " ", navigator.clipboard && h("button.quiet", { onclick: copy }, t("copy"))];
}

const named = ({ kind, camera }, by = ", ") => [t(`kind.${kind}`), camera].filter(Boolean).join(by); // a report has no camera

// Whom or what a patrol looks for: fetched once it has accepted the task, kept nowhere but on this page, and let go of as soon as
// the task is out of its hands. Each look is written down, so no picture is fetched twice.
function picturesOf(signal) {
  const kept = new Map(); // by task: the element, and the addresses to let go of

  async function put(task, path, raw, entry, show) {
    while (kept.get(task.id) === entry) {
      try {
        const answer = await ask(`/patrol/tasks/${task.id}/${path}`, { raw, signal });
        const got = raw ? await answer.blob() : answer;
        if (kept.get(task.id) === entry) show(got);
        return;
      } catch (error) {
        if (over(error)) return; // the page hears of it
        await new Promise((go) => setTimeout(go, AGAIN_MS)); // no connection, or not now
      }
    }
  }

  function drop(id) {
    kept.get(id).urls.forEach((url) => URL.revokeObjectURL(url));
    kept.delete(id);
  }

  function figure(task, which, label, entry) {
    const image = h("img", { alt: `${t(which)}: ${label}` });
    put(task, `pictures/${which}`, true, entry, (blob) => {
      image.src = URL.createObjectURL(blob);
      entry.urls.push(image.src);
    });
    return h("figure", image, h("figcaption", t(which)));
  }

  function whom(task, entry) {
    const label = t("looked_for");
    return h("div.pair", { role: "group", "aria-label": label }, ["seen", "probe"].map((which) => figure(task, which, label, entry)));
  }

  function what(task, entry) {
    const label = t(`kind.${task.kind}`);
    const element = h("div", { role: "group", "aria-label": label });
    put(task, "seen", false, entry, (seen) => fill(element,
      seen.picture && h("div.pair", figure(task, "seen", label, entry)),
      h("dl.facts.small", task.kind === "report" ? claim(seen) : vehicle(seen))));
    return element;
  }

  const vehicle = ({ what, at, vehicle, plate }) => [h("dt", t("rule")), h("dd", `${t(`rule.${what}`)}, ${when(at)}`),
    h("dt", t("plate")), h("dd", plate ? plate.text : t("unread")), vehicle && [h("dt", t("vehicle")), h("dd", t(`cls.${vehicle}`))]];

  const claim = ({ what, at, text, address }) => [h("dt", t("kind.report")), h("dd", `${t(`service.${what}`)}, ${when(at)}`, text && h("p", text)),
    address && [h("dt", t("place")), h("dd", address)]];

  function of(task) {
    if (!kept.has(task.id)) {
      const entry = { urls: [] };
      kept.set(task.id, entry);
      entry.element = task.kind === "lead" ? whom(task, entry) : what(task, entry);
    }
    return kept.get(task.id).element;
  }

  const keep = (ids) => [...kept.keys()].filter((id) => !ids.includes(id)).forEach(drop);
  signal.addEventListener("abort", () => keep([]));
  return { of, keep };
}

export async function open(main, { me, signal }) {
  navigator.serviceWorker?.register("/console/worker.js", { scope: "/console" }).catch(() => {}); // so that it opens without a connection
  const queue = queueOf(me.sub);
  const pictures = picturesOf(signal);
  let rows = null;
  const list = h("div.cards");
  const link = h("span.link", t("away"));
  const waiting = h("p.banner.waits", { hidden: true, role: "status" });
  const missed = h("p.banner", { hidden: true, role: "alert" });
  const called = h("p.banner.called", { hidden: true, role: "alert" });
  const ended = h("p.banner", { hidden: true, role: "alert" });
  let heard = new Set(); // calls that were told: whoever is called is told once
  let place = null; // where they are
  let measured = null; // where they were when the list was asked for
  let watch = null;
  const near = h("button", { onclick: () => (watch === null ? locate() : unlocate()), "aria-pressed": "false" }, t("near_me"));
  fill(main, h("h1", t("patrol"), link, h("span.grow"), near), called, ended, missed, waiting, list);

  const movedOn = () => place && (!measured || apart_m(measured, place) >= MOVED_M);

  function locate() {
    near.setAttribute("aria-pressed", "true");
    localStorage.setItem(NEAR + me.sub, "1");
    watch = navigator.geolocation.watchPosition(({ coords }) => {
      const first = !place;
      place = coords;
      if (first) catchUp();
    }, (error) => {
      say(error.message, true);
      if (error.code === 1) unlocate(); // they, or the tablet, allow it no more
    }, { enableHighAccuracy: true });
  }

  function unlocate() {
    navigator.geolocation.clearWatch(watch);
    localStorage.removeItem(NEAR + me.sub);
    near.setAttribute("aria-pressed", "false");
    watch = place = null;
    return catchUp();
  }

  function draw() {
    const steps = queue.read();
    waiting.hidden = !steps.length;
    waiting.textContent = `${t("queued")}: ${steps.length} (${steps.map(({ name }) => t(name)).join(", ")})`;
    if (!rows) return;
    const all = rows.map((row) => ({ ...row, now: ahead(row.task, steps, me.sub) }));
    const shown = [...all.filter(({ now }) => now.state !== "resolved"), ...all.filter(({ now }) => now.state === "resolved")];
    pictures.keep(shown.filter(onTheWay).map(({ task }) => task.id));
    fill(list, shown.length ? shown.map((row) => card(row.now, row)) : h("p.empty", t("no_tasks")));
  }

  // As the API has it, and as it will be: a step that waits to be sent opens nothing, and closes at once.
  function onTheWay({ task, now }) {
    return ["lead", "violation", "report"].includes(task.kind) && me.roles.includes("patrol") && [task, now].every(({ state, holder }) => ["accepted", "arrived"].includes(state) && holder === me.sub);
  }

  // A patrol within the radius of a case is called, as long as nobody is on the way.
  function call() {
    const calls = rows.filter((row) => row.calls);
    called.hidden = !calls.length;
    const text = calls.map(({ task, away_m }) => `${t("you_are_called")}: ${named(task)}, ${metres(away_m)}`).join("; ");
    if (called.textContent !== text) called.textContent = text; // what is said once is read out once
    if (calls.some(({ task }) => !heard.has(task.id)) && navigator.vibrate) navigator.vibrate([300, 150, 300]);
    heard = new Set(calls.map(({ task }) => task.id));
  }

  // Who is on the way reads why nobody goes any more, and says what they found.
  function tell() {
    const own = rows.filter(({ task }) => task.state === "ended" && task.holder === me.sub);
    ended.hidden = !own.length;
    const text = own.map(({ task }) => `${t("task_ended")}: ${named(task)}, ${t(`ended.${task.ended}`)}`).join("; ");
    if (ended.textContent !== text) ended.textContent = text;
  }

  function taken(task) {
    rows = rows && rows.map((row) => (row.task.id === task.id && row.task.version < task.version ? { ...row, task } : row));
    draw();
  }

  function linked(open) {
    link.className = `link ${open ? "open" : "away"}`;
    link.textContent = t(open ? "live" : "away");
  }

  // Told until the next step: who was on the road when it was refused reads it once they stop.
  function refused(name, problem) {
    missed.hidden = false;
    missed.textContent = `${t("not_taken")}: ${t(name)}. ${problem.message}`;
    if (signal.aborted) say(missed.textContent, true); // they have left the page
  }

  async function load() {
    draw();
    const from = measured = place;
    const where = from ? `?latitude=${from.latitude}&longitude=${from.longitude}&radius_m=20000` : "";
    const got = await ask(`/patrol/tasks${where}`, { signal }).catch((error) => { measured = null; throw error; });
    if (measured !== from) return; // it was asked for from elsewhere meanwhile
    rows = got.items;
    linked(true);
    call();
    tell();
    draw();
  }

  async function step(task, name, note = "") {
    missed.hidden = true;
    queue.add({ id: task.id, name, path: `/api/v1/patrol/tasks/${task.id}/${name}`, body: { version: task.version, note } });
    draw();
    await catchUp();
  }

  function card(task, row) {
    const { away_m, calls } = row;
    const mine = me.roles.includes("patrol") && (task.state === "open" || task.holder === me.sub);
    const act = (name) => (["resolve", "hand_over"].includes(name) ? why(t(name), (note) => { step(task, name, note); }, t(`ask.${name}`)) : step(task, name));
    return h(`article.card${calls ? ".calls" : ""}`, { "aria-label": named(task, " "), "data-key": task.id },
      h("header", h("h2", t(`kind.${task.kind}`)), task.first && h("span.pill.first", t("purpose.missing_child")), h(`span.pill.${task.state}`, t(`state.${task.state}`)), task.unsent && h("span.pill.unsent", t("unsent")), away_m !== null && h("span.count", metres(away_m))),
      task.text && h("p.asked", task.text),
      onTheWay(row) && pictures.of(row.task),
      h("dl.facts.small", h("dt", t(task.camera ? "camera" : "district")), h("dd", [task.camera, task.district].filter(Boolean).join(", ")),
        task.latitude !== null && [h("dt", t("place")), h("dd", whereTo(task))],
        h("dt", t("time")), h("dd", when(task.made_at)),
        task.radius_m && [h("dt", t("calls_within")), h("dd", metres(task.radius_m))],
        task.holder && [h("dt", t("who")), h("dd", task.holder)], task.ended && [h("dt", t("task_ended")), h("dd", t(`ended.${task.ended}`))], task.note && [h("dt", t("note")), h("dd", task.note)]),
      task.kind === "object" && h("p", h("a", { href: `#/objects/${task.about}` }, t("look"))),
      mine && h("div.steps", STEPS[task.state].map((name, i) => h(i ? "button.big" : "button.good.big", { onclick: () => act(name) }, t(name)))));
  }

  // What waits is sent and what there is is read, now and, where that cannot be, as soon as it can.
  async function catchUp() {
    try {
      const all = await send(queue, signal, taken, refused);
      if (!all) linked(false);
      if (all || !rows) await load();
    } catch (error) {
      if (over(error)) throw error;
      linked(false);
    }
  }

  const timer = setInterval(() => (queue.read().length > 0 || !rows || movedOn()) && catchUp(), AGAIN_MS);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    if (watch !== null) navigator.geolocation.clearWatch(watch);
  });
  addEventListener("offline", () => linked(false), { signal }); // long before a silent stream is given up
  addEventListener("online", () => {
    line.abort();
    line = new AbortController();
    catchUp();
  }, { signal });
  follow("type=dome.patrol.task.", (event, what) => {
    if (what === "away") linked(false);
    else load().catch(() => {});
  }, signal);
  if (localStorage.getItem(NEAR + me.sub)) locate();
  await catchUp();
}
