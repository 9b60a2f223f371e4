"""The run: a job in, a verdict out, student code on one side and the instructor's tests on the other.

`Grader` keeps a warm parent process and grades one job at a time. It must never execute, import or unpickle anything
that comes from a student, and must never return points that the judge did not give.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model import CellOutput, Check, Job, Question, Result
from . import landlock, sandbox
from .asserts import declarations, packed, plan_keys
from .cells import plain_python
from .cgroup import Group, Usage, host_pid
from .parent import environment, job_message, receive, send
from .wire import Channel, Closed, OutOfTime, WireError, last_notice

__all__ = ["Grader", "Untrusted", "capabilities", "declarations", "environment_hash"]

LOOK = 0.25  # seconds between two looks at what the judge is doing, while it says nothing
GRACE = 1.0  # seconds a question may be over its limit before the judge itself is ended
# What of torch costs seconds at its first use (half a compiler, a computer algebra system), by words that hint at it.
SLOW = {"optim": "torch.optim", "assert_close": "torch.testing"}
START = 120.0  # seconds the warm parent may take to load its libraries


class Untrusted(RuntimeError):
    """This machine cannot isolate student code, and nobody said that the code is trusted."""


class Grader:
    """Grades jobs, one at a time. A context manager.

    trust: run without isolation where isolation is not to be had.
    warm: modules that the parent loads once, for every submission; what a job's own instructor's cells import is added
        when the job comes.
    also: modules that are known to be needed, loaded at the start as far as they are installed.
    share: ends of socket pairs, one for each other Grader, in another process, that is to use this one's warm parent.
    line: the other end of such a pair. If nothing comes of it, this Grader starts a warm parent of its own.
    threads: of torch and the numerical libraries in each process. More than one makes results depend on the machine.
    levels: kinds of isolation to try, the best first; `isolation` says which one it is, "none" if the code is trusted.

    Not thread-safe, and not to be shared across a fork: one for each worker process. Raises Untrusted.
    """

    SHARES = True  # a pool may pass `share` and `line`

    def __init__(
        self,
        *,
        trust: bool = False,
        warm: Sequence[str] = ("numpy", "torch"),
        threads: int = 1,
        levels: Sequence[str] = sandbox.LEVELS,
        also: Sequence[str] = (),
        share: Sequence[socket.socket] = (),
        line: socket.socket | None = None,
    ) -> None:
        self.warm = list(dict.fromkeys(warm))
        self.threads = threads
        self.loaded: set[str] = set()
        self.owner = os.getpid()
        self.libraries: tuple[str, ...] = ()
        self.groups: list[Group] = []  # two, taken in turns: the student process at work, and the one made ahead
        self.ended: list[_Child] = []  # killed, and perhaps not quite gone
        self.spares: dict[str, _Fresh] = {}  # by role: forked ahead of the submission that will need them
        self.ahead: threading.Thread | None = None  # what makes them; nothing else may use the warm parent meanwhile
        self.unanswered: deque[_Fresh] = deque()  # asked for, in order; the warm parent's answers are still to be read
        self.directory: str | None = None  # what children write, where they have no file system of their own
        self.process: subprocess.Popen[bytes] | None = None  # None if the warm parent is another Grader's
        self.shared = False
        if line is not None and self._join(line):
            self.load(also)
            return
        try:
            self._begin(levels, trust)
            self.load(also)
            if self.isolation == "namespaces":
                self._share(share)
        finally:
            for end in share:
                end.close()

    def _begin(self, levels: Sequence[str], trust: bool) -> None:
        """Start a warm parent with the best isolation that is to be had. Raises Untrusted."""
        refusals = []
        for level in levels:
            try:
                return self._start(level)
            except sandbox.Refused as refused:
                refusals.append(str(refused.strerror))
        if not trust:
            raise Untrusted(
                f"student code cannot be isolated here: {'; '.join(dict.fromkeys(refusals))}. Grade on a machine that "
                "can, or say `trust=True` (`--trust`) if all submissions come from people who may have a shell on this "
                "machine."
            )
        self._start("none")

    def _share(self, ends: Sequence[socket.socket]) -> None:
        """Have the warm parent serve those who hold the other ends of these, too."""
        self._not_ahead()
        about = [self.isolation, list(self.libraries), sorted(self.loaded)]
        for end in ends:
            send(self.control, ["join", about], [end.fileno()])
        self.shared = bool(ends)

    def _join(self, line: socket.socket) -> bool:
        """Use the warm parent at the other end of this line, once there is one. False if none comes."""
        self.control = line
        line.settimeout(START)
        try:
            (_, (self.isolation, libraries, loaded)), _ = receive(line)
        except (EOFError, OSError):
            line.close()
            return False
        self.libraries, self.loaded = tuple(libraries), set(loaded)
        self._make_groups()
        return True

    def _make_groups(self) -> None:
        if self.isolation != "none":
            self.groups = [group for group in (Group.make(), Group.make()) if group is not None]

    @property
    def isolated(self) -> bool:
        return self.isolation != "none"

    def _start(self, level: str) -> None:
        if level != "none" and not sandbox.LINUX:
            raise sandbox.Refused(0, f"{platform.system()} has no namespaces and no seccomp; Linux does")
        self.isolation = level
        self.loaded = set()
        self.shared = False
        self.control, theirs = socket.socketpair()
        package = str(Path(__file__).resolve().parents[2])
        code = (
            f"import sys; sys.path.insert(0, {package!r}); from autograder.run.parent import main; "
            f"sys.path.remove({package!r}); main({theirs.fileno()}, {level!r}, {self.libraries!r})"
        )
        if level == "namespaces":
            scratch = sandbox.scratch(self.libraries)
        else:
            scratch = self.directory = tempfile.mkdtemp(prefix="notebook-")
            os.chmod(scratch, 0o711)  # whoever the children are, each finds its own in there and lists nobody's
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", code],
                env=environment(scratch, self.threads),
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.control.settimeout(START)
        try:
            kind, about = receive(self.control)[0]
            if kind == "map":
                sandbox.write_outer_map(self.process.pid, about)
                send(self.control, ["mapped"])
                kind, about = receive(self.control)[0]
            if kind == "refused":
                raise sandbox.Refused(0, about)
            if kind != "ready":
                raise RuntimeError(f"the grading process did not start: {about}")
            self._warm(self.warm)
        except BaseException:
            self.close()
            raise
        self._make_groups()

    def _warm(self, names: list[str], needed: bool = True) -> None:
        self.discard()  # they lack what is loaded now
        send(self.control, ["warm", names])
        (kind, missing), _ = receive(self.control)
        if kind != "warm" or (missing and needed):
            missing = missing if isinstance(missing, list) else [missing]
            raise RuntimeError(f"the grading process cannot load {', '.join(missing)}")
        self.loaded |= set(names)

    def _load_for(self, job: Job) -> None:
        """Have the warm parent load what the instructor's cells import, so that no submission pays for it."""
        theirs = [cell.source for cell in job.cells if cell.side == "student"]
        ours = [cell.source for cell in job.cells if cell.side != "student"]
        self.load(modules(ours + [each for cell in job.cells for each in cell.imports], theirs))

    def load(self, names: Iterable[str]) -> None:
        """Have the warm parent import modules, those that are not there left out; it sees new libraries if it must."""
        new = sorted({*names} - self.loaded)
        if not new:
            return
        elsewhere = {path for name in new if (path := library(name.partition(".")[0]))} - set(self.libraries)
        if elsewhere and self.isolated:  # only a new parent can see them
            loaded = self.loaded
            self.close()
            self.libraries = (*self.libraries, *sorted(elsewhere))
            self.warm += [name for name in sorted(loaded) if name not in self.warm]
            self._start(self.isolation)
        self._warm(new, needed=False)

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was forked for this grader, and the warm parent with it unless others use it."""
        if os.getpid() != self.owner:
            return
        self.discard()
        self.bury()
        for group in self.groups:
            group.remove()
        self.groups = []
        self.control.close()
        process, self.process = self.process, None
        if process is not None and not self.shared:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.directory is not None:
            remove(self.directory)
            self.directory = None

    # ------------------------------------------------------------------------------------ grading

    def grade(self, job: Job) -> Result:
        """The verdict on `job`. Nothing that a student's code does makes this raise."""
        started = time.monotonic()
        self._load_for(job)
        skip: set[int] = set()
        ends: set[int | None] = set()  # where a judge has ended already
        result: Result | None = None
        accidents = 0
        while result is None:
            stuck: int | None = None
            in_time = True
            reason = "the warm parent ended"
            with contextlib.suppress(EOFError, OSError):
                with contextlib.closing(_Attempt(self, job, skip, started)) as attempt:
                    result, stuck = attempt.run()
                    reason, in_time = attempt.reason, attempt.in_time
                accidents += attempt.accidents
            if result is not None:
                break
            if not self._alive():  # not the job's doing: no student code runs in the warm parent
                accidents += 1
                self.close()
                if accidents > 5:
                    raise RuntimeError("the grading process keeps ending")
                self._start(self.isolation)
                self._load_for(job)
            elif in_time and stuck not in ends:  # once may have been an accident
                ends.add(stuck)
            elif stuck is None or stuck in skip:
                result = self._without_verdict(job, "the judge ended without a verdict: " + reason)
            else:
                skip.add(stuck)
        result.environment = environment_hash()
        result.seconds = round(time.monotonic() - started, 4)
        result.accidents = accidents
        self.fork_ahead(_settings(job), "judge", "student")
        return result

    def fork_ahead(self, settings: dict[str, Any], *roles: str) -> None:
        """Have the processes that will be needed next made in the background."""

        def make() -> None:
            # A warm parent that is gone, or that cannot fork, is noticed when it is needed.
            with contextlib.suppress(EOFError, OSError, RuntimeError):
                for role in roles:
                    if role not in self.spares:
                        self.spares[role] = self._ask(role, settings)
                for role in roles:
                    self._answered(self.spares[role])
                if "student" in self.spares:
                    self.enclose(self.spares["student"])

        self._not_ahead()
        self.ahead = threading.Thread(target=make, daemon=True)
        self.ahead.start()

    def _not_ahead(self) -> None:
        """Wait until nothing is being made ahead."""
        if self.ahead is not None:
            self.ahead.join()
            self.ahead = None

    def discard(self) -> None:
        """End the children that were forked ahead, if there are any."""
        self._not_ahead()
        for role in list(self.spares):
            fresh = self.spares.pop(role)
            with contextlib.suppress(EOFError, OSError):  # the warm parent is gone, and its children with it
                self._answered(fresh)
                fresh.child.end()
            self.ended.append(fresh.child)
            for end in fresh.ends:
                os.close(end)
        self.unanswered.clear()

    def _alive(self) -> bool:
        """Whether the warm parent is there; between messages it has nothing to say."""
        try:
            self.discard()
        except RuntimeError:
            return False
        return not select.select([self.control], [], [], 0)[0]

    def _without_verdict(self, job: Job, why: str) -> Result:
        questions = [
            Question(c.grade_id, 0.0, float(c.points), [], why) for c in job.cells if c.side == "judge" and c.grade_id
        ]
        return Result(job.assignment, job.student, job.notebook, "not gradable", why, questions)

    def bury(self) -> None:
        """See to it that nothing is left of the processes that were ended before."""
        while self.ended:
            child = self.ended.pop()
            child.gone(5.0)
            child.forget()

    def fresh(self, role: str, settings: dict[str, Any]) -> _Fresh:
        """A judge or student process that has met nothing yet, forked now or ahead."""
        self._not_ahead()
        if self.spares and any(spare.settings != settings for spare in self.spares.values()):
            self.discard()
        fresh = self.spares.pop(role, None) or self._ask(role, settings)
        self._answered(fresh)
        if fresh.child.handle >= 0 and fresh.child.gone(0.0):  # somebody has killed it since
            self.ended.append(fresh.child)
            for end in fresh.ends:
                os.close(end)
            return self.fresh(role, settings)
        return fresh

    def enclose(self, student: _Fresh) -> None:
        """Put a new student process into the control group whose turn it is, which the last but one has left."""
        self.bury()
        pid = host_pid(student.child.handle)
        if self.groups and pid is not None and student.group is None:
            group = self.groups.pop(0)
            self.groups.append(group)
            group.limit(student.settings["memory_mb"] << 20, student.settings["processes"])
            group.add(pid)
            student.group = group

    def _ask(self, role: str, settings: dict[str, Any]) -> _Fresh:
        """Ask the warm parent for a child; its answer is still to be read."""
        directory = None if self.directory is None else tempfile.mkdtemp(dir=self.directory)
        pairs = [socket.socketpair() for _ in range(1 if role == "student" else 2)]
        ends, theirs = [ours.detach() for ours, _ in pairs], [their.detach() for _, their in pairs]
        if role == "student":
            for read, write in (os.pipe(), os.pipe()):
                ends.append(read)
                theirs.append(write)
        fresh = _Fresh(_Child(-1, -1, directory), settings, ends)
        try:
            send(self.control, ["fork", role, {**settings, "directory": directory}], theirs)
        except BaseException:
            for end in ends:
                os.close(end)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.unanswered.append(fresh)
        return fresh

    def _answered(self, fresh: _Fresh) -> None:
        """Read the warm parent's answers up to the one about this child."""
        while fresh in self.unanswered:
            (kind, pid), handles = receive(self.control)
            if kind != "forked":
                raise RuntimeError(f"the grading process cannot fork: {pid}")
            child = self.unanswered.popleft().child
            child.pid, child.handle = pid, handles[0] if handles else -1


