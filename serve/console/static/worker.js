// A tablet in a car: the patrol's page opens without a connection, too. What is kept for that are the console's own files,
// and nothing else: no answer of the API, no picture and no name, as the tablet may be lost. The server writes VERSION and
// FILES before this (serve/console/routes.py); where a file changes, they do, and browsers take all of them anew.

const SHELL = `dome.shell.${VERSION}`;
const LATE_MS = 4000; // whoever has waited so long for a page has hardly a connection

// All of one version or none: who loses the connection meanwhile keeps what they had.
addEventListener("install", (event) => event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(FILES)).then(skipWaiting)));

addEventListener("activate", (event) => event.waitUntil(forget()));

async function forget() {
  for (const name of await caches.keys()) if (name !== SHELL) await caches.delete(name);
}

// Pages that were opened from here: what they need comes from here, too, or files of two versions would meet.
const kept = new Set();
const from = (path) => caches.match(path, { cacheName: SHELL });

addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin || !FILES.includes(pathname)) return;
  event.respondWith(event.request.mode === "navigate" ? opened(event, pathname) : got(event, pathname));
});

// From the server if it answers soon: it has what is newest.
async function opened({ request, resultingClientId }, path) {
  const late = new Promise((go) => setTimeout(go, LATE_MS));
  const answer = await Promise.race([fetch(request).catch(() => null), late]);
  const mine = answer?.ok ? null : await from(path);
  if (mine) kept.add(resultingClientId);
  return mine || answer || fetch(request);
}

async function got({ request, clientId }, path) {
  const mine = kept.has(clientId) && (await from(path));
  if (mine) return mine;
  const answer = await fetch(request).catch(() => null);
  return answer?.ok ? answer : (await from(path)) || answer || Response.error();
}
