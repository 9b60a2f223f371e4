"""Processes that are forked ahead of the submission that needs them: nobody's, clean, and never relied on."""

import signal

import psutil
import pytest
from notebooks import answer, job, only, test

from autograder.model import Limits
from autograder.run import Grader, sandbox

DOUBLE = answer("def f(x):\n    return 2 * x")
RIGHT = test("assert f(2) == 4")


def graded(grader, *cells, **options):
    return only(grader.grade(job(*(cells or (DOUBLE, RIGHT)), **options))).points


def made_ahead(grader):
    grader._not_ahead()
    return dict(grader.spares)


def test_the_next_submission_takes_what_was_made_ahead(grader):
    assert graded(grader) == 10
    judge, student = (made_ahead(grader)[role].child for role in ("judge", "student"))
    assert not judge.gone(0.0)
    assert not student.gone(0.0)
    assert graded(grader) == 10
    grader.bury()
    assert judge.gone(5.0)
    assert student.gone(5.0)


def test_other_limits_get_other_processes(grader):
    assert graded(grader) == 10
    before = made_ahead(grader)
    assert graded(grader, limits=Limits(memory_mb=900)) == 10
    after = made_ahead(grader)
    assert {fresh.settings["memory_mb"] for fresh in after.values()} == {900}
    assert before["student"].child.gone(5.0)


def test_a_library_loaded_meanwhile_is_there(grader):
    assert graded(grader) == 10
    before = made_ahead(grader)
    name = next(name for name in ("colorsys", "sndhdr", "chunk", "uu") if name not in grader.loaded)
    assert graded(grader, DOUBLE, test(f"import {name}\nassert f(2) == 4")) == 10
    assert name in grader.loaded
    assert before["judge"].child.gone(5.0)


def test_one_that_somebody_killed_is_made_again(grader):
    for role in ("judge", "student"):
        assert graded(grader) == 10
        fresh = made_ahead(grader)[role]
        if fresh.child.handle < 0:
            return
        signal.pidfd_send_signal(fresh.child.handle, signal.SIGKILL)
        assert fresh.child.gone(5.0)
        result = grader.grade(job(DOUBLE, RIGHT))
        assert only(result).points == 10
        assert result.accidents == 0


@pytest.mark.parametrize("level", sandbox.LEVELS)
def test_closing_ends_them(level):
    grader = Grader(levels=[level], warm=["numpy"])
    assert graded(grader) == 10
    made_ahead(grader)
    family = psutil.Process(grader.process.pid).children(recursive=True)
    assert len(family) >= 2
    grader.close()
    assert not psutil.wait_procs(family, timeout=10)[1]
