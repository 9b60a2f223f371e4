"""The warm parent: a process that has the libraries loaded and forks one child for each side of each submission.

It is a fresh interpreter, started with an environment of constants; it imports what notebooks import, takes one dummy
training step so that the libraries' lazy parts are loaded too, grades a submission of constants, and then only forks.
It must never hold a test, a solution, a student's code or a secret, because every student's process begins as a copy of
its memory: jobs go from the grader to the judge's process directly and pass this one by.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import select
import signal
import socket
import struct
import sys
import types
from collections.abc import Sequence
from typing import Any

import msgpack

from ..model import Cell, Job, Limits, Note

_LENGTH = struct.Struct(">I")


def environment(scratch: str, threads: int) -> dict[str, str]:
    """The whole environment of every process this engine starts: constants."""
    return {
        "HOME": f"{scratch}/home",
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",  # the order of a set must not depend on the process
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "JOBLIB_MULTIPROCESSING": "0",  # it would say on every start that it may not
        **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")},
    }


# ---------------------------------------------------------------------------------------------------- messages


def send(end: socket.socket, message: Any, fds: list[int] | None = None) -> None:
    """One message of the grader to the warm parent or back, with open files."""
    body = msgpack.packb(message, use_bin_type=True)
    data = _LENGTH.pack(len(body)) + body
    sent = socket.send_fds(end, [data], fds or [])
    if sent < len(data):
        end.sendall(data[sent:])


def receive(end: socket.socket, most: int = 8) -> tuple[Any, list[int]]:
    """The next message and its open files. Raises EOFError when the other side is gone."""
    data, fds, _, _ = socket.recv_fds(end, _LENGTH.size, most)
    while len(data) < _LENGTH.size:
        part = end.recv(_LENGTH.size - len(data)) if data else b""
        if not part:
            raise EOFError("the warm parent is gone")
        data += part
    (length,) = _LENGTH.unpack(data)
    body = bytearray()
    while len(body) < length:
        part = end.recv(length - len(body))
        if not part:
            raise EOFError("the warm parent is gone")
        body += part
    return msgpack.unpackb(bytes(body), raw=False), fds


def job_message(job: Job) -> tuple[list[Any], list[bytes]]:
    """A job as a structure and raw buffers for the judge."""
    buffers: list[bytes] = []

    def files(group: dict[str, bytes]) -> list[Any]:
        out = []
        for name, data in group.items():
            out.append([name, len(data)])
            buffers.append(data)
        return out

    cells = [
        [
            c.source, c.side, c.grade_id, float(c.points), list(c.hidden_lines), c.seconds, c.hint, c.link, c.memory_mb,
            c.partial, list(c.imports), list(c.provides),
        ]
        for c in job.cells
    ]  # fmt: skip
    notes = [[note.text, note.grade_id] for note in job.notes]
    seed = job.seed.to_bytes((job.seed.bit_length() + 15) // 8, "big", signed=True)
    structure = [
        job.assignment, job.student, job.notebook, cells, files(job.files), files(job.student_files), notes,
        vars(job.limits), seed,
    ]  # fmt: skip
    return structure, buffers


def job_of(structure: list[Any], raw: memoryview) -> Job:
    """The inverse of `job_message`."""
    assignment, student, notebook, cells, files, student_files, notes, limits, seed = structure
    position = 0

    def group(names: list[Any]) -> dict[str, bytes]:
        nonlocal position
        out = {}
        for name, length in names:
            out[name] = bytes(raw[position : position + length])
            position += length
        return out

    return Job(
        assignment, student, notebook,
        tuple(Cell(c[0], c[1], c[2], c[3], tuple(c[4]), c[5], c[6], c[7], c[8], c[9], tuple(c[10]), tuple(c[11]))
              for c in cells),
        group(files), group(student_files), tuple(Note(*note) for note in notes), Limits(**limits),
        int.from_bytes(seed, "big", signed=True),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- the process


def warm(names: list[str]) -> list[str]:
    """Import modules, and have them do once what they only load when it is first needed. Returns what failed."""
    missing = []
    gc.disable()  # imports make little garbage, and looking for it again and again takes a fifth of their time
    try:
        for name in names:
            try:
                importlib.import_module(name)
            except Exception as error:
                missing.append(f"{name} ({type(error).__name__}: {error})")
        exercise(names)
    finally:
        gc.enable()
    return missing


def exercise(names: Sequence[str] = ()) -> None:
    """Use the loaded libraries as notebooks do, so that no child pays for what they put off until the first use.

    names: what has been asked for. torch's optimizers and its comparison load half a compiler and a computer algebra
    system, so they are used only if their modules are among these.
    """
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        numpy.testing.assert_allclose(numpy.ones(3) / 3, numpy.full(3, 1 / 3))
        numpy.testing.assert_array_equal([1, 2], [1, 2])
        repr(numpy.random.default_rng(0).normal(size=(2, 2)) @ numpy.eye(2))
        numpy.lib.stride_tricks.sliding_window_view(numpy.arange(4.0), 2)
    if torch is not None:
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):
            torch.set_num_interop_threads(1)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Flatten(), torch.nn.Linear(18, 2),
        )  # fmt: skip
        torch.nn.functional.cross_entropy(net(torch.zeros(2, 1, 8, 8)), torch.tensor([0, 1])).backward()
        line = torch.linspace(-1, 1, 6)
        product = line.reshape(2, 3) @ line.reshape(3, 2)
        repr(line), repr(net), float(line.std()), line.numpy()
        if "torch.testing" in names:
            torch.testing.assert_close(product, (line.view(2, 3) @ line.view(3, 2)) * 1.0)
        if "torch.optim" in names:
            for optimizer in (torch.optim.SGD(net.parameters(), 0.1), torch.optim.Adam(net.parameters())):
                optimizer.step()
                optimizer.zero_grad()


def settle() -> None:
    """Make forking cheap: no garbage to collect later, memory in large pages where the kernel knows how."""
    gc.collect()
    gc.freeze()
    from . import sandbox

    sandbox.collapse()


def standard_files(null: int, out: int, err: int) -> None:
    """The three standard files of a child, and Python's text files over them."""
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    for fd, name in ((1, "stdout"), (2, "stderr")):
        raw = io.BufferedWriter(io.FileIO(fd, "w", closefd=False))
        setattr(sys, name, io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", line_buffering=True))
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc,assignment]


