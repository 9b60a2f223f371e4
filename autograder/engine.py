"""Grade an assignment: take in, reassemble, run and record every submission that needs it, on all cores.

The engine is the only part that knows the order of things. It reads the course through nbgrader's own CourseDirectory,
asks the ledger (autograder.leases) what needs a verdict, hands jobs to a pool (autograder.pools) and gives results to
the recorder one at a time: this process is the one writer. The verdict does not depend on the order, the number of
workers or the machine: a job is a pure function of the instructor's notebook, the submission and the course's secret.

If anything dies, what has been recorded stands, and the next run does the rest. The engine never executes a cell.
"""

from __future__ import annotations

import errno
import fnmatch
import gc
import glob
import hashlib
import os
import re
import shlex
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import find_all_files
from traitlets import Bool, Float, Integer, List, Unicode
from traitlets.config import Config, LoggingConfigurable

from autograder import course, intake, leases, pools, reassemble, record
from autograder.model import Job, Limits, Result

Outcome = Literal["graded", "not gradable", "failed", "taken over"]

# How many workers may die with the same job in hand. Then it gets a reason instead, and the batch goes on.
ATTEMPTS = 3

# Errors of files that every other submission would meet too: the disk is full, or has gone.
NOBODYS_FAULT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


class CourseError(ValueError):
    """The course or the request is not right; the message says what to do."""


class Interrupted(RuntimeError):
    """Grading stopped before the end. What was recorded stands; the message says why, and what to do."""


@dataclass(frozen=True)
class Verdict:
    """One line of a run's report."""

    student: str
    notebook: str
    outcome: Outcome
    points: float = 0.0
    max_points: float = 0.0
    reason: str = ""
    seconds: float = 0.0


@dataclass
class Summary:
    """What a run did. Seconds are wall-clock; `start_seconds` is the time until the first worker could take a job."""

    assignment: str
    verdicts: list[Verdict] = field(default_factory=list)
    standing: int = 0
    busy: int = 0
    workers: int = 0  # on this machine; 0 on a cluster
    elsewhere: int = 0  # standing verdicts' environments that are not this one
    seconds: float = 0.0
    start_seconds: float = 0.0
    record_seconds: float = 0.0

    def count(self, outcome: Outcome) -> int:
        """Verdicts of this run with that outcome."""
        return sum(verdict.outcome == outcome for verdict in self.verdicts)


