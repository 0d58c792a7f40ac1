"""The errors people see. A message names the field, what was expected, what came, and what to do."""

from __future__ import annotations


class DomeError(Exception):
    """Root of every error that is raised on purpose; the command line prints it without a traceback.

    Args:
        *told: What is wrong, for people.
        code: The same in a word, by which the console finds it in the language of whoever reads; where there is none,
            it says what the HTTP status says.
    """

    code: str = ""

    def __init__(self, *told: object, code: str = "") -> None:
        super().__init__(*told)
        self.code = code or self.code


class FieldError(DomeError):
    """One value that cannot be accepted.

    Args:
        field: Dotted path of the value, for example ``cameras.road-1.calibration.points``.
        expected: What would have been accepted.
        got: What came instead.
        hint: What to do about it.
        line: Line of the file it was read from, 1-based, where known.
    """

    def __init__(
        self, field: str, expected: str, got: object, hint: str = "", line: int | None = None
    ) -> None:
        self.field, self.expected, self.got, self.hint, self.line = field, expected, got, hint, line
        where = f"line {line}: " if line is not None else ""
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{where}{field}: expected {expected}, got {got}{tail}")


class CalibrationError(FieldError):
    """Surveyed points that do not determine the ground plane, or contradict one another."""


class SourceError(DomeError):
    """A camera's source cannot be opened or went away. Live sources retry it, finite ones end with it."""


class SourceTimeout(SourceError, TimeoutError):
    """The source has sent nothing for longer than its watchdog allows."""


class ProtocolMissing(SourceError):
    """The video library here was built without a source's protocol: trying again would not help."""


class WeightsError(DomeError):
    """A model's weights are absent, damaged or not licensed for this use."""


class DetectorAway(DomeError):
    """No detector answers now; the same frames may be asked about again."""


class DetectorFailed(DomeError):
    """A detector failed on these frames in particular; asking again would hardly help."""


class ReaderAway(DomeError):
    """No plate reader or belt classifier answers now; the same pictures may be asked about again."""


class ReaderFailed(DomeError):
    """A plate reader or belt classifier failed on these pictures in particular; asking again would hardly help."""


class FacesAway(DomeError):
    """No face search answers now; nobody is looked at meanwhile."""


class StoreError(DomeError):
    """Results cannot be written or read now; producers spool and retry."""


class EvidenceAway(StoreError):
    """Evidence cannot be read or written now: its disk is not mounted, or fails. Where it lies is for the log alone."""

    code = "evidence_away"


class LostFile(StoreError):
    """The evidence store is there, a file that it should hold is not: trying again would not help."""

    code = "file_lost"


class Unopened(StoreError):
    """Something sealed that none of the keys opens: trying again would not help, and others may open all the same."""


class CaseError(DomeError):
    """A step that the life of a search case or a lead does not allow now, or not by this person."""

    code = "case"


class ChangedMeanwhile(CaseError):
    """Somebody else took a step at the same moment; look again, then decide."""

    code = "changed"
