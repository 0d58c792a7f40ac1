"""The trained network as ONNX in YOLOX's format, so that the same back end reads both."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.training.network import Conv, Network


class Exported(nn.Module):
    """Input ``(1, 3, H, W)`` BGR 0-255, output ``(1, N, 5 + C)`` in grid units with scores 0-1."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = _folded(copy.deepcopy(network).eval())

    def forward(self, images: Tensor) -> Tensor:
        rows = self.network(images / 255)
        return torch.cat([rows[..., :4], rows[..., 4:].sigmoid()], 2)


def export(network: Network, names: tuple[str, ...], input_px: tuple[int, int], out: Path) -> None:
    """Writes the ONNX file; height and width stay dynamic (multiples of 32).

    Args:
        network: Trained.
        names: Class names; kept in the file.
        input_px: Width and height that pictures should fit in; kept in the file.
        out: The file.
    """
    import onnx

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called deprecated
        torch.onnx.export(
            Exported(network),
            (torch.zeros(1, 3, 256, 416),),
            str(partial),
            dynamo=False,
            opset_version=17,
            input_names=["images"],
            output_names=["output"],
            dynamic_axes={"images": {2: "height", 3: "width"}, "output": {1: "cells"}},
        )
    model = onnx.load(str(partial))
    meta = {"names": json.dumps(names), "input_px": json.dumps(input_px), "licence": "Apache-2.0"}
    onnx.helper.set_model_props(model, meta)
    shape = (1, "cells", 5 + len(names))  # the exporter loses what it could know of the output
    output = onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, shape)
    model.graph.output[0].CopyFrom(output)
    onnx.save(model, str(partial))
    partial.replace(out)


def state_offset(path: Path, offset_px: tuple[float, float, float, float]) -> None:
    """Writes into a model's file by how much its boxes are off; the detector takes it away.

    Args:
        path: Of an exported model.
        offset_px: Found minus true of the left, top, right and lower edge, px of the network's input.
    """
    import onnx

    model = onnx.load(str(path))
    meta = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, meta | {"offset_px": json.dumps(offset_px)})
    partial = path.with_suffix(".part")
    onnx.save(model, str(partial))
    partial.replace(path)


def _folded(module: Network) -> nn.Module:
    """Norms become part of their convolutions."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv):
                setattr(parent, name, nn.Sequential(fuse_conv_bn_eval(child.conv, child.norm), nn.ReLU()))
    return module
