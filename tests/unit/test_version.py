from __future__ import annotations

from importlib import metadata
from typing import NoReturn

import pytest

from cluster.cli import version_text
from flows.version import UNKNOWN, software_version


def test_a_cluster_with_the_requirements_alone_has_a_version_that_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    assert software_version() == UNKNOWN
    assert "pip install" in version_text()


def test_the_installed_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "1.2.3")
    assert software_version() == version_text() == "1.2.3"
