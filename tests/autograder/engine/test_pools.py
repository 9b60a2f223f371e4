"""The local pool: every job comes back exactly once as a result or with what became of it, whoever dies."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from autograder import pools
from autograder.model import Cell, Job, Limits

FAKE = pools.Setup("engine_fakes:FakeGrader", "engine_fakes:environment")


def job(text, student="ann", points=0, **limits):
    cells = (Cell(text, "student"), Cell("", "judge", "q1", points=points))
    return Job("ps1", student, "p1", cells, limits=Limits(**limits))


def drain(pool, jobs, *, on_event=lambda event: None):
    """Send all jobs, send again what comes back unbegun, and return the final event of each."""
    waiting, ends = dict(enumerate(jobs)), {}
    pending = list(waiting)
    while len(ends) < len(jobs):
        for _ in range(min(pool.room(len(pending)), len(pending))):
            token = pending.pop(0)
            pool.send(token, waiting[token])
        for event in pool.poll(1.0):
            on_event(event)
            assert event.token not in ends
            if isinstance(event, pools.Returned):
                pending.append(event.token)
            else:
                ends[event.token] = event
    return [ends[token] for token in range(len(jobs))]


@pytest.fixture
def pool():
    made = []

    def make(workers=2, setup=FAKE, **options):
        made.append(pools.LocalPool(workers, setup, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_results_come_back_and_belong_to_their_jobs(pool):
    ends = drain(pool(), [job("right", f"student{n}", n) for n in range(40)])
    assert all(isinstance(end, pools.Graded) for end in ends)
    assert [(end.result.student, end.result.points) for end in ends] == [(f"student{n}", n) for n in range(40)]


def test_the_last_jobs_wait_for_a_worker_that_is_free_and_not_behind_another(pool):
    made = pool(workers=2)
    while made.room(100) < 4:
        made.poll(1.0)
    assert made.room(2) == 2
    made.send(0, job("# right"))
    assert (made.room(100), made.room(2), made.room(1)) == (3, 1, 1)
    made.send(1, job("# right"))
    assert (made.room(100), made.room(1)) == (2, 0)


def test_a_job_that_takes_its_worker_down_is_named_and_the_others_are_graded(pool):
    ends = drain(pool(1), [job("x"), job("# die"), job("xx"), job("# die"), job("xxx")])
    assert [type(end).__name__ for end in ends] == ["Graded", "Died", "Graded", "Died", "Graded"]
    assert "SIGKILL" in ends[1].how
    assert "memory" in ends[1].how


def test_workers_killed_from_outside_lose_nothing(pool):
    local = pool(2)
    count = Counter()

    def kill(event):
        count[type(event).__name__] += 1
        if count["Graded"] in {5, 10, 15}:
            os.kill(local.processes[count["Graded"] % 2], signal.SIGKILL)

    jobs = [job("# seconds 0.01", f"student{n}") for n in range(30)]
    ends = drain(local, jobs, on_event=kill)
    assert count["Died"] + count["Returned"] >= 1
    assert {type(end).__name__ for end in ends} <= {"Graded", "Died"}
    assert sum(isinstance(end, pools.Died) for end in ends) <= 3


def test_a_worker_that_hangs_is_ended(pool, monkeypatch):
    monkeypatch.setattr(pools, "GRACE_SECONDS", 0.5)
    ends = drain(pool(1), [job("# stop", submission_seconds=0.1), job("x")])
    assert isinstance(ends[0], pools.Died)
    assert "time" in ends[0].how
    assert isinstance(ends[1], pools.Graded)


def test_a_fault_of_the_grader_is_reported_and_its_worker_goes_on(pool):
    ends = drain(pool(1), [job("# raise"), job("x")])
    assert isinstance(ends[0], pools.Broken)
    assert "a fault of the grader's own" in ends[0].error
    assert isinstance(ends[1], pools.Graded)


def refusal(pool, **options):
    local = pool(2, pools.Setup(FAKE.grader, FAKE.environment, options))
    with pytest.raises(pools.PoolError) as caught:
        drain(local, [job("x")])
    return caught.value


def test_a_refusal_to_run_untrusted_code_is_told_apart_from_a_broken_machine(pool):
    refused = refusal(pool, refuse=True)
    assert isinstance(refused, pools.Refused)
    assert "user namespaces" in str(refused)
    broken = refusal(pool, fail=True)
    assert not isinstance(broken, pools.Refused)
    assert "no module named numpy" in str(broken)
    assert "in a row did not get ready" in str(refusal(pool, die=True))


def test_closing_leaves_no_process(pool):
    local = pool(2)
    drain(local, [job("x")])
    local.send(99, job("# seconds 60"))
    processes = local.processes
    local.close()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_numerical_libraries_get_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("MKL_NUM_THREADS", "8")
    pools.one_thread_each()
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"


def test_the_environment_does_not_depend_on_what_was_imported():
    """setuptools puts its own copies of packages on the search path; nbgrader imports it, a Dask worker does not."""
    script = (
        "import sys\n{extra}\nfrom autograder import pools\n"
        "print(pools.environment(pools.Setup().environment), any('_vendor' in path for path in sys.path))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script.format(extra=extra)], capture_output=True, text=True, check=True
        ).stdout.split()
        for extra in ("", "import setuptools, autograder.engine")
    ]
    assert [vendored for _, vendored in told] == ["False", "True"]
    assert told[0][0] == told[1][0]
