"""One engine for all tests of the assignments that a worker runs: starting it loads torch."""

import pytest

from autograder import run


@pytest.fixture(scope="session")
def grader():
    """Judge and student in two processes; walls around the student where they are to be had: nobody here is a stranger.

    It finds kernelbook as the classroom's does: by the record of its installation, not by PYTHONPATH.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        for found in (run.library, run._installed, run.imported):
            found.cache_clear()
        assert run.library("kernelbook"), "without it every assignment that draws wafers fails in the classroom"
        grader = run.Grader(trust=True, also=("kernelbook.data",))
    with grader:
        yield grader
