"""A scene: its camera, its world and its truth; frames are rendered when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import SPEEDING, event_type
from flows.domain.site import CalibrationConfig
from flows.scenes import plates
from flows.scenes.annotate import Annotator
from flows.scenes.bodies.base import plate_mesh
from flows.scenes.bodies.crew import SEATS
from flows.scenes.camera import PinholeCamera
from flows.scenes.judges.base import STEP_S, Trail, Verdict, trails
from flows.scenes.layout import Layout
from flows.scenes.lighting import Lighting
from flows.scenes.lights import Light
from flows.scenes.look import Look
from flows.scenes.options import SceneOptions
from flows.scenes.setting import Setting
from flows.scenes.sway import Angles, angles, turned
from flows.scenes.truth import (
    CameraTruth,
    DisturbanceTruth,
    EventTruth,
    FrameTruth,
    InnocentTruth,
    ObjectTruth,
    SceneTruth,
    SeatTruth,
)
from flows.scenes.world import Actor, World

if TYPE_CHECKING:
    from flows.scenes.renderer import Item, Renderer

LEAST_SEEN_S = 1.0
"""A vehicle must be to be found for so long before its speed is asked for."""
VEHICLES = ("car", "truck", "bus", "motorcycle")
PLATE_SEEN_M = 90.0
"""Farther plates are less than a pixel high."""
DAYLIGHT = "daylight"
"""The renderer's key of the floor where daylight falls in."""
FOCUS_Y_M = (-8.0, 85.0)
"""Stretch of road on which shadows are drawn."""


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One frame with its truth.

    Attributes:
        truth: All that it shows.
        rgb: ``(height, width, 3)`` uint8.
    """

    truth: FrameTruth
    rgb: NDArray[np.uint8]

    @property
    def index(self) -> int:
        """From 0."""
        return self.truth.index

    @property
    def at(self) -> datetime:
        """Capture time, aware UTC."""
        return self.truth.at

    @property
    def objects(self) -> tuple[ObjectTruth, ...]:
        """Everything in it."""
        return self.truth.objects


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene ready to be rendered.

    Attributes:
        name: Kind.
        seed: All that is random follows from it.
        options: As given.
        duration_s: Length.
        camera: Exact pinhole.
        look: Light, air, sensor.
        setting: What stands still.
        world: What moves.
        calibration: The survey of its road.
        half_m: Half the width of the road.
        layout: Zones, lines, lights, and who is at fault.
        lighting: How the light changes; None where it stays as it is.
    """

    name: str
    seed: int
    options: SceneOptions
    duration_s: float
    camera: PinholeCamera
    look: Look
    setting: Setting
    world: World
    calibration: CalibrationConfig
    half_m: float
    layout: Layout = field(default_factory=Layout)
    lighting: Lighting | None = None

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return max(1, round(self.duration_s * self.options.fps))

    @property
    def started_at(self) -> datetime:
        """Capture time of the first frame, aware UTC."""
        return self.options.started_at

    def time_of(self, index: int) -> tuple[float, datetime]:
        """Seconds of scene time and capture time of frame ``index``."""
        t_s = index / self.options.fps
        return t_s, self.started_at + timedelta(seconds=t_s)

    def annotation(self, index: int) -> FrameTruth:
        """The truth of one frame, without rendering it."""
        t_s, at = self.time_of(index)
        objects = self._annotator(angles(self.options, t_s)).objects(self.world.state_at(t_s))
        signals = {light.name: light.programme.at(t_s)[0] for light in self.layout.lights}
        return FrameTruth(index=index, at=at, objects=objects, signals=signals)

    def frames(self) -> Iterator[RenderedFrame]:
        """Renders frame after frame.

        Raises:
            SceneUnavailable: If this machine has no OpenGL.
        """
        renderer, aim = self._renderer(), (0.0, 0.0, 0.0)
        try:
            for index in range(self.frame_count):
                truth = self.annotation(index)
                t_s = self.time_of(index)[0]
                now = angles(self.options, t_s)
                if now != aim:
                    aim = now
                    renderer.aim(turned(self.camera, aim))
                rgb = renderer.render(self._items(t_s), self.lighting.gain(t_s) if self.lighting else 1.0)
                yield RenderedFrame(truth, rgb)
        finally:
            renderer.close()

    def truth(self, frames: Sequence[FrameTruth] | None = None) -> SceneTruth:
        """The whole truth; ``frames`` spares annotating them again."""
        every = tuple(frames) if frames is not None else tuple(map(self.annotation, range(self.frame_count)))
        camera, layout = self.camera, self.layout
        found, innocent = self._judged(every)
        return SceneTruth(
            scene=self.name,
            seed=self.seed,
            options=self.options.model_dump(mode="json", exclude_unset=True),
            width_px=camera.width_px,
            height_px=camera.height_px,
            fps=self.options.fps,
            started_at=self.started_at,
            camera=CameraTruth(
                intrinsics=camera.intrinsics.tolist(),
                position_m=(
                    float(camera.position_m[0]),
                    float(camera.position_m[1]),
                    float(camera.position_m[2]),
                ),
                rotation=camera.rotation.tolist(),
            ),
            calibration=self.calibration,
            limit_kmh=self.options.limit_kmh,
            frames=every,
            events=(*speeding(every, self.options.limit_kmh), *found),
            innocent=innocent,
            zones=layout.zones(),
            lines=layout.road_lines(),
            signals=tuple(light.config(camera) for light in layout.lights),
            seats=tuple(seat for actor in self.world.actors for seat in _seats(actor)),
            rules=layout.rules(),
            disturbances=tuple(self._disturbances()),
        )

    def _disturbances(self) -> Iterator[DisturbanceTruth]:
        options, start = self.options, self.started_at

        def truth(
            kind: Literal["knock", "shake"], span: tuple[float, float | None], by: Angles
        ) -> DisturbanceTruth:
            m = np.array([(*p.m, 0.0) for p in self.calibration.points])
            px = np.hypot(*(turned(self.camera, by).project(m) - self.camera.project(m)).T)
            from_at, until_at = (start + timedelta(seconds=s) if s is not None else None for s in span)
            assert from_at is not None
            return DisturbanceTruth(kind=kind, from_at=from_at, until_at=until_at, px=float(np.nanmax(px)))

        if options.knock_at_s is not None:
            by = options.knock_pan_deg, options.knock_tilt_deg, options.knock_roll_deg
            yield truth("knock", (options.knock_at_s, options.knock_until_s), by)
        if options.shake_deg and options.shake_s[1] > options.shake_s[0]:
            yield truth("shake", options.shake_s, (options.shake_deg, 0.5 * options.shake_deg, 0.0))

    def _judged(
        self, frames: Sequence[FrameTruth]
    ) -> tuple[tuple[EventTruth, ...], tuple[InnocentTruth, ...]]:
        """Who is at fault, and who only looks like it."""
        if not self.layout.judges:
            return (), ()
        ways = trails(self.world, frames, self.options.fps, self.duration_s)
        events, innocent = [], []
        for judge in self.layout.judges:
            type_ = event_type(judge.rule.kind)
            verdicts = list(judge.verdicts(ways, self.layout))
            events += [self._event(type_, verdict, ways[verdict.track]) for verdict in verdicts]
            at_fault = {verdict.track for verdict in verdicts}
            innocent += [
                InnocentTruth(type=type_, track=track, cls=way.actor.body.cls, role=way.actor.role)
                for track, way in ways.items()
                if way.actor.role in judge.alike and track not in at_fault and _long_seen(way)
            ]
        return tuple(events), tuple(innocent)

    def _event(self, type_: str, verdict: Verdict, trail: Trail) -> EventTruth:
        actor = trail.actor
        role = {"role": actor.role} if actor.role else {}
        return EventTruth(
            type=type_,
            track=actor.track,
            cls=actor.body.cls,
            from_at=self.started_at + timedelta(seconds=max(0.0, float(verdict.from_s))),
            until_at=self.started_at + timedelta(seconds=min(self.duration_s, float(verdict.until_s))),
            plate=actor.plate,
            ignore=not verdict.sure,
            facts=role | verdict.facts,
        )

    def _annotator(self, by: Angles) -> Annotator:
        """Of the camera as it looks then; what stands still is looked at once while it does."""
        known = self._annotators.get(by)
        if known is None:
            self._annotators.clear()
            known = self._annotators[by] = Annotator(turned(self.camera, by), self.setting.solids)
        return known

    @cached_property
    def _annotators(self) -> dict[Angles, Annotator]:
        return {}

    def _renderer(self) -> Renderer:
        from flows.scenes.renderer import Item, Renderer

        meshes = dict(self.setting.meshes())
        if self.lighting is not None:
            meshes[DAYLIGHT] = self.lighting.floor
        for actor in self.world.actors:
            meshes[f"body{actor.track}"] = actor.body.mesh
            meshes[f"plate{actor.track}"] = plate_mesh(actor.body.plates)
            if actor.body.pane is not None:
                meshes[f"pane{actor.track}"] = actor.body.pane
        meshes |= {
            _lamp_key(light, colour): light.lit(colour, self.look.night)
            for light in self.layout.lights
            for colour in light.lamps_m()
        }
        side = self.half_m + 14.0
        return Renderer(
            self.camera,
            replace(self.look, noise=self.look.noise * self.options.noise),
            meshes,
            ground=(Item("ground", np.eye(4)),),
            things=(Item("things", np.eye(4)), *self._items(0.0, still=True)),
            plates=plates.stack(list(self._plates.values())),
            focus_m=(-side, side, *FOCUS_Y_M),
            seed=self.seed,
        )

    @cached_property
    def _plates(self) -> Mapping[int, str]:
        return {actor.track: actor.plate for actor in self.world.actors if actor.plate}

    def _items(self, t_s: float, still: bool = False) -> list[Item]:
        """What moves, or what stands still throughout, as the renderer draws it."""
        from flows.scenes.renderer import Item

        layers = {track: i for i, track in enumerate(self._plates)}
        items = []
        if self.lighting is not None and not still:
            items.append(Item(DAYLIGHT, np.eye(4), shadow=False, flat=True, glow=self.lighting.daylight(t_s)))
        for actor, state in self.world.state_at(t_s):
            if actor.parked != still:
                continue
            limbs = actor.body.limbs(state.gone_m, state.speed_mps)
            items.append(Item(f"body{actor.track}", state.pose, limbs))
            away_m = float(np.linalg.norm(self.camera.position_m[:2] - (state.x_m, state.y_m)))
            if actor.track in layers and away_m < PLATE_SEEN_M:
                items.append(Item(f"plate{actor.track}", state.pose, (), layers[actor.track]))
            if actor.body.pane is not None:
                items.append(Item(f"pane{actor.track}", state.pose, shadow=False))
        if not still:
            items += [
                Item(_lamp_key(light, colour), np.eye(4), shadow=False)
                for light in self.layout.lights
                for colour in light.shown(t_s)
            ]
        return items


