// A patrol's tasks on a tablet: near me, one thumb for each step, and a connection that may fail at any time.

import { ask, comesBack, follow } from "../api.js";
import { why } from "../dialog.js";
import { fill, h, say } from "../dom.js";
import { number, t, when } from "../words.js";

const STEPS = { open: ["accept"], accepted: ["arrive", "resolve", "hand_over"], arrived: ["resolve", "hand_over"], resolved: [] };
const QUEUE = "dome.patrol.queue";
const AGAIN_MS = 5000;

// Steps wait here until they are sent, each with its own key: sent twice, it is taken once. The queue outlives the page.
const queue = {
  read: () => JSON.parse(localStorage.getItem(QUEUE) || "[]"),
  write: (rows) => localStorage.setItem(QUEUE, JSON.stringify(rows)),
  add: (row) => queue.write([...queue.read(), { ...row, key: crypto.randomUUID() }]),
};

async function send() {
  for (let rows = queue.read(); rows.length; rows = queue.read()) {
    const [{ path, body, key }] = rows;
    let answer;
    try {
      answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "Idempotency-Key": key }, body: JSON.stringify(body) });
    } catch {
      return false; // no connection: all of it stays, in order
    }
    if (answer.status >= 500 || comesBack(answer) !== null) return false;
    queue.write(queue.read().filter((row) => row.key !== key));
    if (!answer.ok) say((await answer.json().catch(() => ({}))).detail || String(answer.status), true);
  }
  return true;
}

export async function open(main, { me, signal }) {
  const list = h("div.cards");
  const waiting = h("p.banner", { hidden: true, role: "status" });
  let place = null;
  const near = h("button", { onclick: locate, "aria-pressed": "false" }, t("near_me"));
  fill(main, h("h1", t("patrol"), h("span.grow"), near), waiting, list);

  function locate() {
    if (place) {
      place = null;
      near.setAttribute("aria-pressed", "false");
      return load();
    }
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      place = coords;
      near.setAttribute("aria-pressed", "true");
      load();
    }, (error) => say(error.message, true));
  }

  async function load() {
    const rows = queue.read();
    waiting.hidden = !rows.length;
    waiting.textContent = `${t("queued")}: ${rows.length}`;
    const where = place ? `?latitude=${place.latitude}&longitude=${place.longitude}&radius_m=20000` : "";
    const { items } = await ask(`/patrol/tasks${where}`, { signal });
    fill(list, items.length ? items.map(card) : h("p.empty", t("no_tasks")));
  }

  async function step(task, name, note = "") {
    queue.add({ path: `/api/v1/patrol/tasks/${task.id}/${name}`, body: { version: task.version, note } });
    await send();
    await load().catch(() => {});
  }

  function card({ task, away_m }) {
    const mine = me.roles.includes("patrol") && (!task.holder || task.holder === me.sub);
    const act = (name) => (["resolve", "hand_over"].includes(name) ? why(t(name), (note) => step(task, name, note), t("what_found")) : step(task, name));
    return h("article.card", { "aria-label": `${t(`kind.${task.kind}`)} ${task.camera}` },
      h("header", h("h2", t(`kind.${task.kind}`)), h(`span.pill.${task.state}`, t(`state.${task.state}`)), away_m !== null && h("span.count", away_m < 1000 ? `${number(away_m)} m` : `${number(away_m / 1000, 1)} km`)),
      task.text && h("p", task.text),
      h("dl.facts.small", h("dt", t("camera")), h("dd", `${task.camera}, ${task.district}`), h("dt", t("time")), h("dd", when(task.made_at)),
        task.holder && [h("dt", t("who")), h("dd", task.holder)], task.note && [h("dt", t("reason")), h("dd", task.note)]),
      mine && h("div.steps", STEPS[task.state].map((name) => h(name === "hand_over" ? "button" : "button.good.big", { onclick: () => act(name) }, t(name)))));
  }

  await send();
  await load();
  const timer = setInterval(async () => { if (queue.read().length && (await send())) load(); }, AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  follow("type=dome.patrol.task.", (event) => event && load().catch(() => {}), signal);
}
