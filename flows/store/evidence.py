"""Where evidence packages lie: a local folder, or any address that fsspec knows (``s3://`` ...)."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, cast

from flows.domain.errors import EvidenceAway, LostFile, StoreError

MANIFEST = "manifest.json"
"""Written last: a folder without it is no package."""
KEEP = "keep.json"
"""A folder with it is not removed: it names the violations that the package belongs to. A passage may belong to two."""
MARK = ".dome-evidence"
"""Lies in the root of a store on a disk and holds its id: where it is missing, there is only the empty folder that
waits for the disk. Nothing is written into that, and nothing counts as removed."""
AWAY = "nothing of the store is there, its disk may not be mounted"


class _Files(Protocol):
    """What a store needs of a file system."""

    @property
    def mounted(self) -> bool: ...

    @property
    def bare(self) -> bool: ...

    def id(self) -> str: ...

    def begin(self, id: str) -> str: ...

    def write(self, path: PurePosixPath, data: bytes) -> None: ...

    def read(self, path: PurePosixPath) -> bytes: ...

    def exists(self, path: PurePosixPath) -> bool: ...

    def remove(self, folder: PurePosixPath) -> None: ...

    def adopt(self, path: PurePosixPath, file: Path) -> None: ...

    def local(self, path: PurePosixPath) -> AbstractContextManager[Path]: ...

    def drop(self, path: PurePosixPath) -> None: ...

    def free_bytes(self) -> int | None: ...


class EvidenceStore:
    """Reads and writes packages below one address.

    Args:
        address: A path, or an address with a scheme that fsspec knows.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._files: _Files = _RemoteFiles(address) if "://" in address else _LocalFiles(Path(address))

    def set_up(self, known: str = "", used: bool = False) -> str:
        """Makes the store where there is none; of one that is known, asks whether it is there.

        Several may do so at once. Packages that lie there already, of an earlier version, belong to it.

        Args:
            known: The id that the installation has noted of it; empty at its first start.
            used: An earlier version has kept packages there: an empty folder is not the store.

        Returns:
            Its id; empty of an object store, which says itself when it is away.

        Raises:
            EvidenceAway: If the store that is known is not there, or cannot be asked now.
            StoreError: If another one is there.
        """
        try:
            if used and not known and self._files.bare:
                raise OSError(AWAY)
            found = self._files.id() or ("" if known else self._files.begin(secrets.token_hex(8)))
        except OSError as error:
            raise EvidenceAway(f"evidence cannot be kept at {self.address}: {error}") from error
        if known and not found:
            raise EvidenceAway(f"{self.address}: {AWAY}")
        if known and found != known:
            raise StoreError(
                f"{self.address}: expected the evidence store {known}, got {found}: another disk"
            )
        return found

    def write(self, folder: str, files: Mapping[str, bytes], manifest: bytes) -> bytes:
        """Writes a package, its manifest last. A package that is there already stays as it is; of one that cannot be
        written nothing stays, as far as the store is there.

        Args:
            folder: Relative to the store, ``camera/day/event``.
            files: Contents by name.
            manifest: Contents of the manifest.

        Returns:
            The manifest that the store now holds: this one, or that of the package that was there.

        Raises:
            EvidenceAway: If it cannot be written now.
        """
        try:
            place = _inside(folder)
            if self._files.exists(place / MANIFEST):
                return self._files.read(place / MANIFEST)
            with self._whole(place):
                for name, data in files.items():
                    self._files.write(place / _plain(name), data)
                self._files.write(place / MANIFEST, manifest)
        except OSError as error:
            raise EvidenceAway(f"evidence cannot be written to {self.address}/{folder}: {error}") from error
        return manifest

    def read(self, folder: str, name: str) -> bytes:
        """One file of a package.

        Raises:
            LostFile: If it is not there.
            EvidenceAway: If it cannot be read now.
        """
        try:
            return self._files.read(_inside(folder) / _plain(name))
        except OSError as error:
            raise self._unread(folder, name, error) from error

    def put(self, folder: str, name: str, data: bytes | Path) -> None:
        """Writes one file of a folder that is no package (a citizen's report).

        Args:
            folder: Relative to the store.
            name: Of the file.
            data: Its contents, or a file on this machine that has them; that one is left where it is.

        Raises:
            EvidenceAway: If it cannot be written now.
        """
        try:
            place = _inside(folder) / _plain(name)
            if isinstance(data, Path):
                self._files.adopt(place, data)
            else:
                self._files.write(place, data)
        except OSError as error:
            raise EvidenceAway(f"{name} cannot be written to {self.address}/{folder}: {error}") from error

    @contextmanager
    def local(self, folder: str, name: str) -> Iterator[Path]:
        """A file as one on this machine, to be read only and as long as this lasts.

        Raises:
            LostFile: If it is not there.
            EvidenceAway: If it cannot be read now.
        """
        place = _inside(folder) / _plain(name)
        with ExitStack() as stack:
            try:
                found = stack.enter_context(self._files.local(place))
                found.stat()
            except OSError as error:
                raise self._unread(folder, name, error) from error
            yield found

    def drop(self, folder: str, name: str) -> None:
        """Removes one file of such a folder; one that is not there is no mistake.

        Raises:
            EvidenceAway: If it cannot be removed now.
        """
        with self._removing(folder) as place:
            self._files.drop(place / _plain(name))

    def free_bytes(self) -> int | None:
        """How much more it can hold; None if nobody can know.

        Raises:
            EvidenceAway: If its disk cannot be asked now.
        """
        try:
            return self._files.free_bytes()
        except OSError as error:
            raise EvidenceAway(f"evidence cannot be written to {self.address}: {error}") from error

    def keep(self, folder: str, violation: str) -> None:
        """Marks a package as a violation's: it is kept as long as that, or another whose it is.

        Raises:
            EvidenceAway: If it cannot be written now.
        """
        try:
            place = _inside(folder)
            owners = self._owners(place)
            if violation not in owners:
                self._write_owners(place, [*owners, violation])
        except (OSError, ValueError) as error:
            raise EvidenceAway(f"evidence cannot be kept in {self.address}/{folder}: {error}") from error

    def remove(self, folder: str) -> bool:
        """Removes a package that belongs to no violation; False if it is to be kept.

        Raises:
            EvidenceAway: If it cannot be removed now.
        """
        with self._removing(folder) as place:
            if self._files.exists(place / KEEP):
                return False
            self._files.remove(place)
        return True

    def discard(self, folder: str, violation: str) -> bool:
        """Removes the package of a violation that was deleted; False if it is kept for another one.

        Raises:
            EvidenceAway: If it cannot be removed now.
        """
        with self._removing(folder) as place:
            owners = self._owners(place)
            if others := [each for each in owners if each != violation]:
                if others != owners:
                    self._write_owners(place, others)
                return False
            self._files.remove(place)
        return True

    @contextmanager
    def _whole(self, place: PurePosixPath) -> Iterator[None]:
        """A folder that is written whole or not at all: nobody would know of pictures of a passage that is given up."""
        try:
            yield
        except Exception:
            with suppress(Exception):  # why it could not be written is what counts, and is tried again
                # Of what has a manifest all is there: it may have been written, and only the answer was lost.
                self._files.drop(place / MANIFEST)
                self._files.remove(place)
            raise

    @contextmanager
    def _removing(self, folder: str) -> Iterator[PurePosixPath]:
        try:
            place = _inside(folder)
            if not self._files.mounted:  # what is not there now would count as removed
                raise OSError(AWAY)
            yield place
        except (OSError, ValueError) as error:
            raise EvidenceAway(f"evidence cannot be removed from {self.address}/{folder}: {error}") from error

    def _unread(self, folder: str, name: str, error: OSError) -> StoreError:
        """Why a file cannot be read: where all are away, none of them is lost."""
        told = f"evidence cannot be read from {self.address}/{folder}/{name}: {error}"
        if not isinstance(error, FileNotFoundError):
            return EvidenceAway(told)
        return LostFile(told) if self._files.mounted else EvidenceAway(f"{told}; {AWAY}")

    def _owners(self, place: PurePosixPath) -> list[str]:
        """Violations that a package belongs to; of one that names none who can be told, an empty name."""
        if not self._files.exists(place / KEEP):
            return []
        said = json.loads(self._files.read(place / KEEP))
        named = said.get("violations", [said.get("violation", "")]) if isinstance(said, dict) else [""]
        return [str(each) for each in named]

    def _write_owners(self, place: PurePosixPath, owners: list[str]) -> None:
        self._files.write(place / KEEP, json.dumps({"violations": owners}).encode())


