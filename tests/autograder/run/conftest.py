"""One warm parent for all tests of a worker and each kind of isolation: starting it loads torch."""

import pytest

from autograder.run import Grader, sandbox


@pytest.fixture(scope="session", params=sandbox.LEVELS)
def grader(request):
    """A grader that isolates, in each of the ways; where that is not to be had, these tests have nothing to say."""
    with Grader(levels=[request.param]) as grader:
        assert grader.isolation == request.param
        yield grader


@pytest.fixture
def in_sight(grader):
    """Whether student code sees the machine, and is only forbidden to use it."""
    return grader.isolation == "landlock"


def pytest_collection_modifyitems(items):
    for item in items:  # all of them, those of other directories too
        level = item.callspec.params.get("grader") if hasattr(item, "callspec") else None
        if level in sandbox.LEVELS:
            item.add_marker(pytest.mark.xdist_group(f"grader-{level}"))
