from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import redis
from evidencestore import store_in

from flows.domain.errors import EvidenceAway, FieldError, StoreError
from flows.domain.reports import UNFINISHED
from flows.reports.reception import Reception
from flows.store import uploads
from flows.store.evidence import EvidenceStore
from flows.store.reports import ReportsStore
from flows.store.uploads import OffsetWrong, UploadShelf
from flows.uploads.kinds import Limits, UploadRefused

DATA = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
DIGEST = sha256(DATA).hexdigest()


@pytest.fixture
def make(redis_url: str, tmp_path: Path) -> Iterator[Callable[[], UploadShelf]]:
    """Another replica's shelf each time, maybe on another node: of one Redis and one evidence store."""
    made = []

    def another() -> UploadShelf:
        made.append(
            UploadShelf(
                redis_url,
                store_in(tmp_path / "evidence"),
                Limits(photo_bytes=4096, clip_bytes=10_000),
            )
        )
        return made[-1]

    yield another
    for each in made:
        each.close()


@pytest.fixture
def shelf(make: Callable[[], UploadShelf]) -> UploadShelf:
    return make()


def test_a_broken_upload_goes_on_where_it_ended_whoever_answers(
    make: Callable[[], UploadShelf], tmp_path: Path
) -> None:
    one, other = make(), make()
    begun = one.begin("egov", len(DATA), DIGEST)
    one.append("egov", begun.id, 0, DATA[:700])
    again = other.begin("egov", len(DATA), DIGEST)
    assert (again.id, again.offset, again.complete) == (begun.id, 700, False)
    assert other.append("egov", begun.id, 700, DATA[700:]).complete
    with one.file("egov", begun.id) as path:
        assert path.read_bytes() == DATA
    assert not path.exists()
    other.remove("egov", begun.id)
    assert one.find("egov", begun.id) is None
    assert not list((tmp_path / "evidence").rglob("*.part"))


def test_a_piece_whose_replica_died_before_it_was_noted_is_sent_again(
    make: Callable[[], UploadShelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make(), make()
    begun = one.begin("egov", len(DATA), DIGEST)
    monkeypatch.setattr(one, "_note", lambda *_: (_ for _ in ()).throw(StoreError("killed")))
    with pytest.raises(StoreError):
        one.append("egov", begun.id, 0, b"\xff\xd8\xff other bytes" + bytes(99))
    assert other.begin("egov", len(DATA), DIGEST).offset == 0
    other.append("egov", begun.id, 0, DATA)
    with other.file("egov", begun.id) as path:
        assert path.read_bytes() == DATA


def test_of_two_pieces_for_one_place_at_the_same_moment_one_is_taken(
    make: Callable[[], UploadShelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make(), make()
    begun = one.begin("egov", len(DATA), DIGEST)
    put = one._evidence.put

    def meanwhile(*of: object) -> None:
        put(*of)  # type: ignore[arg-type]
        other.append("egov", begun.id, 0, DATA)

    monkeypatch.setattr(one._evidence, "put", meanwhile)
    with pytest.raises(OffsetWrong, match="somebody else"):
        one.append("egov", begun.id, 0, DATA[:500])
    with other.file("egov", begun.id) as path:
        assert path.read_bytes() == DATA


def test_a_node_that_does_not_share_the_store_says_to_begin_again_and_where_to_look(
    make: Callable[[], UploadShelf], redis_url: str, tmp_path: Path
) -> None:
    elsewhere = EvidenceStore(str(tmp_path / "elsewhere"))
    one, stranger = make(), UploadShelf(redis_url, elsewhere)
    begun = one.begin("egov", len(DATA), DIGEST)
    one.append("egov", begun.id, 0, DATA)
    with pytest.raises(EvidenceAway, match="mounted"), stranger.file("egov", begun.id):
        pass  # nothing at all is there: that may be mended, and the upload waits for it
    elsewhere.set_up()
    with pytest.raises(FieldError, match=r"begin again.*DOME_EVIDENCE"), stranger.file("egov", begun.id):
        pass
    stranger.close()
    assert one.begin("egov", len(DATA), DIGEST).offset == 0


def test_a_piece_sent_twice_or_too_early_is_told_the_right_offset(shelf: UploadShelf) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    shelf.append("egov", begun.id, 0, DATA[:100])
    for offset in (0, 50, 101):
        with pytest.raises(OffsetWrong, match="from byte 100"):
            shelf.append("egov", begun.id, offset, b"x")
    with pytest.raises(FieldError, match="piece"):
        shelf.append("egov", begun.id, 100, bytes(len(DATA)))


def test_another_owner_finds_nothing(shelf: UploadShelf) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    assert shelf.find("bank", begun.id) is None
    with pytest.raises(FieldError):
        shelf.append("bank", begun.id, 0, DATA[:10])
    for odd in ("../../etc/passwd", "*", "", "a" * 36):
        assert shelf.find("egov", odd) is None


def test_contents_that_are_not_what_was_announced_are_thrown_away(shelf: UploadShelf) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    shelf.append("egov", begun.id, 0, DATA[:-1] + b"!")
    with pytest.raises(FieldError, match="sha256"), shelf.file("egov", begun.id):
        pass
    assert shelf.find("egov", begun.id) is None


def test_size_and_kind_are_bounded_from_the_first_piece(shelf: UploadShelf) -> None:
    for size in (0, -1, 10_001):
        with pytest.raises(FieldError, match="size"):
            shelf.begin("egov", size, DIGEST)
    with pytest.raises(FieldError, match="sha256"):
        shelf.begin("egov", 10, "../x")
    big = shelf.begin("egov", 5000, "a" * 64)
    with pytest.raises(UploadRefused, match="MB of that kind"):
        shelf.append("egov", big.id, 0, DATA[:1000])
    with pytest.raises(UploadRefused, match="something else"):
        shelf.append("egov", big.id, 0, bytes(1000))


def test_what_nobody_goes_on_with_is_forgotten_with_its_pieces(
    shelf: UploadShelf, redis_url: str, tmp_path: Path
) -> None:
    begun = shelf.begin("egov", len(DATA), DIGEST)
    shelf.append("egov", begun.id, 0, DATA[:700])
    (key,) = redis.Redis.from_url(redis_url).keys("*upload:*")
    assert 0 < redis.Redis.from_url(redis_url).ttl(key) <= UNFINISHED.total_seconds()
    reports, evidence = ReportsStore(redis_url), store_in(tmp_path / "evidence")
    for hours, gone in ((24, 0), (25, 1)):
        late = datetime.now(UTC) + timedelta(hours=hours)
        assert Reception(reports, evidence, now=lambda late=late: late).forget() == gone
    assert not list((tmp_path / "evidence").rglob("*.part"))
    reports.close()


def test_a_full_disk_is_told(shelf: UploadShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "RESERVE", 2**60)
    with pytest.raises(StoreError, match="no room"):
        shelf.begin("egov", len(DATA), DIGEST)
