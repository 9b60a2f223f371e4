"""The judge: runs the instructor's cells of one submission, and is the only place where a verdict is made.

A process of its own, forked from the warm parent for one submission and killed after it. It executes the instructor's
code and never the student's: names that the instructor's cells do not define are the student's, and come over the wire
as plain data or as handles. It must never execute, import or unpickle what comes over that wire, and must never put
text that a student's process wrote after it has seen a hidden test's inputs into the result.

How that last rule is kept. A submission is run in up to three passes:

1. *Public.* All cells in order, tests without their hidden lines: what the student sees in the released notebook. All
   text of the feedback comes from here, from a process that has met no hidden input.
2. *Hidden.* The hidden statements, one question after the other, against the same process. Nothing it says is kept.
3. *Exact.* Only if a hidden check failed in pass 2 and a later cell might be why (it redefined a function, say; see
   `Judge.certain`): the whole notebook again in a fresh process, hidden statements in their places. A hidden check
   counts as passed if it passed in either.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import hashlib
import importlib
import inspect
import io
import itertools
import math
import os
import random
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model import Cell, CellOutput, Check, Job, Question, Result
from . import checks
from .asserts import RECORDER, Plan, PlanKey, Site, Step, plan, plan_keys, unpacked
from .cells import plain_python
from .pure import BUILTINS, plain, pure
from .remote import Dead, Diverged, Handle, Opaque, Remote, StudentModule, student_error
from .show import clean, paragraph, show
from .wire import Channel, OutOfTime, leave_notice

# What everybody calls them. A test that says `np` without an import of the instructor's means this and nothing else.
CONVENTIONS = {
    "np": "numpy", "numpy": "numpy", "torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional",
    "plt": "matplotlib.pyplot", "math": "math", "random": "random", "pd": "pandas", "sys": "sys", "os": "os",
    "time": "time", "itertools": "itertools", "functools": "functools", "collections": "collections",
    "inspect": "inspect", "copy": "copy", "warnings": "warnings",
}  # fmt: skip


class Namespace(dict[str, Any]):
    """Globals of the instructor's cells. A name that is neither here nor a builtin is the student's."""

    def __init__(self, lookup: Callable[[str], Any], values: dict[str, Any]) -> None:
        super().__init__(values)
        self.lookup = lookup

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)  # Python goes on to the judge's builtins
        return self.lookup(name)


@dataclass
class Record:
    """How one check went, so far."""

    status: str = ""  # "" until it is reached
    message: str = ""
    got: str | None = None
    expected: str | None = None
    part: int | None = None


class Recorder:
    """What the rewritten checks report to. See `asserts`."""

    def __init__(
        self,
        sites: list[Site],
        records: dict[tuple[int, int], Record],
        text: bool,
        parts: dict[int, checks.Part] | None = None,
    ) -> None:
        self.sites = sites
        self.records = records
        self.text = text  # whether what is seen may be shown to the student
        self.current: int | None = None
        self.seen: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.parts: dict[int, checks.Part] = {} if parts is None else parts  # by line
        self.open: list[int] = []

    def open_part(self, line: int, new: checks.Part) -> checks.Part:
        """See `checks.part`."""
        self.open.append(line)
        return self.parts.setdefault(line, new)

    def close_part(self) -> None:
        self.open.pop()

    def begin(self, number: int) -> None:
        self.current = number
        self.seen = {}
        self.sizes = {}

    def got(self, number: int, value: Any) -> Any:
        self.sizes["got"] = size(value)
        if self.text:
            self.seen["got"] = show(value)
        return value

    def expected(self, number: int, value: Any) -> Any:
        self.sizes["expected"] = size(value)
        if self.text:
            self.seen["expected"] = self.sites[number].sign + show(value)
        return value

    def _record(self, number: int, status: str, message: str) -> None:
        sizes = {*self.sizes.values()}
        if status == "passed" and self.sites[number].equal and 0 in sizes and len(sizes) > 1:
            # NumPy stretches an array without elements to any shape, and then finds no difference.
            status, message = "failed", "one of the two values has no elements" if self.text else ""
        record = self.records[self.sites[number].key]
        self.current = None
        record.part = self.open[-1] if self.open else record.part
        if record.status in ("", "passed"):  # the first failure in a loop stays
            record.status, record.message = status, message
            record.got, record.expected = self.seen.get("got"), self.seen.get("expected")

    def asserted(self, number: int, truth: Any, message: Callable[[], Any]) -> None:
        if truth:
            self._record(number, "passed", "")
            return
        text = self.sites[number].message or ""
        if self.text and not text:
            try:
                said = message()
                text = "" if said is None else paragraph(str(said))
            except Exception:
                text = ""
        self._record(number, "failed", text)

    def returned(self, number: int, value: Any) -> None:
        self._record(number, "passed", "")

    def raised(self, number: int) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        status, message = explain(error)
        self._record(number, status, message if self.text else "")


def size(value: Any) -> int:
    """Number of elements of an array, tensor or list; 1 for everything else."""
    if type(value) is np.ndarray:
        return int(value.size)
    if type(value) in (list, tuple):
        return len(value)
    torch = sys.modules.get("torch")
    return int(value.numel()) if torch is not None and type(value) is torch.Tensor else 1


def _strict(original: Callable[..., Any]) -> Callable[..., Any]:
    """`allclose` for which an array without elements is close to nothing but another."""

    @functools.wraps(original)
    def allclose(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        plain = (np.ndarray, list, tuple, *((sys.modules["torch"].Tensor,) if "torch" in sys.modules else ()))
        if (type(a) in plain or type(b) in plain) and (size(a) == 0) != (size(b) == 0):
            return False
        return original(a, b, *args, **kwargs)

    return allclose


def explain(error: BaseException) -> tuple[str, str]:
    """Status and words for an exception that ended a statement of a test."""
    about = student_error(error)
    if about is not None:
        own, text, where = about
        if own == "MemoryError" and not text:
            text = "your code used more memory than it may"
        said = f"{own}: {clean(text)}" if text else own
        return "error", f"{said} ({clean(where)})" if where else said
    if isinstance(error, AssertionError | Opaque):
        return "failed", paragraph(str(error))
    if isinstance(error, Dead):
        return "error", str(error)
    return "error", f"{type(error).__name__}: {clean(str(error))}"


@dataclass
class Tap:
    """What the student's process wrote since the last cell, up to what may be kept of the whole submission."""

    left: int
    kept: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    dropped: int = 0

    def pour(self, which: str, data: bytes) -> None:
        part = data[: self.left]
        self.left -= len(part)
        self.dropped += len(data) - len(part)
        self.kept[which] += part

    def draw(self) -> tuple[str, str, bool]:
        out, err = (bytes(self.kept[which]).decode("utf-8", "replace") for which in ("stdout", "stderr"))
        cut, self.dropped = self.dropped > 0, 0
        for kept in self.kept.values():
            kept.clear()
        return out, err, cut


