"""What the warm parent does before it forks: it grades constants, leaves no trace of them, and children gain by it."""

import json
import linecache
import os
import random
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from notebooks import answer, job, only, test

from autograder.run import checks, parent, rehearsal, sandbox

CHILD = r"""
import json, os, resource, sys
from autograder.model import Cell, Job
from autograder.run import judge, parent, rehearsal, student
parent.warm(["numpy", "torch"])
if sys.argv[1] == "rehearsed":
    rehearsal.rehearse()
parent.settle()
ANSWER = "def f(x):\n    return 2 * x\n\ndef g(n):\n    return [n] * n"
TEST = "import numpy as np\nassert f(4) == 8\nassert g(2) == [2, 2]\nassert np.allclose(f(np.ones((2, 3))), 2)\nassert g(1) == []"
job = Job("a", "s", "p1", (Cell(ANSWER, "student", "f"), Cell(TEST, "judge", "test_f", 3.0, hidden_lines=(3,))))
faults = []
for _ in range(5):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        result = rehearsal.grade(job)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        os.write(write, json.dumps([after - before, [q["points"] for q in result["questions"]]]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    faults.append(json.loads(os.read(read, 1000)))
print(json.dumps(faults))
"""


def test_every_kind_of_answer_and_check_is_rehearsed():
    result = rehearsal.rehearse()
    points = {question["grade_id"]: question["points"] for question in result["questions"]}
    assert points == {"right": 2.0, "hidden": 0.0, "partial": 0.0, "tensors": 2.0}
    seen = {(check["visibility"], check["status"]) for question in result["questions"] for check in question["checks"]}
    assert seen == {(v, s) for v in ("public", "hidden") for s in ("passed", "failed")} | {("hidden", "error")}
    assert [output["stdout"] for output in result["outputs"]] == ["done\n"]


def test_hidden_checks_that_fail_are_looked_at_a_second_time(monkeypatch):
    started = []
    new_student = rehearsal._Supervisor.new_student
    monkeypatch.setattr(rehearsal._Supervisor, "new_student", lambda self: started.append(1) or new_student(self))
    rehearsal.rehearse()
    assert len(started) == 2 * rehearsal.ROUNDS


def state():
    return {
        "main": sys.modules["__main__"],
        "stdout": sys.stdout,
        "alarm": signal.getsignal(signal.SIGALRM),
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "lines": dict(linecache.cache),
        "context": checks._context,
        "random": random.getstate(),
        "numpy": repr(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "files": sorted(os.listdir("/proc/self/fd")),
        "directory": (os.getcwd(), os.listdir()),
        "path": list(sys.path),
        "environment": dict(os.environ),
        "filters": list(warnings.filters),
        "modules": set(sys.modules),
        "allclose": (np.allclose, torch.allclose),
    }


def test_nothing_is_left_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rehearsal.rehearse()  # what a first call imports stays
    before = state()
    rehearsal.rehearse()
    after = state()
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}


def test_an_error_on_the_way_leaves_nothing_either(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rehearsal.rehearse()
    before = state()
    monkeypatch.setattr(rehearsal.judge.Judge, "verdict", lambda self, asked: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rehearsal.rehearse()
    after = state()
    assert {name for name in before if before[name] != after[name]} == set()


def test_without_torch_there_are_no_tensors(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    result = rehearsal.rehearse()
    assert {question["grade_id"] for question in result["questions"]} == {"right", "hidden", "partial"}


WARNED = r"""
import sys
import numpy as np
from autograder.run import rehearsal
rehearsal._GIVEN += "\nnp.mean([])"  # numpy warns once for each of its own lines
rehearsal.rehearse()
print("now", file=sys.stderr)
np.mean([])
"""


def test_a_warning_that_the_rehearsal_earned_is_still_shown_afterwards():
    done = subprocess.run([sys.executable, "-c", WARNED], capture_output=True, text=True, check=True)
    before, _, after = done.stderr.rpartition("now")
    assert "RuntimeWarning" in before
    assert "RuntimeWarning: invalid value" in after


def test_the_rehearsal_s_names_are_not_the_students(grader):
    names = answer("def found():\n    return [name for name in ('doubled', 'SCALE', 'Layer') if name in globals()]")
    assert only(grader.grade(job(names, test("assert found() == []")))).points == 10


def faults(how):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, how], env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    counts, points = zip(*json.loads(done.stdout), strict=True)
    assert points == ([0.0],) * 5
    return min(counts)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults of forked processes")
def test_children_copy_fewer_pages_for_it():
    assert faults("rehearsed") < 0.85 * faults("not rehearsed")


def test_the_warm_parent_rehearses_after_it_has_loaded_what_was_asked_for(monkeypatch):
    order = []
    monkeypatch.setattr(parent, "warm", lambda names: order.append(names) or [])
    monkeypatch.setattr(parent, "settle", lambda: order.append("settle"))
    monkeypatch.setattr(parent, "send", lambda end, message: order.append(message))
    monkeypatch.setattr(rehearsal, "rehearse", lambda *rounds: order.append("rehearse"))
    monkeypatch.setattr(sandbox, "large_code", lambda use: order.append("large code"))
    parent.Parent.serve_one(None, None, ["warm", ["numpy"]], [], None)
    assert order == [["numpy"], "rehearse", "large code", "settle", ["warm", []]]
