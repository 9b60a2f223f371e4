"""A hidden check that failed is not tried a second time where no later cell can be why: pure functions, plain values."""

import subprocess
import sys

import numpy as np
import pytest
from notebooks import answer, everything, given, job, only, test
from test_hidden import hidden

from autograder import run
from autograder.run.pure import plain, pure

F = "def f(x, more=1):\n    return abs(x) + more"  # what a later cell is to spoil

PURE = {
    "arithmetic": "def f(n, k, stride):\n    return (n - k) // stride + 1",
    "a loop over layers": "def f(layers):\n    r = j = 1\n    for k, s in layers:\n        r += (k - 1) * j\n        j *= s\n    return r",
    "lists": "def f(n):\n    out = []\n    while len(out) < n:\n        out.append(sum(range(len(out))))\n    return out[::-1]",
    "an error": "def f(n):\n    if n < 1:\n        raise ValueError(f'not {n}')\n    return [i ** 2 for i in range(1, n + 1)]",
    "defaults": "def f(n, sizes=(3, -1), *, mode='same') -> int:\n    return n if mode == 'same' else n - sizes[0] + 1",
    "functions in it": "def f(words):\n    return sorted(words, key=lambda word: (len(word), word))",
    "math": "import math\ndef f(n):\n    return math.floor(math.log2(n))",
    "itself": "def f(n):\n    return n * f(n - 1) if n else 1",
    "one another": "def even(n):\n    return not n or odd(n - 1)\ndef odd(n):\n    return n and even(n - 1)\ndef f(n):\n    return even(n)",
    "beside others": f"{F}\nimport numpy as np\nclass Net:\n    def __init__(self):\n        self.w = np.ones(3)\nif __name__ == '__main__':\n    print(f(3))",
}  # fmt: skip

NOT_PURE = {
    "a constant of the notebook": "K = 1\ndef f(x):\n    return x + K",
    "a constant in a list": "K = 1\ndef f(xs):\n    return [x + K for x in xs]",
    "a constant in a function": "K = 1\ndef f(xs):\n    return sorted(xs, key=lambda x: x * K)",
    "another library": "import numpy as np\ndef f(x):\n    return np.abs(x)",
    "a function that is not pure": "def g(x):\n    print(x)\n    return x\ndef f(x):\n    return g(x)",
    "a default with a memory": "def f(x, seen=[]):\n    return seen",
    "a default that is computed": "def f(x, k=len('abc')):\n    return x",
    "a decorator": "import functools\n@functools.cache\ndef f(x):\n    return x",
    "an attribute": "def f(x):\n    f.calls = x\n    return x",
    "its own name": "def f(x):\n    return f",
    "a global": "def f(x):\n    global y\n    y = x\n    return x",
    "a name outside that is a variable inside of another scope": "def f(xs):\n    [y for y in xs]\n    return y",
    "a module inside": "def f(x):\n    import math\n    return math.floor(x)",
    "a function inside": "def f(x):\n    def g():\n        return x\n    return g()",
    "a generator": "def f(x):\n    yield x",
    "asynchronous": "async def f(x):\n    return x",
    "what may fail for lack of memory": "def f(x):\n    try:\n        return [0] * x\n    except Exception:\n        return []",
    "not at the margin": "if True:\n    def f(x):\n        return x",
    "handed on": f"{F}\ng = f",
    "an own class": "class Wrong(Exception):\n    pass\ndef f(x):\n    raise Wrong",
    "no Python": f"{F}\n\nf(:",
    "another word": "def other(x):\n    return x",
    "read only by a notebook": f"{F}\n\nf = await later()",
}  # fmt: skip


@pytest.mark.parametrize("source", PURE.values(), ids=PURE)
def test_a_pure_function(source):
    assert pure(["f"], [source])
    assert pure(
        ["f"], ["import torch", source, "assert f(1) == 2\nfor x in (1, 2):\n    f(x)", "no Python, and no word of it"]
    )


@pytest.mark.parametrize("source", NOT_PURE.values(), ids=NOT_PURE)
def test_what_is_not_certain_to_be_pure(source):
    assert not pure(["f"], [source])
    assert not pure(["f"], source.split("\n\n"))
    assert not pure(["g", "f"], ["def g(x):\n    return x", source])


@pytest.mark.parametrize(
    ("value", "frozen"),
    [
        (3, True),
        (2.5, True),
        ("a", True),
        (None, True),
        ((1, ("b", None)), True),
        ([1, (2, 3)], False),
        ({1: [2]}, False),
    ],
)
def test_plain_values(value, frozen):
    assert plain(value)
    assert plain(value, frozen=True) == frozen
    assert plain((value,), frozen=True) == frozen


