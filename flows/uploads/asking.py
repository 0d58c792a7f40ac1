"""A process beside us that answers one line of JSON with another; started again when it is gone."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Callable

from flows.domain.errors import DomeError

LINE_BYTES = 64 * 1024


class HelperAway(DomeError):
    """The helper cannot be had now; the same file may be tried again."""


class Helper:
    """One process, used by one thread at a time: whoever asks holds a lock of their own.

    Args:
        command: Starts it.
        what: What it is for, for errors.
        start_s: How long the first answer may wait for its imports.
    """

    def __init__(self, command: Callable[[], list[str]], what: str, start_s: float) -> None:
        self._command, self._what, self._start_s = command, what, start_s
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self.starts = 0
        """Times it was started: more than once means that it died."""

    def ask(self, asked: dict[str, object], within_s: float) -> dict[str, object]:
        """One question.

        Raises:
            HelperAway: If it cannot be started, is gone, or says nothing in time.
        """
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            # The first answer also waits for the imports.
            wait_s = within_s + (self._start_s if self._asked == 0 else 0.0)
            if not select.select([process.stdout], [], [], wait_s)[0]:
                raise HelperAway(f"the helper for {self._what} said nothing for {wait_s:g} s")
            told = json.loads(process.stdout.readline(LINE_BYTES))
        except (OSError, ValueError, HelperAway) as error:
            self.end()
            if isinstance(error, HelperAway):
                raise
            raise HelperAway(f"the helper for {self._what} is gone: {error}") from error
        self._asked += 1
        return told if isinstance(told, dict) else {}

    def end(self) -> None:
        """Ends it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.end()
            try:
                self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            except OSError as error:
                raise HelperAway(f"the helper for {self._what} cannot be started: {error}") from error
            self.starts, self._asked = self.starts + 1, 0
        return self._process
