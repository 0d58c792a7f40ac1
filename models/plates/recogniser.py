"""Reads one line of a plate: PP-OCRv6's recogniser, whose weights come inside the package ``rapidocr``.

Its network runs in a session of our own, without that package's pipeline: the text detector only harms crops
that hold one line, and the probabilities of all characters are wanted, not just the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import WeightsError
from models.plates.reading import ALPHABET, Character, Reading

Image = NDArray[np.uint8]

WEIGHTS = "models/PP-OCRv6_rec_small.onnx"
HEIGHT_PX = 48
"""The network's input height."""
CROP_PX = 64
"""Crops are brought to this height first: measured better than going to 48 at once."""
LEAST_WIDTH_PX = 320
"""Narrower lines are padded on the right, as the network was trained: without, a tenth fewer are read whole."""
MOST_WIDTH_PX = 640
LEAST_CHANCE = 0.01
"""Less likely characters are not kept as alternatives."""
CYRILLIC = dict(zip("АВЕКМНОРСТУХ", "ABEKMHOPCTYX", strict=True))
"""Letters that plates in Cyrillic countries share with Latin ones."""


class Recogniser(Protocol):
    """Reads lines."""

    @property
    def version(self) -> str:
        """sha256 of the weights, for evidence."""
        ...

    def read(self, lines: Sequence[Image]) -> list[Reading]:
        """What stands on each ``(h, w, 3)`` uint8 BGR picture of one line."""
        ...


class RapidOcr:
    """PP-OCRv6's small recogniser in onnxruntime: about 12 ms a line on one core.

    Args:
        threads: Threads of one run.

    Raises:
        WeightsError: If the package ``rapidocr`` or its weights are missing.
    """

    def __init__(self, threads: int = 1) -> None:
        import onnxruntime as ort

        path = weights_path()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        meta: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._columns = _columns(meta["character"].splitlines())
        self._version = hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def version(self) -> str:
        """sha256 of the weights."""
        return self._version

    def read(self, lines: Sequence[Image]) -> list[Reading]:
        """See :class:`Recogniser`."""
        return [decode(*self._chances(line)) for line in lines]

    def _chances(self, line: Image) -> tuple[NDArray[np.float32], float]:
        """``(T, 1 + 36)`` probabilities: nothing (or any other sign), then the alphabet; and the line's end."""
        picture, across = prepared(line)
        rows: Any = self._session.run(None, {"x": picture})[0][0]
        folded = np.zeros((len(rows), 1 + len(ALPHABET)), np.float32)
        for place, columns in enumerate(self._columns):
            folded[:, 1 + place] = rows[:, columns].sum(1)
        folded[:, 0] = 1 - folded[:, 1:].sum(1)
        return folded, len(rows) * across / picture.shape[3]


def weights_path() -> Path:
    """The recogniser's file in the installed package.

    Raises:
        WeightsError: If it is not there.
    """
    found = find_spec("rapidocr")  # found, not imported: importing it costs 100 MB
    path = Path(found.origin).parent / WEIGHTS if found and found.origin else None
    if path is None or not path.is_file():
        raise WeightsError(
            f"plate recogniser: expected {WEIGHTS} in the package rapidocr; install rapidocr 3.10"
        )
    return path


def prepared(line: Image) -> tuple[NDArray[np.float32], int]:
    """``(1, 3, 48, W)`` float32 BGR in -1 to 1, padded on the right with 0; and the width before that."""
    from PIL import Image as Pil

    height, width = line.shape[:2]
    picture = Pil.fromarray(line)
    at_crop = max(4, round(width * CROP_PX / height))
    picture = picture.resize((at_crop, CROP_PX), Pil.Resampling.BICUBIC)
    across = min(MOST_WIDTH_PX, max(4, -(-at_crop * HEIGHT_PX // CROP_PX)))
    values = np.asarray(picture.resize((across, HEIGHT_PX), Pil.Resampling.BILINEAR), np.float32)
    out = np.zeros((1, 3, HEIGHT_PX, max(LEAST_WIDTH_PX, across)), np.float32)
    out[0, :, :, :across] = (values / 127.5 - 1).transpose(2, 0, 1)
    return out, across


def decode(chances: NDArray[np.float32], steps: float) -> Reading:
    """Greedy CTC: repeated characters are one, until nothing lies between them.

    Args:
        chances: ``(T, 1 + 36)``, column 0 is nothing.
        steps: How many of the T the line itself takes, before its padding.
    """
    best = chances.argmax(1)
    starts = np.flatnonzero((best != 0) & (best != np.concatenate([[0], best[:-1]])))
    characters = []
    for start in starts:
        end = start
        while end + 1 < len(best) and best[end + 1] == best[start]:
            end += 1
        peak = start + int(chances[start : end + 1, best[start]].argmax())
        characters.append(_character(chances[peak], float((start + end) / 2 + 0.5) / steps))
    return Reading(tuple(characters), (len(characters),))


def _character(row: NDArray[np.float32], at: float) -> Character:
    likely = np.flatnonzero(row[1:] >= LEAST_CHANCE)
    return Character({ALPHABET[i]: float(row[1 + i]) for i in likely} or _only(row), at)


def _only(row: NDArray[np.float32]) -> dict[str, float]:
    best = int(row[1:].argmax())
    return {ALPHABET[best]: float(row[1 + best])}


def _columns(signs: list[str]) -> list[list[int]]:
    """For each character of the alphabet, the network's columns that show it; column 0 is the blank."""
    shown: dict[str, list[int]] = {c: [] for c in ALPHABET}
    for column, sign in enumerate(signs, 1):
        upper = sign.upper()
        letter = CYRILLIC.get(upper, upper)
        if letter in shown:
            shown[letter].append(column)
    return [shown[c] for c in ALPHABET]
