"""Attacks on time, memory, disk and output: rows 40 to 53, 105, 107 and 109 of the attack list.

What a question may use is its own affair: it gets 0 and one clear message, the other questions are graded as if nothing
had happened, and the whole takes about as long as the limits allow.
"""

import os
import socket
import time

import pytest
from notebooks import answer, everything, given, job, only, statuses, test

from autograder.model import Limits
from autograder.run.wire import Closed, last_notice, leave_notice

TIGHT = Limits(question_seconds=0.6, submission_seconds=20, memory_mb=300, processes=24, file_mb=8, output_kb=16)


def between(grader, body: str, *, limits: Limits = TIGHT, before: str = "", call: str = "f(1)"):
    """Grade three questions, the middle one of which runs `body` in the tested function."""
    code = f"{before}\nstate = []\ndef good(x):\n    state.append(x)\n    return x + 1\ndef f(x):\n" + "\n".join(
        f"    {line}" for line in body.split("\n")
    )
    cells = (
        answer(code),
        test("assert good(1) == 2", 1.0, "first"),
        test(f"before = good(2)\nassert {call} == 'right'\nassert good(3) == 4", 1.0, "bad"),
        test("assert good(5) == 6", 1.0, "last"),
    )
    started = time.monotonic()
    result = grader.grade(job(*cells, limits=limits))
    assert result.status == "graded"
    points = {question.grade_id: question.points for question in result.questions}
    assert points == {"first": 1.0, "bad": 0.0, "last": 1.0}, everything(result)
    return result.questions[1], time.monotonic() - started