class Engine(LoggingConfigurable):
    """Settings, in nbgrader_config.py as `c.Engine.workers = 4`; the command line's options go before them."""

    workers = Integer(0, min=0, help="Worker processes on this machine; 0: one for each core.").tag(config=True)
    scheduler = Unicode("", help="Address of a Dask scheduler; empty: grade on this machine.").tag(config=True)
    trust = Bool(False, help="Run students' code without isolation where isolation is not to be had.").tag(config=True)
    warm = List(
        Unicode(), ["numpy", "torch"], help="Modules that workers import once, if installed, before they start."
    ).tag(config=True)
    question_seconds = Float(30.0, help="Wall-clock seconds for one question.").tag(config=True)
    submission_seconds = Float(300.0, help="Wall-clock seconds for one submission.").tag(config=True)
    memory_mb = Integer(2048, help="Memory of one student's processes together.").tag(config=True)
    processes = Integer(64, help="Processes and threads of one student at one time.").tag(config=True)
    file_mb = Integer(64, help="What one student's code may write to its temporary home.").tag(config=True)
    output_kb = Integer(256, help="Printed output kept of one submission.").tag(config=True)

    def __init__(self, coursedir: CourseDirectory, *, setup: pools.Setup | None = None, **options: Any):
        """setup: how workers make their Grader; the default is this package's."""
        super().__init__(**options)
        self.coursedir = coursedir
        self._given = setup

    @property
    def setup(self) -> pools.Setup:
        """How workers make their Grader."""
        warm = tuple(name for name in self.warm if _installed(name))
        return self._given or pools.Setup(options={"trust": self.trust, "warm": warm, "threads": 1})

    @property
    def limits(self) -> Limits:
        """What one submission may use unless its cells say otherwise."""
        return limits_from(Config({"Engine": {name: getattr(self, name) for name in LIMITS}}))

    # -- the run ------------------------------------------------------------------------------------------------------

    def grade(
        self,
        assignment: str,
        *,
        student: str | None = None,
        question: str | None = None,
        force: bool = False,
        on_plan: Callable[[leases.Plan], None] = lambda plan: None,
        on_verdict: Callable[[Verdict, Result], None] = lambda verdict, result: None,
    ) -> Summary:
        """Give every submission of the assignment its verdict, unless the one it has still stands.

        student: only this student's (a name, or a pattern such as "b*"). question: grade anew, and record only this
        grade_id where a verdict exists. force: grade anew what has a verdict.

        Raises CourseError before anything is graded, pools.Refused where students' code cannot be isolated, and
        Interrupted if it has to stop on the way.
        """
        summary = Summary(assignment)
        try:
            self._grade(summary, student, question, force, on_plan, on_verdict)
        except pools.Refused:
            raise
        except pools.PoolError as error:
            raise Interrupted(str(error)) from error
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise Interrupted(f"the gradebook's database: {_first_line(error)}") from error
        except OSError as error:
            if error.errno not in NOBODYS_FAULT:
                raise
            raise Interrupted(f"{error.strerror}: {error.filename or 'the course directory'}") from error
        return summary

    def _grade(
        self,
        summary: Summary,
        student: str | None,
        question: str | None,
        force: bool,
        on_plan: Callable[[leases.Plan], None],
        on_verdict: Callable[[Verdict, Result], None],
    ) -> None:
        started = time.monotonic()
        assignment = summary.assignment
        what = Assignment(self.coursedir, assignment, config=self.config)
        if question is not None:
            what.check_question(question)
        items = what.items(student, self.limits)
        database = leases.connect(self.coursedir.db_url)
        pool: pools.Pool | None = None
        recorder = record.Recorder(self.coursedir, known={assignment: what.blueprints}, parent=self)
        ledger = leases.Ledger(database, assignment)
        try:
            environment = pools.environment(self.setup.environment)
            plan = ledger.plan(items, force=force, question=question, environment=environment)
            summary.standing, summary.busy, summary.elsewhere = plan.standing, plan.busy, len(plan.elsewhere)
            on_plan(plan)
            if plan.todo:

                def ready() -> None:
                    summary.start_seconds = summary.start_seconds or time.monotonic() - started

                summary.workers = self.local_workers(plan.todo)
                pool = self.pool(plan.todo, ready, what.modules())
                run = _Run(self, what, ledger, pool, recorder, leases.seed_key(database), environment, items, plan.todo)
                gc.freeze()  # to look through all that is loaded by now takes 0.1 s each time
                for verdict, result in run.verdicts():
                    summary.verdicts.append(verdict)
                    on_verdict(verdict, result)
                summary.record_seconds = run.record_seconds
        finally:
            gc.unfreeze()
            if pool is not None:
                pool.close()
            try:
                ledger.close()
            except sa.exc.SQLAlchemyError as error:
                # The next run finds out by itself that this one is gone.
                self.log.debug("could not strike this run off: %s", error)
            recorder.close()
            database.dispose()
            summary.seconds = time.monotonic() - started

    def pool(self, todo: int, on_ready: Callable[[], None] | None = None, modules: Collection[str] = ()) -> pools.Pool:
        """Workers for so many jobs at most, which load these modules before they start. Raises pools.PoolError."""
        setup = self.setup
        if self._given is None:
            setup = replace(setup, options={**setup.options, "also": tuple(sorted(modules))})
        if self.scheduler:
            return pools.DaskPool(self.scheduler, setup, on_ready=on_ready)
        return pools.LocalPool(self.local_workers(todo), setup, on_ready=on_ready)

    def local_workers(self, todo: int) -> int:
        """How many processes to start on this machine for so many jobs; none for a cluster."""
        return 0 if self.scheduler else max(1, min(self.workers or cores(), todo))


LIMITS = ("question_seconds", "submission_seconds", "memory_mb", "processes", "file_mb", "output_kb")


