"""Whom rules are about, and whether a camera's detector knows anybody of them."""

from __future__ import annotations

from collections.abc import Sequence

from flows.domain.site import CameraConfig


def never_fire(camera: CameraConfig, spec_names: Sequence[str]) -> list[str]:
    """What is to be said of rules of a camera whose detector knows nobody that they are about.

    Args:
        camera: The camera.
        spec_names: Class names of its detector; empty if they are not known.
    """
    said = []
    for rule in camera.rules if spec_names else ():
        sought = [rule.classes, *([("person",)] if rule.kind == "failure_to_yield" else [])]
        missing = next((classes for classes in sought if not set(classes) & set(spec_names)), None)
        if missing and rule.kind != "abandoned_object":  # which is told by pixels
            known = f"detector {camera.detector} knows {', '.join(spec_names)}"
            said.append(
                f"rule {rule.kind} can never report anybody: {known}, and none of {', '.join(missing)}"
            )
    return said
