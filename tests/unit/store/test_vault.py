"""Tokens are read with the key they were made with, or not at all."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from flows.domain.errors import FieldError, StoreError
from flows.store.vault import Vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.mark.parametrize(
    "text", ["", " , ", "secret", f"{OLD},secret"], ids=["none", "empty", "no key", "half a key"]
)
def test_a_key_that_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(FieldError, match=r"DOME_PROBE_KEY: expected .*make one with") as caught:
        Vault.of(text)
    assert "secret" not in str(caught.value)
    assert OLD not in str(caught.value)


def test_a_rotated_key_reads_what_the_old_one_made_until_it_is_dropped() -> None:
    token = Vault.of(OLD).seal(b"face")
    both = Vault.of(f"{NEW}, {OLD}")
    assert both.open(token) == b"face"
    renewed = both.renewed(token)
    assert Vault.of(NEW).open(renewed) == b"face"
    with pytest.raises(StoreError, match="none of the keys in DOME_PROBE_KEY"):
        Vault.of(NEW).open(token)


def test_a_changed_token_is_not_opened() -> None:
    vault = Vault.of(OLD)
    token = vault.seal(b"face")
    with pytest.raises(StoreError, match="or it was changed"):
        vault.open(token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1])
    assert b"face" not in token.encode()
