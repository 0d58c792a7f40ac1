"""Forms as clients send them, and what is none."""

from __future__ import annotations

import contextlib
import random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import FieldError
from serve.api.forms import MOST_FIELDS, MOST_FILES, URLENCODED, read_form


def sent(data: dict[str, str], files: list[tuple[str, tuple[str, bytes, str]]]) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://dome", data=data, files=files)
    return request.read(), request.headers["content-type"]


@pytest.mark.slow
@given(st.dictionaries(st.text("abcdef[]_", min_size=1, max_size=9), st.text(max_size=40), max_size=5),
       st.lists(st.binary(max_size=300), min_size=1, max_size=4))  # fmt: skip
def test_what_a_client_sends_is_what_is_read(data: dict[str, str], contents: list[bytes]) -> None:
    files = [("media", (f"{n}.jpg", content, "image/jpeg")) for n, content in enumerate(contents)]
    form = read_form(*sent(data, files))
    assert form.files == {"media": contents}
    assert form.fields == {name: value.encode().decode() for name, value in data.items()}


def test_bytes_that_look_like_a_boundary_are_a_photo_s_own() -> None:
    content = b"\r\n--almost\r\n\r\n" + random.Random(1).randbytes(5000) + b"\r\n"
    assert read_form(*sent({}, [("media", ("a", content, "x/y"))])).files == {"media": [content]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "multipart/form-data; boundary=x"), (b"--x\r\n", "multipart/form-data; boundary=x"),
     (b"--x\r\n\r\n\r\ndata\r\n--x--", "multipart/form-data; boundary=x"), (b"a", "multipart/form-data"),
     (b"{}", "application/json"), (b"{}", ""), (b"a=\xff", URLENCODED), (b"a=1&" * 99, URLENCODED),
     (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n" * (MOST_FIELDS + MOST_FILES + 9) + b"--x--",
      "multipart/form-data; boundary=x"), (b"x", "multipart/form-data; boundary=\xff")],
)  # fmt: skip
def test_what_is_no_form_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(FieldError):
        read_form(body, kind)


@pytest.mark.parametrize("said", [b"name=a; filename*=utf\x008''x", b"name*=1; name*1=a; name*0*=b"])
def test_parameters_that_cannot_be_read_are_no_form(said: bytes) -> None:
    part = b"Content-Disposition: form-data; " + said + b"\r\n\r\nv"
    with pytest.raises(FieldError):
        read_form(b"--x\r\n" + part + b"\r\n--x--", "multipart/form-data; boundary=x")


@given(st.binary(max_size=400), st.binary(max_size=60))
def test_whatever_comes_is_a_form_or_refused(middle: bytes, head: bytes) -> None:
    body = b"--x\r\n" + head + b"\r\n\r\n" + middle + b"\r\n--x--\r\n"
    with contextlib.suppress(FieldError):
        read_form(body, "multipart/form-data; boundary=x")
