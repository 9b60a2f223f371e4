"""Nothing of a hidden test reaches the student: not its source, not its inputs, not what it expects (rows 100, 101)."""

import pytest
from notebooks import answer, everything, given, job, only, statuses, test

from autograder.model import Limits

SECRET = 918273645


def hidden(body: str, public: str = "assert f(2) == 4", **fields):
    return test(f"{public}\n### BEGIN HIDDEN TESTS\n{body}\n### END HIDDEN TESTS", **fields)


LEAKS = {
    "printed": "def f(x):\n    print('input', x)\n    return x * x",
    "on stderr": "import sys\ndef f(x):\n    print(x, file=sys.stderr)\n    return x * x",
    "straight to the file": "import os\ndef f(x):\n    os.write(1, str(x).encode())\n    return x * x",
    "as an exception": "def f(x):\n    if x > 100:\n        raise ValueError(f'input {x}')\n    return x * x",
    "as a result": "def f(x):\n    return x if x > 100 else x * x",
    "as a class name": "def f(x):\n    return type(f'Leak{x}', (), {})() if x > 100 else x * x",
    "as an exception class": "def f(x):\n    if x > 100:\n        raise type(f'Leak{x}', (Exception,), {})\n    return x * x",
    "as a key": "def f(x):\n    if x > 100:\n        return {}[x]\n    return x * x",
    "when it dies": "import os\ndef f(x):\n    if x > 100:\n        os.write(2, str(x).encode())\n        os._exit(1)\n    return x * x",
    "when it hangs": "def f(x):\n    if x > 100:\n        print(x, flush=True)\n        while True: pass\n    return x * x",
}


@pytest.mark.parametrize("name", LEAKS)
def test_hidden_inputs_do_not_come_out(grader, name):
    check = hidden(f"assert f({SECRET}) == 4, f'wrong for {SECRET}'", hint="think of large numbers", link="chapter#big")
    result = grader.grade(job(answer(LEAKS[name]), check, limits=Limits(question_seconds=1.5)))
    assert str(SECRET) not in everything(result)
    question = only(result)
    assert question.points == 0
    public, secret = question.checks
    assert public.status == "passed"
    assert (secret.visibility, secret.hint, secret.link) == ("hidden", "think of large numbers", "chapter#big")
    assert (secret.call, secret.got, secret.expected, secret.message) == (None, None, None, "")


LATER = {
    "printed by a later cell": ("print(seen)", "assert f(2) == 4"),
    "returned by a later public test": ("def g():\n    return list(seen)", "assert g() == []"),
    "raised in a later public test": ("def g():\n    raise ValueError(str(seen))", "assert g() == 0"),
    "printed in a later public test": ("def g():\n    print(seen)\n    return 0", "assert g() == 1"),
    "in a file": ("import os\nprint(os.path.exists('x') and open('x').read())", "assert f(2) == 4"),
    "by a thread": ("import time\ntime.sleep(0.1)", "assert f(2) == 4"),
}


@pytest.mark.parametrize("name", LATER)
def test_hidden_inputs_do_not_come_out_later_either(grader, name):
    """A function may remember them; but all text comes from a process that has not met them yet."""
    code = (
        "seen = []\ndef f(x):\n    seen.append(x)\n    open('x', 'w').write(str(seen))\n    return x * x\nimport threading, time\n"
        "def shout():\n    while True:\n        print(seen, flush=True)\n        time.sleep(0.01)\nthreading.Thread(target=shout, daemon=True).start()\n"
    )
    cell, public = LATER[name]
    result = grader.grade(
        job(answer(code), hidden(f"assert f({SECRET}) == 4"), answer(cell), test(public, grade_id="q2"))
    )
    assert str(SECRET) not in everything(result)
    assert result.questions[0].points == 0


def test_what_an_author_says_of_a_hidden_check(grader):
    """A message that is a constant is a hint and is shown; one with values in it is not."""
    body = f"assert f(3) == 0, 'mind the sign'\nassert f({SECRET}) == 0, f'{{f({SECRET})}}'\nassert f(4) == 0, 'a' + str({SECRET})"
    question = only(grader.grade(job(answer("def f(x):\n    return x * x"), hidden(body))))
    assert [check.message for check in question.checks[1:]] == ["mind the sign", "", ""]


def test_public_checks_say_what_was_called_got_and_expected(grader):
    tests = "import numpy as np\nassert f(2) == 5, 'two'\nassert np.allclose(f(np.arange(3.0)), [0, 1, 5])\nassert f(1) < 0\nassert 9 == f(2)"
    question = only(grader.grade(job(answer("def f(x):\n    return x * x"), test(tests))))
    one, two, three, four = question.checks
    assert (one.call, one.got, one.expected, one.message) == ("f(2) == 5", "4", "5", "two")
    assert two.got == "array 3 float64: [0. 1. 4.]"
    assert two.expected == "[0, 1, 5]"
    assert (three.got, three.expected) == ("1", "< 0")
    assert (four.got, four.expected) == ("4", "9")


