// The API, as a browser with a session asks it.

const BASE = "/api/v1";

export class Problem extends Error {
  constructor(status, body) {
    const fields = (body.errors || []).map((e) => `${e.field}: ${e.detail || e.expected || ""}`);
    super([body.detail || body.title || `HTTP ${status}`, ...fields].join("; "));
    this.status = status;
  }
}

export async function ask(path, { method = "GET", body, signal, raw = false } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID();
  const url = path.startsWith("/") && !path.startsWith(BASE) && !path.startsWith("/console") ? BASE + path : path;
  const answer = await fetch(url, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Problem(answer.status, told);
  }
  if (raw) return answer;
  return answer.status === 204 ? null : answer.json();
}

export const post = (path, body = {}) => ask(path, { method: "POST", body });
export const put = (path, body = {}) => ask(path, { method: "PUT", body });

const kept = new Map(); // pictures by address, so that the next case is on the screen at once
const MOST = 60;

export function picture(href) {
  if (!kept.has(href)) {
    const coming = ask(href, { raw: true }).then((a) => a.blob()).then((blob) => URL.createObjectURL(blob));
    coming.catch(() => kept.delete(href));
    kept.set(href, coming);
    if (kept.size > MOST) {
      const [oldest, url] = kept.entries().next().value;
      kept.delete(oldest);
      url.then(URL.revokeObjectURL, () => {});
    }
  }
  return kept.get(href);
}

// Events as they are written. Comes back by itself and goes on behind the last event seen: none missed, none twice.
export async function follow(query, onEvent, signal, after = "") {
  let last = after;
  let pause = 500;
  while (!signal.aborted) {
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const answer = await fetch(`${BASE}/alerts/stream?${query}`, { headers, signal });
      if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
      pause = 500;
      onEvent(null, "open");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
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
    }
    onEvent(null, "away");
    await new Promise((go) => setTimeout(go, pause));
    pause = Math.min(pause * 2, 15000);
  }
}
