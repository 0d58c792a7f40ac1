"""Belt classifiers for tests of what lies round them: ``belts_fake:load``."""

from __future__ import annotations

from flows.domain.belts import BeltAnswer, BeltRequest, SeatAnswer


class FakeBelts:
    """Says that the driver of every car wears no belt, and that nobody sits beside."""

    def look(self, request: BeltRequest) -> BeltAnswer:
        bare = SeatAnswer("unworn", "", 0.99, 0.98, 0.995)
        return BeltAnswer(
            {"driver": bare, "passenger": SeatAnswer("nobody")}, len(request.looks), 0.97, {"belts": "fake"}
        )


class BlindBelts:
    """Sees nothing but glare."""

    def look(self, request: BeltRequest) -> BeltAnswer:
        glare = SeatAnswer("unknown", "glare", 0.4)
        return BeltAnswer({"driver": glare, "passenger": glare}, len(request.looks), 0.97)


def load() -> FakeBelts:
    """A loader for the belts deployment."""
    return FakeBelts()


def blind() -> BlindBelts:
    """Likewise."""
    return BlindBelts()


def broken() -> FakeBelts:
    """A loader that fails, as where weights are missing."""
    raise RuntimeError("no weights")
