"""The Dask pool, on a scheduler and workers of our own on the loopback interface."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_pools import FAKE, drain, job

from autograder import pools

pytest.importorskip("distributed")
pytestmark = pytest.mark.xdist_group("dask")


def dask(*words, **environment):
    """A `dask` process whose messages can be read line by line."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    settings = {
        "PYTHONPATH": os.pathsep.join(paths),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | settings | environment,
        start_new_session=True,
    )


def end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()


def says(process, pattern):
    """Wait for a line that matches, and return the match."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if match := re.search(pattern, line):
            return match
    raise AssertionError("".join(lines))


WORKER = ("worker", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")


@pytest.fixture(scope="module")
def scheduler():
    process = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = says(process, r"Scheduler at:\s+(tcp://\S+)")[1]
    workers = [dask(*WORKER, address) for _ in range(2)]
    for worker in workers:
        says(worker, "Registered to")
    yield address
    for each in [process, *workers]:
        end(each)


@pytest.fixture
def pool(scheduler):
    made = []

    def make(setup=FAKE):
        made.append(pools.DaskPool(scheduler, setup))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_results_come_back_in_batches_and_belong_to_their_jobs(pool):
    ends = drain(pool(), [job("right", f"student{n}", n) for n in range(60)])
    assert [(end.result.student, end.result.points) for end in ends] == [(f"student{n}", n) for n in range(60)]


def test_a_job_that_takes_every_worker_down_is_found_in_its_batch(pool):
    """Dask blames every batch that was with the lost worker; only the one that fails alone may be blamed."""
    jobs = [job("x" * n, f"student{n}") for n in range(12)]
    jobs[7] = jobs[11] = job("# die", "student7")
    ends = drain(pool(), jobs)
    assert [number for number, end in enumerate(ends) if isinstance(end, pools.Died)] == [7, 11]
    assert Counter(type(end).__name__ for end in ends) == {"Graded": 10, "Died": 2}


def test_a_worker_that_dies_once_costs_nothing(pool, tmp_path):
    ends = drain(pool(), [job(f"# die-once {tmp_path}/died"), *[job("x" * n) for n in range(8)]])
    assert (tmp_path / "died").exists()
    assert {type(end).__name__ for end in ends} == {"Graded"}


def test_a_fault_of_the_grader_is_reported(pool):
    ends = drain(pool(), [job("# raise"), job("x")])
    assert "a fault of the grader's own" in ends[0].error
    assert isinstance(ends[1], pools.Graded)


def test_a_refusal_stops_the_run(pool):
    refusing = pool(pools.Setup(FAKE.grader, FAKE.environment, {"refuse": True}))
    with pytest.raises(pools.Refused, match="user namespaces"):
        drain(refusing, [job("x")])


def test_workers_with_other_packages_are_refused(scheduler, monkeypatch):
    monkeypatch.setenv("FAKE_OTHER", "here only")
    with pytest.raises(pools.PoolError, match=r"[12] of [12] workers have other packages"):
        pools.DaskPool(scheduler, pools.Setup(FAKE.grader, "engine_fakes:other_environment"))


def test_no_scheduler_and_no_worker_are_said_in_one_line():
    with pytest.raises(pools.PoolError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 "):
        pools.DaskPool("tcp://127.0.0.1:1", FAKE, patience=1)
    with pytest.raises(pools.PoolError, match="no Dask scheduler answers at nonsense"):
        pools.DaskPool("nonsense://x", FAKE)
    process = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    try:
        address = says(process, r"Scheduler at:\s+(tcp://\S+)")[1]
        with pytest.raises(pools.PoolError, match="has had no worker for 1 s"):
            pools.DaskPool(address, FAKE, patience=1)
    finally:
        end(process)


def test_a_scheduler_that_goes_away_ends_the_run():
    process = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = says(process, r"Scheduler at:\s+(tcp://\S+)")[1]
    worker = dask(*WORKER, address)
    try:
        pool = pools.DaskPool(address, FAKE)
        pool.send(0, job("# seconds 60"))
        pool.poll(0.1)
        end(process)
        with pytest.raises(pools.PoolError, match="scheduler"):
            drain(pool, [job("x")])
        pool.close()
    finally:
        end(worker)
        process.stderr.close()
