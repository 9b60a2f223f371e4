"""lint on good and bad assignments, with the engine's real workers: each planted fault of an author is found."""

import json

import courses
import pytest
from courses import DOUBLE, SQUARE, TEST_DOUBLE, TEST_SQUARE, code, coursedir, notebook, write_source

from autograder import lint, pools
from autograder.engine import CourseError, Engine

# One process for all: starting workers is what these tests would spend their time on.
pytestmark = pytest.mark.xdist_group("lint")
SETUP = pools.Setup(options={"warm": (), "threads": 1})


class Lasting:
    """A pool that outlives the runs that close it."""

    def __init__(self, pool):
        self.pool = pool

    def __getattr__(self, name):
        return getattr(self.pool, name)

    def close(self):
        pass


@pytest.fixture(scope="module")
def workers():
    pool = pools.LocalPool(2, SETUP)
    yield Lasting(pool)
    pool.close()


@pytest.fixture
def check(tmp_path, workers, monkeypatch):
    """Write an assignment and lint it."""
    monkeypatch.setattr(Engine, "pool", lambda self, todo, on_ready=None: workers)

    def run(*cells, **options):
        write_source(tmp_path, notebook(*cells))
        course = coursedir(tmp_path)
        return lint.lint(Engine(course, setup=SETUP, config=course.config), "ps1", **({"regrades": 4} | options))

    return run


def answer(source, grade_id="square"):
    return code(source, grade_id, solution=True)


def exam(source, grade_id="test_square", points=3):
    return code(source, grade_id, grade=True, locked=True, points=points)


def texts(report, level="error"):
    return [f"{finding.where}: {finding.text}" for finding in report.findings if finding.level == level]


def test_a_good_assignment_has_no_findings(check):
    report = check(
        answer(SQUARE), exam(TEST_SQUARE), answer(DOUBLE, "double"), exam(TEST_DOUBLE, "test_double", 2), regrades=20
    )
    assert report.findings == []
    assert report.errors == 0
    (note,) = report.notes
    assert "5 points by 2 tests" in note
    assert "solution 5/5" in note
    assert "released version 0/5" in note
    assert "20 gradings identical" in note
    assert [(score.cell, score.score) for score in report.scores] == [("square", 1.0), ("double", 1.0)]
    assert all(score.mutants >= 3 for score in report.scores)
    json.dumps(report.to_json())


def test_a_solution_without_full_marks(check):
    report = check(answer(SQUARE), exam("assert square(2) == 5"))
    assert any("ps1" not in text and "the solution gets 0 of 3 points" in text for text in texts(report))
    assert report.scores == []  # mutants of a wrong solution say nothing


def test_points_for_nothing(check):
    report = check(answer(SQUARE), exam("3 if square else 0"), mutate=False)
    assert any("gives 3 of 3 points for nothing" in text for text in texts(report))
    report = check(answer(SQUARE), exam("y = 1\nassert y == 1"), mutate=False)
    assert any("gives 3 of 3 points for nothing" in text for text in texts(report))


def test_weak_tests_are_told_by_their_surviving_mutants(check):
    report = check(answer(SQUARE), exam("assert square(2) == 4\nassert square(0) == 0"))
    (score,) = report.scores
    assert "operator: `return x * x` → `return x + x`" in score.survivors[0]
    assert score.score < 0.9
    assert any("of the mistakes made on purpose" in text for text in texts(report))
    lines = "\n".join(report.lines())
    assert "survived: line 4: operator: `return x * x` → `return x + x`" in lines
    assert not texts(check(answer(SQUARE), exam("assert square(2) == 4\nassert square(0) == 0"), min_score=0.3))


