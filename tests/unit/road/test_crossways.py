from __future__ import annotations

import numpy as np

from flows.road.crossways import AROUND_S, slopes

RATE_HZ = 10.0


def test_a_pace_is_known_as_well_at_both_ends_of_what_was_seen_as_amid() -> None:
    """A driver's time begins when somebody first seen on the road must have stepped out: by their first pace."""
    rng = np.random.default_rng(0)
    t = np.arange(40) / RATE_HZ
    found = np.array(
        [slopes(t, (1.3 * t + rng.normal(0, 0.1, 40))[:, None], AROUND_S)[:, 0] for _ in range(300)]
    )
    spread = found.std(axis=0)
    assert max(spread[0], spread[-1]) < 1.2 * spread[20]
    assert np.abs(found.mean(axis=0) - 1.3).max() < 0.05


def test_of_a_moment_the_pace_is_that_of_the_whole_of_it() -> None:
    t = np.array([0.0, 0.1, 0.2])
    assert np.allclose(slopes(t, np.array([[0.0, 1.0], [0.1, 1.0], [0.2, 1.0]]), AROUND_S), [1.0, 0.0])


def test_who_turns_round_is_seen_to_do_so_amid_what_was_seen() -> None:
    t = np.arange(31) / RATE_HZ
    pace = slopes(t, np.minimum(t, 3.0 - t)[:, None], AROUND_S)[:, 0]
    assert pace[:10].min() > 0.9
    assert abs(pace[15]) < 0.2
    assert pace[-10:].max() < -0.9


def test_who_was_out_of_sight_right_after_the_first_sighting_stood_for_all_that_is_known() -> None:
    """Its stretch holds one sighting, itself, at its very edge: no rounding may lose that."""
    t = np.array([0.1, 3.0, 3.1, 3.2, 3.3, 3.4, 6.3]) + np.linspace(0.0, 30.0, 301)[:, None]
    for each in t:
        pace = slopes(each, each[:, None], AROUND_S)[:, 0]
        assert np.isfinite(pace).all()
        assert (pace[0], pace[-1]) == (0.0, 0.0)
        assert abs(pace[3] - 1.0) < 0.01