def test_all_checks_are_run_and_what_depends_is_left_out(grader):
    tests = (
        "a = f(1)\nassert a == 1\nb = f(-1)\nassert b == 1\nassert abs(b) == 1\nc = b + 1\nassert c == 2\nassert f(3) == 9\n"
        "for n in (1, -1, 2):\n    assert f(n) == n * n\nassert f(4) == 16"
    )
    code = "def f(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x * x"
    question = only(grader.grade(job(answer(code), test(tests))))
    assert question.points == 0
    assert statuses(question) == ["passed", "not run", "not run", "not run", "passed", "error", "passed", "error"]
    assert "ValueError: negative (line 3: raise ValueError('negative'))" in question.checks[1].message
    assert question.checks[-1].call == "b = f(-1)"


def test_partial_points(grader):
    tests = "assert f(1) == 1\nassert f(2) == 0\nassert f(3) == 9\nassert f(4) == 16"
    code = answer("def f(x):\n    return x * x")
    assert only(grader.grade(job(code, test(tests, partial=True)))).points == 7.5
    assert only(grader.grade(job(code, test(tests)))).points == 0
    number = "score = 0\nfor n, want in ((1, 1), (2, 0), (3, 9)):\n    if f(n) == want:\n        score += 2\nscore"
    assert only(grader.grade(job(code, test(number)))).points == 4
    mixed = (
        hidden("if f(3) == 9:\n    score += 5", public="score = 0\nif f(2) == 4:\n    score += 2").source + "\nscore"
    )
    assert only(grader.grade(job(code, test(mixed)))).points == 7


def test_a_later_cell_may_redefine_what_a_hidden_check_needs(grader):
    """The exact pass: hidden statements see the notebook as it was at their place."""
    cells = (
        answer("def loss(x):\n    return x + 1"),
        hidden("assert loss(10) == 11", public="assert loss(1) == 2", grade_id="q1"),
        answer("def loss(x):\n    return x - 1"),
        hidden("assert loss(10) == 9", public="assert loss(1) == 0", grade_id="q2"),
    )
    result = grader.grade(job(*cells))
    assert [question.points for question in result.questions] == [10, 10], everything(result)


def test_a_hidden_line_inside_a_public_loop(grader):
    tests = "for n in (1, 2):\n    assert f(n) == n * n\n    ### BEGIN HIDDEN TESTS\n    assert f(n + 100) == 0\n    ### END HIDDEN TESTS"
    question = only(grader.grade(job(answer("def f(x):\n    return x * x"), test(tests))))
    assert [(c.visibility, c.status) for c in question.checks] == [("public", "passed"), ("hidden", "failed")]
    assert question.points == 0


def test_inputs_are_drawn_for_each_submission(grader):
    """Row 101: what one submission learns of the inputs is of no use to the next, and a regrade draws the same."""
    tests = test("from autograder.run import checks\nx = checks.fresh.integers(0, 10**9)\nassert f(x) == 0")
    code = answer("def f(x):\n    return x")
    got = [only(grader.grade(job(code, tests, seed=seed))).checks[0].got for seed in (1, 2, 1)]
    assert got[0] == got[2] != got[1]


def test_twenty_gradings_are_one(grader):
    cells = (
        given("import numpy as np\nimport torch"),
        answer(
            "import random\nx = random.random(), np.random.rand(), torch.rand(1).item(), list({'a', 'b', 'c', 'd'})\ndef f(n):\n    return n"
        ),
        hidden("assert f(3) == 4", public="assert x == 0\nassert f(np.random.rand()) == 0"),
    )
    results = []
    for _ in range(20):
        result = grader.grade(job(*cells, seed=5))
        result.seconds = 0
        for question in result.questions:
            question.seconds = 0
        results.append(everything(result))
    assert len(set(results)) == 1


def test_an_authors_message_keeps_its_lines(grader):
    says = "f'\\n  Expected 2,\\n\\nyours is \\x1b[31m{f()}\\u202e.  '"
    result = grader.grade(job(answer("def f():\n    return 3"), test(f"assert f() == 2, {says}")))
    message = only(result).checks[0].message
    assert message.split("\n") == ["Expected 2,", "", "yours is �[31m3�."]
    long = grader.grade(job(answer("def f():\n    return 3"), test("assert f() == 2, f'line {f()}\\n' * 1000")))
    assert len(only(long).checks[0].message.split("\n")) <= 48
    table = "f'Expected:\\n[[ 1.5  -20. ]\\n\\n\\n [300.    4. ]]'"
    columns = grader.grade(job(answer("def f():\n    return 3"), test(f"assert f() == 2, {table}")))
    assert only(columns).checks[0].message == "Expected:\n[[ 1.5  -20. ]\n\n [300.    4. ]]"
