from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from flows.domain.signals import Phase, SignalState
from flows.rules import signal_log
from flows.rules.signal_log import SignalLog

START = datetime(2026, 6, 1, tzinfo=UTC)
Phases = Sequence[tuple[float, Phase]]


def second(s: float) -> datetime:
    return START + timedelta(seconds=s)


def seen(phases: Phases, until_s: float) -> SignalLog:
    """An arrow that is looked at ten times a second, and shows each phase from a second on."""
    log = SignalLog("arrow")
    for k in range(round(10 * until_s) + 1):
        since_s, phase = max(p for p in phases if p[0] <= k / 10)
        log.see(SignalState(phase, second(max(0.0, since_s - 0.1)), second(k / 10), 0.9, second(since_s)))
    return log


HIDDEN: Phases = [(0, "off"), (5.0, "unknown"), (5.8, "off")]
FLASHES: Phases = [(0, "green"), *((2 + k / 2, ("off", "unknown")[k % 2]) for k in range(8)), (6.0, "off")]


@pytest.mark.parametrize(
    ("phases", "until_s", "may_have_been_green"),
    [
        pytest.param([(0, "off")], 8, False, id="off"),
        pytest.param(HIDDEN, 6.9, False, id="hidden for a blink"),
        pytest.param(HIDDEN, 6.5, True, id="hidden a moment ago"),
        pytest.param([(0, "off"), (5.0, "unknown"), (6.0, "off")], 8, True, id="hidden for long enough to flash up"),
        pytest.param([(4.3, "off"), (0, "unknown"), *HIDDEN[1:]], 8, True, id="off for a moment before"),
        pytest.param([*HIDDEN, (6.4, "green")], 8, True, id="off for a moment after"),
        pytest.param([(0, "amber"), *HIDDEN[1:]], 8, True, id="something else before"),
        pytest.param([(0, "off"), (5.0, "green"), (5.8, "off")], 8, True, id="green"),
        pytest.param(FLASHES, 9, True, id="each flash is hidden"),
        pytest.param([(0, "off"), (2.0, "unknown"), (2.8, "off"), *HIDDEN[1:]], 8, False, id="hidden twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_for_a_blink_was_what_is_shown_before_and_after(
    phases: Phases, until_s: float, may_have_been_green: bool
) -> None:
    log = seen(phases, until_s)
    for first_s, last_s in ((4.8, 6.1), (5.2, 5.5)):
        assert log.showed("green", second(first_s), second(last_s)) is may_have_been_green


@pytest.mark.parametrize(
    ("phases", "may_have_been_green"), [(HIDDEN, False), ([(0, "off"), *FLASHES[1:]], True)]
)
def test_what_was_shown_long_before_and_after_does_not_matter(
    phases: Phases, may_have_been_green: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked of each look at whoever waits for an arrow: not more than the phases around it are gone through."""
    often = [(20.0 * k + s, phase) for k in range(10) for s, phase in phases]
    log, bridged = seen(often, 200), list[int]()
    real = signal_log._blinks
    monkeypatch.setattr(signal_log, "_blinks", lambda *spells: bridged.append(1) or real(*spells))
    assert log.showed("green", second(104.8), second(106.1)) is may_have_been_green
    assert 0 < len(bridged) <= 10
