"""Random stories of each rule, offences and what only looks like them: how often does the rule judge rightly?

``python tests/tales.py --count 60`` prints a table: of each rule, offences found and others reported wrongly, by
three cameras whose boxes have a detector's noise (1.2 px, correlated, one in twenty missed, hidden by others).
Geometry and judgement only: no pictures, no detector, no tracker but numbers that a story swaps on purpose.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import driving
import numpy as np
from roads import Drive, Story, arc, over, parked, rect, road, straight, swapped

from flows.domain.ruleset import (
    BusLaneRule,
    ProhibitedStoppingRule,
    ProhibitedTurnRule,
    RuleConfig,
    SolidLineRule,
    WrongWayRule,
)
from flows.road.motion import BODIES
from flows.rules import rule_of

Rng = np.random.Generator
Teller = Callable[[Rng], Sequence[Drive]]
POSES = ("gantry", "roadside", "high")
LANE_M = 3.5
NOISE_PX, MISS = 1.2, 0.05


@dataclass(frozen=True)
class Tales:
    """Of one rule: where it holds, offences, and what only looks like them."""

    config: RuleConfig
    zones: dict[str, Sequence[tuple[float, float]]]
    offences: dict[str, Teller]
    others: dict[str, Teller]
    lines: dict[str, Sequence[tuple[float, float]]]
    headings: dict[str, float]
    hz: float = 12.5


def kmh(rng: Rng, low: float = 28, high: float = 60) -> float:
    return float(rng.uniform(low, high))


def cls(rng: Rng) -> str:
    return str(rng.choice(["car", "truck", "bus", "motorcycle"], p=[0.7, 0.14, 0.06, 0.1]))


def sized(drive: Drive, rng: Rng) -> Drive:
    """Its body is not the typical one of its class."""
    prior = BODIES.get(drive.cls)
    if prior is None or drive.size_m is not None:
        return drive
    spread = np.clip(rng.normal(0, 1, 2), -1.5, 1.5)
    length, width = (p[0] + s * p[1] for p, s in zip((prior.length, prior.width), spread, strict=True))
    return replace(drive, size_m=(float(length), float(width)))


def beside(rng: Rng, lanes: Sequence[float]) -> list[Drive]:
    """Others who pass as they should, in some of these lanes; they hide what is behind them."""
    out = []
    for k, x in enumerate(lanes):
        if rng.random() < 0.6:
            y = (0.0, 75.0) if x > 0 else (75.0, 0.0)
            x = x + float(rng.uniform(-0.3, 0.3))
            out.append(
                straight(50 + k, x=x, y=y, kmh=kmh(rng), start_s=float(rng.uniform(0, 4)), cls=cls(rng))
            )
    return out


def lane_change(rng: Rng, a: float, b: float, first: float, lasts: float, **how: object) -> Drive:
    """From one place across the road to another, along ``lasts`` metres."""
    points = [(a, -20.0), (a, first), (b, first + lasts), (b, 75.0)]
    return over(1, *points, kmh=kmh(rng), **how)  # type: ignore[arg-type]


# --- wrong way: the lane from x = -3.5 to 0 comes towards the camera -------------------------------------------


def drives_against(rng: Rng) -> list[Drive]:
    x = -1.75 + float(rng.uniform(-0.4, 0.4))
    return [straight(1, x=x, y=(0, 75), kmh=kmh(rng), cls=cls(rng)), *beside(rng, [1.75])]


def overtakes_against(rng: Rng) -> list[Drive]:
    first, out = float(rng.uniform(-8, 0)), float(rng.uniform(22, 28))
    points = [(1.75, -30), (1.75, first), (-1.75, first + out), (-1.75, first + out + 22), (1.75, 75)]
    return [over(1, *points, kmh=kmh(rng, 35, 60))]


def other_lane(rng: Rng) -> list[Drive]:
    x = float(rng.uniform(0.95, 2.4))
    return [straight(1, x=x, y=(0, 75), kmh=kmh(rng), cls=cls(rng)), *beside(rng, [-1.75])]


def u_turn(rng: Rng) -> list[Drive]:
    y = float(rng.uniform(24, 40))
    return [over(1, (5.25, 0), (5.25, y), *arc((0, y), 5.25, 0, 180), (-5.25, 0), kmh=kmh(rng, 14, 22))]


def backs(rng: Rng) -> list[Drive]:
    y, m, s = float(rng.uniform(22, 34)), float(rng.uniform(6, 14)), float(rng.uniform(3, 7))
    way = ((0, -1.75, 75), (4.5, -1.75, y + 10), (7, -1.75, y), (9, -1.75, y), (9 + s, -1.75, y + m))
    return [Drive(1, way, backwards=((9.0, 9 + s),))]


def swerves_in(rng: Rng) -> list[Drive]:
    y, x = float(rng.uniform(16, 34)), float(rng.uniform(-0.6, 0.2))
    points = [(1.75, 0), (1.75, y - 8), (x, y), (x, y + 3), (1.75, y + 12), (1.75, 75)]
    return [over(1, *points, kmh=kmh(rng, 30, 50))]


def mixed_up(rng: Rng) -> list[Drive]:
    a = straight(1, x=1.75, y=(0, 75), kmh=45)
    b = straight(2, x=-1.75, y=(75, 0), kmh=45)
    return list(swapped(a, b, float(rng.uniform(2.4, 3.6))))


def trembles(rng: Rng) -> list[Drive]:
    return [parked(1, x=-1.75, y=float(rng.uniform(30, 58)), s=(0, 25)), *beside(rng, [1.75, 5.25])]


# --- solid line: along x = 0 -------------------------------------------------------------------------------


def crosses(rng: Rng) -> list[Drive]:
    first, lasts = float(rng.uniform(12, 22)), float(rng.uniform(22, 30))
    return [lane_change(rng, 1.75, -1.75, first, lasts, cls=cls(rng)), *beside(rng, [5.25, -5.25])]


def overtakes_over(rng: Rng) -> list[Drive]:
    """Out and in again, at what tyres hold."""
    v, first = kmh(rng, 35, 55), float(rng.uniform(2, 10))
    out = v / 3.6 * float(rng.uniform(1.8, 2.4))
    there, back = first + out, first + out + 6
    points = [(1.75, -30), (1.75, first), (-1.75, there), (-1.75, back), (1.75, back + out), (1.75, 85)]
    return [over(1, *points, kmh=v), straight(9, x=1.75, y=(26, 75), kmh=14)]


def keeps_to_line(rng: Rng) -> list[Drive]:
    x = float(rng.uniform(0.95, 1.3))
    return [straight(1, x=x, y=(0, 75), kmh=kmh(rng), cls=cls(rng)), *beside(rng, [-1.75, 5.25])]


def swerves_on_line(rng: Rng) -> list[Drive]:
    y, x = float(rng.uniform(18, 34)), float(rng.uniform(0.3, 1.0))
    points = [(1.75, 0), (1.75, y - 8), (x, y), (x, y + 4), (1.75, y + 12), (1.75, 75)]
    return [over(1, *points, kmh=kmh(rng, 30, 50))]


def overtakes_inside(rng: Rng) -> list[Drive]:
    y = float(rng.uniform(10, 16))
    points = [(5.25, 0), (5.25, y), (1.5, y + 16), (1.5, y + 26), (5.25, y + 42), (5.25, 75)]
    return [over(1, *points, kmh=kmh(rng, 35, 60)), straight(9, x=5.25, y=(20, 75), kmh=20, cls="truck")]


def side_by_side(rng: Rng) -> list[Drive]:
    v = kmh(rng)
    a, b = (straight(k, x=x, y=(0, 75), kmh=v) for k, x in ((1, 1.5), (2, -1.5)))
    return list(swapped(a, b, float(rng.uniform(2, 4)))) if rng.random() < 0.5 else [a, b]


def hidden_by_truck(rng: Rng) -> list[Drive]:
    v = kmh(rng, 28, 45)
    car = straight(1, x=1.5, y=(75, 0), kmh=v)
    x, ahead = float(rng.choice([-1.75, 5.25])), float(rng.uniform(4, 12))
    return [car, straight(2, x=x, y=(75 - ahead, 0), kmh=v * float(rng.uniform(0.9, 1.1)), cls="truck")]


def side_by_side_as_one(rng: Rng) -> list[Drive]:
    """Two who come into sight side by side are one wide box for a moment."""
    v, wide_s = kmh(rng), float(rng.uniform(0.8, 2.5))
    both = straight(2, x=0.0, y=(0, 75), kmh=v)
    as_one = replace(both, size_m=(4.5, 5.2), numbers=((0.0, 1),), unseen=((wide_s, 99.0),))
    left = replace(straight(1, x=-1.6, y=(0, 75), kmh=v), unseen=((0.0, wide_s),))
    return [as_one, left, replace(straight(3, x=1.6, y=(0, 75), kmh=v), unseen=((0.0, wide_s),))]


def off_box(rng: Rng) -> list[Drive]:
    return [replace(straight(1, x=1.5, y=(0, 75), kmh=kmh(rng)), bias_m=(-float(rng.uniform(0.6, 1.3)), 0.0))]


# --- prohibited turn: from the right lanes into the road to the left ------------------------------------------


def turns_left(rng: Rng) -> list[Drive]:
    r = float(rng.uniform(8, 10))
    points = [(1.75, 0), (1.75, 36 - r), *arc((1.75 - r, 36 - r), r, 0, 90), (-40, 36)]
    return [over(1, *points, kmh=kmh(rng, 14, 23), cls=str(rng.choice(["car", "truck"], p=[0.85, 0.15])))]


def goes_straight(rng: Rng) -> list[Drive]:
    return [straight(1, x=1.75, y=(0, 75), kmh=kmh(rng), cls=cls(rng)), *beside(rng, [-1.75, 5.25])]


def from_opposite(rng: Rng) -> list[Drive]:
    r = float(rng.uniform(7, 10))
    points = [(-1.75, 75), (-1.75, 36 + r), *arc((-1.75 - r, 36 + r), r, 0, -90), (-40, 36)]
    return [over(1, *points, kmh=kmh(rng, 14, 23)), *goes_straight(rng)[1:]]


def other_way_round(rng: Rng) -> list[Drive]:
    r = float(rng.uniform(8, 10))
    points = [(-40, 36), (1.75 - r, 36), *arc((1.75 - r, 36 - r), r, 90, 0), (1.75, 0)]
    return [over(1, *points, kmh=kmh(rng, 14, 23))]


def across(rng: Rng) -> list[Drive]:
    return [over(1, (40, 36), (-40, 36), kmh=kmh(rng)), straight(2, x=1.75, y=(0, 75), kmh=40, start_s=4)]


def mixed_in_junction(rng: Rng) -> list[Drive]:
    a = straight(1, x=1.75, y=(0, 75), kmh=38)
    b = replace(from_opposite(rng)[0], id=2)
    return list(swapped(a, b, float(rng.uniform(2.8, 4.2))))


# --- bus lane: from x = 1.75 to 5.25 -------------------------------------------------------------------------


def in_lane(rng: Rng) -> list[Drive]:
    x = 3.5 + float(rng.uniform(-0.4, 0.4))
    kind = str(rng.choice(["car", "truck", "motorcycle"], p=[0.75, 0.15, 0.1]))
    return [straight(1, x=x, y=(0, 75), kmh=kmh(rng), cls=kind), *beside(rng, [0.0])]


def joins_lane(rng: Rng) -> list[Drive]:
    return [lane_change(rng, 0.0, 3.5, float(rng.uniform(-12, -4)), float(rng.uniform(22, 28)))]


def next_lane(rng: Rng) -> list[Drive]:
    x = float(rng.uniform(-0.3, 0.8))
    return [straight(1, x=x, y=(0, 75), kmh=kmh(rng), cls=str(rng.choice(["car", "truck"]))), *buses(rng)]


def buses(rng: Rng) -> list[Drive]:
    called = ((0.0, "truck"), (2.2, "bus")) if rng.random() < 0.3 else ()
    return [replace(straight(3, x=3.5, y=(0, 75), kmh=kmh(rng), cls="bus"), called=called)]


def turns_across(rng: Rng) -> list[Drive]:
    y = float(rng.uniform(18, 26))
    points = [
        (0.0, 0),
        (0.0, y),
        (3.5, y + 12),
        (3.5, y + 15),
        *arc((13.5, y + 15), 10, 180, 90),
        (40, y + 25),
    ]
    return [over(1, *points, kmh=kmh(rng, 18, 28))]


def shadow_over(rng: Rng) -> list[Drive]:
    return [replace(straight(1, x=0.1, y=(0, 75), kmh=kmh(rng)), bias_m=(float(rng.uniform(0.5, 1.3)), 0.0))]


def bus_mixed_up(rng: Rng) -> list[Drive]:
    v = kmh(rng)
    car, bus = straight(1, x=0.1, y=(0, 75), kmh=v), straight(2, x=3.5, y=(0, 75), kmh=v, cls="bus")
    return list(swapped(car, bus, float(rng.uniform(1.5, 4))))


# --- prohibited stopping: the kerb from x = 5.4 to 8.2 --------------------------------------------------------


def comes_to_stand(
    rng: Rng, stands_s: float, y: float, x: float = 6.8, id: int = 1, at_s: float = 5.0
) -> Drive:
    kind = str(rng.choice(["car", "truck", "motorcycle"], p=[0.8, 0.1, 0.1]))
    way = (
        (at_s - 5, 1.75, y - 30),
        (at_s, x, y),
        (at_s + stands_s, x, y),
        (at_s + stands_s + 6, 1.75, y + 45),
    )
    return Drive(id, way, kind)


def traffic(rng: Rng, lasts_s: float) -> list[Drive]:
    """Passes in the lane beside the kerb, some of it tall."""
    times = np.cumsum(rng.uniform(2.5, 9, int(lasts_s / 4)))
    return [
        straight(60 + k, x=1.75, y=(0, 75), kmh=kmh(rng), start_s=float(t), cls=cls(rng))
        for k, t in enumerate(times)
        if t < lasts_s
    ]


def stands_long(rng: Rng) -> list[Drive]:
    drive = comes_to_stand(rng, float(rng.uniform(12.5, 40)), float(rng.uniform(20, 34)))
    if rng.random() < 0.5:
        at = float(rng.uniform(7, 12))
        drive = replace(drive, unseen=((at, at + float(rng.uniform(1, 8))),), numbers=((at, 31),))
    return [drive, *traffic(rng, 40)]


def was_there(rng: Rng) -> list[Drive]:
    return [parked(1, x=6.8, y=float(rng.uniform(20, 34)), s=(0, 30)), *traffic(rng, 30)]


def stops_shortly(rng: Rng) -> list[Drive]:
    y = float(rng.uniform(20, 34))
    stops = [comes_to_stand(rng, float(rng.uniform(2, 7.5)), y, id=k, at_s=5 + 16.0 * k) for k in (1, 2)]
    return [*stops, *traffic(rng, 40)]


def stands_elsewhere(rng: Rng) -> list[Drive]:
    beyond, aside = float(rng.uniform(41, 55)), float(rng.uniform(1.6, 4.2))
    place = (6.8, beyond) if rng.random() < 0.5 else (aside, float(rng.uniform(20, 34)))
    return [comes_to_stand(rng, 30, place[1], place[0])]


def crawls(rng: Rng) -> list[Drive]:
    return [Drive(1, ((0, 6.8, 8), (float(rng.uniform(40, 70)), 6.8, 60)))]


ALL: dict[str, Tales] = {
    "wrong_way": Tales(
        WrongWayRule(lane="west", overtaking=False),
        {"west": rect(-3.5, 12, 0, 52)},
        {"drives_against": drives_against, "overtakes_against": overtakes_against},
        {f.__name__: f for f in (other_lane, u_turn, backs, swerves_in, mixed_up, trembles)},
        {},
        {"west": 180.0},
    ),
    "solid_line": Tales(
        SolidLineRule(line="divide"),
        {},
        {"crosses": crosses, "overtakes_over": overtakes_over},
        {
            f.__name__: f
            for f in (
                keeps_to_line,
                swerves_on_line,
                overtakes_inside,
                side_by_side,
                side_by_side_as_one,
                hidden_by_truck,
                off_box,
            )
        },
        {"divide": [(0, 12), (0, 60)]},
        {},
    ),
    "prohibited_turn": Tales(
        ProhibitedTurnRule(enters="south", leaves="west"),
        {"south": rect(0, 12, 7, 27), "west": rect(-16, 32, -5, 40)},
        {"turns_left": turns_left},
        {f.__name__: f for f in (goes_straight, from_opposite, other_way_round, across, mixed_in_junction)},
        {},
        {"south": 0.0},
    ),
    "bus_lane": Tales(
        BusLaneRule(lane="bus"),
        {"bus": rect(1.75, 12, 5.25, 56)},
        {"in_lane": in_lane, "joins_lane": joins_lane},
        {f.__name__: f for f in (next_lane, buses, turns_across, shadow_over, bus_mixed_up)},
        {},
        {},
    ),
    "prohibited_stopping": Tales(
        ProhibitedStoppingRule(zone="kerb", max_s=9.0),
        {"kerb": rect(5.4, 16, 8.2, 38)},
        {"stands_long": stands_long, "was_there": was_there},
        {f.__name__: f for f in (stops_shortly, stands_elsewhere, crawls)},
        {},
        {},
        hz=6.25,
    ),
}


@dataclass
class Score:
    """Of one rule: stories told, those that ended in one event of the first vehicle, and other events."""

    told: Counter[str]
    right: Counter[str]
    wrong: Counter[str]
    refused: Counter[str]


def score(tales: Tales, count: int, first_seed: int = 0) -> Score:
    """Tells ``count`` random offences and as many others, in turn by every camera."""
    out = Score(Counter(), Counter(), Counter(), Counter())
    for kind, tellers in (("offence", tales.offences), ("other", tales.others)):
        names = list(tellers)
        for k in range(count):
            seed = first_seed + k
            rng = np.random.default_rng((seed, len(kind)))
            name = names[k % len(names)]
            drives = [sized(d, rng) for d in tellers[name](rng)]
            events, refused = tell_once(tales, drives, POSES[(k // len(names)) % 3], seed)
            out.told[name] += 1
            out.refused.update(refused)
            if kind == "offence":
                out.right[name] += events == 1
                out.wrong[name] += max(0, events - 1)
            else:
                out.wrong[name] += events
    return out


def tell_once(tales: Tales, drives: Sequence[Drive], pose: str, seed: int) -> tuple[int, dict[str, int]]:
    """Violations of one story, and what was refused."""
    eye = driving.camera(pose)
    site = road(tales.config, zones=tales.zones, headings=tales.headings, lines=tales.lines, eye=eye)
    rule = rule_of(tales.config, site)
    story = Story(drives, eye=eye, ground=site.ground, seed=seed, noise_px=NOISE_PX, miss=MISS, hz=tales.hz)
    events = [e for e in story.tell(rule) if e.type.startswith("dome.violation.")]
    return len(events), rule.refusals()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="offences of each rule, and as many others")
    parser.add_argument("--rule", choices=list(ALL))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for kind in [args.rule] if args.rule else list(ALL):
        tales = ALL[kind]
        found = score(tales, args.count, args.seed)
        offences = sum(found.told[n] for n in tales.offences)
        others = sum(found.told[n] for n in tales.others)
        print(  # noqa: T201
            f"{kind:20} found {sum(found.right.values())} of {offences}; "
            f"wrong {sum(found.wrong.values())} in {offences + others} stories; refused {dict(found.refused)}"
        )
        for name, told in found.told.items():
            hits = f"found {found.right[name]:3} of {told:3}" if name in tales.offences else f"told {told:9}"
            print(f"    {name:20} {hits}  wrong {found.wrong[name]}")  # noqa: T201


if __name__ == "__main__":
    main()
