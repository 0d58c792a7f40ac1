"""Reads the site file: all mistakes at once, each with its line; one bad camera does not stop the others.

Short forms, so that a small site is a short file:

- ``source: rtsp://...`` or ``source: clip.mp4`` instead of a mapping; ``kind`` may be left out where the
  keys tell;
- a survey point as ``[u_px, v_px, x_m, y_m]``; a district as its id alone;
- no ``districts``: there is one, named as the site; a single district is every camera's default;
- ``${NAME}`` or ``${NAME:-default}`` in a stream's address and a file's path, from the environment, so that
  passwords stay out of the file; inside ``user:password@`` it is percent-encoded;
- keys that begin with ``x-`` at the top are ignored: a place for anchors that cameras merge with ``<<``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from flows.domain.beltreport import BeltReport
from flows.domain.errors import CalibrationError, FieldError
from flows.domain.site import CalibrationConfig, CameraConfig, District, SiteConfig
from flows.site.validation import Complaint, complaints, did_you_mean, shown
from flows.site.yamlfile import Document, Loc, dotted, read_yaml

M = TypeVar("M", bound=BaseModel)

_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_KIND_OF_KEY: Final = {"url": "stream", "path": "file", "scene": "scene"}


class SiteFileError(FieldError):
    """Everything that is wrong with a site file; stands for its first problem as a :class:`FieldError`."""

    def __init__(self, problems: Sequence[FieldError]) -> None:
        first = problems[0]
        super().__init__(first.field, first.expected, first.got, first.hint, first.line)
        self.problems = tuple(problems)
        self.args = ("\n".join(str(p) for p in problems),)


class LoadedSite(NamedTuple):
    """A site file that was read.

    Attributes:
        config: The site with every camera that is right.
        problems: What is wrong, in the file's order; those of a camera begin with ``cameras.ID``.
    """

    config: SiteConfig
    problems: list[FieldError]


def load_site(path: Path | str, *, strict: bool = False, env: Mapping[str, str] | None = None) -> LoadedSite:
    """Reads and checks a site file.

    Args:
        path: The file; relative paths in it are taken from its folder.
        strict: Raise if anything is wrong, instead of leaving the bad cameras out.
        env: Where ``${NAME}`` comes from; the process's environment by default.

    Raises:
        FieldError: If the file as a whole cannot be used, or, if ``strict``, for any problem
            (:class:`SiteFileError` carries all of them).
    """
    return SiteFile.read(Path(path)).load(strict=strict, env=env)


class SiteFile:
    """A site file and where each of its values stands."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder
        self._ids: dict[str, int] = {}

    @classmethod
    def read(cls, path: Path) -> SiteFile:
        """Reads the file.

        Raises:
            FieldError: If it is no YAML or not a mapping.
        """
        document = read_yaml(path)
        if not isinstance(document.data, dict):
            raise FieldError(str(path), "a mapping with 'site' and 'cameras'", shown(document.data), line=1)
        return cls(document, path.absolute().parent)

    def line(self, field: str) -> int | None:
        """Line of a value given as in messages: ``cameras.ID.source.path``."""
        parts: list[str | int] = [int(p) if p.isdigit() else p for p in field.split(".")]
        if parts[0] == "cameras" and len(parts) > 1:
            parts[1] = self._ids.get(str(parts[1]), parts[1])
        return self._document.line(tuple(parts))

    def load(self, *, strict: bool = False, env: Mapping[str, str] | None = None) -> LoadedSite:
        """See :func:`load_site`."""
        reader = _Reader(self._document, self._folder, os.environ if env is None else env)
        config = reader.site()
        self._ids = reader.ids
        problems = sorted(reader.problems, key=lambda p: p.line or 0)
        if config is None or (strict and problems):
            raise SiteFileError(problems)
        return LoadedSite(config, problems)


