"""Figures of the tracker on MOTChallenge files, and what is said of files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.domain.errors import FieldError
from flows.evaluation.tracking import (
    MotRows,
    _track,
    evaluate_tracking,
    evaluate_tracking_folder,
    read_rows,
    score_rows,
)

MOT15 = Path(__file__).parents[4] / "shared" / "data" / "tracking"
FPS = 10.0


def line(frame: int, identity: int, left: float, mark: float) -> str:
    return f"{frame},{identity},{left},50,40,80,{mark},-1,-1,-1"


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def walk(count: int = 40) -> list[tuple[int, int, float]]:
    """Two people who walk side by side: frame, identity, left."""
    return [(f, i, 100.0 + 200 * i + 3 * f) for f in range(1, count + 1) for i in (1, 2)]


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    folder = tmp_path / "walk"
    write(folder / "gt.txt", [line(f, i, left, 1) for f, i, left in walk()])
    write(folder / "det.txt", [line(f, -1, left, 0.99) for f, _, left in walk()])
    write(folder / "seqinfo.ini", ["[Sequence]", "name=walk", f"frameRate={FPS:g}"])
    return folder


@pytest.mark.slow
def test_perfect_detections_lose_only_the_frames_before_belief(sequence: Path) -> None:
    score = evaluate_tracking(sequence / "gt.txt", sequence / "det.txt", FPS)
    assert (score.misses, score.false_alarms, score.switches, score.tracks) == (4, 0, 0, 2)
    assert score.truth_boxes == 80
    assert score.mota == pytest.approx(76 / 80)
    assert score.idf1 == pytest.approx(2 * 76 / (80 + 76))
    assert 0.9 < score.hota < 1.0


@pytest.mark.slow
def test_a_switch_and_a_false_alarm_are_counted_as_mota_and_idf1_define_them() -> None:
    truth = rows([(f, 1, 100.0) for f in range(1, 11)])
    tracks = rows(
        [(f, 7 if f <= 6 else 8, 100.0) for f in range(1, 11)] + [(10, 9, 900.0)],
    )
    result = score_rows(truth, tracks)
    assert result["CLEAR"]["IDSW"] == 1
    assert result["CLEAR"]["MOTA"] == pytest.approx(1 - (0 + 1 + 1) / 10)
    assert result["Identity"]["IDF1"] == pytest.approx(2 * 6 / (10 + 11))


def rows(table: list[tuple[int, int, float]]) -> MotRows:
    frame, identity, left = (np.array(column) for column in zip(*table, strict=True))
    corners = np.stack([left, np.full_like(left, 50), left + 40, np.full_like(left, 130)], axis=1)
    return MotRows(frame, identity, corners, np.ones(len(left)))


@pytest.mark.slow
def test_truth_with_flag_0_does_not_count(sequence: Path) -> None:
    before = evaluate_tracking(sequence / "gt.txt", sequence / "det.txt", FPS)
    with (sequence / "gt.txt").open("a") as file:
        file.writelines(line(f, 3, 900, 0) + "\n" for f in range(1, 30))
    after = evaluate_tracking(sequence / "gt.txt", sequence / "det.txt", FPS)
    assert (after.mota, after.idf1, after.truth_boxes) == (before.mota, before.idf1, before.truth_boxes)


def test_no_detections_score_nothing(sequence: Path) -> None:
    write(sequence / "det.txt", [])
    score = evaluate_tracking(sequence / "gt.txt", sequence / "det.txt", FPS)
    assert (score.mota, score.idf1, score.misses, score.tracks) == (0.0, 0.0, 80, 0)


@pytest.mark.parametrize("scale", [lambda s: 50 * s - 10, lambda s: 1000 * s])
def test_raw_scores_of_any_scale_track_as_well(sequence: Path, scale) -> None:  # type: ignore[no-untyped-def]
    write(sequence / "det.txt", [line(f, -1, left, scale(0.1 * (f % 7))) for f, _, left in walk()])
    assert evaluate_tracking(sequence / "gt.txt", sequence / "det.txt", FPS).misses == 4


def test_rows_out_of_order_are_put_in_order(sequence: Path) -> None:
    in_order = _track(read_rows(sequence / "det.txt"), FPS, None).rows
    write(sequence / "det.txt", (sequence / "det.txt").read_text().split()[::-1])
    shuffled = _track(read_rows(sequence / "det.txt"), FPS, None).rows
    assert shuffled.frame.tolist() == in_order.frame.tolist()
    assert sorted(map(tuple, shuffled.xyxy.tolist())) == sorted(map(tuple, in_order.xyxy.tolist()))


def test_nothing_is_reported_that_later_frames_decided(sequence: Path) -> None:
    det = read_rows(sequence / "det.txt")
    whole, half = (_track(rows, FPS, None).rows for rows in (det, det[det.frame <= 20]))
    early = whole[whole.frame <= 20]
    assert early.id.tolist() == half.id.tolist()
    assert early.xyxy.tolist() == half.xyxy.tolist()


def test_sequences_together_add_up_their_counts(sequence: Path) -> None:
    other = sequence.parent / "empty-street"
    write(other / "gt.txt", [line(1, 1, 10, 1)])
    write(other / "det.txt", [])
    write(other / "seqinfo.ini", ["[Sequence]", "frameRate=25"])
    scores, together = evaluate_tracking_folder(sequence.parent)
    assert sorted(scores) == ["empty-street", "walk"]
    assert together.misses == 5
    assert together.mota == pytest.approx(1 - 5 / 81)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("1,1,2,3", "line 2: gt.txt: expected at least 7 columns"),
        ("1,x,2,3,4,5,1", "line 2: gt.txt: expected numbers"),
        ("1,1,nan,3,4,5,1", "line 2: gt.txt: expected finite numbers"),
        ("0,1,2,3,4,5,1", "line 2: gt.txt frame: expected a whole number from 1"),
        ("1.5,1,2,3,4,5,1", "line 2: gt.txt frame: expected a whole number from 1"),
        ("1e9,1,2,3,4,5,1", "line 2: gt.txt frame: expected a whole number from 1"),
        ("2,1,2,3,0,5,1", "line 2: gt.txt width, height: expected sizes above 0"),
        ("1,1,2,3,4,5,1", "line 2: gt.txt id: expected an identity once a frame"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(tmp_path: Path, bad: str, said: str) -> None:
    truth = write(tmp_path / "gt.txt", [line(1, 1, 10, 1), bad])
    with pytest.raises(FieldError) as caught:
        read_rows(truth, truth=True)
    assert str(caught.value).startswith(said)


def test_other_mistakes_are_named(sequence: Path, tmp_path: Path) -> None:
    gt, det = sequence / "gt.txt", sequence / "det.txt"
    with pytest.raises(FieldError, match="no file there"):
        evaluate_tracking(tmp_path / "none.txt", det, FPS)
    with pytest.raises(FieldError, match="fps"):
        evaluate_tracking(gt, det, 0.0)
    with pytest.raises(FieldError, match="at least one row with flag 1"):
        evaluate_tracking(write(tmp_path / "gt0.txt", [line(1, 1, 10, 0)]), det, FPS)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FieldError, match="UTF-8"):
        read_rows(tmp_path / "binary.txt")
    with pytest.raises(FieldError, match=r"seqinfo\.ini"):
        evaluate_tracking_folder(tmp_path / "nowhere")
    write(sequence / "seqinfo.ini", ["[Sequence]", "name=walk"])
    with pytest.raises(FieldError, match="frameRate"):
        evaluate_tracking_folder(sequence.parent)


@pytest.mark.skipif(not MOT15.is_dir(), reason="the MOT15 sequences are not in ../shared/data/tracking")
def test_a_real_sequence_stays_as_good_as_it_is() -> None:
    folder = MOT15 / "TUD-Stadtmitte"
    score = evaluate_tracking(folder / "gt.txt", folder / "det.txt", 25)
    assert score.mota > 0.68
    assert score.idf1 > 0.70
