"""Draws a scene with OpenGL, without a display.

The light stands still, and so does the camera until it is knocked, so everything still is drawn once, with the sun
and without; a frame copies that picture with its depth, lays the shadows of what moves over it, and draws what moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.scenes import opengl, shaders, textures
from flows.scenes.camera import PinholeCamera
from flows.scenes.look import Look
from flows.scenes.mesh import VERTEX, Mesh

Array = NDArray[np.float64]

SHADOW_CELLS = 2048
"""Side of the still things' shadow map, drawn once: about 5 cm a cell."""
SAMPLES = 4
"""Samples a pixel: four take the stairs off edges for a few milliseconds a frame in software."""
LIMBS = 8
GRAIN = 0.125
"""Deviation of the noise texture; its range of 0 to 1 holds four deviations either side."""


@dataclass(frozen=True, eq=False)
class Item:
    """One thing to draw at one moment.

    Attributes:
        key: Which uploaded mesh.
        model: ``(4, 4)`` local to world.
        limbs: Angles in radians of the mesh's limbs, at most :data:`LIMBS`; none is still.
        layer: Which plate, for meshes whose key starts with ``plate``.
        shadow: Whether it throws one.
        flat: Drawn on the floor before shadows fall on it: daylight from a window.
        glow: Factor on what its paint gives off, instead of the night's; None leaves that to the light of the scene.
    """

    key: str
    model: Array
    limbs: Sequence[float] = ()
    layer: int = 0
    shadow: bool = True
    flat: bool = False
    glow: float | None = None

    @property
    def is_plate(self) -> bool:
        return self.key.startswith("plate")

    @property
    def is_pane(self) -> bool:
        """Glass that is looked through: drawn last, throws no shadow."""
        return self.key.startswith("pane")


