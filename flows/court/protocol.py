"""Protocols for people: what a package states, as PDF in each language (PDF/A-2a, tagged for screen readers).

Layout is ``protocol.typ`` (Typst; its fonts lie in the wheel, so that every machine sets the same pages), words are
``words/*.yaml``, and this file puts numbers into words. The same facts give the same bytes.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import typst

from flows.court.contents import Held, Withheld
from flows.court.facts import CameraFacts, Facts
from flows.court.record import START
from flows.domain.events import Measured
from flows.domain.leads import LEAD
from flows.site.yamlfile import read_yaml

SHOWN_PX: Final = 1600
"""Wider pictures are shown smaller in a protocol (300 dpi on its width is 2000 px); the package holds them whole."""
MOST_POINTS: Final = 400
"""Of a trace in its diagram."""
_SHORT: Final = 24
"""Letters of a hash where a line has no room for all; ``facts.json`` has it whole."""


def protocols(
    facts: Facts,
    held: Sequence[Held],
    withheld: Sequence[Withheld],
    pictures: Mapping[str, bytes],
    languages: Sequence[str],
) -> dict[str, bytes]:
    """The protocol in each language.

    Args:
        facts: What is stated.
        held: Files of the package so far: what the protocol lists with hashes.
        withheld: Files that are kept back.
        pictures: Contents of JPEG files by name in the package.
        languages: Names of ``words/*.yaml``.
    """
    shown = {name: _fitting(data) for name, data in pictures.items()}
    with tempfile.TemporaryDirectory(prefix="dome-protocol-") as folder:
        root = Path(folder)
        for number, name in enumerate(shown):
            (root / f"{number}.jpg").write_bytes(shown[name].data)
        numbers = {name: f"{number}.jpg" for number, name in enumerate(shown)}
        made = {}
        for language in languages:
            view = _View(facts, held, withheld, shown, numbers, words(language), language).data()
            (root / "data.json").write_text(json.dumps(view, ensure_ascii=False), encoding="utf-8")
            made[language] = _set(root, facts.record_until)
    return made


def readme(event_id: str) -> bytes:
    """How to verify, in all languages, as plain text."""
    lines = [f"Digital Dome  {event_id}", ""]
    for language in ("kk", "ru", "en"):
        said = words(language)
        lines += [said["sections"]["verify"].upper(), ""] + [f"  {line}" for line in said["verify"]] + [""]
    return "\n".join(lines).encode()


@cache
def words(language: str) -> dict[str, Any]:
    """The words of a language."""
    found = read_yaml(Path(str(files("flows.court") / "words" / f"{language}.yaml")))
    return dict(found.data)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture as a protocol shows it; ``width`` and ``height`` are those of the original, px."""

    data: bytes
    width: int
    height: int


def _fitting(data: bytes) -> _Shown:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        if width <= SHOWN_PX:
            return _Shown(data, width, height)
        out = io.BytesIO()
        picture.resize((SHOWN_PX, round(height * SHOWN_PX / width))).save(out, "JPEG", quality=88)
    return _Shown(out.getvalue(), width, height)


def _set(root: Path, at: datetime) -> bytes:
    (root / "main.typ").write_bytes((files("flows.court") / "protocol.typ").read_bytes())
    compiler = typst.Compiler(root / "main.typ", root=root, font_paths=_fonts())
    pdf = compiler.compile(format="pdf", pdf_standards=["a-2a", "ua-1"], timestamp=at.replace(microsecond=0))
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _fonts() -> typst.Fonts:
    """Those of the wheel alone: what is installed on a machine must not change a page."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


class _View:
    """What the template shows, every value as text in one language."""

    def __init__(
        self,
        facts: Facts,
        held: Sequence[Held],
        withheld: Sequence[Withheld],
        shown: Mapping[str, _Shown],
        numbers: Mapping[str, str],
        said: Mapping[str, Any],
        language: str,
    ) -> None:
        self._facts, self._held, self._withheld = facts, held, withheld
        self._shown, self._numbers, self._said, self._language = shown, numbers, said, language
        self._labels: Mapping[str, str] = said["labels"]

    def data(self) -> dict[str, Any]:
        """All of it."""
        facts = self._facts
        heading = self._word("rules", facts.rule or facts.type)
        start, trace = (facts.trace[0], _thinned(facts.trace)) if facts.trace else ((0.0, 0.0, 0.0), [])
        path = _distances(trace) if start else []
        return {
            "language": self._language,
            "words": self._said,
            "id": facts.id,
            "title": f"{self._said['title']}: {heading}",
            "heading": heading,
            "record_head": next((h.sha256 for h in self._held if h.kind == "record"), START)[:_SHORT],
            "warnings": self._warnings(),
            "event": self._event(heading),
            "measured": [self._measured(name, value) for name, value in facts.measured.items()],
            "bounds": [self._bound(name, value) for name, value in facts.threshold.items()],
            "verdict": self._verdict(),
            "pictures": self._pictures("picture"),
            "crops": self._pictures("crop") + self._pictures("plate"),
            "trace": path,
            "trace_x": self._number(path[-1][0], 2) if path else "",
            "trace_y": self._number(path[-1][1], 1) if path else "",
            "cameras": [self._camera(camera) for camera in facts.cameras],
            "lists": [self._listed(each) for each in facts.lists],
            "lists_note": self._labels["lists_unasked" if facts.exemptions_asked else "lists_none"],
            "decisions": [self._decided(each) for each in facts.decisions],
            "versions": [[self._role(v.role), v.name, v.version, v.sha256[:_SHORT]] for v in facts.versions],
            "completeness": self._completeness(),
            "problems": [f"{self._labels['problems']} {problem}" for problem in facts.problems],
            "files": self._files(),
            "verify": [(line.startswith("openssl"), line) for line in self._said["verify"]],
        }

    def _warnings(self) -> list[str]:
        facts, said = self._facts, self._said
        found = [said["draft"]] if facts.article_confirmed is False else []
        if facts.completeness.law is None:
            found.append(said["no_profile"])
        elif not facts.completeness.complete:
            found.append(f"{said['incomplete']} {self._missing()}.")
        if self._withheld:
            found.append(said["blurred"])
        for camera in facts.cameras:
            if camera.clock_unfit:
                source = self._word("clocks", str(camera.clock.get("source", "")))
                found.append(f"{said['unfit_clock']} {camera.camera}: {source or camera.clock_unfit}.")
            if camera.calibration_valid is False:
                found.append(f"{said['expired']} ({camera.camera})")
        return found

    def _event(self, heading: str) -> list[list[str]]:
        facts, labels = self._facts, self._labels
        main = facts.cameras[0]
        article = facts.article
        if article and not facts.article_confirmed:
            article += f" ({labels['to_confirm']})"
        rows = [
            [labels["what"], heading],
            [labels["article"], article],
            [labels["state"], self._word("states", facts.state)],
            [labels["place"], ", ".join(p for p in (main.name, self._district(), facts.site) if p)],
            [labels["camera"], main.camera],
            [labels["coordinates"], self._coordinates(main)],
            [labels["local"], f"{_clock(datetime.fromisoformat(facts.local_time))} ({facts.timezone})"],
            [labels["utc"], _clock(facts.at)],
            [labels["vehicle"], self._word("classes", facts.cls)],
            [labels["plate"], self._plate()],
            *(self._search() if facts.type == LEAD else []),
        ]
        return [row for row in rows if row[1]]

    def _search(self) -> list[list[str]]:
        """Under which case somebody was searched for, how alike the faces are, and what that means."""
        labels, said = self._labels, self._facts.measurement
        numbers = {
            name: self._number(float(str(said[name]))) for name in ("threshold", "gallery", "false_alarms")
        }
        return [
            [labels["case"], str(said["case"])],
            [labels["basis"], f"{said['law']}; {said['document']}"],
            [labels["authorised_by"], str(said["authorised_by"])],
            [labels["similarity"], self._number(float(str(said["similarity"])))],
            [labels["meaning"], labels["means"].format(**numbers)],
        ]

    def _district(self) -> str:
        return f"{self._labels['district']} {self._facts.district}" if self._facts.district else ""

    def _coordinates(self, camera: CameraFacts) -> str:
        if camera.latitude is None or camera.longitude is None:
            return ""
        return f"{camera.latitude:.6f}, {camera.longitude:.6f}"

    def _plate(self) -> str:
        plate = self._facts.plate
        if plate is None:
            return ""
        if plate.outcome != "read":
            return self._labels["plate_unread"]
        text = f"{plate.shown or plate.text} {plate.country}".strip()
        if self._facts.plate_by != "machine":
            return f"{text} ({self._labels['plate_by']} {self._facts.plate_by})"
        unsure = "" if plate.confident else f"{self._labels['plate_unsure']}, "
        return f"{text} ({unsure}{self._labels['probability']} {self._number(plate.confidence, 3)})"

    def _measured(self, name: str, value: Measured) -> list[str]:
        unit = self._word("units", value.unit)
        return [
            self._word("quantities", name),
            f"{self._number(value.value)} {unit}",
            f"{self._number(value.low)} – {self._number(value.high)} {unit}",
        ]

    def _bound(self, name: str, value: float) -> list[str]:
        stem, _, suffix = name.rpartition("_")
        unit = _UNITS.get(suffix, "")
        quantity = self._word("quantities", stem if unit else name)
        return [quantity, f"{self._number(value)} {self._word('units', unit)}".strip()]

    def _verdict(self) -> str:
        """Of a speed, the sentence that decides."""
        speed, bounds = self._facts.measured.get("speed"), self._facts.threshold
        if speed is None or "limit_kmh" not in bounds:
            return ""
        bound = bounds["limit_kmh"] + bounds.get("tolerance_kmh", 0.0)
        unit = self._word("units", "km/h")
        form = self._labels["surely" if speed.low > bound else "not_surely"]
        return form.format(low=f"{self._number(speed.low)} {unit}", bound=f"{self._number(bound)} {unit}")

    def _pictures(self, kind: str) -> list[dict[str, Any]]:
        moments = {str(m.get("name")): m for m in self._facts.moments}
        found = []
        for held in self._held:
            if held.kind != kind or held.name not in self._shown:
                continue
            picture = self._shown[held.name]
            stem = Path(held.name).stem.removesuffix("-crop")
            name = next((n for n in moments if _slug(n) == stem), stem)
            moment = moments.get(name, {})
            at = moment.get("at")
            word = self._labels["plate"] if kind == "plate" else self._word("moments", name)
            found.append(
                {
                    "file": self._numbers[held.name],
                    "name": held.name,
                    "alt": f"{word} {held.name}",
                    "sha256": held.sha256,
                    "moment": word,
                    "at": _clock(datetime.fromisoformat(str(at))) + " UTC" if at else "",
                    "width": picture.width,
                    "height": picture.height,
                    "box": moment.get("xyxy") if kind == "picture" else None,
                }
            )
        return found

    def _camera(self, camera: CameraFacts) -> list[list[str]]:
        labels = self._labels
        name = f"{camera.camera} ({labels['entry']})" if camera.role == "entry" else camera.camera
        return [
            [labels["camera"], name],
            [labels["clock"], self._clock(camera)],
            [labels["survey"], self._survey(camera)],
            [labels["clip"], self._clip(camera)],
        ]

    def _clock(self, camera: CameraFacts) -> str:
        clock, labels = camera.clock, self._labels
        parts = [self._word("clocks", str(clock.get("source", "")))]
        for key, label, scale, unit in (
            ("rate_hz", "rate", 1.0, "Hz"), ("jitter_s", "jitter", 1e3, "ms"),
            ("time_error_s", "time_error", 1e3, "ms"),
        ):  # fmt: skip
            value = clock.get(key)
            if isinstance(value, int | float):
                parts.append(f"{labels[label]} {self._number(value * scale)} {unit}")
        return "; ".join(p for p in parts if p) or labels["none"]

    def _survey(self, camera: CameraFacts) -> str:
        survey, labels = camera.calibration, self._labels
        if not survey:
            return labels["none"]
        parts = [
            str(survey.get("id") or ""),
            f"{labels['surveyed_on']} {survey.get('surveyed_on')}",
            f"{labels['valid_until']} {survey.get('valid_until')}",
            labels["valid" if camera.calibration_valid else "not_valid"],
        ]
        residual = survey.get("residual_m")
        if isinstance(residual, int | float):
            parts.append(f"{labels['residual']} {self._number(residual)} {self._word('units', 'm')}")
        return "; ".join(p for p in parts if p)

    def _clip(self, camera: CameraFacts) -> str:
        if camera.first_at is None or camera.last_at is None:
            return self._labels["none"]
        rate = f", {self._number(camera.rate_hz)} Hz" if camera.rate_hz else ""
        span = f"{_clock(camera.first_at)} – {_clock(camera.last_at)} UTC"
        return f"{camera.frames} {self._labels['frames']}{rate}; {span}"

    def _listed(self, each: Any) -> list[str]:
        at = _clock(each.issued_at) + " UTC" if each.issued_at else self._labels["no_list"]
        return [each.name, at, each.sha256[:_SHORT]]

    def _decided(self, each: Any) -> list[str]:
        reason = self._word("reasons", each.reason)
        more = "; ".join(p for p in (each.detail, each.because) if p)
        by = self._labels["machine"] if each.by == "machine" else each.by
        return [
            str(each.number), self._word("states", each.state), f"{reason}. {more}" if more else reason, by,
            _clock(each.decided_at),
        ]  # fmt: skip

    def _completeness(self) -> str:
        if self._facts.completeness.complete:
            return str(self._labels["complete"])
        return f"{self._said['incomplete']} {self._missing()}."

    def _missing(self) -> str:
        return ", ".join(self._word("missing", name) for name in self._facts.completeness.missing)

    def _files(self) -> list[list[str]]:
        rows = [[h.name, f"{h.size}", h.sha256] for h in self._held]
        return rows + [[f"{w.name} ({self._labels['withheld']})", "", w.sha256] for w in self._withheld]

    def _role(self, role: str) -> str:
        return self._word("roles", role.partition(".")[0])

    def _word(self, table: str, name: str) -> str:
        """In this language; what nobody translated, as it is."""
        return str(self._said[table].get(name, name.replace("_", " ")))

    def _number(self, value: float, digits: int = 3) -> str:
        text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
        return text.replace(".", self._said["decimal"])


_UNITS: Final = {"kmh": "km/h", "m": "m", "s": "s", "deg": "deg", "mps2": "m/s²", "mps": "m/s"}


def _slug(name: str) -> str:
    """As the camera names the file of a moment (:mod:`flows.evidence.packing`)."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def _thinned(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    step = -(-len(points) // MOST_POINTS)
    return [*points[:-1:step], points[-1]]


def _distances(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Seconds and metres driven since the first point, straight from it."""
    if not points:
        return []
    _, x0, y0 = points[0]
    return [(t, round(((x - x0) ** 2 + (y - y0) ** 2) ** 0.5, 3)) for t, x, y in points]
