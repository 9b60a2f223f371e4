"""One engine for all tests of the assignments that a worker runs: starting it loads torch."""

import pytest

from autograder.run import Grader


@pytest.fixture(scope="session")
def grader():
    """Judge and student in two processes; walls around the student where they are to be had: nobody here is a stranger."""
    with Grader(trust=True) as grader:
        yield grader
