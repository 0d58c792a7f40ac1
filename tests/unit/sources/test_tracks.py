from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.domain.errors import FieldError, SourceError
from flows.domain.frames import Frame
from flows.domain.site import CameraConfig, TracksSource
from flows.settings import Settings
from flows.sources import open_source, probe

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)
HEADER = "id,time,class,x_m,y_m,speed,heading\n"


def source(path: Path, **options: Any) -> TracksSource:
    return TracksSource.model_validate({"path": path, "started_at": ZERO, **options})


def camera(path: Path, **options: Any) -> CameraConfig:
    return CameraConfig(id="radar", district="d", source=source(path, **options))


def play(path: Path, **options: Any) -> tuple[list[Frame], dict[str, int]]:
    opened = open_source(camera(path, **options), Settings.from_env({}))
    opened.open()
    return list(opened.frames()), dict(opened.stats.oddities)


def write(path: Path, rows: Iterable[str], header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def seconds(frames: list[Frame]) -> list[float]:
    return [(f.at - ZERO).total_seconds() for f in frames]


def test_rows_of_one_time_are_one_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["7,0.0,car,1,2,10,90", "8,0.0,person,3,4,,", "7,0.1,car,2,2,10,90"])
    frames, odd = play(path)
    assert seconds(frames) == [0.0, 0.1]
    car, person = frames[0].fixes or ()
    assert (car.name, car.cls, car.xy_m, car.speed_mps) == ("7", "car", (1.0, 2.0), 10.0)
    assert car.heading == pytest.approx((1.0, 0.0))
    assert (person.speed_mps, person.heading) == (None, None)
    assert odd == {}


@pytest.mark.parametrize("year", [1999, 2030])
def test_a_file_may_begin_whenever_its_site_says(tmp_path: Path, year: int) -> None:
    """A simulation is of any year."""
    path = write(tmp_path / "a.csv", ["7,0.0,car,1,2,10,90", "7,0.1,car,2,2,10,90", "7,1e10,car,2,2,10,90"])
    zero = ZERO.replace(year=year)
    frames, odd = play(path, started_at=zero)
    assert [(f.at - zero).total_seconds() for f in frames] == [0.0, 0.1]
    assert sum(odd.values()) == 1


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    rows = [{"id": 7, "time": 0.5, "class": "car", "x_m": 1, "y_m": 2, "speed": 10, "heading": None}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    (frame,), _ = play(path)
    assert seconds([frame]) == [0.5]
    (fix,) = frame.fixes or ()
    assert (fix.name, fix.xy_m, fix.speed_mps, fix.heading) == ("7", (1.0, 2.0), 10.0, None)


def test_columns_classes_and_units_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["0;48;veh;1;2;1.5707963;36"], "id;frame;label;x_est;y_est;psi;v\n")
    columns = {
        "frame": "frame", "cls": "label", "x_m": "x_est", "y_m": "y_est", "heading_rad": "psi", "speed_kmh": "v"
    }  # fmt: skip
    (frame,), _ = play(path, columns=columns, rate_hz=24, classes={"veh": "car"})
    (fix,) = frame.fixes or ()
    assert seconds([frame]) == [2.0]
    assert (fix.cls, fix.speed_mps) == ("car", pytest.approx(10.0))
    assert fix.heading == pytest.approx((0.0, 1.0), abs=1e-6)
    assert frame.clock.scale_error == pytest.approx(1e-3), "a stated rate is no measured one"


def test_rows_out_of_order_and_doubled_are_survived_and_counted(tmp_path: Path) -> None:
    rows = [f"{i},{t / 10},car,{t},0,," for i in (1, 2) for t in range(20)]
    ordered, _ = play(write(tmp_path / "a.csv", sorted(rows, key=lambda r: float(r.split(",")[1]))))
    shuffled = rows[20:] + rows[:20][::-1] + [rows[3], rows[3]]
    frames, odd = play(write(tmp_path / "b.csv", shuffled))
    assert seconds(frames) == seconds(ordered)
    assert [{f.name for f in frame.fixes or ()} for frame in frames] == [{"1", "2"}] * 20
    assert odd == {"row_repeated": 2, "row_out_of_order": 21}


def test_a_row_that_comes_too_late_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.sources.tracks.WINDOW_ROWS", 3)
    rows = [f"1,{t},car,{t},0,," for t in (0, 1, 2, 3, 4, 5, 0.5, 6)]
    frames, odd = play(write(tmp_path / "a.csv", rows))
    assert seconds(frames) == [0, 1, 2, 3, 4, 5, 6]
    assert odd == {"row_out_of_order": 1, "row_too_late": 1}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,0.2,car,abc,0,,", "line 3: a.csv: x_m: expected a finite number, got 'abc'"),
        ("1,0.2,car,nan,0,,", "line 3: a.csv: x_m: expected a finite number, got 'nan'"),
        ("1,0.2,,1,0,,", "line 3: a.csv: class: expected a value, got 'nothing'"),
        (
            "1,yesterday,car,1,0,,",
            "line 3: a.csv: time: expected seconds, Unix seconds, or a time with its zone",
        ),
        ("1,2026-09-01T08:30:00,car,1,0,,", "line 3: a.csv: time: expected seconds"),
        ("1,1e15,car,1,0,,", "line 3: a.csv: time: expected seconds"),
        (
            "1,-9e10,car,1,0,,",
            "line 3: a.csv: time: expected a time between the year 2000 and now, got '-9e10'",
        ),
        ("1,9e8,car,1,0,,", "line 3: a.csv: time: expected a time between the year 2000 and now, got '9e8'"),
        ("1,0001-01-01T00:00:00+23:00,car,1,0,,", "line 3: a.csv: time: expected a time between"),
        ("1,0.2,car,1,0,fast,", "line 3: a.csv: speed: expected a finite number, got 'fast'"),
        ("1,0.2,car", "line 3: a.csv: expected one row of values or one JSON object, got '3 of 7 values'"),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_and_told(tmp_path: Path, row: str, words: str) -> None:
    path = write(tmp_path / "a.csv", ["1,0.1,car,1,0,,", row, "1,0.3,car,3,0,,"])
    opened = open_source(camera(path), Settings.from_env({}))
    opened.open()
    assert len(list(opened.frames())) == 2
    assert opened.stats.oddities == {"row": 1}
    assert words in opened.stats.message