def remove(directory: str) -> None:
    """Delete a directory of a student's, however deep, locked or full it is; what it links to stays."""
    for _ in range(2):
        subprocess.run(["rm", "-rf", "--", directory], stderr=subprocess.DEVNULL, check=False)
        if not os.path.lexists(directory):
            return
        subprocess.run(["chmod", "-R", "u+rwX", "--", directory], stderr=subprocess.DEVNULL, check=False)


@dataclass
class _Child:
    """A process that the warm parent forked for this grader."""

    pid: int  # as the warm parent knows it
    handle: int  # a pidfd; -1 where there is no such thing
    directory: str | None = None  # the only place where it may write, if it has no file system of its own

    def end(self) -> None:
        """Kill it, and with it everything in its pid namespace."""
        with contextlib.suppress(ProcessLookupError):
            if self.handle < 0:
                os.killpg(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def gone(self, seconds: float) -> bool:
        """Whether nothing is left of it within so many seconds."""
        return self.handle < 0 or bool(select.select([self.handle], [], [], seconds)[0])

    def forget(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
        if self.directory is not None:
            remove(self.directory)
            self.directory = None


@dataclass(eq=False)
class _Fresh:
    """A child that has met nothing yet, and this grader's ends of its lines."""

    child: _Child
    settings: dict[str, Any]
    ends: list[int]  # of a judge: messages, and the line that hands over files; of a student: messages, output, errors
    group: Group | None = None  # the control group that it is in


def _settings(job: Job) -> dict[str, Any]:
    """The limits of a job's processes."""
    memory = max([job.limits.memory_mb, *(c.memory_mb for c in job.cells if c.memory_mb)])
    return {**vars(job.limits), "memory_mb": memory}


class _Attempt:
    """One judge and its students, from the start to a verdict or to the judge's end."""

    def __init__(self, grader: Grader, job: Job, skip: set[int], started: float) -> None:
        self.grader = grader
        self.job = job
        self.skip = skip
        self.reason = ""
        self.in_time = True
        self.student: _Child | None = None
        self.waiting: list[int] = []  # files of a student process that nobody has asked for yet
        self.usage: Usage | None = None
        self.group: Group | None = None  # the student's control group
        self.overdrawn = False
        self.kills = 0
        self.accidents = 0  # processes that ended though nobody ended them
        limits = job.limits
        self.settings = _settings(job)
        self.memory_mb: int = self.settings["memory_mb"]
        fresh = grader.fresh("judge", self.settings)
        self.judge = fresh.child
        self.channel, self.descriptors = (
            Channel(socket.socket(fileno=fresh.ends[0])),
            socket.socket(fileno=fresh.ends[1]),
        )
        self.hard = started + limits.submission_seconds + 10 * GRACE
        self.deadline = self.hard
        self.position: int | None = None
        self.channel.tick = (LOOK, self.look)

    def run(self) -> tuple[Result | None, int | None]:
        """The result, or None and the question at which the judge ended."""
        structure, buffers = job_message(self.job)
        plans = [packed(*key) for key in plan_keys(self.job.cells)]
        try:
            self.channel.send([structure, sorted(self.skip), self.memory_mb, list(map(len, plans))], [*plans, *buffers])
            self.new_student()  # it will be asked for
            while True:
                message, _ = self.channel.receive(self.hard)
                kind = message[0]
                if kind == "result":
                    return _result(message[1], self.job), None
                if kind == "cell":  # there is no room for more notices
                    self.listen()
                    self.follow(*message[1:])
                elif kind == "student":
                    self.hand_over()
                elif kind == "why":
                    cause = self.why()
                    self.accidents += not cause
                    self.channel.send([cause])
                elif kind == "broken":
                    self.reason = message[1]
                    break
                else:
                    raise WireError("a message of no kind")
        except OutOfTime:
            self.in_time = False
            self.reason = "it ran too long"
        except (Closed, WireError, TypeError, ValueError, KeyError, IndexError) as error:
            self.accidents += 1
            self.reason = f"it stopped ({type(error).__name__}: {error})"
        self.listen()
        return None, self.position

    def listen(self) -> None:
        """Read what the judge has left word of."""
        notice = last_notice(self.descriptors)
        if notice is not None:
            self.follow(*notice)

    def follow(self, position: int, until: float) -> None:
        """The judge is at this cell, or at none if it is negative, and has time until then."""
        self.position = position if position >= 0 else None
        self.deadline = until + GRACE

    def look(self) -> None:
        """While the judge says nothing: is it in time, and does the student's process keep to what it may use?"""
        self.listen()
        if time.monotonic() > self.deadline:
            raise OutOfTime
        self.watch()

    def new_student(self) -> None:
        """Start a student process in its control group, before it has met any student code."""
        self.end_student()
        fresh = self.grader.fresh("student", self.settings)
        self.student, self.waiting = fresh.child, fresh.ends
        pid = host_pid(self.student.handle)
        self.overdrawn = False
        self.grader.enclose(fresh)
        self.group = group = fresh.group
        if group is not None:
            self.kills = group.kills()
        if pid is not None and (group is None or self.student.directory is not None):
            self.usage = Usage(pid)
            self.channel.tick = (0.1, self.look)

    def watch(self) -> None:
        """Without control groups or a file system of its own: end a student process that has taken too much."""
        if self.usage is None or self.student is None:
            return
        memory = processes = 0
        if self.group is None:
            memory, processes = self.usage.now()
        full = self.student.directory is not None and self.usage.disk(
            self.student.directory, self.job.limits.file_mb << 20
        )
        if full or memory > self.memory_mb << 20 or processes > 2 * self.job.limits.processes:
            self.overdrawn = memory > self.memory_mb << 20
            self.usage = None
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.student.handle, signal.SIGKILL)

    def why(self) -> str:
        """Why the student's process ended, if the kernel or this grader ended it."""
        if self.student is not None:
            self.student.gone(1.0)
        killed = self.group is not None and self.group.kills() > self.kills
        return "memory" if self.overdrawn or killed else ""

    def hand_over(self) -> None:
        """Give the judge a student process that it has not had."""
        if not self.waiting:
            self.new_student()
        self.channel.send(["student"])
        socket.send_fds(self.descriptors, [b"s"], self.waiting)
        self.forget_files()
        self.grader.fork_ahead(self.settings, "student")  # for this submission or the next

    def forget_files(self) -> None:
        for fd in self.waiting:
            os.close(fd)
        self.waiting = []

    def end_student(self) -> None:
        self.usage = None
        self.forget_files()
        if self.student is not None:
            self.student.end()
            self.grader.ended.append(self.student)
            self.student = None

    def close(self) -> None:
        self.end_student()
        self.judge.end()
        self.grader.ended.append(self.judge)
        self.channel.close()
        self.descriptors.close()


def _result(data: dict[str, Any], job: Job) -> Result:
    """The judge's result, rebuilt from data. Raises TypeError, ValueError or KeyError if it is none."""
    tests = [cell for cell in job.cells if cell.side == "judge" and cell.grade_id is not None]
    questions = []
    for item, cell in zip(data["questions"], tests, strict=True):
        checks = [Check(**check) for check in item.pop("checks")]
        question = Question(**item, checks=checks)
        if question.grade_id != cell.grade_id or not 0 <= question.points <= max(0.0, float(cell.points)):
            raise ValueError("a verdict on another question")
        questions.append(question)
    outputs = [CellOutput(**output) for output in data["outputs"]]
    return Result(job.assignment, job.student, job.notebook, "graded", "", questions, outputs)


# ---------------------------------------------------------------------------------------------------- libraries


@functools.lru_cache(4096)
def imported(source: str) -> frozenset[str]:
    """Modules that a cell of the instructor's imports at its top level, as far as they are installed libraries."""
    names: set[str] = set()
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        for node in ast.walk(ast.parse(plain_python(source))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return frozenset(name for name in names if _installed(name.partition(".")[0]))


def modules(ours: Iterable[str], theirs: Iterable[str]) -> set[str]:
    """What a notebook needs that is worth loading once: imports of the instructor's cells, and what is slow of torch.

    ours: sources of the instructor's cells. theirs: of the students', of which no import is obeyed.
    """
    ours = list(ours)
    everything = [*ours, *theirs]
    slow = {name for word, name in SLOW.items() if any(word in source for source in everything)}
    return set().union(*map(imported, ours)) | {name for name in slow if _installed(name.partition(".")[0])}


@functools.cache
def _installed(top: str) -> bool:
    """Whether a top-level module is a library: not the course's files, and not this engine."""
    if top in sys.stdlib_module_names:
        return top not in ("antigravity", "this", "idlelib", "turtle", "tkinter")
    if top == "autograder":
        return False
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(top)
        if spec is not None:
            places = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else ())]
            visible = sandbox.visible_paths()
            return any(Path(p).is_relative_to(v) for p in places for v in visible) or library(top) is not None
    return False


