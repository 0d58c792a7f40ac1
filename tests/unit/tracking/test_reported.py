from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flows.domain.fixes import Fix
from flows.tracking import ReportedTracks

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)


def fix(x: float, name: str = "7", cls: str = "car") -> Fix:
    return Fix(name, cls, (x, 0.0))


def at(s: float) -> datetime:
    return ZERO + timedelta(seconds=s)


def test_a_name_is_a_track_once_it_was_seen_three_times() -> None:
    tracks = ReportedTracks()
    confirmed = []
    for i in range(3):
        seen = tracks.step((fix(i / 10), fix(-i / 10, "8")), at(i / 10), i)
        confirmed.append([(t.id, t.confirmed) for t in seen])
    assert confirmed == [[(1, False), (2, False)]] * 2 + [[(1, True), (2, True)]]
    assert [s.fix.xy_m[0] for s in seen[0].sightings if s.fix] == [0.0, 0.1, 0.2]
    assert tracks.moving()


def test_a_name_that_comes_back_after_a_silence_is_another_object() -> None:
    tracks = ReportedTracks()
    tracks.step((fix(0),), at(0), 0)
    assert tracks.step((), at(2.9), 1) == []
    assert tracks.ended() == []
    tracks.expire(at(3.1))
    assert [t.id for t in tracks.ended()] == [1]
    assert [t.id for t in tracks.step((fix(0),), at(5), 2)] == [2]


def test_a_name_that_jumps_has_gone_over_to_another_object() -> None:
    tracks = ReportedTracks()
    tracks.step((fix(0),), at(0), 0)
    assert [t.id for t in tracks.step((fix(2.5),), at(0.02), 1)] == [1], "a device may correct itself"
    assert [t.id for t in tracks.step((fix(12),), at(0.1), 2)] == [2]
    assert [t.id for t in tracks.ended()] == [1]


def test_the_class_is_voted_on_and_the_end_ends_all() -> None:
    tracks = ReportedTracks()
    for i, cls in enumerate(("car", "truck", "truck")):
        (track,) = tracks.step((fix(0, cls=cls),), at(i / 10), i)
    assert track.cls == "truck"
    assert not tracks.moving()
    tracks.close()
    assert [t.id for t in tracks.ended()] == [1]
    assert tracks.active == []