class Supervisor:
    """The judge's end of the line to the process that started it and can start student processes."""

    def __init__(self, channel: Channel, descriptors: socket.socket) -> None:
        self.channel = channel
        self.descriptors = descriptors

    def new_student(self) -> tuple[Channel, int, int]:
        """End the student's process, if there is one, and get the line and the outputs of a fresh one."""
        self.channel.send(["student"])
        (answer,), _ = self.channel.receive()
        if answer != "student":
            raise RuntimeError("no student process could be started")
        _, fds, _, _ = socket.recv_fds(self.descriptors, 1, 3)
        return Channel(socket.socket(fileno=fds[0])), fds[1], fds[2]

    def why_dead(self) -> str:
        """What the supervisor knows about the end of the student's process: "memory" or ""."""
        self.channel.send(["why"])
        (answer,), _ = self.channel.receive()
        return str(answer)

    def expect(self, position: int | None, seconds: float) -> None:
        """From now on this cell has so many seconds; a judge that exceeds them by more than a little is stuck.

        The grader is not woken for it, which would cost as much as a small check: it looks when it has to know.
        """
        notice = (-1 if position is None else position, time.monotonic() + seconds)
        if not leave_notice(self.descriptors, *notice):
            self.channel.send(["cell", *notice])


@dataclass
class Asked:
    """One question: a test cell and what is known about it so far."""

    position: int
    cell: Cell
    source: str
    limit: float
    spent: float = 0.0
    full: Plan = field(default_factory=Plan)
    public: Plan = field(default_factory=Plan)
    hidden: set[int] = field(default_factory=set)  # lines
    records: dict[tuple[int, int], Record] = field(default_factory=dict)
    value: Any = None  # of the last expression
    has_value: bool = False
    broken: list[tuple[int, str, str]] = field(default_factory=list)  # line, status, message of statements that failed
    message: str = ""
    stopped: bool = False  # by its limit
    parts: dict[int, checks.Part] = field(default_factory=dict)
    kept: dict[str, Any] | None = None  # the namespace in front of the first hidden statement
    kept_poison: set[str] = field(default_factory=set)

    @property
    def first_hidden(self) -> int:
        """Index of the first statement of `full` that holds a hidden line."""
        for i, step in enumerate(self.full.steps):
            if any(line in self.hidden for line in range(step.first, step.last + 1)):
                return i
        return len(self.full.steps)

    def visibility(self, site: Site) -> str:
        return "hidden" if site.line in self.hidden else "public"


