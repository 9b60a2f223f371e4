"""Where submissions are graded: worker processes on this machine, or the workers of a Dask cluster.

Both take jobs (`send`) and give back events (`poll`) in any order. Each worker owns one warm Grader and grades one job
at a time. A worker may die at any moment: the job it held comes back as `Died`, jobs that were only waiting in its
queue come back as `Returned`, and another worker takes its place. What to do about it is the engine's business.

Jobs and results are plain data (autograder.model). They travel as pickles between processes of the instructor's; the
student's code runs below the Grader and reaches none of these channels.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import multiprocessing
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection as channels
from pathlib import Path
from typing import Any, Protocol

from autograder.model import Job, Result

# A Grader keeps to the job's own limits; a worker that takes this much longer has hung.
GRACE_SECONDS = 120.0
# A worker that is not ready by then never will be (importing torch on a busy, cold machine takes half a minute).
START_SECONDS = 300.0
# Workers that die while they start, one after the other, before the pool gives up.
START_FAILURES = 5


@dataclass(frozen=True)
class Setup:
    """How a worker makes its Grader. Names are "module:attribute"; both sides must have the module installed."""

    grader: str = "autograder.run:Grader"
    environment: str = "autograder.run:environment_hash"
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, **more: Any) -> Any:
        return named(self.grader)(**self.options, **more)


def named(name: str) -> Any:
    """The object that "module:attribute" names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def environment(name: str) -> str:
    """The environment's hash, whatever this process has imported by now.

    setuptools, once imported, puts the packages it carries on the search path, where they look installed. The function
    keeps its answer, so a worker asks here before its Grader does.
    """
    function = named(name)
    if hasattr(function, "cache_clear"):
        function.cache_clear()
    before = sys.path[:]
    sys.path[:] = [path for path in before if Path(path).parts[-2:] != ("setuptools", "_vendor")]
    try:
        return function()
    finally:
        sys.path[:] = before


@dataclass(frozen=True)
class Graded:
    token: int
    result: Result


@dataclass(frozen=True)
class Died:
    """The worker that held this job ended, or had to be ended. The job may be the cause, or it may not.

    tried: how many workers ended with this job and no other.
    """

    token: int
    how: str
    tried: int = 1


@dataclass(frozen=True)
class Broken:
    """The Grader raised, which it never does because of a student."""

    token: int
    error: str


@dataclass(frozen=True)
class Returned:
    """The job has not been begun and is to be sent again."""

    token: int


Event = Graded | Died | Broken | Returned


class PoolError(RuntimeError):
    """The pool cannot grade at all. The message says what to do."""


class Refused(PoolError):
    """The workers will not run untrusted code here. The message says what is missing."""


class Pool(Protocol):
    """What the engine needs of either pool."""

    def room(self, left: int) -> int:
        """How many jobs it takes now. left: how many there still are; the last do not wait behind another one."""
        ...

    def send(self, token: int, job: Job) -> None: ...
    def poll(self, timeout: float) -> list[Event]: ...
    def close(self) -> None: ...


# ---------------------------------------------------------------------------------------------------------------------
# Worker processes on this machine


class _Worker:
    def __init__(self, process: Any, connection: Any):
        self.process = process
        self.connection = connection
        self.ready = False
        self.jobs: deque[tuple[int, float]] = deque()  # token and the seconds it may take; the first is in hand
        self.deadline = time.monotonic() + START_SECONDS

    def expect(self) -> None:
        """Set the time by which the next message has to come."""
        self.deadline = time.monotonic() + self.jobs[0][1] if self.jobs else float("inf")


