"""A submission of constants, graded in the warm parent before it forks, so that no child does so for the first time.

What Python does at the first calls of a function (specialise its bytecode, fill its caches of attributes) it does in
memory. Children inherit that; without a rehearsal each does it all again, and pays for a copy of every page that it
changes on the way. Judge and student side both run here, in one process, over the lines that they always use.

It must never meet anything that comes from a course: every student's process begins as a copy of this one. And it must
leave the process as it found it, but for what Python remembers of having run the code.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import random
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

from ..model import Cell, Job
from . import checks, judge, student
from .asserts import packed, plan_keys
from .parent import job_message, job_of
from .wire import Channel

ROUNDS = 10  # Python specialises a function that has been called eight times

_GIVEN = "import numpy as np\nSCALE = 2"
_ANSWERS = """
def doubled(x):
    return SCALE * x

def counted(words, start=0):
    print("counting")
    return {"number": start + len(words), "words": list(words), "pair": (1, 2.5)}

def successor(n):
    return n + 2

def root(n):
    raise ValueError("not yet")

class Layer:
    def __init__(self, width):
        self.weight = np.ones((width, 2))

    def __call__(self, x):
        return x @ self.weight
"""
_RIGHT = """x = np.arange(6.0).reshape(2, 3)
np.testing.assert_allclose(doubled(x), 2 * x)
assert doubled(x).shape == (2, 3)
assert np.allclose(doubled(x), 2 * x), "twice as much"
for n in (1, 2):
    assert counted(["a"] * n)["number"] == n, f"{n} words"
layer = Layer(3)
assert layer(x).shape == (2, 2)
assert abs(layer.weight.sum() - 6) < 1e-6
assert np.array_equal(doubled(np.ones(3)), [2, 2, 2])"""
_HIDDEN = """assert successor(-2) == 0
assert root(4) == 2, "a square root"
assert successor(2) == 3"""
_PARTIAL = """assert successor(2) == 3
2 if successor(1) == 2 else 0"""
_TENSORS = """import torch
t = torch.linspace(-1, 1, 6).reshape(2, 3)
assert doubled(t).shape == (2, 3)
assert torch.equal(doubled(t), 2 * t)
assert torch.allclose(doubled(t), t + t)
assert float(doubled(t).std()) > 0"""


# By grade_id: a test cell and its hidden lines. Right; wrong where only hidden checks see it; wrong; right.
_TESTS = {
    "right": (_RIGHT, (8, 9)),
    "hidden": (_HIDDEN, (1, 2)),
    "partial": (_PARTIAL, ()),
    "tensors": (_TENSORS, (4, 5)),
}


def submission() -> Job:
    """The job: answers right and wrong, errors, hidden checks, and tensors if torch is loaded."""
    cells = [Cell(_GIVEN, "both"), Cell(_ANSWERS, "student", "answers", provides=("doubled", "counted", "Layer"))]
    for name, (source, hidden) in _TESTS.items():
        if name != "tensors" or "torch" in sys.modules:
            cells.append(Cell(source, "judge", name, 2.0, hidden, hint="read it again"))
    cells.append(Cell("done = True\nprint('done')", "student", "end"))
    return Job("rehearsal", "nobody", "rehearsal", tuple(cells))


class _Line(Channel):
    """The judge's end of its line to a student side in this very process, which works when its answer is waited for."""

    side: student.Side

    def receive(self, deadline: float | None = None) -> tuple[Any, memoryview]:
        self.side.answer(*self.side.channel.receive())
        return super().receive(deadline)


class _Supervisor(judge.Supervisor):
    """Finds student sides in this process. What it would tell the grader, nobody is there to hear."""

    def __init__(self, opened: contextlib.ExitStack) -> None:
        self.opened = opened  # the far ends of all lines, to be closed at the end
        self.descriptors, *_ = map(opened.enter_context, socket.socketpair())

    def new_student(self) -> tuple[Channel, int, int]:
        (ours, theirs), (out, to_out), (err, to_err) = socket.socketpair(), os.pipe(), os.pipe()
        sys.stdout = self.opened.enter_context(os.fdopen(to_out, "w"))
        self.opened.callback(os.close, to_err)
        line = _Line(ours)
        line.side = student.Side(Channel(self.opened.enter_context(theirs)))
        return line, out, err


@contextlib.contextmanager
def _put_back() -> Iterator[None]:
    """Let what both sides set in their processes be as it was."""
    main, out, alarm = sys.modules["__main__"], sys.stdout, signal.getsignal(signal.SIGALRM)
    lines, context = dict(linecache.cache), checks._context
    states = random.getstate(), np.random.get_state()
    torch: Any = sys.modules.get("torch")
    tensors = None if torch is None else torch.get_rng_state()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.modules["__main__"], sys.stdout = main, out
        signal.signal(signal.SIGALRM, alarm)
        linecache.cache = lines
        checks._context = context
        random.setstate(states[0])
        np.random.set_state(states[1])
        if tensors is not None:
            torch.set_rng_state(tensors)


def grade(job: Job) -> dict[str, Any]:
    """The result of a job whose student's code may run in this process, as the judge would send it."""
    keys = plan_keys(job.cells)
    structure, buffers = job_message(job)
    arrived = job_of(msgpack.unpackb(msgpack.packb(structure)), memoryview(b"".join(buffers)))
    plans = {key: packed(*key) for key in keys}
    with contextlib.ExitStack() as opened:
        supervisor = _Supervisor(opened)
        with contextlib.closing(judge.Judge(arrived, supervisor, set(), job.limits.memory_mb, plans)) as one:
            return one.grade().as_data()


def rehearse(rounds: int = ROUNDS) -> dict[str, Any]:
    """Grade the submission of constants until nothing about it is new. Returns the last result."""
    job = submission()
    with _put_back():
        for _ in range(rounds):
            result = grade(job)
    return result
