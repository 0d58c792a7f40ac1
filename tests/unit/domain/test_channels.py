from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.domain.channels import WINDOW_S, Channel, SignatureRefused, check, signature

KEY, NEXT, NOW_S = "k" * 32, "n" * 40, 1_780_000_000.0
CHANNELS = {"egov": Channel.model_validate({"name": "egov", "keys": [NEXT, KEY]}),
            "bank": Channel.model_validate({"name": "bank", "keys": ["b" * 32]})}  # fmt: skip
NONCE = "abcdefgh01234567"


class Memory:
    def __init__(self) -> None:
        self.known: set[str] = set()

    def __call__(self, nonce: str, seconds: int) -> bool:
        assert seconds >= 2 * WINDOW_S
        fresh = nonce not in self.known
        self.known.add(nonce)
        return fresh


def headers(key: str = KEY, stamp: float = NOW_S, nonce: str = NONCE, **changes: str) -> dict[str, str]:
    made = signature(key, int(stamp), nonce, "POST", "/r?x=1", b"body")
    return {"x-dome-channel": "egov", "x-dome-timestamp": str(int(stamp)), "x-dome-nonce": nonce,
            "x-dome-signature": made} | changes  # fmt: skip


def ask(
    given: dict[str, str],
    memory: Any = None,
    method: str = "POST",
    target: str = "/r?x=1",
    body: bytes = b"body",
) -> Channel:
    return check(given, method, target, body, CHANNELS, NOW_S, memory or Memory())


@pytest.mark.parametrize("key", [KEY, NEXT])
def test_a_request_signed_with_either_key_is_its_channel_s(key: str) -> None:
    assert ask(headers(key)).name == "egov"


def test_a_request_is_taken_once() -> None:
    memory = Memory()
    ask(headers(), memory)
    with pytest.raises(SignatureRefused, match="used before"):
        ask(headers(), memory)
    ask(headers(nonce=NONCE + "x"), memory)


@pytest.mark.parametrize("late_s", [-WINDOW_S - 1, WINDOW_S + 1, -86400])
def test_outside_of_the_clock_s_window_it_is_refused(late_s: int) -> None:
    with pytest.raises(SignatureRefused, match="clock"):
        ask(headers(stamp=NOW_S + late_s))


@pytest.mark.parametrize(
    "changes",
    [{"method": "PUT"}, {"target": "/r?x=2"}, {"target": "/r"}, {"body": b"bodY"}],
)
def test_nothing_of_a_signed_request_can_be_changed(changes: dict[str, Any]) -> None:
    memory = Memory()
    with pytest.raises(SignatureRefused, match="not this channel's"):
        ask(headers(), memory, **changes)
    assert memory.known == set()


@pytest.mark.parametrize("changes", [{"x-dome-channel": "bank"}, {"x-dome-channel": "nobody"}, {"x-dome-channel": ""},
                                     {"x-dome-signature": ""}, {"x-dome-signature": "v1=ә"}])  # fmt: skip
def test_another_channel_s_name_or_no_signature_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(SignatureRefused, match="not this channel's"):
        ask(headers(**changes))


@pytest.mark.slow
@given(st.text(max_size=20), st.text(max_size=70))
def test_headers_that_are_nonsense_are_refused_in_words(stamp: str, nonce: str) -> None:
    with pytest.raises(SignatureRefused):
        ask(
            {
                "x-dome-channel": "egov",
                "x-dome-timestamp": stamp,
                "x-dome-nonce": nonce,
                "x-dome-signature": "v1=0",
            }
        )


def test_a_short_key_is_no_key_and_keys_are_not_shown() -> None:
    for keys in ([], ["short"], [KEY, "short"]):
        with pytest.raises(ValidationError, match="32 letters"):
            Channel.model_validate({"name": "egov", "keys": keys})
    assert KEY not in repr(CHANNELS)
