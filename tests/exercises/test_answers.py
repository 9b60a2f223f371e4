"""Wrong answers lose just the points that they should, right answers none, and every small mistake is noticed."""

import pytest
from harness import Assignment, Task, assignments, borrowed

from autograder.mutants import too_free

ASSIGNMENTS = {name: Assignment.load(name) for name in assignments()}
TASKS = [(name, task) for name, assignment in ASSIGNMENTS.items() for task in assignment.graded_by_tests]
every_task = pytest.mark.parametrize(("name", "task"), TASKS, ids=[f"{name}-{task.name}" for name, task in TASKS])

# Answers that are not mutated, since every change in them is another design: all there are. One more is a decision to
# be seen here, and not only a line in a list beside its assignment.
FREE = {("09-capstone", "recipe")}
FREE_TASKS = [(name, task) for name, task in TASKS if (name, task.name) in FREE]
MUTATED = [(name, task) for name, task in TASKS if (name, task.name) not in FREE]

# nbgrader's Validate button cuts longer lines off (it adds four spaces and an ellipsis within 90).
WIDEST = 83


def test_there_are_assignments():
    assert TASKS


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_instructors_answers_get_all_points(name):
    assignment = ASSIGNMENTS[name]
    verdict = assignment.grade_all({})
    assert verdict.points == {test: points for task in assignment.tasks for test, points in task.tests.items()}, (
        verdict.messages
    )


@every_task
def test_a_task_is_tried_on_many_answers(name: str, task: Task):
    answers = ASSIGNMENTS[name].answers
    for kind, least in ((answers.wrongs, 12), (answers.rights, 3)):
        sources = {answer.source for answer in kind.get(task.name, [])}
        assert len(sources) == len(kind.get(task.name, [])), "two answers are the same"
        assert len(sources) >= least


@every_task
def test_wrong_answers_lose_their_points_and_are_told_why(name: str, task: Task):
    assignment = ASSIGNMENTS[name]
    wrongs = assignment.answers.wrongs[task.name]
    verdicts = assignment.grade_each(task, [wrong.source for wrong in wrongs])
    for wrong, verdict in zip(wrongs, verdicts, strict=True):
        assert any(points < task.tests[test] for test, points in wrong.gives.items()), wrong.what
        assert verdict.points == {**task.tests, **wrong.gives}, (wrong.what, verdict)
        for test in verdict.lost(task):
            _check_message(verdict.messages[test], f"{wrong.what}: {test}")


def _check_message(message: str, where: str) -> None:
    assert message.strip(), f"{where} says nothing"
    if "AssertionError: " not in message:
        return  # the answer's own error, which the student sees with its line
    for line in message.splitlines():
        assert len(line) <= WIDEST, (where, line)
    if "Hidden test" in message:
        assert "xpected" not in message.replace("was expected", ""), (where, message)
        assert "yours is" not in message, (where, message)


BORROWED = [(name, task) for name, task in TASKS if borrowed(ASSIGNMENTS[name], task)[1]]


@pytest.mark.parametrize(("name", "task"), BORROWED, ids=[f"{name}-{task.name}" for name, task in BORROWED])
def test_a_right_answer_that_a_library_gives_is_none(name: str, task: Task):
    answer, tests = borrowed(ASSIGNMENTS[name], task)
    verdict = ASSIGNMENTS[name].grade(task, answer)
    assert tests <= verdict.lost(task)
    said = [verdict.messages[test] for test in tests]
    assert all("kernelbook" in text or "NumPy only" in text for text in said), said


@every_task
def test_right_answers_in_other_styles_lose_nothing(name: str, task: Task):
    for right, verdict in ASSIGNMENTS[name].rejected(task):
        pytest.fail(f"{right.what}: {verdict}")


def test_no_answer_is_free_but_those_named_here():
    assert {(name, cell) for name, assignment in ASSIGNMENTS.items() for cell in assignment.free} == FREE


@pytest.mark.parametrize(("name", "task"), FREE_TASKS, ids=[f"{name}-{task.name}" for name, task in FREE_TASKS])
def test_a_free_answer_is_narrow_and_tried_on_twice_as_many(name: str, task: Task):
    assignment = ASSIGNMENTS[name]
    tests = {task.name: task.tests for task in assignment.tasks}
    total = sum(task.points for task in assignment.tasks)
    assert list(too_free(assignment.listed, tests, total)) == []
    wrongs, rights = assignment.answers.wrongs[task.name], assignment.answers.rights[task.name]
    assert len(wrongs) >= 24
    assert len(rights) >= 5
    for test in task.tests:  # each by itself decides on something
        lost = [test in wrong.gives for wrong in wrongs]
        assert sum(lost) >= 3, test
        assert not all(lost), test


@pytest.mark.parametrize(("name", "task"), MUTATED, ids=[f"{name}-{task.name}" for name, task in MUTATED])
def test_every_small_mistake_in_the_instructors_answer_is_noticed(name: str, task: Task):
    assignment = ASSIGNMENTS[name]
    equivalent = set(assignment.equivalents.get(task.name, {}))
    assert equivalent <= {mutant.description for mutant in assignment.mutants(task)}, (
        "listed, but not a mutant any more"
    )
    survivors = {mutant.description for mutant in assignment.survivors(task)}
    assert survivors == equivalent, {
        "not noticed": sorted(survivors - equivalent),
        "listed as no mistake, yet noticed": sorted(equivalent - survivors),
    }
