// A picture in which one thing is meant: boxed where it stands and, where it is small, shown larger in a corner.

import { picture } from "./api.js";
import { h, s } from "./dom.js";

const SMALL = 0.3; // of the picture's width or height: a thing that fills more needs no second look
const INSET = 0.34; // of the picture's width and height
const ROOM = 1.8; // the inset shows that many times the thing, so that it is seen what it stands on
const FEWEST_PX = 24; // a thing of three pixels is not blown up until it fills the inset

// The picture at an address, with a box (xyxy in its own px) round what is meant; without one as it is.
export function marked(href, alt, xyxy) {
  const image = h("img", { alt });
  const stage = h("div.stage", image);
  picture(href).then(async (url) => {
    image.src = url;
    await image.decode();
    if (xyxy) stage.append(overlay(url, image.naturalWidth, image.naturalHeight, xyxy));
  }).catch(() => {});
  return stage;
}

function overlay(url, width, height, [x0, y0, x1, y1]) {
  const line = width / 200;
  const box = s("rect.box", { x: x0 - line, y: y0 - line, width: x1 - x0 + 2 * line, height: y1 - y0 + 2 * line, rx: line, "stroke-width": line });
  const small = Math.max((x1 - x0) / width, (y1 - y0) / height) < SMALL;
  return s("svg.overlay", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, box, small && inset(url, width, height, [x0, y0, x1, y1], line));
}

// In the corner farthest from the thing, so that it hides nothing of it.
function inset(url, width, height, [x0, y0, x1, y1], line) {
  const [w, high] = [INSET * width, INSET * height];
  const scale = Math.min(w / Math.max(ROOM * (x1 - x0), FEWEST_PX), high / Math.max(ROOM * (y1 - y0), FEWEST_PX));
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const left = cx < width / 2 ? width - w - line : line;
  const top = cy < height / 2 ? height - high - line : line;
  const [vw, vh] = [w / scale, high / scale];
  return s("g.inset", {},
    s("svg", { x: left, y: top, width: w, height: high, viewBox: `${cx - vw / 2} ${cy - vh / 2} ${vw} ${vh}` },
      s("rect.ground", { x: cx - vw / 2, y: cy - vh / 2, width: vw, height: vh }), s("image", { href: url, width, height })),
    s("rect.box", { x: left, y: top, width: w, height: high, rx: line, "stroke-width": line }));
}
