"""Renders a scene to an H.264 file, and its truth beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from fractions import Fraction
from pathlib import Path

import av

from flows.domain.errors import FieldError
from flows.scenes.scene import RenderedFrame, Scene
from flows.scenes.truth import FrameTruth, SceneTruth

GOP_S = 2.0
"""Between key frames: what surveillance cameras are usually set to."""
CRF = 23
"""Quality of a good camera's stream, about 4 Mbit/s at 720p."""


def write(
    scene: Scene,
    out: Path | str,
    truth_path: Path | str | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> SceneTruth:
    """Renders ``scene`` into ``out``.

    Args:
        scene: What to render.
        out: An ``.mp4`` or ``.mkv`` file; its ``creation_time`` is the capture time of the first frame,
            of which mp4 keeps whole seconds only.
        truth_path: Where the truth goes as JSON; beside the clip by default (``.json``).
        on_frame: Called after each frame with the number done and the number in all.

    Raises:
        SceneUnavailable: If this machine has no OpenGL.
        FieldError: If the container cannot hold the scene's start exactly.
    """
    out = Path(out)
    if out.suffix != ".mkv" and scene.started_at.microsecond:
        raise FieldError(
            "started_at",
            f"whole seconds for {out.suffix}",
            scene.started_at,
            "choose another or an .mkv file",
        )
    truth_path = Path(truth_path) if truth_path is not None else out.with_suffix(".json")
    out.parent.mkdir(parents=True, exist_ok=True)
    frames: list[FrameTruth] = []
    with av.open(str(out), "w", options={"movflags": "+faststart"} if out.suffix == ".mp4" else {}) as sink:
        started_at = scene.started_at.astimezone(UTC)
        sink.metadata["creation_time"] = started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        stream = _stream(sink, scene)
        for frame in scene.frames():
            sink.mux(stream.encode(_picture(frame, stream)))
            frames.append(frame.truth)
            if on_frame is not None:
                on_frame(frame.index + 1, scene.frame_count)
        sink.mux(stream.encode(None))
    truth = scene.truth(frames)
    truth_path.parent.mkdir(parents=True, exist_ok=True)
    truth_path.write_text(truth.model_dump_json() + "\n", encoding="utf-8")
    return truth


def _stream(sink: av.container.OutputContainer, scene: Scene) -> av.VideoStream:
    rate = Fraction(scene.options.fps).limit_denominator(1001)
    stream = sink.add_stream("libx264", rate=rate)
    stream.width, stream.height = scene.camera.width_px, scene.camera.height_px
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = 1 / rate
    stream.codec_context.gop_size = max(1, round(GOP_S * rate))
    stream.options = {"preset": "veryfast", "crf": str(CRF), "bf": "0", "x264-params": "bframes=0:scenecut=0"}
    return stream


def _picture(frame: RenderedFrame, stream: av.VideoStream) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(frame.rgb, format="rgb24")
    picture.pts = frame.index
    picture.time_base = stream.codec_context.time_base
    return picture