def _seats(actor: Actor) -> Iterator[SeatTruth]:
    """Who sits in front in a car, where that can be seen."""
    crew = actor.body.crew
    if crew is None:
        return
    for name in SEATS:
        who = crew.seat(name)
        if who is None:
            yield SeatTruth(track=actor.track, seat=name, person=False)
            continue
        yield SeatTruth(
            track=actor.track,
            seat=name,
            person=True,
            belted=who.belted,
            in_sight=crew.in_sight(name),
            extra=who.extra or who.pattern,
        )


def _lamp_key(light: Light, colour: str) -> str:
    return f"lamp-{light.name}-{colour}"


def _long_seen(trail: Trail) -> bool:
    return bool(trail.seen.sum() * STEP_S >= LEAST_SEEN_S)


def speeding(frames: Sequence[FrameTruth], limit_kmh: float) -> list[EventTruth]:
    """Vehicles whose median speed while they are to be found is above the limit."""
    seen: dict[int, list[tuple[datetime, ObjectTruth]]] = {}
    for frame in frames:
        for thing in frame.objects:
            if not thing.ignore and thing.cls in VEHICLES:
                seen.setdefault(thing.track, []).append((frame.at, thing))
    events = []
    for track, sightings in sorted(seen.items()):
        speed = float(np.median([thing.speed_kmh for _, thing in sightings]))
        (first_at, thing), (last_at, _) = sightings[0], sightings[-1]
        if speed > limit_kmh and (last_at - first_at).total_seconds() >= LEAST_SEEN_S:
            events.append(
                EventTruth(
                    type=SPEEDING,
                    track=track,
                    cls=thing.cls,
                    from_at=first_at,
                    until_at=last_at,
                    speed_kmh=speed,
                    limit_kmh=limit_kmh,
                    plate=thing.plate,
                )
            )
    return events