class LocalPool:
    """A fixed number of worker processes. Not thread-safe."""

    # One job in hand and one waiting, so that a worker need not idle while the engine records.
    DEPTH = 2

    def __init__(self, workers: int, setup: Setup, *, on_ready: Callable[[], None] | None = None):
        self.setup = setup
        self.on_ready = on_ready
        self._context = multiprocessing.get_context("spawn")
        self._failures = 0
        self._workers = self._start_all(workers)
        self._undelivered: list[Event] = []

    def _start_all(self, number: int) -> list[_Worker]:
        """The first worker's Grader lends its warm parent to the others: the libraries are loaded once."""
        others = number - 1 if getattr(named(self.setup.grader), "SHARES", False) else 0
        pairs = [socket.socketpair() for _ in range(others)]
        try:
            workers = [self._start(share=tuple(end for end, _ in pairs))] if pairs else []
            workers += [self._start(line=end) for _, end in pairs]
        finally:
            for end in itertools.chain(*pairs):
                end.close()
        return workers + [self._start() for _ in range(number - len(workers))]

    def _start(self, **more: Any) -> _Worker:
        """A worker. more: options for its Grader that are this worker's alone."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self.setup, more), name="autograder-worker")
        process.start()
        theirs.close()
        return _Worker(process, ours)

    @property
    def processes(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def room(self, left: int) -> int:
        # A worker that is not ready yet may never be: its share would have to be taken back.
        depth = 1 if left <= len(self._workers) else self.DEPTH
        return sum(max(0, depth - len(worker.jobs)) for worker in self._workers if worker.ready)

    def send(self, token: int, job: Job) -> None:
        worker = min((worker for worker in self._workers if worker.ready), key=lambda each: len(each.jobs))
        worker.jobs.append((token, job.limits.submission_seconds + GRACE_SECONDS))
        if len(worker.jobs) == 1:
            worker.expect()
        try:
            worker.connection.send((token, job))
        except OSError:
            worker.jobs.pop()
            self._undelivered.append(Returned(token))

    def poll(self, timeout: float) -> list[Event]:
        events, self._undelivered = self._undelivered, []
        by_channel: dict[Any, _Worker] = {}
        for worker in self._workers:
            by_channel[worker.connection] = by_channel[worker.process.sentinel] = worker
        nearest = min((worker.deadline for worker in self._workers), default=float("inf"))
        patience = 0.0 if events else max(0.0, min(timeout, nearest - time.monotonic()))
        heard = {id(by_channel[channel]): by_channel[channel] for channel in channels.wait(list(by_channel), patience)}
        for worker in heard.values():
            events += self._listen(worker)
        now = time.monotonic()
        for worker in list(self._workers):
            if now > worker.deadline:
                what = "did not finish in the time it had" if worker.ready else "was not ready in time"
                events += self._bury(worker, what)
        return events

    def _listen(self, worker: _Worker) -> list[Event]:
        events: list[Event] = []
        try:
            while worker.connection.poll():
                kind, *content = worker.connection.recv()
                if kind == "ready":
                    worker.ready = True
                    self._failures = 0
                    worker.expect()
                    if self.on_ready:
                        self.on_ready()
                elif kind == "refused":
                    raise Refused(content[0])
                elif kind == "unable":
                    # Once may be bad luck: somebody ended what it had started.
                    return events + self._bury(worker, f"could not start: {content[0]}")
                else:
                    worker.jobs.popleft()
                    worker.expect()
                    events.append(Graded(*content) if kind == "graded" else Broken(*content))
            if worker.process.is_alive():
                return events
        except (EOFError, OSError):
            worker.process.join(5)
        return events + self._bury(worker, _ending(worker.process.exitcode))

    def _bury(self, worker: _Worker, how: str) -> list[Event]:
        """End a worker, account for its jobs and start another in its place."""
        _kill(worker.process)
        worker.connection.close()
        self._workers.remove(worker)
        if not worker.ready:
            self._failures += 1
            if self._failures >= START_FAILURES:
                raise PoolError(
                    f"{self._failures} workers in a row did not get ready; the last one {how}. "
                    "Is there enough memory? `python -m autograder doctor` checks the rest."
                )
        self._workers.append(self._start())
        return [
            Died(token, how) if position == 0 else Returned(token) for position, (token, _) in enumerate(worker.jobs)
        ]

    def close(self) -> None:
        for worker in self._workers:
            worker.connection.close()  # an idle worker ends at once and takes its Grader down in good order
        deadline = time.monotonic() + 2.0
        for worker in self._workers:
            busy = bool(worker.jobs) or not worker.ready
            worker.process.join(0.0 if busy else max(0.0, deadline - time.monotonic()))
            _kill(worker.process)
        self._workers.clear()


def _kill(process: Any) -> None:
    if process.is_alive():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # a worker leads its own process group
        process.kill()
    process.join()


def _ending(code: int | None) -> str:
    if code is None:
        return "closed its connection"
    if code < 0:
        with suppress(ValueError):
            memory = ", which is also how the system ends a process when memory runs out" if code == -9 else ""
            return f"was ended by {signal.Signals(-code).name}{memory}"
    return f"ended with exit code {code}"


def _work(connection: Any, setup: Setup, more: dict[str, Any]) -> None:
    """A worker process: one Grader, one job at a time, until the engine is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's to handle
    with suppress(OSError):
        os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    one_thread_each()
    try:
        environment(setup.environment)
        grader = setup.make(**more)
    except Exception as error:
        kind = "refused" if type(error).__name__ == "Untrusted" else "unable"
        with suppress(OSError):
            connection.send((kind, str(error) or traceback.format_exc()))
            connection.poll(10)  # until the engine has read it and closed its end
        return
    try:
        gc.freeze()  # what is loaded by now need not be looked through again for each submission
        connection.send(("ready",))
        while True:
            token, job = connection.recv()
            try:
                result = grader.grade(job)
            except Exception:
                connection.send(("broken", token, traceback.format_exc()))
                grader.close()
                grader = setup.make()
            else:
                connection.send(("graded", token, result))
    except (EOFError, OSError):
        pass
    finally:
        grader.close()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    channels.wait([parent.sentinel])
    os._exit(1)


