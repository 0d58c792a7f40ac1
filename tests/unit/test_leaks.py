"""What keeps pictures of people out of files."""

import resource

import pytest

from flows.domain.errors import DomeError
from flows.leaks import check_inline, without_dumps


def test_a_ray_that_puts_everything_into_its_object_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_inline()
    monkeypatch.setenv("RAY_max_direct_call_object_size", "20000")
    with pytest.raises(
        DomeError, match=r"RAY_max_direct_call_object_size: expected 88000 or more, .* got 20000"
    ):
        check_inline()


def test_a_process_that_holds_faces_leaves_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: asked.append(limits))
    without_dumps()
    assert asked == [(resource.RLIMIT_CORE, (0, 0))]
