"""A plate reader for tests of what lies round it: ``plates_fake:load``."""

from __future__ import annotations

from flows.domain.plates import PlateAnswer, PlateRequest


class FakeReader:
    """Reads the number of crops that it was given as a number."""

    def read(self, request: PlateRequest) -> PlateAnswer:
        text = f"{len(request.crops):03d}ABC02"
        return PlateAnswer(
            "read", text, text, request.country, "car", 0.99, True, crop=0, xyxy=(1, 1, 9, 5), seen=1
        )


def load() -> FakeReader:
    """A loader for the plates deployment."""
    return FakeReader()


def broken() -> FakeReader:
    """A loader that fails, as where weights are missing."""
    raise RuntimeError("no weights")