def test_equivalent_mutants_are_listed_beside_the_assignment_with_reasons(check, tmp_path):
    source = "def clip(x):\n    ### BEGIN SOLUTION\n    if x < 0:\n        return 0\n    return x\n    ### END SOLUTION"
    checks = "assert clip(-0.5) == 0\nassert clip(0.5) == 0.5\nassert clip(3) == 3"
    cells = (
        answer(source, "clip"),
        exam(checks),
    )
    before = check(*cells)
    (score,) = before.scores
    (survivor,) = score.survivors
    mutant = survivor.partition(": ")[2]
    assert mutant == "comparison: `if x < 0:` → `if x <= 0:`"
    listed = tmp_path / "source" / "ps1.mutants.toml"
    listed.write_text(f'[[equivalent]]\ncell = "clip"\nmutant = "{mutant}"\nreason = "at 0 both branches give 0"\n')
    after = check(*cells)
    assert (after.scores[0].equivalent, after.scores[0].survivors, after.scores[0].score) == (1, [], 1.0)
    assert after.findings == []
    listed.write_text(
        f'[[equivalent]]\ncell = "clip"\nmutant = "{mutant}"\nreason = "at 0 both branches give 0"\n'
        '[[equivalent]]\ncell = "clip"\nmutant = "returned value: `return x` → `return None`"\nreason = "wrong"\n'
        '[[equivalent]]\ncell = "clip"\nmutant = "comparison: `x` → `y`"\nreason = "of an earlier version"\n'
    )
    stale = check(*cells)
    assert any("listed as equivalent but is caught" in text for text in texts(stale))
    assert any("one that there is no more" in text for text in texts(stale, "warning"))
    listed.write_text('[[equivalent]]\ncell = "clip"\nmutant = "x"\nreason = " "\n')
    with pytest.raises(CourseError, match="needs cell, mutant and reason"):
        check(*cells)


WHY = (
    "How it is trained is the student's choice: another rate is another design. Its bars are tested by the cells below."
)


def test_a_free_answer_is_not_mutated_and_nothing_ordinary_is_free(check, tmp_path):
    listed = tmp_path / "source" / "ps1.mutants.toml"
    recipe = "def recipe():\n    ### BEGIN SOLUTION\n    return 0.1 * 3\n    ### END SOLUTION"
    bars = [exam("assert recipe() > 0", f"test_bar_{n}", 1) for n in range(3)]
    square = [answer(SQUARE), exam(TEST_SQUARE, points=9)]

    def free(*cells, reason=WHY, more="", names=("recipe",)):
        listed.parent.mkdir(exist_ok=True)
        listed.write_text("".join(f'[[free]]\ncell = "{name}"\nreason = "{reason}"\n' for name in names) + more)
        return check(*cells, regrades=2)

    report = free(*square, answer(recipe, "recipe"), *bars)
    assert report.findings == []
    assert [score.cell for score in report.scores] == ["square"]
    assert f"recipe: free, so it is not mutated. {WHY}" in report.notes
    # What is listed in vain is an error, and is mutated as ever.
    listed_twice = '[[equivalent]]\ncell = "recipe"\nmutant = "x"\nreason = "y"\n'
    for words, report in {
        "is worth": free(*square[:1], exam(TEST_SQUARE, points=8), answer(recipe, "recipe"), *bars),
        "has 2 tests": free(*square, answer(recipe, "recipe"), *bars[:2]),
        "without a reason": free(*square, answer(recipe, "recipe"), *bars, reason="It is a design."),
        "can't be both": free(*square, answer(recipe, "recipe"), *bars, more=listed_twice),
        "no such answer": free(*square, answer(recipe, "recipe"), *bars, names=("recipes",)),
    }.items():
        assert any(words.replace("is worth", "worth 3 of 11 points") in text for text in texts(report)), words
        assert "recipe" in [score.cell for score in report.scores], words
    twice = free(*square, answer(recipe, "recipe"), *bars, names=("recipe", "square"))
    assert any("square: is a second free answer" in text for text in texts(twice))
    assert "square" in [score.cell for score in twice.scores]
    for more, words in (('[[free]]\ncell = "square"\n', "needs cell and reason"), ("[[fre]]\n", "no fre")):
        with pytest.raises(CourseError, match=words):
            free(*square, more=more)


def test_mutants_that_never_end_are_caught(check):
    source = "def count(n):\n    ### BEGIN SOLUTION\n    k = 0\n    while k < n:\n        k += 1\n    return k\n"
    source += "    ### END SOLUTION"
    report = check(answer(source, "count"), exam("assert count(3) == 3\nassert count(0) == 0"), tasks=["count"])
    (score,) = report.scores
    assert score.caught == score.mutants - len(score.survivors)
    assert not any("k += 1" in survivor and "pass" in survivor for survivor in score.survivors)


