"""A course written for stock nbgrader grades unchanged: one class, graded by nbgrader in kernels and by this engine.

Partial credit, manually graded cells, hidden tests, tasks, two notebooks in an assignment, one of them missing, late
work, notebooks nobody touched, files beside the notebook, header cells and a test that uses what an unlocked cell
defines. Everything in the gradebook is compared, not only the scores.
"""

import shutil
from datetime import datetime

import classroom
import nbformat
import pytest
from classroom import ASSIGNMENT, RIGHT, WRONG, Classroom, code
from nbgrader.apps.api import NbGraderAPI
from nbgrader.plugins import LateSubmissionPlugin
from traitlets.config import Config

import autograder

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("same-as-nbgrader")]


class APointADay(LateSubmissionPlugin):
    """The course's own penalty."""

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return total_seconds_late / 86_400


CLIP = """### BEGIN SOLUTION
def clip(x):
    return np.minimum(x, LIMIT) + offset()
### END SOLUTION"""
TEST_CLIP = """np.testing.assert_array_equal(clip(given), np.minimum(given, LIMIT))
### BEGIN HIDDEN TESTS
assert clip(np.array([9.5]))[0] == 5
### END HIDDEN TESTS"""
TEST_PARTIAL = """for n in range(3):
    assert clip(n) == n
1.5 if clip(7) == 5 else 0.5"""


def second_notebook():
    tests = {"grade": True, "locked": True}
    return classroom.notebook(
        code("import numpy as np\nfrom helper import offset\nLIMIT = 5"),
        code(CLIP, "clip", solution=True),
        code("given = np.arange(8)", "given", locked=True),
        code(TEST_CLIP, "test_clip", points=4, **tests),
        code("### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION", "answer", solution=True),
        code("assert isinstance(answer, int)\nassert answer == header + 2", "test_answer", points=2, **tests),
        code(TEST_PARTIAL, "test_partial", points=3, **tests),
    )


RIGHT_2 = {"clip": "def clip(x):\n    return np.minimum(x, LIMIT)", "answer": "answer = 42"}
WRONG_2 = {"clip": "def clip(x):\n    return np.minimum(x, 6)", "answer": "answer = 42.0"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = tmp_path_factory.mktemp("same") / "course"
    header = root / "header.ipynb"
    root.mkdir()
    nbformat.write(classroom.notebook(code("header = 40")), header)
    config = Config()
    config.IncludeHeaderFooter.header = str(header)
    config.AssignLatePenalties.plugin_class = APointADay
    room = Classroom(root, config)
    room.write_source(classroom.source_notebook(), "p1")
    room.write_source(second_notebook(), "p2")
    (root / "source" / ASSIGNMENT / "helper.py").write_text("def offset():\n    return 0\n")
    room.generate()
    room.due(datetime(2026, 5, 1, 12))
    for student, first, second in (
        ("amy", RIGHT, RIGHT_2),
        ("bob", WRONG, WRONG_2),
        ("cas", {}, {}),
        ("dan", {**RIGHT, "square": "def square(x):\n    return abs(x) * x"}, None),
    ):
        late = {"bob": "2026-05-02 12:00:00 UTC"}.get(student, "2026-05-01 11:00:00 UTC")
        room.submit(student, first, name="p1", when=late)
        if second is not None:
            room.submit(student, second, name="p2", when=late)
    # An extra cell, and one of the student's own modules.
    room.submit("amy", RIGHT, lambda nb: nb.cells.insert(1, code("from mine import nine\nassert nine == 9")), name="p1",
                when="2026-05-01 11:00:00 UTC")  # fmt: skip
    (room.handed_in("amy") / "mine.py").write_text("nine = 9\n")
    return room


def graded(course, where, tmp_path_factory, config):
    root = tmp_path_factory.mktemp(where) / "course"
    shutil.copytree(course.root, root)
    room = Classroom(root, config)
    room.config.CourseDirectory.root = str(root)
    done = NbGraderAPI(room.coursedir, config=room.config).autograde(ASSIGNMENT, "*")
    assert done["success"], done
    return room


@pytest.fixture(scope="module")
def both(course, tmp_path_factory):
    stock = graded(course, "stock", tmp_path_factory, Config(course.config))
    config = Config(course.config)
    config.Engine.warm = ["numpy"]
    config.Engine.workers = 1
    autograder.configure(config)
    return stock, graded(course, "ours", tmp_path_factory, config)


def gradebook(room):
    """Everything nbgrader keeps of the submissions, without the random ids."""
    found = {}
    with room.gradebook() as opened:
        for submission in opened.assignment_submissions(ASSIGNMENT):
            student = submission.student_id
            found[student] = (submission.timestamp, submission.score, submission.late_submission_penalty,
                              submission.needs_manual_grade)  # fmt: skip
            for entry in submission.notebooks:
                found[student, entry.name] = (entry.score, entry.max_score, entry.late_submission_penalty,
                                              entry.needs_manual_grade, entry.failed_tests)  # fmt: skip
                for grade in entry.grades:
                    found[student, entry.name, grade.name] = (grade.auto_score, grade.manual_score, grade.max_score,
                                                              grade.needs_manual_grade)  # fmt: skip
                for comment in entry.comments:
                    found[student, entry.name, comment.name, "comment"] = comment.comment
    return found


def test_the_gradebook_is_the_same(both):
    stock, ours = map(gradebook, both)
    assert ours == stock
    # And it is no empty comparison.
    assert stock["amy"][1] == 8 + 4 + 2 + 1.5
    assert stock["bob", "p2", "test_partial"][0] == 0.5
    # A point a day for p1, and for p2 no more than the half point it has.
    assert stock["bob"][2] == 1 + 0.5
    assert stock["dan", "p2", "test_clip"] == (0, None, 4, False)
    assert stock["cas", "p1", "why", "comment"] == "No response."


def test_the_files_that_other_commands_read_are_the_same(both):
    def tree(room):
        root = room.root / "autograded"
        return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}

    stock, ours = map(tree, both)
    more = ours - stock
    # nbgrader writes no secret if there was none, and its release_feedback then stops; and of a notebook that was not
    # handed in, it leaves nothing that would say so.
    assert stock <= ours
    assert more == {f"{student}/ps1/submission_secret.txt" for student in ("amy", "bob", "cas", "dan")} | {
        "dan/ps1/p2.ipynb"
    }


def test_the_notebooks_have_the_same_cells_for_formgrader(both):
    def marks(room, student, name):
        content = nbformat.read(room.root / "autograded" / student / ASSIGNMENT / f"{name}.ipynb", as_version=4)
        return [
            (cell.cell_type, cell.source, {k: v for k, v in cell.metadata.get("nbgrader", {}).items()})
            for cell in content.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id")
        ]

    for student in ("amy", "bob", "cas"):
        for name in ("p1", "p2"):
            stock, ours = (marks(room, student, name) for room in both)
            assert ours == stock
