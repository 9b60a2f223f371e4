"""The plain data that the four rooms hand to each other: intake -> reassemble -> run -> record.

Nothing here does anything. Every field is a number, a string, bytes, a list or another of these classes, so that a
grading job can be sent to another process or machine and its result written to a database without surprises.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Literal

Side = Literal["student", "both", "judge"]
Visibility = Literal["public", "hidden"]
CheckStatus = Literal["passed", "failed", "error", "timeout", "not run"]
Status = Literal["graded", "not gradable"]


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Cell metadata `autograder: {seconds: …, memory_mb: …}` overrides per question."""

    question_seconds: float = 30.0  # wall-clock seconds for one question (one test cell), all its calls together
    submission_seconds: float = 300.0  # wall-clock seconds for the whole submission
    memory_mb: int = 2048  # memory of the student's processes together
    processes: int = 64  # processes and threads of the student at one time
    file_mb: int = 64  # bytes the student may write to its temporary home
    output_kb: int = 256  # stdout and stderr kept; the rest is counted and dropped


@dataclass(frozen=True)
class Cell:
    """One code cell of the notebook that is graded, in order.

    side: "student" runs in the sandbox only (answers and the student's own cells); "both" runs in the sandbox and in
    the judge (the instructor's read-only cells); "judge" runs in the judge only (tests, hidden ones included). A judge
    cell without a grade_id is no question: it is the instructor's version of a cell that the student changed.
    """

    source: str
    side: Side
    grade_id: str | None = None
    points: float = 0.0  # of a test cell
    hidden_lines: tuple[int, ...] = ()  # 0-based lines of `source` that stand between HIDDEN TESTS markers
    seconds: float | None = None  # this question's own limit
    hint: str | None = None  # said when a hidden check of this cell fails
    link: str | None = None  # where in the course material to read on
    memory_mb: int | None = None  # this question's own memory limit
    partial: bool = False  # points in proportion to the asserts that pass, not all or nothing
    # Of a "student" cell, read off the instructor's own version of it by `run.declarations`; never the version itself:
    imports: tuple[str, ...] = ()  # its import statements; the judge makes them too, so that library names are its own
    provides: tuple[str, ...] = ()  # names it assigns at top level: from this cell on they are the student's


@dataclass(frozen=True)
class Note:
    """Something about how the notebook was put together that its student and instructor should know."""

    text: str
    grade_id: str | None = None  # the answer or question it is about; None: the whole notebook


@dataclass(frozen=True)
class Job:
    """Everything needed to grade one submission, and nothing else: grading is a pure function of it."""

    assignment: str
    student: str
    notebook: str
    cells: tuple[Cell, ...]
    files: dict[str, bytes] = field(default_factory=dict)  # the instructor's data files, by relative path
    student_files: dict[str, bytes] = field(default_factory=dict)  # the submission's: only the student side sees them
    notes: tuple[Note, ...] = ()  # from reassembling; they change no verdict
    limits: Limits = field(default_factory=Limits)
    seed: int = 0  # for inputs drawn per submission


@dataclass
class Check:
    """One assertion, and how it went. `call`, `got` and `expected` are for public checks only and already shortened."""

    index: int
    status: CheckStatus
    visibility: Visibility
    points: float
    max_points: float
    message: str = ""
    call: str | None = None
    got: str | None = None
    expected: str | None = None
    hint: str | None = None
    link: str | None = None


@dataclass
class Question:
    """One test cell: its points and its checks."""

    grade_id: str
    points: float
    max_points: float
    checks: list[Check] = field(default_factory=list)
    message: str = ""  # what stopped it, if something did: "ran longer than 30 s"
    seconds: float = 0.0


@dataclass
class CellOutput:
    """What a student-side cell wrote, for the feedback: text only, cut at the limit."""

    position: int  # index into Job.cells
    stdout: str = ""
    stderr: str = ""
    error: str | None = None  # "NameError: name 'x' is not defined", with the student's own line, if it raised
    truncated: bool = False


@dataclass
class Result:
    """The verdict on one submission."""

    assignment: str
    student: str
    notebook: str
    status: Status
    reason: str = ""  # why a submission is not gradable, in words a student can act on
    questions: list[Question] = field(default_factory=list)
    outputs: list[CellOutput] = field(default_factory=list)
    environment: str = ""  # hash of interpreter, packages and engine
    seconds: float = 0.0
    accidents: int = 0  # processes of this grading that ended though neither they were told to nor a limit was reached

    def as_data(self) -> dict[str, Any]:
        """What `dataclasses.asdict` gives, in a tenth of its time: dictionaries, lists and plain values."""
        questions = [
            {**vars(question), "checks": [vars(check).copy() for check in question.checks]}
            for question in self.questions
        ]
        return {**vars(self), "questions": questions, "outputs": [vars(output).copy() for output in self.outputs]}

    @property
    def points(self) -> float:
        """Sum over the questions, in points."""
        return sum(question.points for question in self.questions)

    @property
    def max_points(self) -> float:
        """Sum of the questions' maxima, in points."""
        return sum(question.max_points for question in self.questions)


def seed_for(assignment: str, student: str, notebook: str, key: bytes = b"") -> int:
    """The seed of one submission's inputs: 63 bits, the same on every machine, in every run and in every order.

    key: a secret of the course, so that a student who reads this file cannot work out which inputs will be drawn.
    """
    names = "\0".join((assignment, student, notebook)).encode()
    return int.from_bytes(hmac.new(key, names, hashlib.sha256).digest()[:8], "big") >> 1