class Renderer:
    """Holds the OpenGL context and the uploaded meshes of one scene.

    Args:
        camera: Exact pinhole.
        look: Light, air and sensor.
        meshes: What can be drawn, by key.
        ground: Items that stand still and throw no shadow.
        things: Items that stand still and throw one.
        plates: ``(N, H, W, 3)`` uint8 plate pictures.
        focus_m: ``(x0, x1, y0, y1)`` the stretch of ground where still things throw shadows.
        seed: Of textures and sensor noise.

    Raises:
        SceneUnavailable: If there is no OpenGL to be had.
    """

    def __init__(
        self,
        camera: PinholeCamera,
        look: Look,
        meshes: Mapping[str, Mesh],
        *,
        ground: Sequence[Item],
        things: Sequence[Item],
        plates: NDArray[np.uint8],
        focus_m: tuple[float, float, float, float],
        seed: int,
    ) -> None:
        self._camera, self._look = camera, look
        self._size = (camera.width_px, camera.height_px)
        self._context = _context()
        self._surface = self._context.program(shaders.SURFACE_VERTEX, shaders.SURFACE_FRAGMENT)
        self._shadow = self._context.program(shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT)
        self._glass = self._context.program(shaders.GLASS_VERTEX, shaders.GLASS_FRAGMENT)
        self._sensor = self._context.program(shaders.SENSOR_VERTEX, shaders.SENSOR_FRAGMENT)
        self._whole = self._context.vertex_array(self._sensor, [])
        self._arrays = {key: self._upload(key, mesh) for key, mesh in meshes.items() if len(mesh.vertices)}
        self._make_textures(plates, seed)
        self._make_targets()
        self._ground, self._things = list(ground), list(things)
        self._bodies = [item for item in things if not (item.is_plate or item.is_pane)]
        self._set_light(sun_matrix(look.sun_from, focus_m))
        self._draw_map(sun_matrix(look.sun_from, focus_m))
        self._draw_still()
        self._rng = np.random.default_rng((seed, 5))

    def render(self, items: Sequence[Item], gain: float = 1.0) -> NDArray[np.uint8]:
        """The picture with ``items`` in it, ``(height, width, 3)`` uint8 RGB, read-only.

        Args:
            items: What moves or changes.
            gain: Factor on the whole picture: lamps that are switched, a camera that adjusts its exposure.
        """
        context = self._context
        moving = [item for item in items if not (item.is_plate or item.is_pane or item.flat)]
        context.copy_framebuffer(self._target, self._still)
        self._target.use()
        self._draw(self._surface, [item for item in items if item.flat])
        self._target.depth_mask = False
        self._draw(self._shadow, [item for item in moving if item.shadow])
        self._target.depth_mask = True
        self._draw(self._surface, moving)
        self._draw_plates(items)
        self._draw_panes(items)
        context.copy_framebuffer(self._resolved, self._target)
        self._expose(gain)
        raw = self._out.read(components=3, alignment=1)
        return np.frombuffer(raw, np.uint8).reshape(self._camera.height_px, self._camera.width_px, 3)

    def aim(self, camera: PinholeCamera) -> None:
        """The camera looks from elsewhere, in the same size, from the next picture on."""
        self._camera = camera
        for program in (self._surface, self._glass):
            program["u_eye"] = tuple(camera.position_m)
            program["u_clip"].write(_column_major(camera.clip_matrix()))
        self._draw_still()

    def close(self) -> None:
        """Gives the context and all it holds back."""
        self._arrays.clear()
        self._context.release()

    def _draw_map(self, sun: Array) -> None:
        """Once: the still shadow map."""
        self._shadow["u_clip"].write(_column_major(sun))
        self._shadow["u_flat"] = 0.0
        self._map_target.use()
        # The sun is not turned upside down as the picture is.
        self._context.front_face = "ccw"
        self._draw(self._shadow, self._bodies)
        self._context.front_face = "cw"

    def _draw_still(self) -> None:
        """For each aim: the still picture with and without the sun."""
        for target, light in ((self._shade_target, (0.0, 0.0, 0.0)), (self._still, self._look.sun)):
            self._surface["u_sun_light"] = light
            self._still.use()
            self._still.clear(depth=1.0)
            self._draw(self._surface, [*self._bodies, *self._ground])
            self._draw_plates(self._things)
            if target is not self._still:
                self._context.copy_framebuffer(target, self._still)
        self._shadow["u_clip"].write(_column_major(self._camera.clip_matrix()))
        self._shadow["u_flat"] = 1.0
        self._shadow["u_shade"] = 3

    def _draw_plates(self, items: Sequence[Item]) -> None:
        self._plates.use(0)
        self._draw(self._surface, [item for item in items if item.is_plate])
        self._textures.use(0)

    def _draw_panes(self, items: Sequence[Item]) -> None:
        panes = [item for item in items if item.is_pane]
        if not panes:
            return
        context = self._context
        context.enable(context.BLEND)
        context.blend_func = context.ONE, context.ONE_MINUS_SRC_ALPHA
        self._target.depth_mask = False
        self._draw(self._glass, panes)
        self._target.depth_mask = True
        context.disable(context.BLEND)

    def _expose(self, gain: float) -> None:
        """The sensor: noise and the lens's shading, over the whole picture."""
        at = self._rng.integers(0, 512, 2)
        self._sensor["u_gain"] = gain
        self._sensor["u_noise_at"] = (int(at[0]), int(at[1]))
        self._out.use()
        self._context.disable(self._context.DEPTH_TEST | self._context.CULL_FACE)
        self._whole.render(self._context.TRIANGLES, vertices=3)
        self._context.enable(self._context.DEPTH_TEST | self._context.CULL_FACE)

    def _upload(self, key: str, mesh: Mesh) -> dict[int, Any]:
        buffer = self._context.buffer(np.ascontiguousarray(mesh.vertices).tobytes())
        arrays = {}
        for program in (self._glass,) if key.startswith("pane") else (self._surface, self._shadow):
            used = [name for name in VERTEX if name in program]
            layout = " ".join(f"{n}f" if name in program else f"{4 * n}x" for name, n in VERTEX.items())
            arrays[id(program)] = self._context.vertex_array(program, [(buffer, layout, *used)])
        return arrays

    def _make_targets(self) -> None:
        context, size = self._context, self._size
        samples = min(SAMPLES, context.max_samples)
        self._still, self._target = (
            context.framebuffer(
                [context.renderbuffer(size, 4, samples=samples)],
                context.depth_renderbuffer(size, samples=samples),
            )
            for _ in range(2)
        )
        self._picture, self._shade = context.texture(size, 4), context.texture(size, 4)
        self._resolved = context.framebuffer([self._picture])
        self._shade_target = context.framebuffer([self._shade])
        self._out = context.framebuffer([context.renderbuffer(size, 4)])
        cells = SHADOW_CELLS
        self._map = context.depth_texture((cells, cells))
        self._map.compare_func = "<="
        self._map.repeat_x = self._map.repeat_y = False
        self._map_target = context.framebuffer(depth_attachment=self._map)
        self._map_target.clear(depth=1.0)
        # The outermost cells stay clear, so that what lies beyond the map is in the sun.
        self._map_target.scissor = (1, 1, cells - 2, cells - 2)
        context.enable(context.DEPTH_TEST | context.CULL_FACE)
        for unit, texture in enumerate((self._textures, self._noise, self._map, self._shade, self._picture)):
            texture.use(unit)

    def _make_textures(self, plates: NDArray[np.uint8], seed: int) -> None:
        self._textures = self._array_texture(textures.layers(seed)[..., None])
        self._textures.swizzle = "RRR1"
        self._plates = self._array_texture(plates)
        self._plates.repeat_x = self._plates.repeat_y = False
        # Mostly brightness, some colour: what a debayered and compressed sensor shows.
        grain = np.random.default_rng((seed, 6)).standard_normal((512, 512, 3)) * (0.5, 0.4, 0.6)
        grain += np.random.default_rng((seed, 7)).standard_normal((512, 512, 1))
        levels = np.clip((0.5 + GRAIN * grain / 1.12) * 255, 0, 255).astype(np.uint8)
        self._noise = self._context.texture((512, 512), 3, levels.tobytes())

    def _array_texture(self, stack: NDArray[np.uint8]) -> Any:
        count, height, width, colours = stack.shape
        texture = self._context.texture_array((width, height, count), colours, stack.tobytes())
        texture.build_mipmaps()
        return texture

    def _set_light(self, sun: Array) -> None:
        look, camera = self._look, self._camera
        values: dict[str, Any] = {
            "u_textures": 0,
            "u_shadow": 2,
            "u_eye": tuple(camera.position_m),
            "u_sun_from": look.sun_from,
            "u_ambient_sky": look.ambient_sky,
            "u_ambient_ground": look.ambient_ground,
            "u_haze": look.haze,
            "u_zenith": look.zenith,
            "u_haze_per_m": look.haze_per_m,
            "u_night": look.night,
            "u_exposure": look.exposure,
        }
        for name, value in values.items():
            self._surface[name] = value
            if name in self._glass:
                self._glass[name] = value
        self._glass["u_sun_light"] = look.sun
        self._glass["u_clip"].write(_column_major(camera.clip_matrix()))
        self._surface["u_clip"].write(_column_major(camera.clip_matrix()))
        self._surface["u_sun"].write(_column_major(sun))
        self._shadow["u_sun_from"] = look.sun_from
        self._sensor["u_picture"], self._sensor["u_noise"] = 4, 1
        self._sensor["u_noise_step"] = look.noise / 255 / GRAIN
        self._sensor["u_vignette"] = look.vignette
        self._sensor["u_rain"] = look.rain
        self._sensor["u_size"] = self._size

    def _draw(self, program: Any, items: Sequence[Item]) -> None:
        for item in items:
            if item.key not in self._arrays:
                continue
            program["u_model"].write(_column_major(item.model))
            if not item.is_pane:
                limbs = np.zeros(LIMBS, np.float32)
                limbs[: len(item.limbs)] = item.limbs
                program["u_limb"].write(limbs.tobytes())
            if program is self._surface:
                program["u_layer"] = float(item.layer)
                program["u_night"] = self._look.night if item.glow is None else item.glow
            self._arrays[item.key][id(program)].render()


