"""Ray's worker processes on this machine, by the name that Ray gives them."""

from __future__ import annotations

from typing import Any

import psutil
import ray


def workers(title: str) -> list[psutil.Process]:
    """Workers of this machine's nodes whose title begins so, for example ``ray::CameraActor``, by pid."""
    nodes: Any = ray.nodes  # untyped in Ray
    sockets = [str(node["RayletSocketName"]) for node in nodes()]  # names the session: others may run here
    raylets = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "raylet"
        and any(socket in argument for socket in sockets for argument in process.info["cmdline"] or [])
    ]
    found = {child for raylet in raylets for child in raylet.children() if _title(child).startswith(title)}
    return sorted(found, key=lambda process: process.pid)


def cpu_s(*titles: str) -> float:
    """CPU seconds that the workers with these titles have used so far."""
    times = [process.cpu_times() for title in titles for process in workers(title)]
    return float(sum(t.user + t.system for t in times))


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""