@pytest.mark.parametrize(
    "value", [np.float64(1), np.arange(3), [np.arange(3)], {"a": object()}, len, sys, True.__class__]
)
def test_values_that_are_not_plain(value):
    assert not plain(value)
    assert not plain((value,))


# What a later cell may do to `f`, or to what it uses. Each ends f(10) == 11, and none does f(1) == 2 before.
CHANGES = {
    "defined again": "def f(x):\n    return 0",
    "assigned": "f = lambda x: 0",
    "assigned in a list": "f, g = (lambda x: 0), 1",
    "a loop's variable": "for f in [lambda x: 0]:\n    pass",
    "assigned in an expression": "[(f := (lambda x: 0)) for _ in range(1)]",
    "opened": "import contextlib\nwith contextlib.nullcontext(lambda x: 0) as f:\n    pass",
    "an exception": "try:\n    1 / 0\nexcept ZeroDivisionError as f:\n    pass",
    "matched": "match [lambda x: 0]:\n    case [f]:\n        pass",
    "the rest of a list": "match [1, 2]:\n    case [1, *f]:\n        pass",
    "the rest of a dictionary": "match {'a': 1}:\n    case {**f}:\n        pass",
    "imported": "from math import sqrt as f",
    "a module": "import math as f",
    "another letter f": "ｆ = lambda x: 0",
    "another word globals": "ｇｌｏｂａｌｓ()['f'] = lambda x: 0",
    "deleted": "del f",
    "a class": "class f:\n    def __init__(self, x):\n        pass",
    "asynchronous": "async def f(x):\n    return 0",
    "global": "def change():\n    global f\n    f = lambda x: 0\nchange()",
    "globals": "globals()['f'] = lambda x: 0",
    "vars": "vars()['f'] = lambda x: 0",
    "executed": "exec('def f(x): return 0')",
    "the main module": "import __main__\n__main__.f = lambda x: 0",
    "the main module among others": "import sys\nsys.modules['__main__'].f = lambda x: 0",
    "set by name": "import random, importlib\nsetattr(importlib.import_module('__ma' + 'in__'), 'f', lambda x: 0)",
    "patched": "from unittest import mock\nmock.patch('__main__.f', lambda x: 0).start()",
    "its code": "f.__code__ = (lambda x, more: 0).__code__",
    "its default": "f.__defaults__ = (5,)",
    "a builtin's name": "abs = lambda x: 0",
    "a builtin": "import builtins\nbuiltins.abs = lambda x: 0",
    "a builtin by its namespace": "__builtins__.abs = lambda x: 0",
}  # fmt: skip

# The same for other answers.
OTHERS = {
    "what it calls": ("def g(x):\n    return x + 1\ndef f(x):\n    return g(x)", "def g(x):\n    return 0"),
    "a constant": ("K = 1\ndef f(x):\n    return x + K", "K = 5"),
    "a memory": ("def f(x, seen=[]):\n    seen.append(x)\n    return x + (len(seen) < 4)", "for x in range(4):\n    f(x)"),
    "math's name": ("import math\ndef f(x):\n    return math.floor(x) + 1", "math = None"),
    "math's functions": ("import math\ndef f(x):\n    return math.floor(x) + 1", "math.floor = lambda x: 0"),
    "math by another name": (
        "import math\ndef f(x):\n    return math.floor(x) + 1",
        "def spoil(m):\n    m.floor = lambda x: 0\nspoil(math)",
    ),
    "another math": ("import math\ndef f(x):\n    return math.floor(x) + 1", "import random as math"),
    "a library's settings": (
        "import numpy as np\ndef f(x):\n    return int(not np.divide(1.0, x - x) < 5) * x + 1",
        "np.seterr(all='raise')",
    ),
    "memory": (
        "def f(x):\n    return len([0] * (4_000_000 * x)) // 4_000_000 + 1",
        "full = bytearray(300 << 20)",
    ),
}  # fmt: skip
SPOILT = {name: (F, change) for name, change in CHANGES.items()} | OTHERS


@pytest.mark.parametrize(("source", "change"), SPOILT.values(), ids=SPOILT)
def test_a_later_cell_takes_no_points(grader, source, change):
    check = hidden("assert f(10) == 11", public="assert f(1) == 2")
    result = grader.grade(job(answer(source), check, answer(change)))
    assert only(result).points == 10, everything(result)