def sun_matrix(sun_from: Sequence[float], focus_m: tuple[float, float, float, float]) -> Array:
    """World to the sun's clip space ``(4, 4)``: parallel rays over the ground rectangle ``focus_m``."""
    x0, x1, y0, y1 = focus_m
    forward = -np.asarray(sun_from, float)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    view = np.stack([right, np.cross(right, forward), forward])
    corners = np.array([[x, y, z] for x in (x0, x1) for y in (y0, y1) for z in (-0.5, 40.0)]) @ view.T
    low, high = corners.min(0), corners.max(0)
    ground = np.array([[x, y, 0.0] for x in (x0, x1) for y in (y0, y1)]) @ view.T
    low[:2], high[:2] = ground.min(0)[:2], ground.max(0)[:2]
    matrix = np.eye(4)
    matrix[:3, :3] = view * (2 / (high - low))[:, None]
    matrix[:3, 3] = -(high + low) / (high - low)
    return matrix


def _column_major(matrix: Array) -> bytes:
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()


def _context() -> Any:
    opengl.require()
    import moderngl

    try:
        where: dict[str, Any] = {
            "backend": "egl",
            "libegl": opengl.LIBRARIES[0],
            "libgl": opengl.LIBRARIES[1],
        }
        context = moderngl.create_context(require=330, standalone=True, **where)
    except Exception as error:
        raise opengl.SceneUnavailable(str(error)) from error
    opengl.keep_triton_out(str(context.info["GL_RENDERER"]))
    return context
