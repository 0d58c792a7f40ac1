// As much of a browser as the console's pages need, with a clock and a network that a test sets.
//
// A page's timers stand still until `pass(ms)`; a request is answered by what `server` says of it: the answer's body, a
// `Response`, or a promise of one of them. `down()` is what a line that broke off does, `stalled()` what a dead one does.

class Element extends EventTarget {
  constructor(tag) {
    super();
    Object.assign(this, { tagName: tag.toUpperCase(), childNodes: [], parent: null, attributes: {}, dataset: {}, className: "", hidden: false, disabled: false, value: "", textContents: "" });
    this.style = { setProperty() {} };
    this.classList = { contains: (name) => this.className.split(" ").includes(name), toggle() {} };
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (["value", "src"].includes(name)) this[name] = value;
    if (["hidden", "disabled"].includes(name)) this[name] = true;
    if (name.startsWith("data-")) this.dataset[name.slice(5)] = String(value);
  }

  getAttribute(name) { return this.attributes[name] ?? null; }
  get children() { return this.childNodes.filter((node) => node instanceof Element); }
  get firstChild() { return this.childNodes[0] ?? null; }
  get lastChild() { return this.childNodes.at(-1) ?? null; }
  get lastElementChild() { return this.children.at(-1) ?? null; }
  get textContent() { return this.childNodes.map((node) => node.textContent ?? String(node)).join(""); }
  set textContent(text) { this.replaceChildren(text); }

  take(nodes) {
    for (const node of nodes) {
      if (!(node instanceof Element)) continue;
      node.remove();
      node.parent = this;
    }
    return nodes;
  }

  append(...nodes) { this.childNodes.push(...this.take(nodes)); }
  prepend(...nodes) { this.childNodes.unshift(...this.take(nodes)); }
  insertBefore(node, other) { this.take([node]); this.childNodes.splice(other ? this.childNodes.indexOf(other) : this.childNodes.length, 0, node); }
  replaceChildren(...nodes) { for (const child of this.children) child.remove(); this.childNodes = []; this.append(...nodes); }
  remove() {
    if (this.contains(focused)) focused = null; // also where it comes back at once
    if (this.parent) this.parent.childNodes = this.parent.childNodes.filter((node) => node !== this);
    this.parent = null;
  }

  contains(other) { for (; other; other = other.parent) if (other === this) return true; return false; }
  closest(selector) { let at = this; while (at && !at.matches(selector)) at = at.parent; return at ?? null; }
  all() { return this.children.flatMap((child) => [child, ...child.all()]); }
  querySelectorAll(selector) { return this.all().filter((element) => element.matches(selector)); }
  querySelector(selector) { return this.querySelectorAll(selector)[0] ?? null; }

  // tag, .class, [attribute] and [attribute=value], one element deep, and lists of them.
  matches(selector) {
    return selector.split(",").some((one) => {
      const parts = one.trim().match(/\.[\w-]+|\[[^\]]+\]|[\w-]+/g);
      return parts.every((part) => {
        if (part.startsWith(".")) return this.classList.contains(part.slice(1));
        if (!part.startsWith("[")) return this.tagName === part.toUpperCase();
        const [name, value] = part.slice(1, -1).replaceAll('"', "").split("=");
        return value === undefined ? name in this.attributes || (name === "open" && this.open) : this.attributes[name] === value;
      });
    });
  }

  focus() { if (!this.disabled && document.body.contains(this)) focused = this; }
  select() { this.focus(); }
  click() { if (!this.disabled) this.dispatchEvent(new Event("click")); }
  submit() { this.dispatchEvent(new Event("submit", { cancelable: true })); }
  decode() { return addresses.has(this.src) || this.src === "" ? Promise.resolve() : Promise.reject(new Error("no picture")); }
  showModal() { this.open = true; }
  close() { this.open = false; this.dispatchEvent(new Event("close")); }
  scrollIntoView() {}
  getBBox() { return { x: 0, y: 0, width: 1, height: 1 }; }
}

let focused = null;
const body = new Element("body");
const said = new Element("div");
export const main = new Element("main");
body.append(main, said);
export const page = new EventTarget();
const kept = {};

const set = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
set("document", {
  body, cookie: "", documentElement: {},
  createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag), getElementById: (id) => (id === "main" ? main : said),
  querySelector: (selector) => body.querySelector(selector), querySelectorAll: (selector) => body.querySelectorAll(selector),
  get activeElement() { return focused && body.contains(focused) ? focused : body; },
});
set("localStorage", Object.defineProperties(kept, {
  getItem: { value: (name) => kept[name] ?? null }, setItem: { value: (name, value) => { kept[name] = value; } },
  removeItem: { value: (name) => { delete kept[name]; } },
}));
kept["dome.language"] = "en";
// Where they are, which `stand` says to whoever watches.
const watchers = new Map();
set("navigator", { language: "en", userAgent: "", geolocation: {
  watchPosition: (tell, fail) => { watchers.set(++number, { tell, fail }); return number; }, clearWatch: (id) => watchers.delete(id),
} });
export const stand = (latitude, longitude) => watchers.forEach(({ tell }) => tell({ coords: { latitude, longitude } }));
export const hide = () => watchers.forEach(({ fail }) => fail({ code: 1, message: "not allowed" }));
export const watched = () => watchers.size;
set("location", { hash: "" });
set("history", { replaceState: (state, title, url) => { location.hash = url; } });
for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) set(name, page[name].bind(page));
set("FormData", class {
  constructor(form) { this.fields = form.querySelectorAll("input,select"); }
  get(name) { return this.fields.find((field) => field.attributes.name === name)?.value ?? null; }
  getAll() { return []; }
});

