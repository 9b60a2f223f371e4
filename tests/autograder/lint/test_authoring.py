"""Mistakes of test authors: each planted one is found, and an honest cell has none."""

import pytest

from autograder.authoring import Setting, defined, findings
from autograder.reassemble import Given

SETTING = Setting(frozenset({"square", "double"}), frozenset({"helper"}))


def found(source, *, points=3.0, hidden=()):
    given = Given(0, "code", "test", "test_square", None, source, source, {}, points, tuple(hidden), {})
    return list(findings(given, SETTING))


@pytest.mark.parametrize(
    ("level", "words", "source"),
    [
        ("error", "binds 'square'", "square = lambda x: x * x\nassert square(2) == 4"),
        ("error", "binds 'double'", "def double(x):\n    return 2 * x\nassert double(2) == 4"),
        ("error", "binds 'square'", "for square in (1, 2):\n    assert square"),
        ("error", "`global`", "def f():\n    global square\n    square = 1\nassert f() is None"),
        ("error", "globals()", "globals()['square'] = abs\nassert square(2) == 2"),
        ("error", "setattr()", "setattr(square, 'calls', 0)\nassert square(2) == 4"),
        ("error", "sets np.sum", "np.sum = None\nassert square(2) == 4"),
        ("error", "mock.patch", "with mock.patch('builtins.sum'):\n    assert square(2) == 4"),
        ("error", "asserts a tuple", "assert (square(2) == 4, 'square of 2')"),
        ("error", "asserts a constant", "square(2)\nassert True"),
        ("error", "not what it would give", "assert (square(n) == n for n in range(3))"),
        ("error", "is empty", "# later"),
        ("error", "compares without `assert`", "square(2) == 4"),
        ("error", "asserts nothing", "y = square(2)"),
        ("error", "gives 5 as partial credit", "5 if square(2) == 4 else 0"),
        ("error", "gives -1 as partial credit".replace("-1", "-1.0"), "score = -1\nscore"),
        ("error", "nan", "float('nan')"),
        ("error", "nan", "np.nan"),
        ("warning", "worth no points", "assert square(2) == 4"),
        ("warning", "without a seed", "rng = np.random.default_rng()\nassert square(rng.random()) >= 0"),
        ("warning", "in each run", "x = np.random.rand(3)\nassert square(x).min() >= 0"),
        ("warning", "in each run", "x = torch.randn(3)\nassert square(x).min() >= 0"),
        ("warning", "time.time()", "start = time.time()\nassert square(2) == 4"),
        ("error", "catches the failure", "try:\n    assert square(2) == 4\nexcept Exception:\n    pass"),
        ("error", "catches the failure", "try:\n    assert square(2) == 4\nexcept:\n    print('no')"),
        ("warning", "by ==", "assert square(0.1) == 0.01"),
        ("error", "not valid Python", "assert square(2 == 4"),
    ],
)
def test_each_planted_mistake_is_found(level, words, source):
    told = found(source, points=0.0 if "no points" in words else 3.0)
    assert any(each == level and words in text for each, text in told), told


def test_a_hidden_message_made_of_values_is_found_and_a_public_one_is_not():
    source = 'for n in (1, 2):\n    assert square(n) == n * n, f"square({n}) is {n * n}"'
    assert not found(source)
    assert any("hidden assert" in text for _, text in found(source, hidden=(0, 1)))
    fixed = 'assert square(3) == 9, "look at the sign" " again"'
    assert not found(fixed, hidden=(0,))


def test_a_hidden_message_that_a_loop_takes_from_words_of_the_test_is_no_value():
    loop = 'for n, case in [(2, "even"), (3, "odd")]:\n    assert square(n) == n * n, case'
    assert not found(loop, hidden=(0, 1))
    plain = 'for case in ("one", "two"):\n    assert square(2) == 4, f"Hidden test: {case}"'
    assert not found(plain, hidden=(0, 1))
    for values in (
        loop.replace('"odd"', "str(square(3))"),
        loop.replace("n * n, case", "n * n, n"),
        loop.replace("    assert", "    case = square(n)\n    assert"),
    ):
        assert any("hidden assert" in text for _, text in found(values, hidden=(0, 1, 2))), values


@pytest.mark.parametrize(
    "source",
    [
        "assert square(2) == 4, 'square of 2'\nassert square(-3) == 9",
        "rng = np.random.default_rng(7)\nx = rng.random(5)\nnp.testing.assert_allclose(square(x), x**2)",
        "torch.manual_seed(0)\nx = torch.randn(3)\nassert torch.equal(square(x), x * x)",
        "helper = 3\nassert square(helper) == 9",
        "try:\n    square(None)\n    assert False, 'no error'\nexcept TypeError:\n    pass",
        "score = 0\nif square(2) == 4:\n    score = 3\nscore",
        "3 if square(2) == 4 else 1.5",
        "%matplotlib inline\nassert square(0.5) == 0.25",
    ],
)
def test_honest_cells_have_nothing(source):
    assert found(source) == []


def test_names_that_a_cell_defines():
    source = (
        "import numpy as np\nfrom a.b import c as d\nx, (y, *z) = 1, (2, 3)\ndef f(g):\n    h = 1\nclass K:\n    m = 1"
    )
    assert defined(source) == {"np", "d", "x", "y", "z", "f", "K"}
    assert defined("not python(") == set()