class Clock:
    """The limit on what runs now: an alarm for the judge's own code, a deadline for what it asks of the student."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.armed = False
        self.deadline: float | None = None
        signal.signal(signal.SIGALRM, self._ring)

    def _ring(self, number: int, frame: Any) -> None:
        if self.armed:
            raise OutOfTime

    @contextlib.contextmanager
    def limit(self, position: int | None, seconds: float) -> Iterator[None]:
        self.supervisor.expect(position, seconds)
        self.deadline = time.monotonic() + seconds
        self.armed = True
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), 0.5)
        try:
            yield
        finally:
            self.armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.deadline = None
            self.supervisor.expect(None, 1e6)


class Run:
    """One pass over a notebook, with one student process at a time."""

    def __init__(self, judge: Judge, text: bool) -> None:
        self.judge = judge
        judge.runs.append(self)
        self.job = judge.job
        self.text = text  # whether the student's words may be kept
        self.remote: Remote | None = None
        self.tap = Tap(self.job.limits.output_kb << 10)
        self.outputs: dict[int, CellOutput] = {}
        self.shared: set[str] = set()  # top-level names that the instructor's cells gave both sides
        self.given: set[str] = set()  # names that a cell of the student's is there to define
        self.depends: dict[str, set[str]] = {}  # functions of the instructor's that read names of the student's
        self.failed: dict[str, str] = {}  # names that an instructor's cell could not compute, and why
        self.sources: list[str] = []  # the student's own cells
        self.history: list[tuple[int, str, Step | None]] = []  # what has been run on the student's side
        self.fatal: set[tuple[int, int]] = set()  # parts of cells that ended the process or its time
        self.names = Namespace(self.lookup, {"__name__": "__main__", "__builtins__": builtins, "display": _display})

    # ------------------------------------------------------------------------------------ the student's side

    def student(self) -> Remote:
        """The student's process, started and brought to where the notebook is if need be."""
        if self.remote is not None and not self.remote.dead:
            return self.remote
        self.close()
        channel, out, err = self.judge.supervisor.new_student()
        self.remote = Remote(channel, self.shared, self.why)
        self.remote.deadline = self.judge.clock.deadline
        for fd, which in ((out, "stdout"), (err, "stderr")):
            channel.drains[fd] = self._drain(fd, which, channel)
        for name, data in {**self.job.files, **self.job.student_files}.items():
            self.remote.request("file", name, data)
        replayed, self.history = self.history, []
        quiet, self.tap = self.tap, Tap(0)
        own = self.remote.deadline
        try:
            for position, source, step in replayed:
                if (position, step.first if step else -1) not in self.fatal:
                    limit = self.job.cells[position].seconds or self.job.limits.question_seconds
                    self.remote.deadline = time.monotonic() + min(limit, self.judge.left)
                    self.again(position, source, step)
        except OutOfTime:
            if self.judge.clock.deadline is not None and time.monotonic() >= self.judge.clock.deadline:
                raise
        finally:
            self.tap = quiet
            self.remote.deadline = own
        if self.remote is None or self.remote.dead:
            raise Dead("the process that runs your code could not be brought back to this point")
        return self.remote

    def bring_back(self) -> None:
        """Have a student's process at this point of the notebook; what that takes counts for the submission only."""
        if self.remote is None or self.remote.dead:
            self.judge.check_total()
            with contextlib.suppress(Dead, OutOfTime), self.judge.clock.limit(None, self.judge.left):
                self.student()

    def again(self, position: int, source: str, step: Step | None) -> None:
        """Run something on the student's side, or through it, whose output is known already."""
        self.history.append((position, source, step))
        assert self.remote is not None
        with contextlib.suppress(Exception):
            if step is None:
                self.remote.request("cell", f"<cell {position + 1}>", source)
            else:
                exec(step.code, self.names)
                self.push(step)

    def _drain(self, fd: int, which: str, channel: Channel) -> Callable[[], None]:
        os.set_blocking(fd, False)

        def drain() -> None:
            with contextlib.suppress(BlockingIOError):
                data = os.read(fd, 1 << 16)
                if data:
                    self.tap.pour(which, data)
                    return
                channel.drains.pop(fd, None)
                os.close(fd)

        return drain

    def drain(self) -> None:
        """Take what is in the output pipes now."""
        if self.remote is None:
            return
        for fd, drain in list(self.remote.channel.drains.items()):
            before = -1
            while fd in self.remote.channel.drains and before != (before := self.tap.left + self.tap.dropped * 2):
                drain()

    def close(self) -> None:
        """Forget the student's process; the supervisor ends it."""
        if self.remote is not None:
            self.drain()
            for fd in self.remote.channel.drains:
                os.close(fd)
            self.remote.channel.drains.clear()
            self.remote.channel.close()
            self.remote.dead = self.remote.dead or "the process that ran your code was stopped"
        self.remote = None

    def why(self) -> str:
        """Why the student's process ended, if the supervisor knows."""
        if self.judge.supervisor.why_dead() == "memory":
            return f"your code used more memory than the {self.judge.memory_mb} MB it may"
        return ""

    def lookup(self, name: str) -> Any:
        """A name that the instructor's cells use and do not define."""
        if name in self.failed:
            raise NameError(f"{name} has no value here: {self.failed[name]}")
        if name in CONVENTIONS and name not in self.given:
            with contextlib.suppress(ImportError):
                return importlib.import_module(CONVENTIONS[name])
        try:
            value = self.student().request("name", name)
        except KeyError as error:
            if student_error(error) is None:
                raise
            raise NameError(f"name '{name}' is not defined") from None
        if isinstance(value, StudentModule):
            if value.name.rpartition(".")[2] == name and value.name in sys.modules:
                return sys.modules[value.name]
            raise NameError(f"name '{name}' is not defined: your notebook has a module of that name")
        return value

    def push(self, step: Step) -> None:
        """Give the student's side the names that a statement assigned here."""
        values = {name: self.names[name] for name in sorted(step.writes) if name in self.names}
        if values:
            self.student().request("assign", values)

    # ------------------------------------------------------------------------------------ cells

    def student_cell(self, position: int, cell: Cell, source: str | None = None, first: int = -1) -> None:
        """Run a cell, or a part of one, on the student's side."""
        limit = cell.seconds or self.job.limits.question_seconds
        error = None
        self.judge.check_total()
        try:
            with self.judge.clock.limit(None, min(limit, self.judge.left)):
                remote = self.student()
                remote.deadline = self.judge.clock.deadline
                entry = (position, cell.source if source is None else source, None)
                self.history.append(entry)
                remote.request("cell", f"<cell {position + 1}>", entry[1])
        except OutOfTime:
            error = f"ran longer than {limit:g} s and was stopped"
            self.fatal.add((position, -1))
        except Dead as dead:
            error = str(dead)
            self.fatal.add((position, -1))
        except Exception as raised:
            error = explain(raised)[1]
        self.note(position, error)

    def note(self, position: int, error: str | None = None, printed: str = "") -> None:
        """Put what was written since into the output of the cell at `position`."""
        self.drain()
        out, err, cut = self.tap.draw()
        if not self.text:
            return
        if not (out or err or cut or error or printed):
            return
        output = self.outputs.setdefault(position, CellOutput(position))
        output.stdout += out + printed
        output.stderr += err
        output.truncated |= cut
        output.error = output.error or error

    def answer_cell(self, position: int, cell: Cell) -> None:
        """A cell of the student's; the judge makes the imports that the instructor's version makes."""
        self.sources.append(plain_python(cell.source))
        self.student_cell(position, cell)
        for statement in cell.imports:
            with contextlib.suppress(Exception):
                exec(compile(statement, "<imports>", "exec", dont_inherit=True), self.names)
        for name in cell.provides:
            self.names.pop(name, None)
            self.failed.pop(name, None)
            self.given.add(name)

    def unknown(self, reads: set[str]) -> bool:
        """Whether any of the names is the student's, directly or through a function of the instructor's."""
        seen: set[str] = set()
        stack = list(reads)
        while stack:
            name = stack.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self.depends:
                stack += self.depends[name]
            if name in self.names or hasattr(builtins, name):
                continue
            if name in self.failed or name not in CONVENTIONS or name in self.given:
                return True
        return False

    def instructor_cell(self, position: int, cell: Cell, both: bool) -> None:
        """A read-only cell: here, and statement by statement on the student's side too.

        A statement that needs the student's code runs here only, over the wire, and hands its names to the student's
        side: what the instructor's code computes is computed once, by the judge.
        """
        source = plain_python(cell.source)
        try:
            steps = self.judge.plan(source, f"<cell {position + 1}>").steps
        except (SyntaxError, ValueError):
            if both:
                self.student_cell(position, cell)
            return
        lines = source.split("\n")
        waiting: list[Step] = []

        def flush() -> None:
            if both and waiting:
                kept = {line for step in waiting for line in range(step.first, step.last + 1)}
                text = "\n".join(line if i in kept else "" for i, line in enumerate(lines))
                self.student_cell(position, cell, text)
            waiting.clear()

        limit = cell.seconds or self.job.limits.question_seconds
        recorder = Recorder([site for step in steps for site in step.sites], {}, False)
        recorder.records = {site.key: Record() for site in recorder.sites}
        printed = _Printed(self.tap)
        for step in steps:
            own_locals = {n for n in step.reads if step.defines and n in step.writes}
            dependent = not step.defines and self.unknown(step.reads - step.writes | (step.reads & set(self.names)))
            if step.defines:
                for name in step.writes:
                    self.depends[name] = step.reads - own_locals
            if not dependent:
                waiting.append(step)
            else:
                flush()
                self.history.append((position, "", step))
            self.names[RECORDER] = recorder
            self.judge.check_total()
            try:
                with self.judge.clock.limit(None, min(limit, self.judge.left)), contextlib.redirect_stdout(printed):
                    if dependent:
                        self.student().deadline = self.judge.clock.deadline
                    exec(step.code, self.names)
                    if dependent and both:
                        self.push(step)
            except BaseException as error:
                if isinstance(error, OutOfTime | Dead):
                    self.fatal.add((position, step.first))
                    if isinstance(error, OutOfTime) and self.remote is not None:
                        self.remote.dead = self.remote.dead or "the process that ran your code was stopped"
                reason = f"ran longer than {limit:g} s" if isinstance(error, OutOfTime) else explain(error)[1]
                for name in step.writes:
                    self.names.pop(name, None)
                    self.failed[name] = reason
                if dependent:
                    self.note(position, reason)
            else:
                for name in step.writes:
                    self.failed.pop(name, None)
                    if not dependent:
                        self.given.discard(name)
                        if both:
                            self.shared.add(name)
        flush()
        self.names.pop(RECORDER, None)
        if printed.text:
            self.note(position, None, "".join(printed.text))

    # ------------------------------------------------------------------------------------ questions

    def question(self, asked: Asked, plan: Plan, first: int, text: bool, keep_at: int | None = None) -> None:
        """Run a test cell's statements from index `first` on.

        keep_at: line in front of which the namespace is to be remembered, for the hidden pass.
        """
        recorder = Recorder(plan.sites, asked.records, text, asked.parts)
        poison: dict[str, str] = {name: "it could not be computed" for name in asked.kept_poison} if first else {}
        run = _Statements(self, asked, plan, recorder, poison)
        self.bring_back()
        self.judge.seed(asked.position, self, recorder)
        before = dict(self.names)
        started = time.monotonic()
        left = asked.limit - asked.spent
        total = self.judge.left
        try:
            if left <= 0 or total <= 0:
                raise OutOfTime
            with (
                self.judge.clock.limit(asked.position, min(left, total)),
                contextlib.redirect_stdout(_Nowhere()),
                contextlib.redirect_stderr(_Nowhere()),
            ):
                if self.remote is not None:
                    self.remote.deadline = self.judge.clock.deadline
                    self.remote.settle()
                    self.remote.begin()
                run.all(first, keep_at)
                if run.surprising and self.remote is not None:
                    self.second_look(asked, run, first, before, recorder)
        except OutOfTime:
            if self.remote is not None:
                self.remote.dead = self.remote.dead or "the process that ran your code was stopped"
            asked.stopped = True
            asked.message = (
                f"{asked.cell.grade_id or 'this question'} ran longer than {asked.limit:g} s"
                if total > left or (total > 0.0 and left <= 0)
                else f"the submission ran longer than {self.job.limits.submission_seconds:g} s"
            )
            run.out_of_time(asked.message)
        finally:
            self.names.pop(RECORDER, None)
            asked.spent += time.monotonic() - started

    def second_look(self, asked: Asked, run: _Statements, first: int, before: dict[str, Any], seen: Recorder) -> None:
        """A function changed what it was given, in a call made for its value. What of the verdict rests on that?

        `close(f(x), reference(x))` is no check of `f` if `f` has put zeros into `x`. So the statements are gone through
        once more, with the same answers from the student's process but the judge's objects as the judge made them. A
        check that looks at what such a call returned counts as passed only if it passes both ways. A check that looks
        only at what was changed (`assert (x == before).all()`) has seen what it wanted to see.
        """
        assert self.remote is not None
        tainted: set[str] = set()
        doubtful: list[Step] = []
        for index, step in enumerate(run.plan.steps):
            if index in run.surprising or step.reads & tainted:
                tainted |= step.writes
                doubtful.append(step)
        value, has_value, broken, asked.broken = asked.value, asked.has_value, asked.broken, []
        records = {key: Record() for key in asked.records}
        own, asked.records = asked.records, records
        names, self.names = self.names, Namespace(self.lookup, before)
        recorder = Recorder(run.plan.sites, records, False, dict(asked.parts))
        try:
            self.judge.seed(asked.position, self, recorder)
            with self.remote.repetition(), contextlib.suppress(Diverged):
                _Statements(self, asked, run.plan, recorder, dict(run.first_poison)).all(first, None)
        finally:
            repeated, asked.broken = asked.broken, broken
            self.names, asked.records = names, own
        known = {line for line, _, _ in broken}
        for line in {line for line, _, _ in repeated} - known:
            if any(step.first == line for step in doubtful):
                broken.append((line, "failed", CHANGED if seen.text else ""))
        for site in (site for step in doubtful for site in step.sites):
            record = own[site.key]
            if record.status == "passed" and records[site.key].status != "passed":
                record.status = "failed"
                record.message = CHANGED if seen.text else ""
        if has_value and asked.value != value:
            ends = [v for v in (value, asked.value) if type(v) in (int, float)]
            asked.value = min(ends) if len(ends) == 2 else value


