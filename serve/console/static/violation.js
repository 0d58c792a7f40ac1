// How a violation is told in one line, and the facts that a reviewer needs.

import { h } from "./dom.js";
import { day, measure, moment, number, t, unit, when } from "./words.js";

// A probability is told in per cent; its range is what any one look fewer would make of it, no interval of a measurement.
const told = (m, value) => number(m.unit === "probability" ? 100 * value : value, 1);

export function summary(item) {
  const speed = item.measured?.speed;
  if (speed) return `${number(speed.value, 0)} ${unit(speed.unit)}${item.threshold?.limit_kmh ? ` / ${number(item.threshold.limit_kmh)}` : ""}`;
  const first = Object.entries(item.measured || {})[0];
  return first ? `${measure(first[0])} ${told(first[1], first[1].value)} ${unit(first[1].unit)}` : "";
}

// What was measured, and how sure that is.
export const interval = (m) => h("span", h("b.value", `${told(m, m.value)} ${unit(m.unit)}`), ` ${m.unit === "probability" ? "" : t("interval")} `, h("span.range", `${told(m, m.low)} – ${told(m, m.high)}`));

export function facts(item) {
  const rows = Object.entries(item.measured || {}).map(([name, m]) => [
    measure(name),
    interval(m),
  ]);
  for (const [name, value] of Object.entries(item.threshold || {}).filter(([name]) => name.endsWith("_kmh"))) rows.push([t(name.replace(/_kmh$/, "")), `${number(value, 1)} ${unit("km/h")}`]);
  rows.push([t("plate"), item.plate ? h("span.plate", item.plate.text, item.plate.confident ? "" : " ?") : t("unread")]);
  rows.push([t("article"), item.article || "-"], [t("time"), when(item.captured_at)], [t("camera"), `${item.camera}, ${item.district}`]);
  if (item.entry) rows.push([moment("entry"), `${item.entry.camera}, ${when(item.entry.at)}${item.entry.plate ? `, ${item.entry.plate.text}` : ""}`]);
  const survey = item.calibration || {};
  if (survey.valid_until) rows.push([t("calibration"), `${survey.id || ""} ${t("valid_until")} ${day(survey.valid_until)}`]);
  if (item.clock?.source) rows.push([t("clock"), t(`clock.${item.clock.source}`)]);
  return h("dl.facts", rows.flatMap(([name, value]) => [h("dt", name), h("dd", value)]));
}
