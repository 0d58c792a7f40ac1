"""The plan of a street: where its lanes, kerbs, crosswalk, side roads and reserved places are, in metres."""

from __future__ import annotations

from dataclasses import dataclass

LANE_M = 3.5
VERGE_M = 1.4
"""Strip between kerb and pavement: trees, lamps and signs stand in it."""
CROSSWALK_M = 4.0
"""Length of the bars along the road."""
STOP_LINE_M = 2.0
"""From the stop line to the crosswalk's edge."""
KERB_LANE_M = 2.3
"""Width of the strip along a kerb in which cars may stand."""


@dataclass(frozen=True)
class Crossroad:
    """A road that crosses the street at a right angle, or leaves it on both sides.

    Attributes:
        y_m: Its middle.
        half_m: Half its width.
    """

    y_m: float
    half_m: float = 6.0

    @property
    def near_m(self) -> float:
        """Its edge on the camera's side."""
        return self.y_m - self.half_m

    @property
    def far_m(self) -> float:
        """Its other edge."""
        return self.y_m + self.half_m


@dataclass(frozen=True)
class Street:
    """The plan of a straight street along +y.

    Attributes:
        away: Lanes that go along +y, on the right side of it.
        towards: Lanes that come along -y.
        parking: Whether cars may stand along the kerbs (a strip of 2.3 m each side).
        pavement_m: Width of the pavements.
        crosswalk_y_m: Middle of the crosswalk, if there is one.
        stop_lines: Whether stop lines stand before the crosswalk.
        from_y_m: Where the street begins, behind the camera.
        until_y_m: Where it ends, far away.
        median_m: Width of an island between the two directions, on which people may wait.
        crossroad: A road across.
        stop_y_m: Edge, on the drivers' side, of a stop line of the lanes away.
        bus_lane: Stretch of the outermost lane (away; towards, where none goes away) that is for buses.
        no_stopping: Stretch of the right kerb strip in which nobody may stand.
    """

    away: int
    towards: int
    parking: bool = False
    pavement_m: float = 3.0
    crosswalk_y_m: float | None = None
    stop_lines: bool = False
    from_y_m: float = -45.0
    until_y_m: float = 300.0
    median_m: float = 0.0
    crossroad: Crossroad | None = None
    stop_y_m: float | None = None
    bus_lane: tuple[float, float] | None = None
    no_stopping: tuple[float, float] | None = None

    @property
    def lanes_m(self) -> tuple[tuple[float, float], ...]:
        """``(x_m, heading_deg)`` of every lane from left to right; traffic keeps right."""
        count = self.away + self.towards
        middle = [(i - (count - 1) / 2) * LANE_M for i in range(count)]
        island = self.median_m / 2
        return tuple(
            (x - island, 180.0) if i < self.towards else (x + island, 0.0) for i, x in enumerate(middle)
        )

    @property
    def drive_half_m(self) -> float:
        """Half the width of the driving lanes."""
        return (self.away + self.towards) * LANE_M / 2 + self.median_m / 2

    @property
    def half_m(self) -> float:
        """Half the width between the kerbs."""
        return self.drive_half_m + 0.4 + (KERB_LANE_M if self.parking else 0.0)

    @property
    def divide_m(self) -> float:
        """Where the two directions meet."""
        return (self.towards - self.away) * LANE_M / 2

    @property
    def front_m(self) -> float:
        """Where the pavement ends."""
        return self.half_m + VERGE_M + self.pavement_m

    @property
    def bus_lane_x_m(self) -> float:
        """Middle of the lane for buses: the outermost on the right of those who drive in it."""
        return self.lanes_m[-1 if self.away else 0][0]

    def walks_m(self) -> tuple[float, float]:
        """Nearest and farthest distance from the middle at which people walk."""
        return self.half_m + VERGE_M + 0.4, self.front_m - 0.4