def one_thread_each() -> None:
    """Keep numerical libraries to one thread, before they are imported: sums keep their order, workers fill cores."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_NUM_THREADS"] = "1"


# ---------------------------------------------------------------------------------------------------------------------
# A Dask cluster


class DaskPool:
    """The workers of a Dask scheduler, wherever they are. Jobs go out in batches of about half a second's work.

    Dask itself sends a batch to another worker when one is lost (`allowed-failures`, three times by default), but it
    blames every batch that was with the lost worker. So the jobs of a batch that it gives up are suspects: when all
    else is done they are sent one at a time, with nothing beside them, and only what fails then has died of itself.
    """

    BATCH_SECONDS = 0.5
    LARGEST_BATCH = 16

    def __init__(
        self, address: str, setup: Setup, *, on_ready: Callable[[], None] | None = None, patience: float = 60.0
    ):
        try:
            import dask
            import distributed
        except ImportError:
            raise PoolError("--scheduler needs Dask on this machine: pip install distributed") from None
        self.setup = setup
        self.address = address
        usual = dask.utils.parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))
        try:
            self.client = distributed.Client(address, timeout=min(usual, patience), set_as_default=False)
        except (OSError, ValueError) as error:
            raise PoolError(f"no Dask scheduler answers at {address} ({str(error) or type(error).__name__})") from None
        try:
            try:
                self.client.wait_for_workers(1, timeout=patience)
            except TimeoutError:
                raise PoolError(
                    f"the scheduler at {address} has had no worker for {patience:.0f} s. "
                    f"Start one: dask worker {address}"
                ) from None
            self._check_environments()
            if on_ready:
                on_ready()
        except BaseException:
            self.client.close(timeout=2)
            raise
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._waiting: list[tuple[int, Job]] = []
        self._batches: dict[str, tuple[Any, list[tuple[int, Job]]]] = {}
        self._suspects: deque[tuple[int, Job]] = deque()
        self._alone = False  # whether what is under way is a suspect
        self._known_threads = (0.0, 1)
        self._heard = time.monotonic()
        self._seconds = self.BATCH_SECONDS
        self._prefix = f"autograder-{uuid.uuid4().hex[:12]}"

    def _check_environments(self) -> None:
        ours = environment(self.setup.environment)
        try:
            theirs = self.client.run(environment, self.setup.environment)
        except Exception as error:
            raise PoolError(f"a Dask worker cannot load the autograder: {error}") from None
        others = sorted(worker for worker, found in theirs.items() if found != ours)
        if others:
            raise PoolError(
                f"{len(others)} of {len(theirs)} workers have other packages than this machine (first: {others[0]}). "
                "Verdicts would depend on the machine. Install the same requirements.txt everywhere."
            )

    def _threads(self) -> int:
        asked, threads = self._known_threads
        if time.monotonic() - asked > 5:
            workers = self.client.scheduler_info(n_workers=-1)["workers"]
            threads = max(1, sum(worker["nthreads"] for worker in workers.values()))
            self._known_threads = (time.monotonic(), threads)
        return threads

    def _batch_size(self) -> int:
        return max(1, min(self.LARGEST_BATCH, round(self.BATCH_SECONDS / max(self._seconds, 1e-3))))

    def room(self, left: int) -> int:
        if self._suspects:
            return 0
        held = len(self._waiting) + sum(len(batch) for _, batch in self._batches.values())
        return max(0, 2 * self._threads() * self._batch_size() - held)

    def send(self, token: int, job: Job) -> None:
        self._waiting.append((token, job))

    def poll(self, timeout: float) -> list[Event]:
        self._dispatch()
        events: list[Event] = []
        deadline = time.monotonic() + timeout
        while not events:
            try:
                key = self._events.get(timeout=max(0.0, min(1.0, deadline - time.monotonic())))
            except queue.Empty:
                # A scheduler that comes back knows nothing of what it was given, so there is no use in waiting long.
                if self.client.status == "running":
                    self._heard = time.monotonic()
                elif time.monotonic() - self._heard > 5:
                    raise PoolError(f"the connection to the scheduler at {self.address} is lost") from None
                if time.monotonic() >= deadline:
                    break
                continue
            events += self._collect(key)
            self._dispatch()
        while not self._events.empty():
            events += self._collect(self._events.get())
        return events

    def _dispatch(self) -> None:
        while self._waiting and not self._alone:
            size = self._batch_size()
            batch, self._waiting = self._waiting[:size], self._waiting[size:]
            self._submit(batch)
        if self._suspects and not self._batches:
            self._alone = True
            self._submit([self._suspects.popleft()])

    def _submit(self, batch: list[tuple[int, Job]]) -> None:
        key = f"{self._prefix}-{uuid.uuid4().hex}"
        future = self.client.submit(_grade_batch, self.setup, batch, key=key, pure=False)
        self._batches[key] = (future, batch)
        future.add_done_callback(lambda done: self._events.put(done.key))

    def _collect(self, key: str) -> list[Event]:
        if key not in self._batches:
            return []
        future, batch = self._batches.pop(key)
        alone, self._alone = self._alone, False
        try:
            answers = future.result(timeout=60)
        except Exception as error:
            return self._account(error, batch, alone)
        finally:
            future.release()
        events: list[Event] = []
        for token, result, fault in answers:
            if result is None:
                events.append(Broken(token, fault))
            else:
                events.append(Graded(token, result))
                self._seconds += (result.seconds - self._seconds) / 8
        return events

    def _account(self, error: Exception, batch: list[tuple[int, Job]], alone: bool) -> list[Event]:
        kind = type(error).__name__
        if kind == "Untrusted":
            raise Refused(str(error)) from None
        if kind == "KilledWorker":
            if alone:
                return [Died(batch[0][0], "ended, and so did every other that was given it", tried=99)]
            self._suspects.extend(batch)
            return []
        if kind in {
            "CancelledError",
            "FutureCancelledError",
            "TimeoutError",
            "CommClosedError",
            "FuturesCancelledError",
        }:
            raise PoolError(
                f"the scheduler at {self.address} has dropped what it was given (was it restarted?)"
            ) from None
        return [Broken(token, f"{kind}: {error}") for token, _ in batch]

    def close(self) -> None:
        for future, _ in self._batches.values():
            with suppress(Exception):
                future.cancel()
        with suppress(Exception):
            self.client.close(timeout=5)


_of_this_thread = threading.local()


def _grade_batch(setup: Setup, batch: list[tuple[int, Job]]) -> list[tuple[int, Result | None, str]]:
    """On a Dask worker: grade with this thread's own warm Grader."""
    one_thread_each()
    answers: list[tuple[int, Result | None, str]] = []
    for token, job in batch:
        if getattr(_of_this_thread, "setup", None) != setup:
            environment(setup.environment)
            _of_this_thread.grader, _of_this_thread.setup = setup.make(), setup
        try:
            answers.append((token, _of_this_thread.grader.grade(job), ""))
        except Exception:
            answers.append((token, None, traceback.format_exc()))
            _of_this_thread.setup = None
            with suppress(Exception):
                _of_this_thread.grader.close()
    return answers
