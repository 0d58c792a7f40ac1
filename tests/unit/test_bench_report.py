from __future__ import annotations

import json
from pathlib import Path

from cluster.bench import report


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