CHANGED = "right only for the values that your function put into its own arguments; work on a copy"


class _Statements:
    """The statements of one test cell, run one by one: what depends on a failed one is left out, the rest runs."""

    def __init__(self, run: Run, asked: Asked, plan: Plan, recorder: Recorder, poison: dict[str, str]) -> None:
        self.run = run
        self.asked = asked
        self.plan = plan
        self.recorder = recorder
        self.poison = poison
        self.first_poison = dict(poison)
        self.surprising: set[int] = set()  # statements in which a call made for its value changed its arguments
        self.reached = 0

    def all(self, first: int, keep_at: int | None) -> None:
        names = self.run.names
        names[RECORDER] = self.recorder
        for index in range(first, len(self.plan.steps)):
            step = self.plan.steps[index]
            if keep_at is not None and step.first >= keep_at and self.asked.kept is None:
                self.keep()
            self.reached = index
            remote = self.run.remote
            if remote is not None:
                own = names.get(step.bare) if step.bare in names else getattr(builtins, step.bare, None)
                remote.takes_changes = bool(step.bare) and (own is None or isinstance(own, Handle))
                remote.surprised = False
            self.one(step)
            if remote is not None and remote.surprised:
                self.surprising.add(index)
        if keep_at is not None and self.asked.kept is None:
            self.keep()

    def keep(self) -> None:
        self.asked.kept = dict(self.run.names)
        self.asked.kept_poison = set(self.poison)

    def one(self, step: Step) -> None:
        names = self.run.names
        bad = sorted(step.reads & self.poison.keys())
        if bad and not step.defines:
            self.skip(step, f"not run, because it needs {bad[0]}: {self.poison[bad[0]]}")
            return
        try:
            if step.last_value is not None:
                value = eval(step.last_value, names)
                self.asked.value, self.asked.has_value = value, True
            else:
                exec(step.code, names)
        except Exception as error:
            self.fail(step, error)
        else:
            for name in step.writes:
                self.poison.pop(name, None)

    def record(self, site: Site, status: str, message: str) -> None:
        record = self.asked.records[site.key]
        if record.status in ("", "passed"):
            record.status, record.message = status, message if self.recorder.text else ""

    def skip(self, step: Step, why: str) -> None:
        for site in step.sites:
            self.record(site, "not run", why)
        for name in step.writes:
            self.poison[name] = why.partition(": ")[2]
            self.run.names.pop(name, None)
        if not step.sites:
            return

    def fail(self, step: Step, error: BaseException) -> None:
        status, message = explain(error)
        for name in step.writes:
            self.poison[name] = message
            self.run.names.pop(name, None)
        unmet = [site for site in step.sites if self.asked.records[site.key].status == ""]
        for site in unmet:
            self.record(site, status if site is unmet[0] else "not run", message)
        if not unmet:
            self.asked.broken.append((step.first, status, message if self.recorder.text else ""))

    def out_of_time(self, message: str) -> None:
        current = self.recorder.current
        for number, site in enumerate(self.plan.sites):
            if number == current:
                self.record(site, "timeout", message)
        for index in range(self.reached, len(self.plan.steps)):
            for site in self.plan.steps[index].sites:
                if self.asked.records[site.key].status == "" or (index == self.reached and current is None):
                    self.record(site, "timeout" if index == self.reached else "not run", message)


