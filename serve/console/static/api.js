// The API, as a browser with a session asks it.

import { said, spoken } from "./words.js";

const BASE = "/api/v1";

// A field by the word that its label says; as it is called where it has none.
const label = (path) => path.split(".").reverse().map((name) => said(`field.${name}`) || said(name)).find(Boolean) || path;

export class Problem extends Error {
  constructor(status, body) {
    super(explained(status, body));
    this.status = status;
    this.code = body.code;
  }
}

// The API explains itself in English. Others get the page's own words: for the code, or at least for the status; what
// they could mend, and a status alone does not say, stands behind them as it is.
function explained(status, { code, detail = "", errors = [] }) {
  const own = said(`problem.${code}`);
  const words = own || said(`problem.${status}`) || said(`problem.${status < 500 ? 409 : 500}`);
  if (spoken() === "en") return [detail || words, ...errors.map((e) => `${e.field}: ${e.detail || e.expected || ""}`)].join("; ");
  const fields = errors.map((e) => label(e.field)).join(", ");
  const more = !own && detail && [409, 422].includes(status) ? ` (${detail})` : "";
  return words + (fields && `: ${fields}`) + more;
}

// Ends with the first of two signals.
export const either = (one, other) => (AbortSignal.any ? AbortSignal.any([one, other]) : one);

// Some lines are dead and do not say so. What has not come after so long does not come any more; files may take longer,
// and what is sent takes its time, too, over a line of 128 kbit/s.
export const ANSWER_MS = 15000;
const FILE_MS = 300000;
const SENT_PER_MS = 16; // bytes
const SILENT_MS = 40000; // the live stream beats every 15 s
export const within = (ms, signal) => (signal ? either(signal, AbortSignal.timeout(ms)) : AbortSignal.timeout(ms));

const AGAIN = [409, 429, 503]; // with Retry-After: nothing is wrong with what was asked
const READ_MS = 6000;
const WRITE_MS = 20000; // whoever died while it worked on a write holds its key for a quarter of a minute

// A write keeps its key however often it is sent, so that it is done once. `again: false` for those who try by themselves.
export async function ask(path, { method = "GET", body, signal, raw = false, again = true, key = crypto.randomUUID() } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["Idempotency-Key"] = key;
  const url = path.startsWith("/") && !path.startsWith(BASE) && !path.startsWith("/console") ? BASE + path : path;
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const until = Date.now() + (again ? (method === "GET" ? READ_MS : WRITE_MS) : 0);
  for (;;) {
    const patience = raw ? FILE_MS : ANSWER_MS + Math.ceil((sent?.length || 0) / SENT_PER_MS);
    const { answer, told } = await whole(url, { method, headers, body: sent, signal: within(patience, signal) }, raw).catch((error) => {
      if (signal?.aborted) throw error;
      if (Date.now() + 1000 > until) throw new Problem(0, {});
      return {}; // the connection broke off
    });
    if (answer?.ok) return told;
    const wait = answer ? comesBack(answer) : 1000;
    if (answer && (wait === null || Date.now() + wait > until)) throw new Problem(answer.status, told);
    await new Promise((go) => setTimeout(go, wait));
  }
}

// An answer with what it tells; files are read by whoever asked for them.
async function whole(url, asked, raw) {
  const answer = await fetch(url, asked);
  if (!answer.ok) return { answer, told: await answer.json().catch(() => ({})) };
  return { answer, told: raw ? answer : answer.status === 204 ? null : await answer.json() };
}

// When to send the same again, in ms; null where that would not help.
export function comesBack(answer) {
  const after = answer.headers.get("Retry-After");
  return AGAIN.includes(answer.status) && after !== null ? 1000 * Number(after) : null;
}

export const post = (path, body = {}) => ask(path, { method: "POST", body });
export const put = (path, body = {}) => ask(path, { method: "PUT", body });

const MOST = 60;

// Pictures by address, each fetched once until it is let go of; the oldest go by themselves, once no page shows them.
export function shelf() {
  const kept = new Map();
  const here = new Map(); // the addresses of those that have come

  function drop(href) {
    kept.get(href).then(URL.revokeObjectURL, () => {});
    kept.delete(href);
    here.delete(href);
  }

  function clearUp() {
    const shown = new Set([...document.querySelectorAll("img,video,image")].flatMap((each) => [each.src, each.poster, each.getAttribute("href")]));
    const spare = [...here].filter(([, url]) => !shown.has(url)).map(([href]) => href);
    spare.slice(0, Math.max(0, kept.size - MOST)).forEach(drop);
  }

  function picture(href) {
    if (!kept.has(href)) {
      const coming = ask(href, { raw: true }).then((a) => a.blob()).then((blob) => URL.createObjectURL(blob));
      kept.set(href, coming);
      const mine = () => kept.get(href) === coming;
      coming.then((url) => mine() && here.set(href, url), () => mine() && kept.delete(href));
      if (kept.size > MOST) setTimeout(clearUp); // not before those that have just come stand on the page
    }
    return kept.get(href);
  }

  return { picture, clear: () => [...kept.keys()].forEach(drop) };
}

// Those of all pages, so that the next case is on the screen at once: cleared where somebody else signs in.
export const pictures = shelf();
export const { picture } = pictures;

// Events as they are written. Comes back by itself and goes on behind the last event seen: none missed, none twice.
export async function follow(query, onEvent, signal, after = "") {
  let last = after;
  let pause = 500;
  while (!signal.aborted) {
    const silent = new AbortController();
    let watch;
    const heard = () => { clearTimeout(watch); watch = setTimeout(() => silent.abort(), SILENT_MS); };
    try {
      heard();
      const headers = last ? { "Last-Event-ID": last } : {};
      const answer = await fetch(`${BASE}/alerts/stream?${query}`, { headers, signal: either(signal, silent.signal) });
      if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
      pause = 500;
      onEvent(null, "open");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        heard();
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
          if (fields.id) last = fields.id;
          if (fields.data) onEvent(JSON.parse(fields.data), fields.event);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401 || error.status === 403) throw error;
    } finally {
      clearTimeout(watch);
    }
    onEvent(null, "away");
    await new Promise((go) => setTimeout(go, pause));
    pause = Math.min(pause * 2, 15000);
  }
}
