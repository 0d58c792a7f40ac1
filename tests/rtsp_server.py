"""A real RTSP camera for tests, from Debian's GStreamer bindings; run by the system's Python.

``/usr/bin/python3 tests/rtsp_server.py [--port N] [--size WxH] [--fps N] [--file CLIP.mp4]`` prints its port, then
serves ``rtsp://127.0.0.1:PORT/cam`` until it is killed: a ball that flies about, or a clip in real time.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def pipeline(width: int, height: int, fps: int) -> str:
    rate = f"video/x-raw,width={width},height={height},framerate={fps}/1"
    return (
        f"( videotestsrc is-live=true pattern=ball ! {rate} ! "
        f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} bitrate=300 ! "
        "rtph264pay name=pay0 pt=96 config-interval=1 )"
    )


def playback(path: str) -> str:
    return f"( filesrc location={path} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--size", default="320x240")
    options.add_argument("--fps", type=int, default=25)
    options.add_argument("--file", default="")
    given = options.parse_args()
    width, height = map(int, given.size.split("x"))
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(given.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(playback(given.file) if given.file else pipeline(width, height, given.fps))
    factory.set_shared(True)
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit("the port is taken")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