ENDS = {
    "exit": ("import os\nos._exit(0)", "ended"),
    "exit with success": ("import os\nos._exit(1)", "ended"),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", "ended"),
    "abort": ("import os\nos.abort()", "ended"),
    "stack overflow": ("import sys\nsys.setrecursionlimit(10**9)\ndef r(n):\n    return [r(n + 1)]\nreturn r(0)", ""),
    "the line is closed": ("import os\nos.closerange(3, 1000)", "ended"),
    "exec": ("import os\nos.execv('/bin/true', ['true'])", ""),
    "sys.exit": ("import sys\nsys.exit(0)", "exit"),
    "quit": ("quit()", ""),
    "exit()": ("raise SystemExit('right')", "exit"),
    "keyboard interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "input": ("return input('password? ')", "input() has nobody to answer it"),
    "recursion": ("return f(x)", "RecursionError"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_process_that_ends_costs_one_question(grader, name):
    body, says = ENDS[name]
    question, _ = between(grader, body)
    assert says in question.checks[0].message
    assert question.checks[0].message


def test_a_process_that_ended_leaves_no_open_file_with_the_judge(grader):
    """A judge may have 512, and a student's process may end at every question."""
    dying = [test("die()", grade_id=f"q{number}") for number in range(8)]
    lowest = test("import os\nassert os.dup(0) < 12", grade_id="lowest")
    result = grader.grade(job(answer("import os\ndef die():\n    os._exit(0)"), *dying, lowest))
    assert [question.points for question in result.questions] == [0] * 8 + [10], everything(result)


ENDLESS = {
    "loop": "while True:\n    pass",
    "ignoring signals": "import signal\nfor s in (2, 14, 15):\n    signal.signal(s, signal.SIG_IGN)\nwhile True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
    "sleep": "import time\ntime.sleep(1000)",
    "in C": "return sum(range(10**12))",
    "regular expression": "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
    "reading": "import sys\nsys.stdin = open('/dev/zero', 'rb')\nwhile True:\n    sys.stdin.read(1 << 20)",
    "stopped": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True:\n    pass",
    "big number": "return str(10 ** 10 ** 9)",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_call_costs_one_question_and_its_limit(grader, in_sight, name):
    if in_sight and name == "stopped":
        pytest.skip("without namespaces no process may signal anybody, itself included")
    question, seconds = between(grader, ENDLESS[name])
    assert "bad" in question.message
    assert "0.6 s" in question.message
    assert question.checks[0].status == "timeout"
    assert question.checks[1].status == "not run"
    assert question.seconds < 0.6 + 1.0
    assert seconds < 20


def test_an_endless_cell_costs_its_limit_once(grader):
    """At the top level of an answer: what it defined before counts, and it is not run again."""
    cells = (
        answer("def f(x):\n    return x\n"),
        answer("import time\nt = time.monotonic()\nwhile True:\n    pass\n"),
        answer("def g(x):\n    return x\n"),
        test("assert f(1) == 1"),
        test("assert g(2) == 2", grade_id="q2"),
    )
    result = grader.grade(job(*cells, limits=TIGHT))
    assert [question.points for question in result.questions] == [10, 10], everything(result)
    assert "0.6 s" in result.outputs[0].error
    assert result.outputs[0].position == 1
    assert result.seconds < 10


def test_slow_drip(grader):
    """Row 105: the time is the question's, not the call's."""
    cells = (
        answer("import time\ndef f(x):\n    time.sleep(0.1)\n    return x"),
        test("for n in range(1000):\n    assert f(n) == n"),
    )
    question = only(grader.grade(job(*cells, limits=TIGHT)))
    assert question.points == 0
    assert question.seconds < 1.6
    callback = answer("def f(g):\n    while True:\n        g(1)"), test("assert f(lambda x: x) == 1")
    assert only(grader.grade(job(*callback, limits=TIGHT))).seconds < 1.6


def test_the_submission_as_a_whole_has_a_limit(grader):
    cells = [answer("import time\ndef f(x):\n    time.sleep(0.4)\n    return x")]
    cells += [test("assert f(1) == 1", grade_id=f"q{n}") for n in range(12)]
    result = grader.grade(job(*cells, limits=Limits(question_seconds=2, submission_seconds=1.5)))
    points = [question.points for question in result.questions]
    assert points[0] == 10
    assert points[-1] == 0
    assert points == sorted(points, reverse=True)
    assert "1.5 s" in result.questions[-1].message
    assert result.seconds < 6


def test_a_cell_has_its_own_limit(grader):
    slow = answer("import time\ndef f(x):\n    time.sleep(0.9)\n    return x")
    assert only(grader.grade(job(slow, test("assert f(1) == 1"), limits=TIGHT))).points == 0
    assert only(grader.grade(job(slow, test("assert f(1) == 1", seconds=30.0), limits=TIGHT))).points == 10


MEMORY = {
    "bytes": "x = bytearray(3 << 30)\nreturn len(x)",
    "list": "return [0] * (1 << 30)",
    "numpy": "import numpy as np\nreturn np.ones(1 << 29).sum()",
    "torch": "import torch\nreturn torch.ones(1 << 30).sum()",
    "little by little": "kept = []\nwhile True:\n    kept.append(bytearray(1 << 22))",
    "shared anonymous": "import mmap\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096):\n    m[i] = 1\nreturn 1",
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_memory_is_limited(grader, name):
    limits = Limits(question_seconds=10, submission_seconds=60, memory_mb=300, processes=24, file_mb=8)
    question, _ = between(grader, MEMORY[name], limits=limits)
    assert "memory" in question.checks[0].message.lower() or "allocat" in question.checks[0].message.lower()


IN_CHILDREN = """
import os, time
r, w = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        x = bytearray(b'x') * (150 << 20)
        os.write(w, b'.')
        time.sleep(30)
        os._exit(0)
os.close(w)
time.sleep(1.5)
os.set_blocking(r, False)
try:
    return len(os.read(r, 100))
except BlockingIOError:
    return 0
"""


def without_groups(grader, monkeypatch):
    grader.discard()  # what was made ahead is in one
    monkeypatch.setattr(grader, "groups", [])


@pytest.mark.parametrize("groups", [True, False])
def test_memory_of_all_processes_together_is_limited(grader, in_sight, groups, monkeypatch):
    if in_sight:
        pytest.skip("without namespaces there is one process")
    if not groups:
        without_groups(grader, monkeypatch)
    elif not grader.groups:
        pytest.skip("no control groups here")
    limits = Limits(question_seconds=20, submission_seconds=60, memory_mb=300, processes=24, file_mb=8)
    question, _ = between(grader, IN_CHILDREN.strip(), limits=limits)
    check = question.checks[0]
    assert "memory" in check.message or int(check.got) < 3, check


@pytest.mark.parametrize("name", ["little by little", "bytes"])
def test_memory_is_limited_without_control_groups(grader, name, monkeypatch):
    """Then the grader measures, and ends what has taken too much."""
    without_groups(grader, monkeypatch)
    limits = Limits(question_seconds=10, submission_seconds=60, memory_mb=300, processes=24, file_mb=8)
    question, _ = between(grader, MEMORY[name], limits=limits)
    assert "memory" in question.checks[0].message.lower()


def test_memory_of_a_cell(grader):
    """`memory_mb` of a cell is more than the submission's."""
    code = "import numpy as np\ndef f():\n    return float(np.ones(60 << 20).sum())"  # 480 MB
    limits = Limits(question_seconds=20, memory_mb=300)
    assert only(grader.grade(job(answer(code), test("assert f() == 60 << 20"), limits=limits))).points == 0
    assert (
        only(grader.grade(job(answer(code), test("assert f() == 60 << 20", memory_mb=1000), limits=limits))).points
        == 10
    )


def test_processes_are_limited(grader, in_sight):
    body = "import os, time\nn = 0\ntry:\n    for _ in range(500):\n        if os.fork() == 0:\n            time.sleep(20)\n            os._exit(0)\n        n += 1\nexcept OSError:\n    pass\nreturn n"
    question, seconds = between(
        grader, body, limits=Limits(question_seconds=8, submission_seconds=60, memory_mb=600, processes=24)
    )
    assert int(question.checks[0].got) in (range(1) if in_sight else range(1, 24))
    bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    question, seconds = between(grader, bomb)
    assert seconds < 20
    if in_sight and not grader.groups:
        return  # threads share the process's memory, which is limited
    threads = "import threading, time\nfor _ in range(500):\n    threading.Thread(target=time.sleep, args=(20,), daemon=True).start()"
    question, _ = between(
        grader, threads, limits=Limits(question_seconds=8, submission_seconds=60, memory_mb=600, processes=24)
    )
    assert "thread" in question.checks[0].message


ROOMY = Limits(question_seconds=20, submission_seconds=90, memory_mb=600, file_mb=8)


def test_the_disk_is_limited(grader, in_sight):
    one = "with open('big', 'wb') as f:\n    for _ in range(500):\n        f.write(b'x' * (1 << 20))"
    between(grader, one)
    many = "import os\nfor i in range(100):\n    with open(str(i), 'wb') as f:\n        f.write(b'x' * (1 << 20))\nreturn 'right'"
    if in_sight:  # no disk of its own that could be full: what it has written is measured, and it is ended
        between(grader, many.replace("100)", "10**9)"), limits=ROOMY)
        kept = "import tempfile\nkept = [tempfile.TemporaryFile() for _ in range(100)]\nwhile True:\n    for file in kept:\n        file.write(b'x' * (1 << 18))"
        between(grader, kept, limits=ROOMY)
        files = "import os\nfor i in range(10**9):\n    open(str(i), 'w').close()"
        question, _ = between(grader, files, limits=ROOMY)
        assert "ended" in question.checks[0].message
        assert not os.listdir(grader.directory) or all("notebook" not in name for name in os.listdir(grader.directory))
        return
    question, _ = between(grader, many)
    assert "No space left" in question.checks[0].message
    shared = "import os\nfd = os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR)\nos.posix_fallocate(fd, 0, 100 << 20)\nreturn 'right'"
    between(grader, shared)
    files = "for i in range(100_000):\n    open(str(i), 'w').close()\nreturn 'right'"
    between(grader, files, limits=Limits(question_seconds=10, submission_seconds=60, memory_mb=300, file_mb=8))


OUTPUT = {
    "stdout": "print('x' * 100_000_000)\nreturn 1",
    "many lines": "for i in range(200_000):\n    print(i)\nreturn 1",
    "bytes": "import os\nfor _ in range(2000):\n    os.write(1, b'\\xff\\x00' * 30_000)\nreturn 1",
    "stderr": "import sys\nsys.stderr.write('x' * 50_000_000)\nreturn 1",
}


@pytest.mark.parametrize("name", OUTPUT)
def test_output_is_capped(grader, name):
    """Rows 48 to 50: at the pipe. The rest is read and dropped, so that a chatty function still gets its marks."""
    limits = Limits(question_seconds=20, submission_seconds=60, memory_mb=1000, output_kb=16)
    code = "def f():\n" + "\n".join(f"    {line}" for line in OUTPUT[name].split("\n")) + "\nf()\n"
    result = grader.grade(job(answer(code), test("assert f() == 1"), limits=limits))
    assert only(result).points == 10, everything(result)[:2000]
    assert sum(len(o.stdout) + len(o.stderr) for o in result.outputs) <= 4 * (16 << 10)
    assert result.outputs[0].truncated


def test_output_of_a_thread_between_cells(grader):
    """Nobody waits for it, and it blocks nobody."""
    code = "import threading, os\ndef shout():\n    while True:\n        os.write(1, b'x' * 65536)\nthreading.Thread(target=shout, daemon=True).start()"
    result = grader.grade(job(answer(code), answer("def f():\n    return 1"), test("assert f() == 1")))
    assert only(result).points == 10


HOSTILE = {
    "length": ("class A:\n    def __len__(self):\n        return 2**63\n", "len(f())"),
    "negative length": ("class A:\n    def __len__(self):\n        return -1\n", "len(f())"),
    "endless iterator": ("class A:\n    def __iter__(self):\n        return self\n    def __next__(self):\n        return 1\n", "sum(f())"),
    "endless sequence": ("class A:\n    def __getitem__(self, i):\n        return i\n    def __len__(self):\n        return 1\n", "list(f())"),
    "iterator that is none": ("class A:\n    def __iter__(self):\n        return 7\n", "list(f())"),
    "attributes without end": ("class A:\n    def __getattr__(self, name):\n        return A()\n", "f().a.b.c.d.e()"),
    "class lies": ("class A:\n    __class__ = property(lambda s: int)\n", "f() + 1"),
    "name lies": ("class A:\n    pass\nA.__name__ = '<script>alert(1)</script>'\nA.__module__ = 'numpy'\nA.__qualname__ = 'ndarray'\n", "f() + 1"),
    "repr": ("class A:\n    def __repr__(self):\n        import os\n        os._exit(1)\n", "f()"),
    "str of an error": ("class E(Exception):\n    def __str__(self):\n        while True: pass\nclass A:\n    def __init__(self):\n        raise E\n", "f()"),
    "deep list": ("def A():\n    x = []\n    for _ in range(100000):\n        x = [x]\n    return x\n", "f()"),
    "cycle": ("def A():\n    x = []\n    x.append(x)\n    return x\n", "f()[0][0]"),
    "bushy cycle": ("def A():\n    x = []\n    for _ in range(40):\n        x = [x, x]\n    return x\n", "f()"),
    "digits": ("def A():\n    return 10 ** 100000\n", "f()"),
    "million": ("def A():\n    return list(range(5_000_000))\n", "f()"),
    "large array": ("import numpy as np\ndef A():\n    return np.broadcast_to(0.0, (1 << 40,))\n", "f()"),
    "object array": ("import numpy as np\ndef A():\n    return np.array([object()])\n", "f()"),
    "sparse": ("import torch\ndef A():\n    return torch.sparse_coo_tensor([[0]], [1.0], (1 << 40,))\n", "f()"),
    "strided": ("import torch\ndef A():\n    return torch.zeros(1).expand(1 << 40)\n", "f()"),
    "meta": ("import torch\ndef A():\n    return torch.zeros(3, device='meta')\n", "f()"),
    "structured": ("import numpy as np\ndef A():\n    return np.zeros(2, dtype=[('a', 'O')])\n", "f()"),
    "dates": ("import numpy as np\ndef A():\n    return np.array(['2020-01-01'], dtype='M8[D]')\n", "f()"),
    "huge range": ("def A():\n    return range(10 ** 12)\n", "sum(f())"),
    "huge fraction": ("from decimal import Decimal\ndef A():\n    return Decimal('1e999999999')\n", "int(f())"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_harm_nobody(grader, name):
    """Rows 98 and 109: the judge lives on, within the question's time."""
    before, use = HOSTILE[name]
    question, seconds = between(grader, "return A()", before=before, call=use)
    assert question.points == 0
    assert seconds < 20
    assert "<script>" not in repr(question)


def test_an_endless_test_is_the_instructors_and_costs_its_limit(grader):
    """The judge is limited too: in Python it is interrupted, in C it is replaced, and the rest is graded."""
    cells = [
        answer("def f(x):\n    return x"),
        test("assert f(1) == 1", grade_id="a"),
        test("while True:\n    try:\n        f(1)\n    except Exception:\n        pass", grade_id="loop"),
        test("assert f(2) == 2\nsum(range(10 ** 12))", grade_id="c"),
        test("import os\nos._exit(3)", grade_id="exit"),
        test("assert f(3) == 3", grade_id="z"),
    ]
    result = grader.grade(job(*cells, limits=TIGHT))
    assert {q.grade_id: q.points for q in result.questions} == {"a": 10, "loop": 0, "c": 0, "exit": 0, "z": 10}
    assert all(q.message for q in result.questions if q.points == 0), everything(result)
    assert result.seconds < 15


def test_the_grader_knows_where_the_judge_is_stuck_however_many_steps_came_before(grader):
    """Word of each step waits on a line that holds some hundreds."""
    steps = given("\n".join(f"a{number} = {number}" for number in range(700)))
    cells = [
        answer("def f(x):\n    return x"),
        steps,
        test("assert f(a699) == 699", grade_id="a"),
        test("sum(range(10 ** 12))", grade_id="c"),
        test("assert f(3) == 3", grade_id="z"),
    ]
    result = grader.grade(job(*cells, limits=TIGHT))
    assert {q.grade_id: q.points for q in result.questions} == {"a": 10, "c": 0, "z": 10}, everything(result)
    assert "c ran too long" in result.questions[1].message


def test_of_what_is_left_on_a_line_the_last_counts():
    here, there = socket.socketpair()
    with here:
        with there:
            assert last_notice(there) is None
            for position in (3, -1, 7):
                assert leave_notice(here, position, position + 0.5)
            assert last_notice(there) == (7, 7.5)
            assert last_notice(there) is None
            there.send(b"no notice")
            assert last_notice(here) is None
            left = sum(1 for _ in iter(lambda: leave_notice(here, 1, 2.0), False))
            assert left > 100
            assert last_notice(there) == (1, 2.0)
            assert leave_notice(here, 4, 5.0)
        with pytest.raises(Closed):
            leave_notice(here, 1, 2.0)


def test_state_comes_back_after_a_restart(grader):
    """What later tests depend on is there again: the cells before are replayed, in the order of the notebook."""
    cells = [
        given("import numpy as np\nscale = 3"),
        answer("counter = [0]\nW = np.ones(2)\ndef f(x):\n    counter[0] += 1\n    return x * scale"),
        given("first = f(2)\nW2 = W + first"),
        answer("open('note.txt', 'w').write('here')\ndef die():\n    import os\n    os._exit(1)"),
        test("assert f(1) == 3\nassert die() == 1", grade_id="dies"),
        answer("def late():\n    return open('note.txt').read()"),
        test(
            "assert f(2) == 6 and first == 6\nassert np.allclose(W2, 7)\nassert late() == 'here'\nassert counter[0] == 2",
            grade_id="after",
        ),
    ]
    result = grader.grade(job(*cells))
    assert [q.points for q in result.questions] == [0, 10], everything(result)
    assert statuses(result.questions[0]) == ["passed", "error"]
