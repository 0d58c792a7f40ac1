"""A few random stories of each rule; ``python tests/tales.py --count 150`` tells many and prints the figures."""

from __future__ import annotations

import pytest
from tales import ALL, score

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", list(ALL))
def test_offences_are_found_and_others_are_let_go(kind: str) -> None:
    tales = ALL[kind]
    found = score(tales, 8, first_seed=300)
    assert sum(found.wrong.values()) == 0, found
    assert sum(found.right.values()) >= 6, found