class _Nowhere(io.TextIOBase):
    """Where the prints of a test go."""

    def write(self, text: str) -> int:
        return len(text)


class _Printed(io.TextIOBase):
    """Prints of an instructor's cell that uses the student's code, within what may be kept."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.text: list[str] = []

    def write(self, text: str) -> int:
        part = text[: self.tap.left]
        self.tap.left -= len(part)
        self.text.append(part)
        return len(text)


def _display(*values: Any, **options: Any) -> None:
    for value in values:
        print(show(value))


class Judge:
    """All of one submission."""

    def __init__(
        self, job: Job, supervisor: Supervisor, skip: set[int], memory_mb: int, plans: dict[PlanKey, bytes]
    ) -> None:
        self.job = job
        self.plans = plans
        self.supervisor = supervisor
        self.clock = Clock(supervisor)
        self.skip = skip  # questions that ended an earlier judge
        self.memory_mb = memory_mb
        self.started = time.monotonic()
        self.runs: list[Run] = []
        self.asked: dict[int, Asked] = {}
        for position, cell in enumerate(job.cells):
            if cell.side == "judge" and cell.grade_id is not None:
                self.asked[position] = self.prepare(position, cell)

    def plan(self, source: str, name: str, blank: frozenset[int] = frozenset()) -> Plan:
        """The instructor's cell, compiled by the grader where it could be."""
        data = self.plans.get((source, name, blank), b"")
        return unpacked(data, source, name) if data else plan(source, name, set(blank))

    @property
    def left(self) -> float:
        return self.job.limits.submission_seconds - (time.monotonic() - self.started)

    def check_total(self) -> None:
        if self.left <= 0:
            raise TooLong

    def seed(self, position: int, run: Run, recorder: Recorder | None = None) -> None:
        """Randomness of the judge: the same on every machine, another for every submission and question."""
        digest = hashlib.sha256(f"{self.job.seed}/{position}".encode()).digest()
        value = int.from_bytes(digest[:4], "big")
        random.seed(value)
        np.random.seed(value)
        if "torch" in sys.modules:
            sys.modules["torch"].default_generator.manual_seed(value)  # `torch.manual_seed` also looks for GPUs
        checks.begin(checks.Context(int.from_bytes(digest, "big"), run.sources, recorder, run.lookup))

    def prepare(self, position: int, cell: Cell) -> Asked:
        source = plain_python(cell.source)
        limit = cell.seconds or self.job.limits.question_seconds
        asked = Asked(position, cell, source, limit, hidden=set(cell.hidden_lines))
        name = f"<test {cell.grade_id}>"
        try:
            asked.full = self.plan(source, name)
        except (SyntaxError, ValueError) as error:
            asked.message = f"the test is no valid Python ({error}): tell the instructor"
            asked.stopped = True
            return asked
        try:
            asked.public = self.plan(source, name, frozenset(asked.hidden)) if asked.hidden else asked.full
        except (SyntaxError, ValueError):
            asked.public = Plan()
            asked.hidden = set(range(source.count("\n") + 1))
        asked.records = {site.key: Record() for site in asked.full.sites}
        return asked

    # ------------------------------------------------------------------------------------ passes

    def pass_over(self, run: Run, until: int, each: Callable[[Asked], None]) -> None:
        for position, cell in enumerate(self.job.cells[:until]):
            if cell.side == "student":
                run.answer_cell(position, cell)
            elif cell.side == "both" or position not in self.asked:
                run.instructor_cell(position, cell, both=cell.side == "both")
            else:
                asked = self.asked[position]
                if not asked.stopped and position not in self.skip:
                    each(asked)

    def close(self) -> None:
        """Let go of the student's processes. The grader ends them in any case, when it has the result."""
        for run in self.runs:
            run.close()

    def grade(self) -> Result:
        """The verdict. Students' processes stay open, so that nobody waits for their end."""
        files = {**self.job.files}
        for name, data in files.items():
            if os.path.dirname(name):
                os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "wb") as file:
                file.write(data)
        if files:
            # The instructor's own modules, after the libraries; a student's files never come to this side.
            sys.path.append(os.getcwd())
            importlib.invalidate_caches()
        for position in self.skip:
            if position in self.asked:
                asked = self.asked[position]
                asked.stopped = True
                asked.message = asked.message or f"{asked.cell.grade_id} ran too long or ended its judge"
        first = Run(self, text=True)
        self.seed(-1, first)

        def public(asked: Asked) -> None:
            hidden_from = (
                asked.full.steps[asked.first_hidden].first
                if asked.hidden and asked.full.steps and asked.first_hidden < len(asked.full.steps)
                else None
            )
            first.question(asked, asked.public, 0, True, hidden_from)
            first.note(asked.position)

        outputs: list[CellOutput] = []
        try:
            self.pass_over(first, len(self.job.cells), public)
            outputs = list(first.outputs.values())
            self.hidden(first)
        except TooLong:
            outputs = outputs or list(first.outputs.values())
            for asked in self.asked.values():
                self.unfinished(asked)
        return Result(
            self.job.assignment, self.job.student, self.job.notebook, "graded",
            questions=[self.verdict(asked) for asked in self.asked.values()], outputs=outputs,
        )  # fmt: skip

    def unfinished(self, asked: Asked) -> None:
        open_sites = [s for s in asked.full.sites if asked.records[s.key].status == ""]
        if open_sites or asked.kept is not None:
            asked.stopped = True
            asked.message = asked.message or (
                f"the submission ran longer than {self.job.limits.submission_seconds:g} s"
            )
            for site in open_sites:
                asked.records[site.key].status = "not run"

    def hidden(self, first: Run) -> None:
        """Passes 2 and 3."""
        first.text = False
        waiting = [a for a in self.asked.values() if a.hidden and a.kept is not None and not a.stopped]
        doubtful: list[Asked] = []
        names = first.names
        for asked in waiting:
            assert asked.kept is not None
            self.check_total()
            broken, asked.broken = asked.broken, []
            before = {key: Record(**vars(record)) for key, record in asked.records.items()}
            first.names = Namespace(first.lookup, asked.kept)
            first.question(asked, asked.full, asked.first_hidden, False)
            self.merge(asked, before)
            asked.broken = broken + [b for b in asked.broken if b[0] in asked.hidden]
            matters = self.hidden_failed(asked) and not self.lost_already(asked)
            if not asked.stopped and matters and self.later_cells(asked) and not self.certain(asked, first):
                doubtful.append(asked)
        first.names = names
        first.drain()
        if not doubtful:
            return
        first.close()
        exact = Run(self, text=False)
        self.seed(-1, exact)

        def whole(asked: Asked) -> None:
            if asked not in doubtful:
                records, asked.records = asked.records, {key: Record() for key in asked.records}
                kept = vars(asked).copy()
                exact.question(asked, asked.full, 0, False)
                vars(asked).update(kept, records=records)
                return
            self.once_more(exact, asked)

        last = max(asked.position for asked in doubtful) + 1
        self.pass_over(exact, last, whole)

    def once_more(self, run: Run, asked: Asked) -> None:
        """The exact pass of one question; what it finds counts where it is better."""
        kept = vars(asked).copy()
        old = {key: Record(**vars(record)) for key, record in asked.records.items()}
        asked.records = {key: Record() for key in old}
        asked.broken = []
        run.question(asked, asked.full, 0, False)
        new = asked.records
        better = not self.hidden_failed(asked) and not asked.stopped
        value, has_value = asked.value, asked.has_value
        vars(asked).update(kept, records=old, spent=asked.spent)
        for site in asked.full.sites:
            if asked.visibility(site) == "hidden" and new[site.key].status == "passed":
                old[site.key].status = "passed"
                old[site.key].message = ""
        if better:
            asked.broken = [b for b in asked.broken if b[0] not in asked.hidden]
            asked.value, asked.has_value = value, has_value

    def merge(self, asked: Asked, before: dict[tuple[int, int], Record]) -> None:
        """Of the hidden pass, only what it found about hidden checks counts."""
        for site in asked.full.sites:
            if asked.visibility(site) == "public" and before[site.key].status:
                asked.records[site.key] = before[site.key]

    def hidden_failed(self, asked: Asked) -> bool:
        return any(line in asked.hidden for line, _, _ in asked.broken) or any(
            asked.visibility(site) == "hidden" and asked.records[site.key].status not in ("passed", "")
            for site in asked.full.sites
        )

    def lost_already(self, asked: Asked) -> bool:
        """Whether what everybody sees has cost the whole question, so that no hidden check can change its points."""
        if asked.cell.partial or any(part.points is not None for part in asked.parts.values()):
            return False
        return any(line not in asked.hidden for line, _, _ in asked.broken) or any(
            asked.visibility(site) != "hidden" and asked.records[site.key].status in ("failed", "error")
            for site in asked.full.sites
        )

    def later_cells(self, asked: Asked) -> bool:
        return any(cell.side != "judge" for cell in self.job.cells[asked.position + 1 :])

    def certain(self, asked: Asked, run: Run) -> bool:
        """Whether a hidden check that has just failed would fail in front of the later cells, too.

        So it is if it has asked nothing but pure functions, with plain values, and if of what the judge's earlier
        statements left it has used only what nobody can change.
        """
        remote, kept, names = run.remote, asked.kept or {}, run.names
        if remote is None or remote.dead or not remote.plain:
            return False
        steps = asked.full.steps[asked.first_hidden :]
        written = {name for step in steps for name in step.writes}

        def fixed(name: str) -> bool:
            if name in names:
                return plain(names[name]) and plain(kept.get(name), frozen=True)
            if hasattr(builtins, name):
                return name in BUILTINS
            # A pure function, or a variable inside of an expression, unless something else has had that name meanwhile.
            return name not in CONVENTIONS and name not in written

        if not all(fixed(name) for step in steps for name in step.reads):
            return False
        if any(name.endswith(".py") for name in self.job.student_files):
            return False  # a module of the student's may do what it likes when it is imported
        return pure(
            remote.names, (plain_python(text) for cell in self.job.cells for text in (cell.source, *cell.imports))
        )

    # ------------------------------------------------------------------------------------ verdicts

    def verdict(self, asked: Asked) -> Question:
        """Points of one question from its records, and what may be said about each check."""
        cell = asked.cell
        found: list[Check] = []
        most = max(0.0, float(cell.points)) if math.isfinite(cell.points) else 0.0
        sites = asked.full.sites
        met = [site for site in sites if asked.records[site.key].status]
        if asked.stopped:
            met = sites
        worth = self.worth(asked, met, most)
        for site in met:
            record = asked.records[site.key]
            passed = record.status == "passed"
            hidden = asked.visibility(site) == "hidden"
            points, share = worth.get(site.key, (0.0, 0.0))
            status: Any = record.status or "not run"
            check = Check(len(found), status, "hidden" if hidden else "public", points, share, record.message)
            part = asked.parts.get(record.part) if record.part is not None else None
            if hidden:
                check.message = "" if passed else site.message or ""
                if not passed:
                    check.hint, check.link = cell.hint, cell.link
            else:
                check.call, check.got, check.expected = clean(site.call), record.got, record.expected
                if not passed:
                    check.link = cell.link
            if part is not None and not passed:
                check.hint, check.link = part.hint or check.hint, part.link or check.link
            found.append(check)
        for line, broken, message in asked.broken:
            hidden = line in asked.hidden
            status = broken
            check = Check(len(found), status, "hidden" if hidden else "public", 0.0, 0.0, "" if hidden else message)
            if hidden:
                check.hint, check.link = cell.hint, cell.link
            else:
                check.call = clean(asked.source.split("\n")[line])
            found.append(check)
        good = not asked.stopped and not asked.broken and all(check.status == "passed" for check in found)
        if sites and not met:
            good = False
            asked.message = asked.message or "none of its checks was reached"
        points = most if good else 0.0
        if not asked.stopped and any(part.points is not None for part in asked.parts.values()):
            points = self.part_points(asked, met, most)
        elif cell.partial and not asked.stopped and not good:
            count = len(met) + len(asked.broken)
            points = most * sum(check.status == "passed" for check in found) / count if count else 0.0
        elif good and asked.has_value:
            points = self.partial_credit(asked, most)
        return Question(
            cell.grade_id or "", min(max(points, 0.0), most), most, found, asked.message, round(asked.spent, 3)
        )

    def worth(self, asked: Asked, met: list[Site], most: float) -> dict[tuple[int, int], tuple[float, float]]:
        """Points and maximum of single checks, where a check has points of its own."""
        out = {}
        if asked.cell.partial and met and not asked.parts:
            share = most / len(met)
            for site in met:
                out[site.key] = (share if asked.records[site.key].status == "passed" else 0.0, share)
        for line, part in asked.parts.items():
            inside = [site for site in met if asked.records[site.key].part == line]
            for site in inside if part.points is not None else []:
                share = part.points / len(inside) if part.points else 0.0
                out[site.key] = (share if self.part_passed(asked, line, met) else 0.0, share)
        return out

    def part_passed(self, asked: Asked, line: int, met: list[Site]) -> bool:
        inside = [asked.records[site.key].status for site in met if asked.records[site.key].part == line]
        return not asked.parts[line].failed and bool(inside) and all(status == "passed" for status in inside)

    def part_points(self, asked: Asked, met: list[Site], most: float) -> float:
        """What the parts earned, and what they leave if everything outside them passed."""
        priced = {line: part for line, part in asked.parts.items() if part.points is not None}
        points = sum(part.points or 0.0 for line, part in priced.items() if self.part_passed(asked, line, met))
        rest = most - sum(part.points or 0.0 for part in priced.values())
        outside = [asked.records[site.key].status for site in met if asked.records[site.key].part not in priced]
        steps = [step for step in asked.full.steps if any(step.first <= line - 1 <= step.last for line in priced)]
        broken = [b for b in asked.broken if not any(step.first == b[0] for step in steps)]
        if rest > 0 and not broken and all(status == "passed" for status in outside):
            points += rest
        return points

    def partial_credit(self, asked: Asked, most: float) -> float:
        """Points from the value of the cell's last expression, if it is a number; everything if it is not."""
        value = asked.value
        if (isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0) or _is_scalar_tensor(value):
            value = value.item()
        if value is False:
            asked.message = "the test's last line is not true"
            return 0.0
        if type(value) not in (int, float):
            return most
        if not 0 <= value <= most:
            asked.message = (
                f"the test gave {show(value, 30)} points, which is not between 0 and {most:g}: tell the instructor"
            )
            return 0.0
        return float(value)


