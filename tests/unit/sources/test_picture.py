from __future__ import annotations

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from media import draw, write_video

from flows.sources.picture import ArrayPicture, AvPicture


def decoded(pixel_format: str, width: int = 322, height: int = 242) -> AvPicture:
    frame = av.VideoFrame.from_ndarray(draw(3, width, height), format="bgr24").reformat(format=pixel_format)
    return AvPicture(frame)


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuvj420p", "nv12", "yuv422p", "gray", "bgr24", "yuv420p10le"]
)
def test_luma_has_the_pictures_size_and_brightness(pixel_format: str) -> None:
    luma = decoded(pixel_format).luma()
    assert (luma.shape, luma.dtype) == ((242, 322), np.uint8)
    assert luma[100, 20] > luma[200, 5] + 40


def test_luma_is_a_view_for_the_usual_format() -> None:
    assert decoded("yuv420p").luma().base is not None


@pytest.mark.parametrize("size", [(161, 121), (416, 234), (644, 484), (None, None)])
def test_bgr_comes_at_the_size_asked(size: tuple[int | None, int | None]) -> None:
    made = decoded("yuv420p").bgr(*size)
    width, height = size[0] or 322, size[1] or 242
    assert (made.shape, made.dtype, made.flags.c_contiguous) == ((height, width, 3), np.uint8, True)
    assert np.abs(made.astype(float).mean((0, 1)) - draw(3, 322, 242).astype(float).mean((0, 1))).max() < 3


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "bgr24", "gray"]
)
@pytest.mark.parametrize("colorspace", [1, 5])
def test_a_region_is_that_part_of_the_picture(pixel_format: str, colorspace: int) -> None:
    frame = av.VideoFrame.from_ndarray(draw(9, 322, 242), format="bgr24").reformat(format=pixel_format)
    frame.colorspace = colorspace
    picture = AvPicture(frame)
    for x0, y0, x1, y1 in ((21, 71, 83, 120), (300, 220, 322, 242)):
        part = picture.region(x0, y0, x1, y1)
        assert (part.shape, part.dtype) == ((y1 - y0, x1 - x0, 3), np.uint8)
        # Chroma is repeated here and interpolated there: alike but for edges of colour.
        assert np.median(np.abs(part.astype(float) - picture.bgr()[y0:y1, x0:x1])) <= 2


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "bgr24", "gray"],
)
@pytest.mark.parametrize("colorspace", [1, 5])
def test_a_cutout_is_pixel_by_pixel_that_part_of_the_whole_picture(
    pixel_format: str, colorspace: int
) -> None:
    frame = av.VideoFrame.from_ndarray(draw(9, 322, 242, noise=20), format="bgr24")
    frame = frame.reformat(format=pixel_format)
    frame.colorspace = colorspace
    _is_cut_exactly(AvPicture(frame))


def test_a_cutout_of_a_video_has_its_chroma_where_the_stream_says(tmp_path: Path) -> None:
    """Of H.264 it lies beside the left pixel of each pair; a frame made by hand would not know."""
    with av.open(str(write_video(tmp_path / "a.mp4", 3, size=(322, 242), noise=20))) as container:
        for frame in container.decode(video=0):
            _is_cut_exactly(AvPicture(frame))


def _is_cut_exactly(picture: AvPicture) -> None:
    whole = picture.bgr()
    for x0, y0, x1, y1 in ((21, 71, 83, 120), (0, 0, 30, 20), (301, 221, 322, 242), (0, 0, 322, 242)):
        cutout = picture.cut(x0, y0, x1, y1)
        assert np.array_equal(cutout.bgr(), whole[y0:y1, x0:x1])
        assert cutout.nbytes < 4 * (x1 - x0 + 64) * (y1 - y0 + 64)


@pytest.mark.parametrize("picture", [decoded("yuv420p"), ArrayPicture(draw(3, 322, 242))])
def test_a_cutout_shows_what_there_is(picture: AvPicture | ArrayPicture) -> None:
    assert np.array_equal(picture.cut(-30, 200, 21, 300).bgr(), picture.bgr()[200:, :21])
    assert picture.cut(330, 10, 400, 20).bgr().size == 0


def test_an_array_is_a_picture_too() -> None:
    picture = ArrayPicture(draw(3))
    assert (picture.width_px, picture.height_px) == (320, 240)
    assert picture.luma().shape == (240, 320)
    assert picture.bgr(160, 120).shape == (120, 160, 3)
    assert np.array_equal(picture.region(5, 7, 30, 20), picture.bgr()[7:20, 5:30])
    with pytest.raises(ValueError, match="expected"):
        ArrayPicture(np.zeros((3, 4), np.uint8))


def test_a_full_picture_refuses_to_cross_processes() -> None:
    with pytest.raises(TypeError, match="never crosses"):
        pickle.dumps(decoded("yuv420p"))