def test_hidden_tests_values_and_solutions_in_the_released_file(check):
    solution = "def square(x):\n    ### BEGIN SOLUTION\n    result = x * x + 0\n    return result\n    ### END SOLUTION"
    hidden = "assert square(2) == 4\n### BEGIN HIDDEN TESTS\nassert square(12.5) == 156.25\n### END HIDDEN TESTS"

    def cells():
        return [code("import math"), answer(solution), exam(hidden), code("pass")]

    assert check(*cells(), mutate=False).findings == []
    for place, metadata, words in (
        (1, {"note": "result = x * x + 0"}, "a line of the solution of square"),
        (2, {"autograder": {"hint": "assert square(12.5) == 156.25"}}, "156.25, a value of the hidden tests"),
        (0, {"about": {"expected": [156.25]}}, "156.25, a value of the hidden tests"),
    ):
        leaking = cells()
        leaking[place].metadata.update(metadata)
        assert any(words in text for text in texts(check(*leaking, mutate=False))), words
    # What the author wrote outside the marked parts: a warning, since numbers have more than one reason to be there.
    for words, source in (
        ("its public text has 156.25, which a hidden test of test_square expects", "# square(12.5) is 156.25"),
        ("a hidden test of test_square is public as well", "assert square(12.5) == 156.25"),
    ):
        leaking = cells()
        leaking[3].source = source
        report = check(*leaking, mutate=False)
        assert any(words in text for text in texts(report, "warning")), texts(report, "warning")


def test_files_beside_the_notebook_are_released_as_they_are(check, tmp_path):
    cells = (answer(SQUARE), exam(TEST_SQUARE))
    beside = tmp_path / "source" / "ps1"
    beside.mkdir(parents=True)
    (beside / "helper.py").write_text("### BEGIN SOLUTION\n")
    (beside / "values.csv").write_text("square(11) == 121\n")
    (beside / "innocent.csv").write_text("1,2,3\n")
    found = texts(check(*cells, mutate=False))
    assert any(text.startswith("helper.py: is released as it is") for text in found)
    assert any(text.startswith("values.csv") and "121, a value of the hidden tests" in text for text in found)
    assert not any("innocent" in text for text in found)


def test_what_has_been_released_already_is_read_too(check, tmp_path):
    cells = (answer(SQUARE), exam(TEST_SQUARE))
    path = tmp_path / "release" / "ps1" / "p1.ipynb"
    path.parent.mkdir(parents=True)
    write_source(tmp_path, notebook(*cells))
    courses.release(tmp_path)
    assert check(*cells, mutate=False).findings == []
    content = json.loads(path.read_text())
    content["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "assert square(11) == 121\n"}]
    path.write_text(json.dumps(content))
    assert any("(output)" in text and "121" in text for text in texts(check(*cells, mutate=False)))
    courses.release(tmp_path)
    newer = check(answer(SQUARE + "\n\ny = 1\n"), exam(TEST_SQUARE), mutate=False)
    assert any("is older than the source" in text for text in texts(newer, "warning"))


def test_a_verdict_that_changes_from_run_to_run(check):
    dice = "import time\nassert square(2) == 4\nassert time.time_ns() // 1000 % 2 == 0"
    report = check(answer(SQUARE), exam(dice), mutate=False, regrades=20)
    assert any("the verdict on the solution changed in 20 gradings" in text for text in texts(report))
    shown = "import time\nassert square(2) == 4 + 0 * time.time_ns(), 'now'\nassert square(time.time_ns()) > 0"
    assert not texts(check(answer(SQUARE), exam(shown), mutate=False))


def test_partial_credit_out_of_range_and_patched_answers(check):
    report = check(answer(SQUARE), exam("9 if square(2) == 4 else 0"), mutate=False)
    assert any("gives 9 as partial credit; the cell has 3 points" in text for text in texts(report))
    report = check(answer(SQUARE), exam("score = float('nan')\nscore"), mutate=False)
    assert any("stock nbgrader takes for full marks" in text for text in texts(report))
    report = check(answer(SQUARE), exam("square = abs\nassert square(2) == 2"), mutate=False)
    assert any("binds 'square'" in text for text in texts(report))


def test_what_cannot_be_linted_is_said(check, tmp_path):
    course = coursedir(tmp_path)
    with pytest.raises(CourseError, match="no notebook in"):
        lint.lint(Engine(course, setup=SETUP), "ps9")
    with pytest.raises(CourseError, match=r"no answer 'cube' to mutate\. It has: square"):
        check(answer(SQUARE), exam(TEST_SQUARE), tasks=["cube"])
    with pytest.raises(CourseError, match="cannot be used"):
        check(answer("### BEGIN SOLUTION\nx = 1"), exam("assert x == 1"))