def _inside(folder: str) -> PurePosixPath:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise EvidenceAway(f"evidence folder: expected a relative path inside the store, got {folder!r}")
    return path


def _plain(name: str) -> str:
    if not name or PurePosixPath(name).name != name or name in (".", ".."):
        raise EvidenceAway(f"evidence file: expected a plain file name, got {name!r}")
    return name


class _LocalFiles:
    """Files on this machine; each appears whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def mounted(self) -> bool:
        """Whether the store is there, and not the folder that waits for it."""
        with suppress(OSError):
            return (self._root / MARK).exists()
        return False

    def id(self) -> str:
        """The store's id; empty where it is not."""
        try:
            return (self._root / MARK).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    @property
    def bare(self) -> bool:
        """Whether there is nothing at all."""
        with suppress(FileNotFoundError):
            return not any(self._root.iterdir())
        return True

    def begin(self, id: str) -> str:
        """Marks the store; of several who do so at once, the first one's id holds."""
        self._root.mkdir(parents=True, exist_ok=True)
        mark = self._root / MARK
        part = mark.with_name(f"{MARK}.{secrets.token_hex(4)}.part")
        try:
            with part.open("w", encoding="ascii") as file:
                file.write(f"{id}\n")
                file.flush()
                os.fsync(file.fileno())  # after a power cut an empty mark would be no store's
            if mark.exists() and not self.id():
                mark.unlink()
            mark.hardlink_to(part)
        except FileExistsError:
            pass
        except OSError:  # a disk that knows no links: the last one's
            part.replace(mark)
        finally:
            part.unlink(missing_ok=True)
        return self.id()

    def write(self, path: PurePosixPath, data: bytes) -> None:
        with self._part(path) as part, part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def adopt(self, path: PurePosixPath, file: Path) -> None:
        with self._part(path) as part:
            try:
                part.hardlink_to(file)  # whoever brought it has it on the disk already
            except OSError:  # on another disk
                with file.open("rb") as source, part.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 2**20)
                    copy.flush()
                    os.fsync(copy.fileno())

    @contextmanager
    def local(self, path: PurePosixPath) -> Iterator[Path]:
        yield self._root / path

    def drop(self, path: PurePosixPath) -> None:
        (self._root / path).unlink(missing_ok=True)

    def free_bytes(self) -> int | None:
        self._expect()
        return shutil.disk_usage(self._root).free

    @contextmanager
    def _part(self, path: PurePosixPath) -> Iterator[Path]:
        """A file that takes its place when it is whole."""
        self._expect()
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            yield part
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _expect(self) -> None:
        """Refuses to write beside the store: that would fill the disk under it, and be hidden when it is back."""
        if not self.mounted:
            raise OSError(AWAY)

    def read(self, path: PurePosixPath) -> bytes:
        return (self._root / path).read_bytes()

    def exists(self, path: PurePosixPath) -> bool:
        return (self._root / path).exists()

    def remove(self, folder: PurePosixPath) -> None:
        if (self._root / folder).is_dir():
            shutil.rmtree(self._root / folder)


