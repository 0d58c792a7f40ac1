from __future__ import annotations

import pytest

from flows.domain.errors import FieldError
from flows.domain.platehash import PlateHasher
from flows.settings import Settings

OLD, NEW = "k1:" + "11" * 16, "k2:" + "22" * 32


def hasher(text: str) -> PlateHasher:
    found = PlateHasher.of(text)
    assert found is not None
    return found


def test_the_same_plate_has_the_same_hash_however_it_is_written() -> None:
    one = hasher(NEW)
    assert one.hash("123 ABC 02") == one.hash("123авс02") != one.hash("123ABC03")
    assert one.hash("123 ABC 02").startswith("k2:")
    assert "123" not in one.hash("123 ABC 02").removeprefix("k2:") or len(one.hash("x")) == 35


def test_another_key_gives_another_hash() -> None:
    assert hasher(NEW).hash("A1") != hasher("k2:" + "33" * 32).hash("A1")


def test_after_a_rotation_old_hashes_are_still_known_until_their_key_goes() -> None:
    before = hasher(OLD).hash("123ABC02")
    rotated = hasher(f"{NEW},{OLD}")
    assert before in rotated.hashes("123ABC02")
    assert rotated.hash("123ABC02").startswith("k2:")
    assert before not in hasher(NEW).hashes("123ABC02")


def test_nothing_is_hashed_to_nothing() -> None:
    assert hasher(NEW).hash("") == ""
    assert hasher(NEW).hashes("") == []
    assert PlateHasher.of("") is None


@pytest.mark.parametrize("bad", ["secret", "k1:zz", "k1:" + "11" * 8, "K 1:" + "11" * 16, f"{OLD},{OLD}"])
def test_a_wrong_key_is_told_at_the_start_without_telling_it(bad: str) -> None:
    with pytest.raises(FieldError, match="DOME_PLATE_KEY") as told:
        Settings.from_env({"DOME_PLATE_KEY": bad})
    assert "11" * 8 not in str(told.value)


def test_settings_do_not_show_the_key() -> None:
    assert "2222" not in repr(Settings.from_env({"DOME_PLATE_KEY": NEW}))
    assert "2222" not in repr(hasher(NEW))