class Parent:
    """The loop that serves the grader, and others that it lets join."""

    def __init__(self, control: socket.socket, level: str) -> None:
        self.level = level
        self.null = os.open(os.devnull, os.O_RDWR)
        self.controls: dict[int, socket.socket] = {control.fileno(): control}
        self.children: dict[int, int] = {}  # process id: the file of the control it was forked for

    def serve(self) -> None:
        poll = select.poll()
        for fd in self.controls:
            poll.register(fd, select.POLLIN)
        while self.controls:
            for fd, _ in poll.poll():
                control = self.controls[fd]
                fds: list[int] = []
                try:
                    message, fds = receive(control)
                    self.reap()
                    self.serve_one(control, message, fds, poll)
                except (EOFError, OSError):
                    poll.unregister(fd)
                    self.dismiss(fd)
                finally:
                    for each in fds:
                        os.close(each)

    def serve_one(self, control: socket.socket, message: list[Any], fds: list[int], poll: select.poll) -> None:
        kind, *rest = message
        if kind == "warm":
            from . import rehearsal, sandbox

            missing = warm(rest[0])
            rehearsal.rehearse()
            sandbox.large_code(lambda: rehearsal.rehearse(1))
            settle()
            send(control, ["warm", missing])
        elif kind == "fork":
            self.fork(control, rest[0], rest[1], fds)
        elif kind == "join":
            line = socket.socket(fileno=os.dup(fds[0]))
            self.controls[line.fileno()] = line
            poll.register(line, select.POLLIN)
            with contextlib.suppress(OSError):  # it is gone already, which the poll will tell
                send(line, ["joined", rest[0]])

    def dismiss(self, fd: int) -> None:
        """Forget a grader that is gone, and end what is left of what was forked for it."""
        self.controls.pop(fd).close()
        for pid, owner in self.children.items():
            if owner == fd:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.reap()

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self.children.pop(pid, None)

    def fork(self, control: socket.socket, role: str, settings: dict[str, Any], fds: list[int]) -> None:
        from . import sandbox

        pid = sandbox.fork() if self.level == "namespaces" else os.fork()
        if pid == 0:
            try:
                self.child(role, settings, fds)
            finally:
                os._exit(1)
        self.children[pid] = control.fileno()
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        send(control, ["forked", pid], [handle] if handle >= 0 else [])
        if handle >= 0:
            os.close(handle)

    def child(self, role: str, settings: dict[str, Any], fds: list[int]) -> None:
        from . import sandbox
        from .wire import Channel

        for control in self.controls.values():
            control.close()
        signal.set_wakeup_fd(-1)
        student = role == "student"
        line = socket.socket(fileno=os.dup(fds[0]))
        other = None if student else socket.socket(fileno=os.dup(fds[1]))
        standard_files(self.null, *(fds[1:] if student else (self.null, self.null)))
        keep = {line.fileno(), *(() if other is None else (other.fileno(),))}
        sandbox.close_all_but(keep)
        channel = Channel(line)
        try:
            enter = {"namespaces": sandbox.enter, "landlock": sandbox.enter_in_sight, "none": sandbox.enter_trusted}
            enter[self.level](student, settings)
        except OSError as error:
            channel.send(["broken", f"the sandbox could not be built: {error}"])
            os._exit(1)
        sys.modules["__main__"] = types.ModuleType("__main__")
        if student:
            from . import student as student_side

            student_side.main(channel)
        else:
            from . import judge

            assert other is not None
            judge.main(channel, other)


def main(fd: int, level: str, libraries: tuple[str, ...] = ()) -> None:
    """Serve the grader that holds the other end of `fd`, until it is gone. Never returns.

    level: the kind of isolation, one of `sandbox.LEVELS`, or "none".
    """
    control = socket.socket(fileno=fd)
    from . import sandbox

    try:
        if level == "namespaces":
            sandbox.prepare(control, libraries)
        elif level == "landlock":
            sandbox.prepare_in_sight(libraries)
        sys.path += dict.fromkeys(os.path.dirname(path) for path in libraries)  # of which only `libraries` is there
        from . import judge, student  # noqa: F401  (children find them loaded)

        send(control, ["ready", os.getpid()])
        Parent(control, level).serve()
    except BaseException as error:
        with contextlib.suppress(BaseException):
            if isinstance(error, sandbox.Refused):
                send(control, ["refused", error.strerror])
            else:
                send(control, ["failed", f"{type(error).__name__}: {error}"])
    finally:
        os._exit(0)
