"""Changes that a student's function makes in its arguments: seen by tests that look for them, worth nothing otherwise."""

import pytest
from notebooks import answer, everything, given, job, only, test

NP = given("import numpy as np\ndef reference(x):\n    return np.maximum(x, 0) * 3")
CHEAT = "def f(x):\n    x[...] = 0\n    return x * 0"

RESTS_ON_THE_CHANGE = {
    "in one assert": "x = np.ones(3)\nassert np.allclose(f(x), reference(x))",
    "in two statements": "x = np.ones(3)\ny = f(x)\nassert np.allclose(y, reference(x))",
    "as numpy.testing": "x = np.ones(3)\nnp.testing.assert_allclose(f(x), reference(x))",
    "in a loop": "for n in range(1, 4):\n    x = np.ones(n)\n    assert np.allclose(f(x), reference(x))",
    "through a helper": "def same(x):\n    assert np.allclose(f(x), reference(x))\nsame(np.ones(3))",
    "through names": "x = np.ones(3)\ny = f(x)\nerror = abs(y - reference(x)).max()\nassert error < 1e-6",
    "as points": "x = np.ones(3)\n10 * int(np.allclose(f(x), reference(x)))",
    "hidden": "x = np.ones(3)\n### BEGIN HIDDEN TESTS\nassert np.allclose(f(x), reference(x))\n### END HIDDEN TESTS",
    "an older array": "assert np.allclose(f(shared), reference(shared))",
}


@pytest.mark.parametrize("name", RESTS_ON_THE_CHANGE)
def test_overwriting_the_inputs_earns_nothing(grader, name):
    cells = NP, given("shared = np.ones(2)"), answer(CHEAT), test(RESTS_ON_THE_CHANGE[name])
    result = grader.grade(job(*cells))
    assert only(result).points == 0, everything(result)


@pytest.mark.parametrize("name", RESTS_ON_THE_CHANGE)
def test_an_honest_function_may_work_in_place(grader, name):
    honest = "def f(x):\n    x[x < 0] = 0\n    x *= 3\n    return x"
    cells = NP, given("shared = np.ones(2)"), answer(honest), test(RESTS_ON_THE_CHANGE[name])
    # `reference` of what `f` left behind is something else: only the judge's own inputs can show that `f` is right.
    question = only(grader.grade(job(*cells)))
    if name in ("in one assert", "as numpy.testing", "in a loop", "hidden", "an older array", "through a helper"):
        assert question.points == 0  # as under stock nbgrader: the expected value was computed from the changed input
    relu = "def f(x):\n    x[x < 0] = 0\n    return x"
    own = given("import numpy as np\ndef reference(x):\n    return np.maximum(x, 0)\nshared = np.ones(2)")
    assert only(grader.grade(job(own, answer(relu), test(RESTS_ON_THE_CHANGE[name])))).points == 10


@pytest.mark.parametrize(
    "tests",
    [
        "x = np.ones(3)\nbefore = x.copy()\ny = f(x)\nassert np.array_equal(x, before)",
        "x = np.ones(3)\nbefore = x.copy()\nf(x)\nassert (x == before).all()",
        "x = np.ones(3)\nx.flags.writeable = False\ny = f(x)",
        "from autograder.run import checks\nx = np.ones(3)\nwith checks.unchanged(x):\n    f(x)",
    ],
)
def test_a_test_for_changed_inputs_sees_them(grader, tests):
    assert only(grader.grade(job(NP, answer(CHEAT), test(tests)))).points == 0
    clean = "def f(x):\n    return np.maximum(x, 0) * 3"
    assert only(grader.grade(job(NP, answer(clean), test(tests)))).points == 10


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("def f(p):\n    p['w'] -= 1\n    return p", "p = {'w': np.ones(2)}\nq = f(p)\nassert np.allclose(p['w'], 0)\nassert q is p"),
        ("def f(p):\n    p['w'] -= 1\n    return 1.0 + p['w'][0]", "p = {'w': np.ones(2)}\nl = [f(p) for _ in range(3)]\nassert l == [1.0, 0.0, -1.0]"),
        ("def f(x):\n    x += 1", "x = np.zeros(2)\nfor _ in range(3):\n    f(x)\nassert np.allclose(x, 3)"),
        ("def f(x):\n    x.append(4)\n    x[0].append(2)\n    return len(x)", "x = [[1], 3]\nn = f(x)\nassert n == 3\nassert x == [[1, 2], 3, 4]"),
    ],
)  # fmt: skip
def test_functions_that_are_there_to_change_something(grader, code, tests):
    result = grader.grade(job(NP, answer(code), test(tests)))
    assert only(result).points == 10, everything(result)


def test_the_student_is_told_why(grader):
    result = grader.grade(job(NP, answer(CHEAT), test(RESTS_ON_THE_CHANGE["in two statements"])))
    assert "work on a copy" in only(result).checks[0].message