def test_without_a_start_a_row_that_no_recording_reaches_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["1,0.1,car,1,0,,", "1,-9e10,car,2,0,,", "1,0.3,car,3,0,,"])
    frames, odd = play(path, started_at=None)
    assert [round((frame.at - frames[0].at).total_seconds(), 3) for frame in frames] == [0.0, 0.2]
    assert odd == {"row": 1}


def test_a_line_that_is_no_object_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"id": 1, "time": 0, "class": "car", "x_m": 1, "y_m": 2}\n'
    path.write_text(good + "[1, 2]\n{broken\n" + good.replace('"time": 0', '"time": 1'))
    seen = probe(camera(path), Settings.from_env({}))
    assert any(
        "2 of 4 rows cannot be used, the first: line 2: a.jsonl: expected one row" in p for p in seen.problems
    )


def test_a_column_that_is_not_there_is_an_error_of_the_site_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["1,0,car,1,2"], "id,time,class,x_est,y_m\n")
    with pytest.raises(
        FieldError, match=r"source.columns.x_m: expected a column of a.csv \(id, time"
    ) as error:
        open_source(camera(path), Settings.from_env({})).open()
    assert error.value.got == "'x_m'"


@pytest.mark.parametrize("content", ["", "\n\n", HEADER, HEADER + "1,0,car\n"])
def test_a_file_without_a_row_of_use_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises((SourceError, FieldError)):
        open_source(camera(path), Settings.from_env({})).open()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.csv: no such file"):
        open_source(camera(tmp_path / "none.csv"), Settings.from_env({})).open()


def test_several_files_play_at_once_and_keep_their_names_apart(tmp_path: Path) -> None:
    write(tmp_path / "x_ped.csv", ["1,0,person,0,0,,", "1,1,person,0,1,,"])
    write(tmp_path / "x_veh.csv", ["1,0.5,car,9,0,,", "1,1,car,9,1,,"])
    frames, _ = play(tmp_path / "x_*.csv")
    assert seconds(frames) == [0, 0.5, 1]
    assert len({f.name for f in frames[2].fixes or ()}) == 2


@pytest.mark.parametrize("stated", ["2026-09-01T13:30:01.250+05:00", "1788251401.25"])
def test_times_of_day_need_no_start(tmp_path: Path, stated: str) -> None:
    path = write(tmp_path / "a.csv", [f"1,{stated},car,1,2,,"])
    (frame,), _ = play(path, started_at=None)
    assert frame.at == ZERO + timedelta(seconds=1.25)
    assert frame.clock.source == "device"


def test_times_of_two_kinds_do_not_mix(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", ["1,0.1,car,1,2,,", "1,2026-09-01T08:30:01Z,car,1,2,,", "1,0.2,car,1,2,,"]
    )
    frames, odd = play(path)
    assert (seconds(frames), odd["row"]) == ([0.1, 0.2], 1)


def test_a_look_says_what_an_operator_should_know(tmp_path: Path) -> None:
    rows = [f"{i},{t / 10},{c},{t},0,," for t in range(50) for i, c in ((1, "car"), (2, "tram"))]
    seen = probe(camera(write(tmp_path / "a.csv", rows), started_at=None), Settings.from_env({}))
    assert (seen.codec, seen.clock_source) == ("2 tracks", "file-time")
    assert seen.measured_hz == pytest.approx(10)
    assert seen.duration_s == pytest.approx(4.9)
    assert any("classes tram" in p for p in seen.problems)
    assert any("source.started_at" in p for p in seen.problems)


def test_a_count_of_frames_needs_a_rate() -> None:
    with pytest.raises(ValueError, match="rate_hz: expected moments a second"):
        source(Path("a.csv"), columns={"frame": "frame"})


@pytest.mark.parametrize(
    "options",
    [
        {"zones": [{"name": "z", "polygon_px": [[0, 0], [1, 0], [1, 1]]}]},
        {"lines": [{"name": "z", "px": [[0, 0], [1, 0]]}]},
        {
            "lines": [{"name": "g", "m": [[0, 0], [1, 0]]}],
            "rules": [
                {
                    "kind": "section_speed",
                    "section": "s",
                    "role": "entry",
                    "gate": "g",
                    "length_m": 900,
                    "limit_kmh": 60,
                }
            ],
        },
    ],
)
def test_nothing_can_be_given_in_a_picture_that_is_not_there(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="nothing that needs a picture"):
        CameraConfig.model_validate(
            {"id": "c", "district": "d", "source": {"kind": "tracks", "path": "a.csv"}, **options}
        )


def test_a_stopped_source_ends(tmp_path: Path) -> None:
    opened = open_source(
        camera(write(tmp_path / "a.csv", [f"1,{t},car,{t},0,," for t in range(9)])), Settings.from_env({})
    )
    opened.open()
    frames = opened.frames()
    next(frames)
    opened.close()
    assert len(list(frames)) == 0