// The clock.
const START = Date.parse("2026-11-27T10:00:00Z");
let now = START;
let timers = [];
let number = 0;
function later(act, ms = 0, every = null) {
  timers.push({ id: ++number, at: now + ms, act, every });
  return number;
}
const real = setTimeout;
set("setTimeout", (act, ms) => later(act, ms));
set("setInterval", (act, ms) => later(act, ms, ms));
set("clearTimeout", (id) => { timers = timers.filter((timer) => timer.id !== id); });
set("clearInterval", clearTimeout);
Date.now = () => now;
AbortSignal.timeout = (ms) => {
  if (!Number.isInteger(ms)) throw new RangeError(`a whole number of milliseconds, not ${ms}`);
  const end = new AbortController();
  later(() => end.abort(), ms);
  return end.signal;
};

const settle = async () => { for (let n = 0; n < 8; n++) await new Promise((go) => setImmediate(go)); };
export async function pass(ms = 0) {
  const until = now + ms;
  await settle();
  for (;;) {
    timers.sort((a, b) => a.at - b.at);
    const [next] = timers;
    if (!next || next.at > until) break;
    timers.shift();
    now = Math.max(now, next.at);
    if (next.every) timers.push({ ...next, at: next.at + next.every });
    next.act();
    await settle();
  }
  now = until;
}

// The network. Addresses of pictures are good until somebody lets go of them.
const addresses = new Set();
export const good = (url) => addresses.has(url);
URL.createObjectURL = () => { const url = `blob:${++number}`; addresses.add(url); return url; };
URL.revokeObjectURL = (url) => addresses.delete(url);
export const asked = [];
let serve = () => ({});
export const server = (answers) => { serve = answers; };
export const down = () => Promise.reject(new TypeError("the line broke off"));
export const stalled = () => new Promise(() => {});
export const problem = (status, code, detail = "") => new Response(JSON.stringify({ code, detail }), { status });
set("fetch", (url, { method = "GET", body: text, signal, headers = {} } = {}) => new Promise((done, fail) => {
  const request = { method, url: url.replace("/api/v1", ""), body: text && JSON.parse(text), headers, at: now - START };
  const end = () => fail(new DOMException("aborted", "AbortError"));
  if (signal?.aborted) return end();
  asked.push(request);
  signal?.addEventListener("abort", end);
  const answer = (told) => {
    if (!(told instanceof Response)) return new Response(JSON.stringify(told));
    if (!told.body || !signal) return told;
    return new Response(told.body.pipeThrough(new TransformStream(), { signal }), told); // a signal ends what still comes, too
  };
  Promise.resolve(serve(request)).then((told) => done(answer(told)), fail);
}));

// What a person does.
export function key(code, more = {}) {
  const event = new Event("keydown", { cancelable: true });
  Object.assign(event, { code, key: code.replace(/^Key|^Digit/, ""), shiftKey: false, repeat: false, ...more });
  Object.defineProperty(event, "target", { value: document.activeElement });
  page.dispatchEvent(event);
}
export function enter(field, more = {}) {
  field.dispatchEvent(Object.assign(new Event("keydown"), { key: "Enter", ...more }));
}
export const button = (text) => body.querySelectorAll("button").find((each) => each.textContent.startsWith(text));
export const dialog = () => body.querySelector("dialog[open]");
export const hear = () => said.textContent;
export const posts = () => asked.filter(({ method }) => method === "POST");

const pages = ["audit", "cameras", "now", "objects", "patrol", "reports", "review", "searches"];
export const ready = () => Promise.all(pages.map((name) => import(`./pages/${name}.js`)));

// Opens a page as the frame does: what it was before is over.
let leave = new AbortController();
export async function go(name, me, ...rest) {
  leave.abort();
  leave = new AbortController();
  main.replaceChildren();
  const { open } = await import(`./pages/${name}.js`);
  return open(main, { me: { sub: "me", name: "", districts: ["esil"], ...me }, rest, signal: leave.signal });
}
export function away() {
  leave.abort();
  location.hash = "#/now";
  main.replaceChildren("elsewhere");
}

process.on("unhandledRejection", (error) => { if (error.name !== "AbortError") said.textContent = error.message; });
export const tell = (value) => { process.stdout.write(JSON.stringify(value), () => process.exit(0)); };
real(() => { console.error("the test has come to no end"); process.exit(1); }, 20000);
