"""Small notebooks for the tests of the run, as jobs: what reassembling would have made of them."""

from autograder.model import Cell, Job, Limits, Question, Result

QUICK = Limits(question_seconds=5.0, submission_seconds=60.0, memory_mb=512, file_mb=16, output_kb=64)


def answer(source: str, **fields) -> Cell:
    """A cell of the student's."""
    return Cell(source, "student", **fields)


def given(source: str, **fields) -> Cell:
    """A read-only cell of the instructor's."""
    return Cell(source, "both", **fields)


def test(source: str, points: float = 10.0, grade_id: str = "q1", **fields) -> Cell:  # noqa: PT028 (it makes a test cell, it is not one)
    """A test cell; lines between the HIDDEN TESTS markers are hidden."""
    hidden, inside = [], False
    for i, line in enumerate(source.split("\n")):
        inside = inside or "BEGIN HIDDEN TESTS" in line
        if inside:
            hidden.append(i)
        inside = inside and "END HIDDEN TESTS" not in line
    return Cell(source, "judge", grade_id, points, tuple(hidden), **fields)


test.__test__ = False  # type: ignore[attr-defined]


def job(*cells: Cell, limits: Limits = QUICK, **fields) -> Job:
    names = {"assignment": "ps1", "student": "ann", "notebook": "p1", **fields}
    return Job(cells=cells, limits=limits, **names)


def only(result: Result) -> Question:
    """The one question of a result."""
    assert result.status == "graded", result.reason
    (question,) = result.questions
    return question


def statuses(question: Question) -> list[str]:
    return [check.status for check in question.checks]


def everything(result: Result) -> str:
    """All that a student or instructor will ever see of a result."""
    return repr(result)