class _Reader:
    """One reading of one document."""

    def __init__(self, document: Document, folder: Path, env: Mapping[str, str]) -> None:
        self.document, self.folder, self.env = document, folder, env
        self.data: dict[str, Any] = {k: v for k, v in document.data.items() if not k.startswith("x-")}
        self.problems: list[FieldError] = []
        self.ids: dict[str, int] = {}

    def site(self) -> SiteConfig | None:
        """The site, or None if it cannot be used as a whole."""
        fatal = self._yaml_problems()
        districts = self._districts()
        listed = self.data.get("cameras")
        if "cameras" in self.data and not isinstance(listed, list):
            fatal.append(self._error(("cameras",), Complaint((), "a list of cameras", shown(listed))))
        elif not listed:
            fatal.append(self._error(("cameras",), Complaint((), "at least one camera", "none")))
        head: dict[str, Any] = {
            **self.data,
            "jurisdiction": self._jurisdiction(),
            "districts": districts,
            "cameras": (),
        }
        config = self._validated(SiteConfig, head, (), fatal)
        self._check_profile(head["jurisdiction"], fatal)
        self.problems += fatal
        cameras = self._cameras([d.id for d in districts]) if isinstance(listed, list) else []
        if fatal or config is None:
            return None
        return config.model_copy(update={"cameras": tuple(cameras)})

    def _yaml_problems(self) -> list[FieldError]:
        """Those that belong to no camera."""
        return [p for loc, p in self.document.problems if len(loc) < 2 or loc[0] != "cameras"]

    def _jurisdiction(self) -> Any:
        name = self.data.get("jurisdiction", "kz")
        if isinstance(name, str) and ("/" in name or name.endswith((".yaml", ".yml"))):
            return str(self._absolute(name))
        return name

    def _check_profile(self, name: Any, found: list[FieldError]) -> None:
        from flows.jurisdiction import load_profile

        if not isinstance(name, str):
            return
        try:
            load_profile(name)
        except FieldError as error:
            at = self.document.line(("jurisdiction",))
            place = "" if error.line is None else f"line {error.line} of {name}"
            hint = "; ".join(part for part in (error.hint, place) if part)
            found.append(FieldError(error.field, error.expected, error.got, hint, at))

    def _districts(self) -> list[District]:
        listed = self.data.get("districts")
        if listed is None:
            # A site without a usable name is told once, not again for each camera.
            return [self._validated(District, {"id": self.data.get("site")}, (), []) or District(id="site")]
        if not isinstance(listed, list):
            self._complain(("districts",), Complaint((), "a list of districts", shown(listed)))
            return []
        out: list[District] = []
        for i, item in enumerate(listed):
            data = {"id": item} if isinstance(item, str) else item
            district = self._validated(District, data, ("districts", i), self.problems)
            if district is None:
                continue
            if district.id in {d.id for d in out}:
                got = f"{district.id!r} again"
                self._complain(("districts", i, "id"), Complaint((), "a different id for each district", got))
                continue
            out.append(district)
        return out

    def _cameras(self, districts: Sequence[str]) -> list[CameraConfig]:
        out = []
        for i, item in enumerate(self.data["cameras"]):
            found: list[FieldError] = []
            camera = self._camera(i, item, districts, found)
            found += [
                FieldError(self._field(loc), p.expected, p.got, p.hint, p.line)
                for loc, p in self.document.problems
                if loc[:2] == ("cameras", i)
            ]
            self.problems += found
            if camera is not None and not found:
                out.append(camera)
        return out

    def _camera(
        self, i: int, item: Any, districts: Sequence[str], found: list[FieldError]
    ) -> CameraConfig | None:
        at: Loc = ("cameras", i)
        if not isinstance(item, dict):
            found.append(self._error(at, Complaint((), "a mapping with 'id' and 'source'", shown(item))))
            return None
        if isinstance(item.get("id"), str):
            first = self.ids.setdefault(item["id"], i)
            if first != i:
                where = self.document.line(("cameras", first, "id"))
                got = f"{item['id']!r} again (first in line {where})"
                found.append(self._error((*at, "id"), Complaint((), "a different id for each camera", got)))
        data = self._written_out(item, at, districts, found)
        camera = self._validated(CameraConfig, data, at, found)
        if "district" in data and isinstance(data["district"], str) and data["district"] not in districts:
            words = f"one of {', '.join(districts)}" if districts else "a district of this file"
            hint = did_you_mean(data["district"], districts)
            complaint = Complaint((), words, shown(data["district"]), hint or "add it to districts")
            found.append(self._error((*at, "district"), complaint))
        if camera is not None and camera.calibration is not None:
            self._check_calibration(camera.calibration, (*at, "calibration"), found)
        return camera

    def _check_calibration(self, survey: CalibrationConfig, at: Loc, found: list[FieldError]) -> None:
        from flows.road.ground import GroundPlane

        try:
            GroundPlane.fit(survey, self._field(at))
        except CalibrationError as error:
            place = error.field.removeprefix(self._field(at[:2]) + ".").split(".")
            line = self.document.line((*at[:2], *(int(p) if p.isdigit() else p for p in place)))
            found.append(CalibrationError(error.field, error.expected, error.got, error.hint, line))

    def _written_out(
        self, item: dict[str, Any], at: Loc, districts: Sequence[str], found: list[FieldError]
    ) -> dict[str, Any]:
        """The camera with its short forms written out and its variables filled in."""
        data = dict(item)
        if "district" not in data and len(districts) == 1:
            data["district"] = districts[0]
        if "source" in data:
            data["source"] = self._source(data["source"], (*at, "source"), found)
        if isinstance(data.get("calibration"), dict):
            data["calibration"] = _calibration(data["calibration"])
        if isinstance(data.get("signals"), list):
            data["signals"] = [self._signal(signal) for signal in data["signals"]]
        if isinstance(data.get("rules"), list):
            data["rules"] = [self._rule(r, (*at, "rules", i), found) for i, r in enumerate(data["rules"])]
        return data

    def _rule(self, rule: Any, at: Loc, found: list[FieldError]) -> Any:
        """The rule with the report that it names instead of the report's file name."""
        if not isinstance(rule, dict) or not isinstance(rule.get("report"), str):
            return rule
        try:
            report = read_report(self._absolute(rule["report"]))
        except FieldError as error:
            complaint = Complaint(("report",), error.expected, str(error.got), error.hint)
            found.append(self._error(at, complaint))
            report = None
        return {**rule, "report": report}

    def _signal(self, signal: Any) -> Any:
        if isinstance(signal, dict) and isinstance(signal.get("feed"), str):
            return {**signal, "feed": str(self._absolute(signal["feed"]))}
        return signal

    def _source(self, source: Any, at: Loc, found: list[FieldError]) -> Any:
        if isinstance(source, str):
            source = {"url": source} if "://" in source else {"path": source}
        if not isinstance(source, dict):
            return source
        out = dict(source)
        if "kind" not in out:
            kinds = [kind for key, kind in _KIND_OF_KEY.items() if key in out]
            out |= {"kind": kinds[0]} if len(kinds) == 1 else {}
        for key in ("url", "path"):
            if isinstance(out.get(key), str):
                out[key] = self._filled(out[key], (*at, key), found)
        if isinstance(out.get("path"), str):
            out["path"] = str(self._absolute(out["path"]))
        return out

    def _absolute(self, path: str) -> Path:
        return self.folder / Path(path).expanduser()

    def _filled(self, text: str, at: Loc, found: list[FieldError]) -> str:
        """The text with its variables; passwords are encoded so that any character may stand in them."""
        userinfo_end = text.rfind("@")

        def fill(match: re.Match[str]) -> str:
            value = self.env.get(match["name"]) or match["default"]
            if value is None:
                complaint = Complaint(
                    (), f"the environment variable {match['name']}", "nothing", f"export {match['name']}=..."
                )
                found.append(self._error(at, complaint))
                return "unset"
            return quote(value, safe="") if match.start() < userinfo_end else value

        return _VARIABLE.sub(fill, text)

    def _validated(self, model: type[M], data: Any, at: Loc, found: list[FieldError]) -> M | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            found += [self._error(at, c) for c in complaints(error, model, data)]
            return None

    def _complain(self, at: Loc, complaint: Complaint) -> None:
        self.problems.append(self._error(at, complaint))

    def _error(self, at: Loc, complaint: Complaint) -> FieldError:
        loc = (*at, *complaint.loc)
        line = self.document.line(loc)
        return FieldError(self._field(loc), complaint.expected, complaint.got, complaint.hint, line)

    def _field(self, loc: Loc) -> str:
        """Cameras are named by id, where they have one."""
        if len(loc) > 1 and loc[0] == "cameras" and isinstance(loc[1], int):
            item = self.data["cameras"][loc[1]]
            name = item.get("id") if isinstance(item, dict) else None
            loc = ("cameras", name if isinstance(name, str) else loc[1], *loc[2:])
        return dotted(loc)


def read_report(path: Path) -> BeltReport:
    """The evaluation report of a camera, a JSON object.

    Raises:
        FieldError: If there is no such file, or it is no such report; ``got`` names the file and what is wrong.
    """
    expected = "a JSON file with " + ", ".join(BeltReport.model_fields)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise FieldError("report", expected, f"{path.name}: {error}") from None
    try:
        return BeltReport.model_validate(data)
    except ValidationError as error:
        first = complaints(error, BeltReport, data)[0]
        field = dotted(first.loc)
        got = f"{path.name}: {field}: expected {first.expected}, got {first.got}"
        raise FieldError("report", "an evaluation report", got, first.hint) from None


def _calibration(data: dict[str, Any]) -> dict[str, Any]:
    points = data.get("points")
    if not isinstance(points, list):
        return data
    return {**data, "points": [_point(p) for p in points]}


def _point(point: Any) -> Any:
    if isinstance(point, list) and len(point) == 4:
        return {"px": point[:2], "m": point[2:]}
    return point
