"""The harness itself: it gives nbgrader's points, and a test that accepts too much is found out."""

import nbformat
import pytest
from harness import Answers, Assignment
from nbformat.notebooknode import NotebookNode


def cell(grade_id: str, source: str, **metadata) -> NotebookNode:
    made = nbformat.v4.new_code_cell(source)
    kinds = {"grade": False, "solution": False, "locked": True, "task": False, "schema_version": 3}
    made.metadata["nbgrader"] = NotebookNode({**kinds, "grade_id": grade_id, **metadata})
    return made


SQUARE = """
def square(x):
    ### BEGIN SOLUTION
    return x * x
    ### END SOLUTION
"""


def assignment(*tests: str, answer: str = SQUARE) -> Assignment:
    """One task, `square`, whose test cells are worth 2 points each."""
    cells = [cell("square", answer, solution=True, locked=False)]
    cells += [cell(f"test-{n}", source, grade=True, points=2) for n, source in enumerate(tests)]
    return Assignment(nbformat.v4.new_notebook(cells=cells))


@pytest.mark.parametrize(
    ("test", "points"),
    [
        ("assert square(3) == 9", 2),
        ("assert square(3) == 8, 'no'", 0),
        ("square(3) > 8", 2),  # text: nbgrader takes it for full marks
        ("0.5", 0.5),
        ("0", 0),
        ("print('two')\n1 + square(1) - 1", 1),
        ("import sys\nprint('a warning', file=sys.stderr)", 0),  # any stderr: no points
        ("import warnings\nwarnings.warn('beware')", 0),
        ("raise SystemExit", 0),
        ("undefined", 0),
        ("def broken(:", 0),
        ("import os\nos._exit(0)", 0),
    ],
)
def test_points_are_nbgraders(test, points):
    made = assignment(test)
    assert made.grade(made.tasks[0], SQUARE).points.get("test-0", 0) == points


def test_steps_are_counted_by_themselves_and_messages_kept():
    made = assignment("assert square(3) == 9, 'three'", "assert square(0.5) == 0.25, 'a half'")
    verdict = made.grade(made.tasks[0], "def square(x):\n    return int(x) ** 2")
    assert verdict.points == {"test-0": 2, "test-1": 0}
    assert verdict.lost(made.tasks[0]) == {"test-1"}
    assert "a half" in verdict.messages["test-1"]


def test_a_run_changes_nothing_for_the_next():
    made = assignment("import math\nmath.pi = 3\nassert square(2) == 4", "import math\nassert math.pi > 3.1")
    assert made.grade(made.tasks[0], SQUARE).points == {"test-0": 2, "test-1": 0}
    other = assignment("import math\nassert math.pi > 3.1")
    assert other.grade(other.tasks[0], SQUARE).points == {"test-0": 2}


def test_an_answer_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr("harness.SECONDS", 0.5)
    made = assignment("square(1)")
    verdict = made.grade(made.tasks[0], "def square(x):\n    while True:\n        pass")
    assert verdict.lost(made.tasks[0]) == {"test-0"}


def test_a_test_that_accepts_too_much_is_found_out():
    """The planted bug: the second test compares nothing but the type."""
    strict, lax = "assert square(3) == 9", "assert isinstance(square(3), int)"
    for test, found in ((strict, False), (lax, True)):
        made = assignment(test)
        answers = Answers(made)
        answers.wrong("square", "doubles", ("x * x", "2 * x"))
        answers.right("square", "a power", ("x * x", "x**2"))
        made.answers = answers
        task = made.tasks[0]
        assert bool(made.accepted(task)) == found
        assert bool(made.survivors(task)) == found
        assert not made.rejected(task)


def test_a_test_that_rejects_a_right_answer_is_found_out():
    made = assignment("assert square(3) == 9\nassert type(square(3)) is int")
    made.answers = Answers(made)
    made.answers.right("square", "a float", ("x * x", "float(x * x)"))
    [(right, verdict)] = made.rejected(made.tasks[0])
    assert right.what == "a float"
    assert "AssertionError" in verdict.messages["test-0"]


def test_an_edit_that_no_longer_applies_is_an_error():
    answers = Answers(assignment("square(1)"))
    with pytest.raises(AssertionError, match="no 'y \\+ y'"):
        answers.wrong("square", "doubles", ("y + y", "2 * y"))
