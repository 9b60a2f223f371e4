"""One warm parent for all tests of a worker: starting it loads torch."""

import pytest

from autograder.run import Grader


@pytest.fixture(scope="session")
def grader():
    """A grader that isolates; where that is not to be had, these tests have nothing to say."""
    with Grader() as grader:
        assert grader.isolated
        yield grader


def pytest_collection_modifyitems(items):
    for item in items:
        if "grader" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("grader"))