@pytest.mark.parametrize(("source", "change"), [each for name, each in SPOILT.items() if name != "memory"])
def test_each_of_these_does_spoil_the_answer(source, change):
    """Else the test above would show nothing."""
    said = "try:\n    print('right' if f(10) == 11 else 'wrong')\nexcept Exception:\n    print('wrong')"
    for middle, expected in (("", "right\n"), (change, "wrong\n")):
        code = "\n".join((source, "assert f(1) == 2", middle, said))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout == expected, done.stderr


def test_a_module_of_the_students_takes_no_points_either(grader):
    module = b"import __main__\n__main__.f = lambda x: 0"
    check = hidden("assert f(10) == 11", public="assert f(1) == 2")
    task = job(answer(F), check, answer("import helper"), student_files={"helper.py": module})
    assert only(grader.grade(task)).points == 10


def test_a_later_cell_of_the_instructors_takes_no_points(grader):
    check = hidden("assert f(10) == 11", public="assert f(1) == 2")
    for later in ("def f(x):\n    return 0", "from helper import *"):
        task = job(answer(F), check, given(later), files={"helper.py": b"def f(x):\n    return 0"})
        assert only(grader.grade(task)).points == 10


@pytest.mark.parametrize(
    ("before", "public", "body", "later"),
    [
        ("want = [11]", "", "assert f(10) == want[0]", "want[0] = 5"),
        ("", "want = [11]\n", "assert f(10) == want[0]", "want[0] = 5"),
        ("", "want = [11]\n", "want = want[0]\nassert f(10) == want", "want[0] = 5"),
        ("want = [11]\ndef right(x):\n    return want[0]", "", "assert f(10) == right(10)", "want[0] = 5"),
        ("class Case:\n    want = 11", "", "assert f(10) == Case.want", "Case.want = 5"),
    ],
    ids=[
        "a list that was given",
        "a list of the test's",
        "a list that is replaced",
        "a function of the test's",
        "a class",
    ],
)
def test_what_a_later_test_does_to_its_own_things_takes_no_points(grader, before, public, body, later):
    cells = (given(before), answer(F), hidden(body, public=f"{public}assert f(1) == 2"))
    result = grader.grade(
        job(*cells, answer("def g():\n    return 1"), test(f"{later}\nassert g() == 1", grade_id="q2"))
    )
    assert [question.points for question in result.questions] == [10, 10], everything(result)


@pytest.fixture
def processes(monkeypatch):
    """How many student processes a submission takes."""
    count = []
    hand_over = run._Attempt.hand_over
    monkeypatch.setattr(run._Attempt, "hand_over", lambda attempt: (count.append(1), hand_over(attempt)))
    return count


TWICE = "def f(x):\n    return 2 * x"


@pytest.mark.parametrize(
    ("source", "body", "number"),
    [
        (TWICE, "assert f(10) == 11", 1),
        (TWICE, "for n in range(3, 5):\n    assert f(n) == n + 1", 1),
        (TWICE, "want = [3, 4]\nassert [f(n) for n in (2, 3)] == want", 1),
        ("def f(x):\n    return 2 // (2 - x)", "try:\n    f(2)\nexcept ValueError:\n    pass", 1),
        (TWICE, "if True:\n    import colorsys as other\n    assert other is f(10)\n    1 / 0", 2),
        (TWICE, "assert F.relu is f(10)", 2),
        (TWICE, "import numpy as np\nassert np.allclose(f(10), 11)", 2),
        (TWICE, "import random\nassert f(random.randrange(5, 9)) == 0", 2),
        (TWICE, "assert f(len(dir()) + 2) == 0", 2),
        ("def f(x):\n    print(x)\n    return 2 * x", "assert f(10) == 11", 2),
        ("def f(x):\n    return 2 if x == 1 else x()", "assert f(lambda: 3) == 11", 2),
        ("def f(x):\n    return 2 if x == 1 else map(abs, [x])", "assert list(f(10)) == [11]", 2),
    ],
)
def test_a_wrong_answer_takes_one_process_where_a_second_could_change_nothing(grader, processes, source, body, number):
    later = answer("def g():\n    print('g')\n    return f(1)"), test("assert g() == 2", grade_id="q2")
    result = grader.grade(job(answer(source), hidden(body, public="assert f(1) == 2"), *later))
    assert [question.points for question in result.questions] == [0, 10], everything(result)
    assert len(processes) == number
