// The frame: who is signed in, which page is shown, the keys that work everywhere.

import { Problem, ask, pictures } from "./api.js";
import { fill, h, say, s } from "./dom.js";
import { ours, showKeys } from "./keys.js";
import { LANGUAGES, speak, spoken, t } from "./words.js";

const PAGES = {
  now: ["operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator"],
  review: ["operator", "reviewer", "authoriser", "auditor", "analyst"],
  searches: ["operator", "authoriser", "auditor"],
  objects: ["operator", "patrol", "analyst", "auditor"],
  reports: ["operator", "reviewer", "auditor"],
  patrol: ["patrol", "operator"],
  cameras: ["operator", "reviewer", "authoriser", "patrol", "analyst", "auditor", "administrator"],
  audit: ["auditor"],
};

const main = document.getElementById("main");
const top = document.getElementById("top");
const AGAIN_MS = 3000;
let me; // undefined until it is known, null if it is nobody
let leave = new AbortController();
let notIn = ""; // why whoever has come back from the issuer is not signed in, as a code

const mine = () => Object.keys(PAGES).filter((page) => PAGES[page].some((role) => me.roles.includes(role)));
const wanted = () => location.hash.slice(2).split("/");

function frame() {
  document.getElementById("skip").textContent = t("skip");
  document.documentElement.lang = spoken();
  const [page] = wanted();
  const languages = h(
    "select",
    { "aria-label": t("language"), onchange: (e) => { speak(e.target.value); show(); } },
    Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, selected: code === spoken() }, name)),
  );
  fill(
    top,
    h("a.brand", { href: "#/now", "aria-label": "Digital Dome" }, h("img", { src: "/console/dome.svg", alt: "" }), h("b", "Digital Dome")),
    me && h("nav", { "aria-label": "Digital Dome" }, mine().map((name, i) =>
      h("a", { href: `#/${name}`, "aria-current": name === page && "page", title: `${i + 1}` }, t(name)))),
    h("span.grow"),
    languages,
    me && h("span.who", me.name || me.sub, h("small", [...me.roles].sort().map((role) => t(`role.${role}`)).join(", "))),
    me && h("button.quiet", { onclick: signOut }, t("sign_out")),
  );
  // On a phone the pages stand in one row: the one that is shown comes into sight.
  top.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  frame();
  if (me === undefined) return;
  if (!me) return signIn();
  const [page, ...rest] = wanted();
  if (!mine().includes(page)) {
    if (PAGES[page]) fill(main, h("p.empty", t("not_yours")));
    else location.replace(`#/${mine()[0] || "now"}`);
    return;
  }
  document.title = `${t(page)} · Digital Dome`;
  try {
    const { open } = await import(`/console/pages/${page}.js`);
    if (signal.aborted) return; // another page was asked for meanwhile
    fill(main);
    await open(main, { me, rest, signal });
  } catch (error) {
    if (error.status === 401) return forget();
    if (!signal.aborted) fill(main, h("p.empty.bad", { role: "alert" }, error.message));
  }
}

const BACK = "dome.back"; // the page that somebody wanted before they went to the issuer

// At the issuer, where there is one; else by a token.
async function signIn(told = notIn && new Problem(400, { code: notIn }).message) {
  document.title = `${t("sign_in")} · Digital Dome`;
  const door = await ask("/console/session").catch(({ message }) => ({ away: message }));
  if (me) return; // somebody has come by a link meanwhile
  const wrong = (words) => words && h("p.bad", { role: "alert" }, words);
  const panel = (...rest) => fill(main, h("div.sign-in", h("h1", "Digital Dome"), ...rest));
  if (door.away) return panel(wrong(door.away), h("button.good", { onclick: () => signIn(told) }, t("sign_in")));
  if (door.issuer) {
    if (location.hash.startsWith("#/")) sessionStorage.setItem(BACK, location.hash);
    const there = h("a", { href: "/console/login" }, t("sign_in"));
    panel(h("p.note", `${t("sign_in_at")} ${new URL(door.issuer).host}`), wrong(told), there);
    return there.focus();
  }
  const field = h("input", { id: "token", name: "token", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const form = h(
    "form.sign-in",
    { onsubmit: (event) => { event.preventDefault(); enter(field.value.trim()); } },
    h("h1", "Digital Dome"),
    h("label", { for: "token" }, t("token")),
    field,
    h("p.note", t("token_help")),
    wrong(told),
    h("button.good", t("sign_in")),
  );
  fill(main, form);
  field.focus();
}

async function enter(token) {
  try {
    const person = await ask("/console/session", { method: "POST", body: { token } });
    if (!location.hash.startsWith("#/")) history.replaceState(null, "", "/console#/now");
    become(person);
  } catch (error) {
    signIn(error.message);
  }
}

const LEFT = "dome.left"; // other tabs hear of it: their cookie was the same

async function signOut() {
  let at;
  try {
    ({ at } = await ask("/console/session", { method: "DELETE" }));
  } catch (error) {
    return say(error.message, true); // the session is still there: whoever comes next would be they
  }
  localStorage.setItem(LEFT, String(Date.now()));
  forget();
  if (at) location.assign(at);
}

addEventListener("storage", ({ key }) => { if (key === LEFT && me) forget(); });

// Whoever was signed in before leaves no picture behind: the next one asks for their own, and that is written down.
function become(person) {
  pictures.clear();
  me = person;
  if (me) notIn = "";
  show();
}

const forget = () => become(null);

addEventListener("hashchange", () => arrive() || show());
addEventListener("keydown", (event) => {
  if (!me || !ours(event)) return;
  const page = event.shiftKey && event.code.startsWith("Digit") && mine()[Number(event.code.replace("Digit", "")) - 1];
  if (page) location.hash = `#/${page}`;
  else if (event.key === "?" || event.code === "Slash") keys(event);
});
addEventListener("keys", keys);

// By its place on the keyboard, as all other keys, and by its sign: in Russian "?" is typed elsewhere.
function keys(event) {
  event.preventDefault(); // some browsers search in the page
  showKeys(mine());
}

addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name === "AbortError") event.preventDefault(); // of a page that was left: nobody waits for its answers
  else if (event.reason?.status === 401) forget();
  else say(event.reason?.message || String(event.reason), true);
});

// Whoever comes by a link that signs in, also into a page that is open already as somebody else's.
function arrive() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return null;
  history.replaceState(null, "", "/console"); // a token does not stay in the address, nor in the history
  return enter(given);
}

// Whoever comes from the issuer: to the page that they wanted, or to why they are not in.
async function begin() {
  notIn = new URLSearchParams(location.hash.slice(1)).get("not-in") || "";
  if (notIn) history.replaceState(null, "", "/console");
  const person = await known();
  const back = sessionStorage.getItem(BACK);
  if (person && back && !location.hash) history.replaceState(null, "", `/console${back}`);
  if (person) sessionStorage.removeItem(BACK);
  become(person);
}

await (arrive() || begin());

// Who is signed in. That is asked until there is an answer: without a connection a patrol reads here what is not sent yet.
async function known() {
  for (;;) {
    try {
      return await ask("/me", { again: false });
    } catch ({ status }) {
      if (status && status < 500 && status !== 429) return null;
    }
    const { unsent } = await import("/console/pages/patrol.js").catch(() => ({ unsent: () => 0 }));
    frame();
    fill(main, h("p.empty", { role: "status" }, t("away")), unsent() > 0 && h("p.banner.waits", `${t("queued")}: ${unsent()}`));
    await new Promise((go) => setTimeout(go, AGAIN_MS));
  }
}
