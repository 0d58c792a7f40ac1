// Cameras and districts without anybody's tiles: a plain projection that is right over a city.

import { apart, clash } from "./apart.js";
import { s } from "./dom.js";
import { t } from "./words.js";

const WIDTH = 640;
const HEIGHT = 380;
const MARGIN = 40;

// Districts as the site describes them; round the cameras of one whose border is not known.
export function map(cameras, alarmed = [], districts = []) {
  const placed = cameras.filter((c) => c.status?.latitude != null && c.status?.longitude != null);
  const bordered = districts.filter((d) => d.polygon.length);
  const onto = projection([...placed.map((c) => [c.status.latitude, c.status.longitude]), ...bordered.flatMap((d) => d.polygon)]);
  const project = (c) => onto([c.status.latitude, c.status.longitude]);
  const called = Object.fromEntries(districts.map((d) => [d.id, d.name || d.id]));
  const known = bordered.map((d) => d.id);
  const areas = [
    ...bordered.map((d) => border(called[d.id], d.polygon.map(onto))),
    ...[...grouped(placed)].filter(([district]) => !known.includes(district)).map(([district, members]) => area(called[district] || district, members.map(project))),
  ];
  const unplaced = cameras.filter((c) => !placed.includes(c));
  const points = placed.map((c) => dot(c, project(c), alarmed.indexOf(c.id)));
  const row = unplaced.map((c, i) => dot(c, [MARGIN + (i % 28) * 20, HEIGHT - 14 - 20 * Math.floor(i / 28)], alarmed.indexOf(c.id)));
  return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `${t("map")}: ${cameras.length}` },
    s("rect.ground", { width: WIDTH, height: HEIGHT, rx: 8 }), areas, points,
    !areas.length && !cameras.length && s("text.axis", { x: WIDTH / 2, y: HEIGHT / 2 }, t("nothing_yet")),
    unplaced.length > 0 && s("text.axis", { x: MARGIN, y: HEIGHT - 34 - 20 * Math.floor((unplaced.length - 1) / 28), style: { "text-anchor": "start" } }, t("no_place")), row);
}

// Equirectangular round the middle: an error of a thousandth over 50 km.
function projection(places) {
  if (!places.length) return () => [0, 0];
  const lats = places.map(([latitude]) => latitude);
  const lons = places.map(([, longitude]) => longitude);
  const [south, north] = [Math.min(...lats), Math.max(...lats)];
  const [west, east] = [Math.min(...lons), Math.max(...lons)];
  const narrow = Math.cos(((south + north) / 2) * (Math.PI / 180));
  const scale = Math.min((WIDTH - 2 * MARGIN) / Math.max((east - west) * narrow, 1e-4), (HEIGHT - 2 * MARGIN - 30) / Math.max(north - south, 1e-4));
  return ([latitude, longitude]) => [
    WIDTH / 2 + (longitude - (west + east) / 2) * narrow * scale,
    (HEIGHT - 30) / 2 - (latitude - (south + north) / 2) * scale,
  ];
}

function border(name, points) {
  const [x, y] = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / points.length);
  return s("g", {}, s("polygon.district", { points: points.map((p) => p.join(",")).join(" ") }, s("title", {}, name)), s("text.name", { x, y }, name));
}

function area(district, points) {
  const middle = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / points.length);
  const reach = Math.max(26, ...points.map((p) => Math.hypot(p[0] - middle[0], p[1] - middle[1]) + 20));
  return s("g", {}, s("circle.district", { cx: middle[0], cy: middle[1], r: reach }, s("title", {}, district)),
    s("text.name", { x: middle[0], y: Math.max(16, middle[1] - reach - 5) }, district));
}

// Once it is on the page, where letters have a size: names that would lie on one another give way, each beside its own
// district, the largest one's first. One that finds no room is left out, and told by pointing at its district.
export function settle(svg) {
  const boxOf = (element) => { const { x, y, width, height } = element.getBBox(); return { x, y, width, height }; };
  const dots = [...svg.querySelectorAll(".camera")].map(boxOf);
  const covered = (place) => dots.filter((dot) => clash(place, dot)).length;
  const names = [...svg.querySelectorAll(".name")].map((element) => ({ element, at: boxOf(element), area: boxOf(element.previousElementSibling) }));
  names.sort((a, b) => b.area.width * b.area.height - a.area.width * a.area.height);
  const wishes = names.map(({ at, area }) => beside(at, area).sort((a, b) => covered(a) - covered(b)));
  apart(wishes, { width: WIDTH, height: HEIGHT }).forEach((place, i) => {
    const { element, at } = names[i];
    if (place) element.setAttribute("transform", `translate(${place.x - at.x} ${place.y - at.y})`);
    else element.remove();
  });
}

// Where a name may stand: in its district if it is no wider, else above, below, right and left of it.
function beside({ x, y, width, height }, area) {
  const middle = area.x + (area.width - width) / 2;
  const level = area.y + (area.height - height) / 2;
  const round = [[middle, area.y - height], [middle, area.y + area.height], [area.x + area.width, level], [area.x - width, level]];
  const own = width < area.width ? [[x, y]] : [];
  return [...own, ...round].map(([left, top]) => ({ x: Math.min(Math.max(left, 0), WIDTH - width), y: top, width, height }));
}

function dot(camera, [x, y], rank) {
  const state = camera.silent ? "silent" : camera.status?.state || "silent";
  const unfit = !camera.silent && ["moved", "shaking"].includes(camera.status?.fitness);
  const name = camera.status?.name ? `${camera.status.name} (${camera.id})` : camera.id;
  return s("a", { href: `#/cameras/${camera.id}`, "aria-label": `${name}: ${t(`state.${state}`)}` }, s("title", {}, `${name}: ${t(`state.${state}`)}`),
    rank >= 0 && s("circle.alarm", { cx: x, cy: y, r: 13 - rank }),
    s(`circle.camera.${state}${unfit ? ".unfit" : ""}`, { cx: x, cy: y, r: 6 }));
}

function grouped(rows) {
  const found = new Map();
  for (const row of rows) found.set(row.district, [...(found.get(row.district) || []), row]);
  return found;
}
