"""``python -m cluster.demo.package``: renders the demo's clips and puts small copies into the package.

They serve on machines that have no OpenGL. Run it again when the look of scenes has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
from rich.console import Console

from cluster.demo.cameras import CAMERAS
from cluster.demo.clips import PACKAGED, prepare
from flows.settings import Settings

CRF: Final = 30
"""A third of the size of what is rendered; vehicles stay sharp, the noise of dusk goes."""
FINE_CRF: Final = 26
"""A thing that was left is told by its pixels, and so is a plate, or a belt behind glass."""
FINE: Final = ("gantry", "hall")


def main() -> None:
    """Renders what is not in the cache, and shrinks it."""
    PACKAGED.mkdir(exist_ok=True)
    for clip in prepare(CAMERAS, Settings.from_env().cache / "demo", Console(stderr=True)):
        shrink(
            clip.video,
            PACKAGED / f"{clip.camera.id}.mp4",
            FINE_CRF if clip.camera.id in FINE else CRF,
        )
        options = {name: value for name, value in clip.truth.options.items() if name != "face"}  # a path
        truth = clip.truth.model_copy(update={"options": options})
        (PACKAGED / f"{clip.camera.id}.json").write_text(truth.model_dump_json() + "\n", encoding="utf-8")


def shrink(source: Path, out: Path, crf: int = CRF) -> None:
    """Encodes a clip again at the package's quality; every frame keeps its timestamp."""
    with av.open(str(source)) as old, av.open(str(out), "w", options={"movflags": "+faststart"}) as new:
        video = old.streams.video[0]
        new.metadata.update({k: v for k, v in old.metadata.items() if k == "creation_time"})
        stream = new.add_stream("libx264", rate=video.average_rate)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        if video.time_base is not None:
            stream.codec_context.time_base = video.time_base
        stream.codec_context.gop_size = 25
        stream.options = {"preset": "slow", "crf": str(crf), "bf": "0"}
        for frame in old.decode(video):
            frame.pict_type = av.video.frame.PictureType.NONE
            new.mux(stream.encode(frame))
        new.mux(stream.encode(None))


if __name__ == "__main__":
    main()
