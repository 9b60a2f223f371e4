"""The project's own engine gives the points that nbgrader gives, answer by answer."""

import nbformat
import pytest
from harness import ROOT, Assignment, assignments, borrowed
from nbgrader.utils import is_solution

from autograder.intake import Submission
from autograder.model import Limits, Result
from autograder.reassemble import build_job
from autograder.run import Grader


def grade(grader: Grader, assignment: Assignment, answers: dict[str, str]) -> Result:
    """The engine's verdict on these answers, by grade_id, in the released notebook."""
    name = assignment.name
    notebook = nbformat.read(ROOT / "exercises" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if is_solution(cell):
            cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
    submission = Submission({f"{name}.ipynb": nbformat.writes(notebook).encode()})
    job = build_job(
        assignment.notebook, submission, assignment=name, student="s", notebook=name, limits=Limits()
    )  # fmt: skip
    result = grader.grade(job)
    assert result.status == "graded", result.reason
    return result


@pytest.mark.xdist_group("exercises-engine")
@pytest.mark.parametrize("name", assignments())
def test_the_engine_gives_the_same_points(grader, name):
    assignment = Assignment.load(name)
    solved = assignment.solved
    full = {test: points for task in assignment.tasks for test, points in task.tests.items()}
    by_hand = {task.name for task in assignment.tasks if task.by_hand}

    def points(answers: dict[str, str]) -> dict[str, float]:
        questions = grade(grader, assignment, answers).questions
        return {question.grade_id: question.points for question in questions if question.grade_id not in by_hand}

    assert points(solved) == full
    assert set(points({}).values()) == {0}
    for number in (0, -1):  # one wrong answer to every task at once
        wrong = {task.name: assignment.answers.wrongs[task.name][number].source for task in assignment.graded_by_tests}
        assert points({**solved, **wrong}) == assignment.grade_all(wrong).points
        right = {task.name: assignment.answers.rights[task.name][number].source for task in assignment.graded_by_tests}
        assert points({**solved, **right}) == full


@pytest.mark.xdist_group("exercises-engine")
@pytest.mark.parametrize("name", assignments())
def test_what_a_library_gives_earns_nothing_here_either(grader, name):
    assignment = Assignment.load(name)
    theirs = {task.name: borrowed(assignment, task) for task in assignment.graded_by_tests}
    tests = set().union(*(tests for _, tests in theirs.values()))
    answers = {task: answer for task, (answer, asked) in theirs.items() if asked}
    points = {question.grade_id: question.points for question in grade(grader, assignment, answers).questions}
    assert {points[test] for test in tests} <= {0}


@pytest.mark.xdist_group("exercises-engine")
@pytest.mark.parametrize("name", assignments())
def test_every_lost_question_says_something(grader, name):
    assignment = Assignment.load(name)
    wrong = {task.name: assignment.answers.wrongs[task.name][0].source for task in assignment.graded_by_tests}
    for question in grade(grader, assignment, wrong).questions:
        if question.points < question.max_points:
            failed = [check for check in question.checks if check.status != "passed"]
            assert failed, question
            assert any(check.message or check.hint for check in failed), question
            for check in failed:
                if check.visibility == "hidden":
                    assert check.hint, question
                    assert check.got is None, check
                    assert check.expected is None, check
