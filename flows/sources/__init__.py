"""Where frames come from: one driver a file, all behind :class:`flows.sources.base.Source`.

Drivers are imported when a camera asks for them, so that a camera carries only what it uses.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from flows.domain.site import CameraConfig, FileSource, FramesSource, SceneSource, StreamSource
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.sources.base import Probe, Source

__all__ = ["open_source", "probe"]


def open_source(camera: CameraConfig, settings: Settings, stop: threading.Event | None = None) -> Source:
    """The driver for a camera's source. Nothing is opened yet.

    Args:
        camera: The camera in the site file.
        settings: Where rendered scenes are cached.
        stop: Set to end the source, as its ``close()`` does.
    """
    stop = stop or threading.Event()
    source = camera.source
    if isinstance(source, FileSource):
        from flows.sources.file import FileVideo

        return FileVideo(camera.id, source.path, started_at=source.started_at, loop=source.loop, stop=stop)
    if isinstance(source, StreamSource):
        from flows.sources.stream import StreamVideo

        return StreamVideo(camera.id, source, stop=stop)
    if isinstance(source, SceneSource):
        from flows.sources.scene import SceneVideo

        return SceneVideo(camera.id, source, settings, stop=stop)
    if isinstance(source, FramesSource):
        from flows.sources.frames import FrameFolder

        return FrameFolder(camera.id, source, stop=stop)
    from flows.sources.tracks import TrackFiles

    return TrackFiles(camera.id, source, stop=stop)


def probe(camera: CameraConfig, settings: Settings) -> Probe:
    """A short look at a camera's source, for ``dome check``; see :mod:`flows.sources.probing`."""
    from flows.sources.probing import probe_camera

    return probe_camera(camera, settings)
