"""Of whom it is counted that they are found: only of cameras that show them large enough."""

from __future__ import annotations

from searching import make_lead_event

from cluster.bench.missing import Walk, figure


def test_cameras_that_show_the_face_wide_enough_are_asked_and_who_is_missed_is_named() -> None:
    found, missed, small = (
        Walk(7, pose, px, leads, 9)
        for pose, px, leads in (
            ("way_1", 60.0, (make_lead_event(),)),
            ("way_2", 61.0, ()),
            ("way_3", 59.0, ()),
        )
    )
    both = figure([found, missed, small])
    assert (both.value, both.ok) == (0.5, False)
    assert "1 of 2, " in both.detail
    assert "missed: 7 way_2; left out, the face being smaller: 1;" in both.detail
    assert figure([found, small]).ok
