"""Several Graders that use one warm parent: each is served, none keeps another alive, and none brings another down."""

import os
import signal
import socket

import psutil
import pytest
from notebooks import answer, job, only, test

from autograder.run import Grader

DOUBLE = answer("def f(x):\n    return 2 * x")
RIGHT = test("assert f(2) == 4")


@pytest.fixture
def lender_and_guest():
    """Two Graders on one warm parent; in life each is in a process of its own."""
    theirs, line = socket.socketpair()
    with (
        Grader(levels=["namespaces"], warm=["numpy"], also=["colorsys"], share=[theirs]) as lender,
        Grader(levels=["namespaces"], warm=["numpy"], line=line) as guest,
    ):
        yield lender, guest


def graded(grader):
    result = grader.grade(job(DOUBLE, RIGHT))
    assert result.accidents == 0
    return only(result).points


def family(grader):
    return psutil.Process(grader.process.pid).children(recursive=True)


def test_both_grade_on_the_same_parent(lender_and_guest):
    lender, guest = lender_and_guest
    assert guest.process is None
    assert "colorsys" in guest.loaded
    assert [graded(lender), graded(guest), graded(lender), graded(guest)] == [10] * 4
    lender._not_ahead()
    guest._not_ahead()
    # The warm parent, and for each of the two a judge and a student process made ahead.
    assert sum(process.status() != psutil.STATUS_ZOMBIE for process in family(lender)) == 5


def test_a_guest_that_is_gone_leaves_nothing_behind_and_the_lender_goes_on(lender_and_guest):
    lender, guest = lender_and_guest
    assert graded(guest) == 10
    guest._not_ahead()
    spares = [fresh.child for fresh in guest.spares.values()]
    assert len(spares) == 2
    assert not any(child.gone(0.0) for child in spares)
    guest.control.shutdown(socket.SHUT_RDWR)  # what the kernel does for a process that is killed
    assert all(child.gone(10.0) for child in spares)
    assert graded(lender) == 10


def test_the_guest_goes_on_without_the_lender_and_the_parent_ends_after_it(lender_and_guest):
    lender, guest = lender_and_guest
    everybody = [psutil.Process(lender.process.pid), *family(lender)]
    lender.close()
    assert graded(guest) == 10
    guest.close()
    assert not psutil.wait_procs(everybody, timeout=10)[1]


def test_a_parent_that_is_killed_is_replaced_by_one_for_each(lender_and_guest):
    lender, guest = lender_and_guest
    assert graded(lender) == graded(guest) == 10
    everybody = family(lender)
    os.kill(lender.process.pid, signal.SIGKILL)
    psutil.wait_procs(everybody, timeout=10)
    for grader in (guest, lender):
        assert only(grader.grade(job(DOUBLE, RIGHT))).points == 10
    assert guest.process is not None
    assert lender.process is not None
    assert guest.process.pid != lender.process.pid


def test_a_line_on_which_nothing_comes_is_no_obstacle():
    theirs, line = socket.socketpair()
    theirs.close()
    with Grader(levels=["namespaces"], warm=["numpy"], line=line) as grader:
        assert grader.process is not None
        assert graded(grader) == 10
