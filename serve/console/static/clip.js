// A clip as it was recorded. Not every browser plays what every camera sends (H.265, MPEG-4): then it says so, and the
// clip is still to be had.

import { Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { t } from "./words.js";

const FRAME_S = 1 / 25;

export function player(href, label = t("clip"), poster = null) {
  const video = h("video", { controls: true, playsinline: true, preload: "none", src: href, "aria-label": label });
  const element = h("div.player", video);
  video.addEventListener("error", async () => fill(element, await excuse(href)));
  poster?.then((url) => { video.poster = url; }, () => {});
  return {
    element,
    play: () => (video.paused ? video.play().catch(() => {}) : video.pause()), // why not is told where it stands
    step: (by) => {
      video.pause();
      video.currentTime = Math.max(0, video.currentTime + by * FRAME_S);
    },
  };
}

// Why it does not play: it is not there, or this browser cannot read it. What is here already was to be had.
async function excuse(href) {
  const answer = href.startsWith("blob:") ? { ok: true } : await fetch(href, { headers: { Range: "bytes=0-0" } }).catch(() => null);
  if (answer?.ok) return [h("p", t("clip_unplayable")), h("p", h("a", { href, download: "" }, t("clip_save")))];
  const why = new Problem(answer?.status || 0, (await answer?.json().catch(() => null)) || {});
  return h("p.bad", `${t("clip_away")}: ${why.message}`);
}
