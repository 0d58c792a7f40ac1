"""The process that renders a scene: ``python -m flows.sources.render SOURCE_JSON CLIP TRUTH``."""

from __future__ import annotations

import sys
from pathlib import Path

from flows.domain.errors import DomeError
from flows.domain.site import SceneSource


def main(arguments: list[str]) -> int:
    """Renders one scene; what went wrong is the last line on stderr."""
    from flows import scenes
    from flows.scenes.clip import write

    description, clip, truth = arguments
    source = SceneSource.model_validate_json(description)
    try:
        write(scenes.build(source.scene, source.seed, **source.options), Path(clip), Path(truth))
    except (DomeError, ValueError) as error:
        sys.stderr.write("\n" + " ".join(str(error).split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