def _editable(direct_url: str | None) -> bool:
    """Whether the record of where a package was installed from says that it is used where it is developed."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        return json.loads(direct_url or "{}").get("dir_info", {}).get("editable") is True
    return False


@functools.cache
def library(top: str) -> str | None:
    """The directory of a package that is installed from where it is developed, or that PYTHONPATH names.

    None for all others: what lies in the working directory is the course's, not a library.
    """
    if top == "autograder":
        return None
    for entry in filter(os.path.isabs, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if os.path.isfile(os.path.join(entry, top, "__init__.py")):
            return os.path.realpath(os.path.join(entry, top))
    for distribution in importlib.metadata.distributions():
        if not _editable(distribution.read_text("direct_url.json")):
            continue
        for file in distribution.files or ():
            if file.name.startswith("__editable__") and file.name.endswith("_finder.py"):
                mapping = getattr(importlib.import_module(file.name.removesuffix(".py")), "MAPPING", {})
                if top in mapping:
                    return os.path.realpath(mapping[top])
            elif file.suffix == ".pth":
                for line in Path(str(file.locate())).read_text().splitlines():
                    if os.path.isfile(os.path.join(line, top, "__init__.py")):
                        return os.path.realpath(os.path.join(line, top))
    return None


# ---------------------------------------------------------------------------------------------------- what this is


def capabilities() -> dict[str, bool | str]:
    """What this machine has for isolation. Whether it lets us use it, only starting a Grader tells."""
    found: dict[str, bool | str] = {"platform": platform.platform()}
    if sandbox.LINUX:
        known = landlock.version()
        found["Landlock"] = f"version {known}" if known else False
    return found


@functools.cache
def environment_hash() -> str:
    """A name for everything that a verdict can depend on: the interpreter, the installed packages, this engine."""
    digest = hashlib.sha256()
    digest.update(f"{sys.version} {platform.machine()} {platform.system()}".encode())
    packages = sorted({f"{d.name}=={d.version}" for d in importlib.metadata.distributions()})
    digest.update("\n".join(packages).encode())
    here = Path(__file__).parent
    for path in sorted([*here.glob("*.py"), here.parent / "model.py"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
