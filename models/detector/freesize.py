"""A YOLOX network exported for one input size, freed to take others.

The networks are fully convolutional, yet their published files fix a square input: more than a third of the work
on a 16:9 picture is spent on grey padding. Where nothing in the graph depends on the size, it need not be fixed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIZES_MATTER = frozenset({"Flatten", "Gemm", "MatMul", "Expand", "Tile", "ConstantOfShape"})
"""Operators whose presence may tie the graph to its size."""


def freed(path: Path) -> bytes | None:
    """The model with a free height and width; None where its graph is tied to its size, or it has none fixed.

    Args:
        path: An ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
    except (DecodeError, OSError):  # onnxruntime will say what is wrong with the file
        return None
    graph = model.graph
    if len(graph.input) != 1 or len(graph.output) != 1 or not _fixed(graph.input[0]) or _tied(graph):
        return None
    _free(graph.input[0], {2: "height", 3: "width"})
    _free(graph.output[0], {1: "cells"})
    del graph.value_info[:]
    return bytes(model.SerializeToString())


def _fixed(value: Any) -> bool:
    dims = value.type.tensor_type.shape.dim
    return len(dims) == 4 and all(d.dim_value > 0 for d in dims)


def _tied(graph: Any) -> bool:
    """Whether a node has the size in its constants: shapes and sizes must be relative."""
    from onnx import numpy_helper

    constants = {i.name: i for i in graph.initializer}
    for node in graph.node:
        if node.op_type in SIZES_MATTER or (node.op_type == "Resize" and len(node.input) > 3):
            return True
        if node.op_type == "Reshape":
            shape = constants.get(node.input[1])
            if shape is None or list(numpy_helper.to_array(shape))[-1] != -1:
                return True
    return False


def _free(value: Any, names: dict[int, str]) -> None:
    for index, name in names.items():
        value.type.tensor_type.shape.dim[index].dim_param = name
