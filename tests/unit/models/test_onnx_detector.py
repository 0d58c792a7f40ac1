"""The YOLOX back end, on tiny networks whose output is known."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from flows.domain.errors import WeightsError
from models.detector.freesize import freed
from models.detector.letterbox import Letterbox
from models.detector.onnx import OnnxDetector, decode

NAMES = ("person", "car")


def constant_network(path: Path, rows: np.ndarray, height: int | str = 64, width: int | str = 96) -> Path:
    """A network that says ``rows`` whatever it sees; its input's mean is added to the last row's x."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "where"], ["shift"]),
        helper.make_node("Add", ["rows", "shift"], ["output"]),
    ]
    where = np.zeros((1, *rows.shape), np.float32)
    where[0, -1, 0] = 1
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, *rows.shape])],
        [
            numpy_helper.from_array(rows[None].astype(np.float32), "rows"),
            numpy_helper.from_array(where, "where"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"names": json.dumps(NAMES), "input_px": "[96, 64]"})
    onnx.save(model, str(path))
    return path


def silent_rows(height: int = 64, width: int = 96) -> np.ndarray:
    cells = sum((height // s) * (width // s) for s in (8, 16, 32))
    return np.zeros((cells, 5 + len(NAMES)), np.float32)


def detector(path: Path, **options: float) -> OnnxDetector:
    return OnnxDetector(path, "test", "abc", **options)  # type: ignore[arg-type]


def test_decodes_cells_of_every_stride() -> None:
    rows = silent_rows()
    # Stride 8 has 8 x 12 cells, stride 16 4 x 6, stride 32 2 x 3: one box on each.
    rows[12 * 2 + 3] = [0.5, 0.25, np.log(2), np.log(1), 0.9, 0.0, 1.0]
    rows[96 + 6 * 1 + 2] = [0, 0, 0, 0, 0.8, 1.0, 0.0]
    rows[96 + 24 + 3 * 1 + 1] = [0.5, 0.5, np.log(0.5), np.log(0.25), 0.5, 0.0, 0.5]
    found = decode(rows, 64, 96, 0.2, NAMES)
    assert found.class_names() == ["car", "person", "car"]
    np.testing.assert_allclose(found.score, [0.9, 0.8, 0.25])
    np.testing.assert_allclose(
        found.xyxy, [[20, 14, 36, 22], [24, 8, 40, 24], [40, 44, 56, 52]], rtol=0, atol=1e-4
    )


def test_weak_boxes_are_left_out() -> None:
    rows = silent_rows()
    rows[0] = [0, 0, 0, 0, 0.5, 0.3, 0.1]
    assert len(decode(rows, 64, 96, 0.16, NAMES)) == 0
    assert len(decode(rows, 64, 96, 0.14, NAMES)) == 1


def test_boxes_come_back_in_the_picture_s_own_pixels(tmp_path: Path) -> None:
    rows = silent_rows()
    rows[12 * 2 + 3] = [0, 0, np.log(2), np.log(2), 0.9, 0.0, 1.0]  # 16..32, 8..24 in the input
    net = detector(constant_network(tmp_path / "n.onnx", rows))
    fitted = net.detect([np.zeros((48, 96, 3), np.uint8)])[0]
    np.testing.assert_allclose(fitted.xyxy, [[16, 8, 32, 24]], atol=1e-4)
    larger = net.detect([np.zeros((96, 192, 3), np.uint8)])[0]
    np.testing.assert_allclose(larger.xyxy, [[32, 16, 64, 48]], atol=1e-4)


def test_boxes_are_clipped_to_the_picture(tmp_path: Path) -> None:
    rows = silent_rows()
    rows[12 * 7 + 11] = [0.5, 0.5, np.log(9), np.log(9), 0.9, 0.0, 1.0]
    found = detector(constant_network(tmp_path / "n.onnx", rows)).detect([np.zeros((60, 96, 3), np.uint8)])[0]
    assert found.xyxy[0].tolist() == [56, 24, 96, 60]


def test_the_rest_of_the_input_is_grey_and_the_picture_top_left(tmp_path: Path) -> None:
    rows = silent_rows()
    rows[-1, 4:] = [0.9, 0.0, 1.0]
    net = detector(constant_network(tmp_path / "n.onnx", rows))
    tensor = net._letterbox.fill(np.full((32, 96, 3), [1, 2, 3], np.uint8), 96, 64)
    assert tensor[0, :, 31, 95].tolist() == [1, 2, 3]
    assert tensor[0, :, 32, 0].tolist() == [114, 114, 114]


def test_pictures_of_ever_new_sizes_share_the_memory_of_one_and_leave_nothing_in_each_other() -> None:
    letterbox = Letterbox()
    letterbox.fill(np.full((64, 96, 3), 255, np.uint8), 96, 64)
    tracemalloc.start()
    for height in range(1, 65):
        tensor = letterbox.fill(np.full((height, 96 - height, 3), 7, np.uint8), 96, 64)
        assert (tensor[0, :, :height, : 96 - height] == 7).all()
        assert (tensor[0, :, height:] == 114).all()
        assert (tensor[0, :, :, 96 - height :] == 114).all()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3 * 64 * 96 * 4


def test_a_dynamic_network_is_padded_to_the_next_32_only(tmp_path: Path) -> None:
    rows = silent_rows(64, 96)
    path = constant_network(tmp_path / "n.onnx", rows, "height", "width")
    net = detector(path)
    assert net.spec.input_px == (96, 64)
    assert net._tensor_px(96, 33) == (96, 64)
    assert net._tensor_px(96, 20) == (96, 32)


def test_same_picture_same_bits(tmp_path: Path) -> None:
    rows = silent_rows()
    rows[-1] = [0.1, 0, 0, 0, 0.9, 0.0, 1.0]
    net = detector(constant_network(tmp_path / "n.onnx", rows))
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    other = np.zeros_like(picture)
    first, _, again = net.detect([picture, other, picture])
    np.testing.assert_array_equal(first.xyxy, again.xyxy)


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_other_arrays_are_refused(tmp_path: Path, picture: np.ndarray) -> None:
    net = detector(constant_network(tmp_path / "n.onnx", silent_rows()))
    with pytest.raises(ValueError, match=r"expected \(h, w, 3\) uint8"):
        net.detect([picture])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(WeightsError, match=r"bad\.onnx: expected an ONNX model"):
        detector(path)


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "n.onnx", silent_rows()[:, :6])
    with pytest.raises(WeightsError, match=r"output \(1, N, 7\) for 2 classes"):
        detector(path)


def pooling_network(path: Path, flat: tuple[int, int, int] = (1, 7, -1)) -> Path:
    """A network fixed at 96 x 96 whose cells are means of the picture under them, as YOLOX's heads flatten theirs."""
    nodes, flats = [], []
    for stride in (8, 16, 32):
        kernel = [stride, stride]
        nodes.append(
            helper.make_node("AveragePool", ["wide"], [f"p{stride}"], kernel_shape=kernel, strides=kernel)
        )
        nodes.append(helper.make_node("Reshape", [f"p{stride}", "flat"], [f"f{stride}"]))
        flats.append(f"f{stride}")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "mix"], ["wide"]),
            *nodes,
            helper.make_node("Concat", flats, ["rows"], axis=2),
            helper.make_node("Transpose", ["rows"], ["output"], perm=[0, 2, 1]),
        ],
        "pooling",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 96, 96])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 144 + 36 + 9, 7])],
        [
            numpy_helper.from_array(np.full((7, 3, 1, 1), 0.001, np.float32), "mix"),
            numpy_helper.from_array(np.array(flat, np.int64), "flat"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def test_a_network_fixed_at_a_square_skips_the_padding_of_a_wide_picture(tmp_path: Path) -> None:
    path = pooling_network(tmp_path / "n.onnx")
    picture = np.full((20, 96, 3), 200, np.uint8)
    wide = OnnxDetector(path, "n", "", NAMES, (96, 96), min_score=0.01)
    square = OnnxDetector(path, "n", "", NAMES, (96, 96), min_score=0.01, as_published=True)
    assert wide.spec == square.spec
    assert wide._tensor_px(96, 20) == (96, 64)
    assert square._tensor_px(96, 20) == (96, 96)
    few, many = (each.detect([picture])[0] for each in (wide, square))
    assert 0 < len(few) < len(many)


def test_a_network_tied_to_its_size_keeps_it(tmp_path: Path) -> None:
    path = constant_network(tmp_path / "n.onnx", silent_rows(), 64, 96)
    assert detector(path)._tensor_px(96, 20) == (96, 64)
    assert freed(pooling_network(tmp_path / "m.onnx", (1, 7, 36))) is None
    (tmp_path / "x.onnx").write_bytes(b"no network at all")
    assert freed(tmp_path / "x.onnx") is None


def test_what_the_file_says_of_its_edges_is_taken_away(tmp_path: Path) -> None:
    rows = silent_rows()
    rows[12 * 2 + 3] = [0.5, 0.25, np.log(2), np.log(1), 0.9, 0.0, 1.0]
    plain = detector(constant_network(tmp_path / "n.onnx", rows)).detect([np.zeros((64, 96, 3), np.uint8)])[0]
    model = onnx.load(str(tmp_path / "n.onnx"))
    helper.set_model_props(
        model, {"names": json.dumps(NAMES), "input_px": "[96, 64]", "offset_px": "[0.5, 0.25, -0.5, 1.0]"}
    )
    onnx.save(model, str(tmp_path / "n.onnx"))
    moved = detector(tmp_path / "n.onnx").detect([np.zeros((64, 96, 3), np.uint8)])[0]
    np.testing.assert_allclose(plain.xyxy[0] - moved.xyxy[0], [0.5, 0.25, -0.5, 1.0], atol=1e-5)
