from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from cluster.bench import __main__ as bench
from cluster.bench import material, photographs, report, signals, tracking
from cluster.evaluate_plates import PlateScore
from flows.domain import shares
from flows.domain.errors import DomeError
from flows.evaluation.signals import HeadScore, SignalScore
from flows.evaluation.tracking import TrackingScore


def test_a_figure_says_whether_its_target_is_met() -> None:
    assert report.at_least("fps ratio", 0.81, 0.80, "ratio").ok
    assert not report.at_least("fps ratio", 0.79, 0.80, "ratio").ok
    assert report.at_most("USS", 100, 100, "MB").ok
    assert not report.at_most("USS", 100.1, 100, "MB").ok


def test_a_figure_that_could_not_be_measured_is_not_met() -> None:
    assert not report.at_most("error", float("nan"), 1.0, "km/h").ok
    assert not report.at_least("recall", float("nan"), 0.95, "share").ok


def test_the_file_is_a_list_with_all_keys(tmp_path: Path) -> None:
    path = report.write("path", [report.at_least("a", 2, 1, "x", "2 cores")], tmp_path)
    assert path == tmp_path / "path.json"
    assert json.loads(path.read_text()) == [
        {"figure": "a", "value": 2.0, "target": 1.0, "unit": "x", "ok": True, "detail": "2 cores"}
    ]


def test_a_share_of_nothing_may_be_anything() -> None:
    assert shares.wilson(0, 0) == (0.0, 1.0)
    low, high = shares.wilson(95, 100)
    assert low == pytest.approx(0.888, abs=1e-3)
    assert high == pytest.approx(0.978, abs=1e-3)


def test_material_that_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "SHARED", tmp_path)
    with pytest.raises(material.Absent, match="junction"):
        signals.run()
    (tmp_path / "plates").mkdir()
    assert material.material("plates") == tmp_path / "plates"


def test_a_red_called_green_is_not_made_up_for_by_many_right_frames() -> None:
    confusion = {"red": {"red": 199, "green": 1}, "green": {"green": 200}}
    head = HeadScore(frames=400, right=0.9975, unknown=0, red_as_green=1, green_as_red=0, confusion=confusion)
    score = SignalScore(**head.model_dump(), by_signal={"near": head}, right_at_once=0.99, ms_per_look=0.1)
    right, red, green = signals.figures(score)
    assert (right.ok, right.value) == (True, 0.9975)
    assert "near 399/400" in right.detail
    assert (red.ok, red.value) == (False, 1)
    assert "of 200" in red.detail
    assert green.ok


def test_photographs_tell_given_boxes_from_found_ones() -> None:
    score = PlateScore(110, 0.8, 0.8091, 0.9, 0.6364, 0.7, "")
    given, found = photographs.figures(score)
    assert given.ok
    assert not found.ok
    assert "89 of 110" in given.detail
    assert "70 of 110" in found.detail


def test_the_tracker_is_held_to_all_sequences_together_and_each_is_named() -> None:
    campus = TrackingScore(0.6, 0.7, 0.5, 2, 10, 20, 300, 9, 71, 0.5)
    stadtmitte = TrackingScore(0.4, 0.5, 0.4, 280, 10, 20, 300, 9, 179, 0.5)
    together = TrackingScore(0.5, 0.59, 0.45, 282, 20, 40, 600, 18, 250, 0.5)
    mota, idf1, switches = tracking.figures({"campus": campus, "stadtmitte": stadtmitte}, together)
    assert (mota.ok, idf1.ok, switches.ok) == (True, False, False)
    assert "campus 0.600, stadtmitte 0.400" in mota.detail
    assert "campus 2, stadtmitte 280" in switches.detail


class Interrupted(BaseException):
    """As Ctrl-C."""


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stands in for suites; what they measure goes below the test's own folder."""
    monkeypatch.chdir(tmp_path)

    def stand_in(**runs: Callable[[], list[report.Figure]]) -> None:
        for name, run in runs.items():
            monkeypatch.setitem(
                sys.modules, f"cluster.bench.{name}", SimpleNamespace(run=lambda quick, run=run: run())
            )

    return stand_in


def held(name: str) -> dict[str, tuple[float | None, bool, str]]:
    rows = json.loads(Path(f".bench/{name}.json").read_text(), parse_constant=pytest.fail)
    return {row["figure"]: (row["value"], row["ok"], row["detail"]) for row in rows}


def good() -> list[report.Figure]:
    return [report.at_least("good", 2, 1, "x")]


@pytest.mark.parametrize("error", [DomeError("no OpenGL [/usr/lib]"), ValueError("a bug"), Interrupted()])
def test_a_suite_that_fails_costs_no_other_its_figures(
    suites: Callable[..., None], error: BaseException
) -> None:
    def fail() -> NoReturn:
        raise error

    suites(one=good, two=fail, three=lambda: [report.at_least("last", 3, 1, "x")])
    with pytest.raises((SystemExit, Interrupted)):
        bench.together("all", ["one", "two", "three"], ["one", "two", "three"], quick=False)
    rows = held("all")
    assert rows["good"] == (2, True, "")
    if isinstance(error, Interrupted):
        assert rows["two: not measured"] == rows["three: not measured"] == (None, False, "not come to")
    else:
        assert rows["two: not measured"] == (None, False, f"{type(error).__name__}: {error}")
        assert rows["last"] == (3, True, "")


def test_a_suite_alone_leaves_the_table_of_all_that_is_called_so_too(
    suites: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    suites(accuracy=good)
    report.write("accuracy", [report.at_least("of all", 2, 1, "x")])
    monkeypatch.setattr(sys, "argv", ["bench", "accuracy"])
    bench.main()
    assert (list(held("accuracy")), list(held("accuracy-alone"))) == (["of all"], ["good"])


def test_of_the_cost_what_can_be_measured_is(
    suites: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise DomeError("no Redis here")

    suites(results=fail, path=good, crops=good)
    monkeypatch.setattr(sys, "argv", ["bench"])
    with pytest.raises(SystemExit, match="results: no Redis here"):
        bench.main()
    assert held("path") == held("crops") == {"good": (2, True, "")}