def limits_from(config: Config) -> Limits:
    """The limits that a course's configuration sets in its `Engine` section."""
    section = config.get("Engine", {})
    return Limits(**{name: section[name] for name in LIMITS if name in section})


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


# -- the course -------------------------------------------------------------------------------------------------------


class Assignment:
    """One assignment of a course on disk: its notebooks as they were released, and what was handed in."""

    def __init__(self, coursedir: CourseDirectory, name: str, *, config: Config | None = None):
        """Raises CourseError if there is no such assignment, or its notebooks cannot be used."""
        self.coursedir = coursedir
        self.name = name
        self.config = config or Config()
        if not self._directory(coursedir.source_directory).is_dir():
            raise CourseError(f"no assignment {name!r} in {self._directory('').parent}. {self._others()}")
        try:
            with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
                if not course.on_record(gradebook, name):
                    raise CourseError(
                        f"{name} has not been released yet. Run: nbgrader generate_assignment {shlex.quote(name)}"
                    )
                self.blueprints = course.blueprints(coursedir, name, config=self.config, gradebook=gradebook)
        except reassemble.AuthorError as error:
            raise CourseError(f"{name} cannot be graded: {error}") from None
        self.files = self._data_files()

    def _directory(self, step: str) -> Path:
        return Path(self.coursedir.format_path(step or self.coursedir.source_directory, ".", self.name))

    def _others(self) -> str:
        found = glob.glob(str(Path(self.coursedir.format_path(self.coursedir.source_directory, ".", "*"))))
        names = sorted(Path(path).name for path in found if glob.glob(f"{glob.escape(path)}/*.ipynb"))
        return f"The course has: {', '.join(names)}." if names else "Is this the course's directory?"

    def _data_files(self) -> dict[str, bytes]:
        """What lies beside the instructor's notebooks, by relative path."""
        source = self._directory(self.coursedir.source_directory)
        paths = find_all_files(str(source), [*self.coursedir.ignore, "*.ipynb"])
        return {Path(path).relative_to(source).as_posix(): Path(path).read_bytes() for path in sorted(paths)}

    def check_question(self, question: str) -> None:
        """Raises CourseError unless some notebook has a test cell of that name."""
        cells = [cell for blueprint in self.blueprints.values() for cell in blueprint.cells if cell.role == "test"]
        names = sorted({cell.grade_id for cell in cells if cell.grade_id})
        if question not in names:
            raise CourseError(f"{self.name} has no tested question {question!r}. It has: {', '.join(names)}")

    def modules(self) -> set[str]:
        """What its notebooks import, for workers to load before they start."""
        from .run import modules

        cells = [cell for blueprint in self.blueprints.values() for cell in blueprint.cells if cell.kind == "code"]
        answers = [cell.source for cell in cells if cell.role == "answer"]
        return modules([cell.source for cell in cells if cell.role != "answer"], answers)

    def submissions(self) -> dict[str, Path]:
        """Students who handed something in, and where it is."""
        coursedir = self.coursedir
        pattern = coursedir.format_path(coursedir.submitted_directory, "*", glob.escape(self.name))
        parts = coursedir.format_path(
            coursedir.submitted_directory, "(?P<student>.*)", re.escape(self.name), escape=True
        )
        excluded = set(coursedir.student_id_exclude.split(","))
        found = {}
        for path in sorted(glob.glob(pattern)):
            match = re.fullmatch(parts, path)
            if match and match["student"] not in excluded:
                found[match["student"]] = Path(path)
        return found

    def items(self, student: str | None, limits: Limits) -> list[leases.Item]:
        """Every notebook of every submission, with a hash of what its verdict depends on."""
        submissions = chosen = self.submissions()
        wanted = student or self.coursedir.student_id or "*"
        if wanted != "*":
            # A student whose name looks like a pattern is meant before the pattern.
            matches = {wanted} if wanted in submissions else set(fnmatch.filter(submissions, wanted))
            chosen = {name: path for name, path in submissions.items() if name in matches}
        if not chosen:
            where = self.coursedir.format_path(self.coursedir.submitted_directory, wanted, self.name)
            raise CourseError(f"nothing to grade: no submission in {where}")
        files = [(name, hashlib.sha256(data).hexdigest()) for name, data in self.files.items()]
        instructors = {
            notebook: repr((files, limits, [(cell.kind, cell.role, cell.grade_id, cell.source, cell.released,
                                             cell.points, sorted(cell.options.items())) for cell in blueprint.cells]))
            for notebook, blueprint in self.blueprints.items()
        }  # fmt: skip
        items = []
        for name, path in sorted(chosen.items()):
            theirs = self._handed_in(path)
            for notebook, ours in instructors.items():
                items.append(leases.Item(name, notebook, hashlib.sha256(f"{ours}\0{theirs}".encode()).hexdigest()))
        return items

    def _handed_in(self, directory: Path) -> str:
        when = intake.received(directory)
        try:
            return f"{intake.take_in(directory).digest} {when}"
        except intake.NotGradable as error:
            return f"{error.reason} {when}"

    def job(self, student: str, notebook: str, limits: Limits, key: bytes) -> Taken:
        """What the student handed in, and the job that it makes; or no job, and why."""
        submission = None
        directory = self.coursedir.format_path(self.coursedir.submitted_directory, student, self.name)
        exclude = self.config.get("Autograde", {}).get("exclude_overwriting", {}).get(self.name, [])
        try:
            submission = intake.take_in(directory)
            assembly = reassemble.assemble(self.blueprints[notebook], submission, notebook=notebook)
            job = reassemble.build_job(
                assembly,
                submission,
                assignment=self.name,
                student=student,
                notebook=notebook,
                limits=limits,
                files=self.files,
                key=key,
                open_files=exclude,
            )
        except intake.NotGradable as error:
            return Taken(None, submission, reason=error.reason)
        return Taken(job, submission, assembly)


