"""A small network over square pictures in onnxruntime."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import WeightsError


class Network:
    """Input ``(N, 3, P, P)`` float32 BGR 0-255, output ``(N, K)`` float32.

    Args:
        path: The ONNX file.
        threads: Threads of one run; 1 gives the same bits every time.
        input_px: P.
        outputs: K.

    Raises:
        WeightsError: If the file is missing or no such network.
    """

    def __init__(self, path: Path, threads: int, input_px: int, outputs: int) -> None:
        import onnxruntime as ort

        if not path.is_file():
            raise WeightsError(
                f"{path}: the package is incomplete; install it again or run `make train-belts`"
            )
        data = path.read_bytes()
        self.version = hashlib.sha256(data).hexdigest()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise WeightsError(f"{path}: expected an ONNX model, onnxruntime says: {error}") from error
        given, told = self._session.get_inputs()[0], self._session.get_outputs()[0]
        if list(given.shape[1:]) != [3, input_px, input_px] or list(told.shape[1:]) != [outputs]:
            raise WeightsError(
                f"{path}: expected input (N, 3, {input_px}, {input_px}) and output (N, {outputs}), "
                f"got {given.shape} and {told.shape}"
            )
        self._input: str = given.name
        self.meta: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The outputs ``(N, K)`` for ``(P, P, 3)`` uint8 BGR pictures."""
        tensor = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32)
        rows: NDArray[np.float32] = self._session.run(None, {self._input: tensor})[0]
        return rows