class TooLong(Exception):
    """The submission's time is over."""


def _is_scalar_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and type(value) is torch.Tensor and value.ndim == 0


def _source(original: Callable[[Any], str]) -> Callable[[Any], str]:
    """`inspect.getsource` that also knows the source of the student's functions and classes."""

    def getsource(value: Any) -> str:
        return checks.source(value) if isinstance(value, Handle) else original(value)

    return getsource


def main(channel: Channel, descriptors: socket.socket) -> None:
    """Grade the one job that comes over `channel`. Never returns."""
    from .parent import job_of

    try:
        (structure, skip, memory_mb, lengths), raw = channel.receive()
        ends = list(itertools.accumulate(lengths, initial=0))
        job = job_of(structure, raw[ends[-1] :])
        packs = (bytes(raw[start:end]) for start, end in itertools.pairwise(ends))
        plans = dict(zip(plan_keys(job.cells), packs, strict=True))
        judge = Judge(job, Supervisor(channel, descriptors), set(skip), memory_mb, plans)
        sys.modules["__main__"] = types.ModuleType("__main__")
        np.allclose = _strict(np.allclose)
        if "torch" in sys.modules:
            torch: Any = sys.modules["torch"]
            torch.allclose = _strict(torch.allclose)
        inspect.getsource = _source(inspect.getsource)  # type: ignore[assignment]
        result = judge.grade()
        channel.send(["result", result.as_data()])
        os._exit(0)
    except BaseException:
        import traceback

        with contextlib.suppress(BaseException):
            channel.send(["broken", traceback.format_exc()[-4000:]])
    finally:
        os._exit(1)