@dataclass(frozen=True)
class Taken:
    """A submission taken in, and the job made of one of its notebooks; or no job, and the reason for the student."""

    job: Job | None
    submission: intake.Submission | None
    assembly: reassemble.Assembly | None = None
    reason: str = ""


# -- one run ----------------------------------------------------------------------------------------------------------


@dataclass
class _Task:
    lease: leases.Lease
    taken: Taken
    doubted: bool = False
    deaths: int = 0
    faults: int = 0


class _Run:
    """The loop: keep the pool full, record what comes back, and account for what does not."""

    def __init__(
        self,
        engine: Engine,
        what: Assignment,
        ledger: leases.Ledger,
        pool: pools.Pool,
        recorder: record.Recorder,
        key: bytes,
        environment: str,
        items: Sequence[leases.Item],
        todo: int,
    ):
        self.engine = engine
        self.log = engine.log
        self.what = what
        self.ledger = ledger
        self.pool = pool
        self.recorder = recorder
        self.key = key
        self.environment = environment
        self.among = {(item.student, item.notebook) for item in items}
        self.tasks: dict[int, _Task] = {}  # with the pool
        self.again: deque[_Task] = deque()  # came back unfinished
        self.claimed: deque[leases.Lease] = deque()
        self.exhausted = False
        self.todo = todo  # not yet sent, unless another run has taken some
        self.tokens = 0
        self.next_beat = 0.0
        self.record_seconds = 0.0

    def verdicts(self) -> Iterator[tuple[Verdict, Result]]:
        """Run to the end, and yield each verdict when it is recorded."""
        while True:
            yield from self._fill()
            if not self.tasks and not self.again and not self.claimed and self.exhausted:
                return
            self._beat()
            for event in self.pool.poll(timeout=1.0):
                task = self.tasks.pop(event.token, None)
                if task is not None:
                    yield from self._account(task, event)

    def _beat(self) -> None:
        if time.monotonic() >= self.next_beat:
            self.ledger.beat()
            self.next_beat = time.monotonic() + self.ledger.patience / 6

    def _fill(self) -> Iterator[tuple[Verdict, Result]]:
        """Give the pool as much as it takes; yield verdicts on submissions that need no run."""
        room = self.pool.room(self.todo + len(self.again))
        while room > 0:
            lease = self._next_lease(room)
            if lease is None:
                # What came back goes out last: one that brings workers down does not keep the others waiting.
                if not self.again:
                    return
                self._send(self.again.popleft())
                room -= 1
                continue
            taken = self.what.job(lease.student, lease.notebook, self.engine.limits, self.key)
            if taken.job is None:
                yield self._record(lease, taken, self._without_points(lease, taken.reason), "not gradable")
            else:
                self._send(_Task(lease, taken))
                room -= 1

    def _next_lease(self, number: int) -> leases.Lease | None:
        if not self.claimed and not self.exhausted:
            self.claimed.extend(self.ledger.claim(max(number, 8), self.among))
            self.exhausted = not self.claimed
        if not self.claimed:
            self.todo = 0
            return None
        self.todo -= 1
        lease = self.claimed.popleft()
        self.among.discard((lease.student, lease.notebook))  # once in a run, whatever becomes of it
        return lease

    def _send(self, task: _Task) -> None:
        self.tokens += 1
        self.tasks[self.tokens] = task
        assert task.taken.job is not None
        self.pool.send(self.tokens, task.taken.job)

    def _account(self, task: _Task, event: pools.Event) -> Iterator[tuple[Verdict, Result]]:
        lease = task.lease
        match event:
            case pools.Graded(_, result):
                if result.environment and result.environment != self.environment:
                    raise pools.PoolError(
                        "a worker has other packages than this machine, so its verdicts may differ. "
                        "Install the same requirements.txt everywhere."
                    )
                if not task.doubted and (result.accidents or result.status != "graded"):
                    # A process was gone. Was it the student's doing, or the system's that ran out of memory? Look
                    # once more: what the student does happens again.
                    task.doubted = True
                    self.again.append(task)
                    return
                result.accidents = 0  # of the second look too: a verdict says nothing of luck
                outcome: Outcome = "graded" if result.status == "graded" else "not gradable"
                yield self._record(lease, task.taken, result, outcome)
            case pools.Returned():
                self.again.append(task)
            case pools.Died(_, how, tried):
                task.deaths += tried
                self.log.warning("%s/%s: the worker that graded it %s", lease.student, lease.notebook, how)
                if task.deaths < ATTEMPTS:
                    self.again.append(task)
                else:
                    reason = (
                        "The grading process ended each time it graded this submission "
                        "(it may need more memory than there is). Ask your instructor to look at it."
                    )
                    yield self._record(lease, task.taken, self._without_points(lease, reason), "failed")
            case pools.Broken(_, error):
                task.faults += 1
                self.log.error("%s/%s: the grader failed:\n%s", lease.student, lease.notebook, error)
                if task.faults < 2:
                    self.again.append(task)
                else:
                    reason = "The grader itself failed on this submission. Ask your instructor to look at it."
                    yield self._record(lease, task.taken, self._without_points(lease, reason), "failed")

    def _without_points(self, lease: leases.Lease, reason: str) -> Result:
        return Result(
            self.what.name,
            lease.student,
            lease.notebook,
            "not gradable",
            reason,
            environment=self.environment,
        )

    def _record(
        self,
        lease: leases.Lease,
        taken: Taken,
        result: Result,
        outcome: Outcome,
    ) -> tuple[Verdict, Result]:
        """Write grades and the end of the lease in one transaction."""
        started = time.monotonic()
        reason = result.reason
        try:
            self.recorder.record(
                result,
                taken.job,
                taken.submission,
                assembly=taken.assembly,
                questions=lease.questions,
                also=lambda session: self.ledger.finish(session, lease, result, settled=outcome != "failed"),
            )
        except leases.LeaseLost as error:
            self.log.warning("%s", error)
            outcome, reason = "taken over", str(error)
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in NOBODYS_FAULT:
                raise
            # Whatever is wrong with this one (its files, its rows): it stays open, and the others go on.
            self.log.error("%s/%s: could not be recorded", lease.student, lease.notebook, exc_info=True)
            self.ledger.release([lease])
            outcome, reason = "failed", f"it could not be recorded: {error}"
        self.record_seconds += time.monotonic() - started
        points = (result.points, result.max_points) if outcome == "graded" else (0.0, 0.0)
        return Verdict(lease.student, lease.notebook, outcome, *points, reason, result.seconds), result


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().split("\n")[0]