class _RemoteFiles:
    """Files behind fsspec; object stores write a file whole or not at all by themselves."""

    mounted, bare = True, False  # where an object store is away, it says so

    def id(self) -> str:
        return ""

    def begin(self, id: str) -> str:
        return ""

    def __init__(self, address: str) -> None:
        import fsspec  # a camera that stores locally does not carry it

        try:
            self._fs: Any
            self._fs, self._root = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise StoreError(f"DOME_EVIDENCE: no driver for {address}: {error}") from error

    def write(self, path: PurePosixPath, data: bytes) -> None:
        place = self._place(path)
        self._fs.makedirs(self._fs._parent(place), exist_ok=True)
        with cast("AbstractContextManager[IO[bytes]]", self._fs.open(place, "wb")) as file:
            file.write(data)

    def read(self, path: PurePosixPath) -> bytes:
        with cast("AbstractContextManager[IO[bytes]]", self._fs.open(self._place(path), "rb")) as file:
            return file.read()

    def exists(self, path: PurePosixPath) -> bool:
        return bool(self._fs.exists(self._place(path)))

    def remove(self, folder: PurePosixPath) -> None:
        if self._fs.exists(self._place(folder)):
            self._fs.rm(self._place(folder), recursive=True)

    def adopt(self, path: PurePosixPath, file: Path) -> None:
        place = self._place(path)
        self._fs.makedirs(self._fs._parent(place), exist_ok=True)
        self._fs.put_file(str(file), place)

    @contextmanager
    def local(self, path: PurePosixPath) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="dome-evidence-") as folder:
            copy = Path(folder) / path.name
            self._fs.get_file(self._place(path), str(copy))
            yield copy

    def drop(self, path: PurePosixPath) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._place(path))

    def free_bytes(self) -> int | None:
        return None

    def _place(self, path: PurePosixPath) -> str:
        return f"{str(self._root).rstrip('/')}/{path}"
