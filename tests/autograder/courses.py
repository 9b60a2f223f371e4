"""A small nbgrader course for tests: one assignment, `square` and `double`, made by nbgrader itself."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path

import nbformat
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

ASSIGNMENT = "ps1"

SQUARE = '''def square(x):
    """x times x."""
    ### BEGIN SOLUTION
    return x * x
    ### END SOLUTION
'''
DOUBLE = '''def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
'''
TEST_SQUARE = """assert square(2) == 4, "square of 2"
assert square(-3) == 9
### BEGIN HIDDEN TESTS
assert square(11) == 121
### END HIDDEN TESTS
"""
TEST_DOUBLE = """assert double(2) == 4
assert double(-7) == -14
"""


def code(source: str, grade_id: str | None = None, **marks) -> nbformat.NotebookNode:
    """A code cell; with a grade_id, one of nbgrader's."""
    cell = nbformat.v4.new_code_cell(source)
    if grade_id:
        defaults = {"grade": False, "solution": False, "locked": False, "task": False}
        cell.metadata["nbgrader"] = {
            "grade_id": grade_id,
            "schema_version": 3,
            "cell_type": "code",
            **defaults,
            **marks,
        }
    return cell


def notebook(*cells) -> nbformat.NotebookNode:
    """A notebook for Python."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": spec})


def source_notebook() -> nbformat.NotebookNode:
    """The instructor's: two answers, two tests, 5 points."""
    return notebook(
        code("import math"),
        code(SQUARE, "square", solution=True),
        code(TEST_SQUARE, "test_square", grade=True, locked=True, points=3),
        code(DOUBLE, "double", solution=True),
        code(TEST_DOUBLE, "test_double", grade=True, locked=True, points=2),
    )


def coursedir(root: Path, db_url: str = "", config: Config | None = None) -> CourseDirectory:
    """nbgrader's view of a course."""
    settings = Config({"CourseDirectory": {"root": str(root), "course_id": "course"}})
    if db_url:
        settings.CourseDirectory.db_url = db_url
    settings.merge(config or Config())
    return CourseDirectory(config=settings)


def release(root: Path, assignment: str = ASSIGNMENT, db_url: str = "", config: Config | None = None) -> None:
    """`nbgrader generate_assignment`, in this process."""
    app = NbGrader()
    app.log_level = logging.ERROR
    course = coursedir(root, db_url, config)
    course.assignment_id = assignment
    settings = Config({"GenerateAssignment": {"force": True, "log_level": logging.ERROR}})
    settings.merge(course.config)
    with contextlib.redirect_stderr(io.StringIO()):
        GenerateAssignment(coursedir=course, parent=app, config=settings).start()


def write_source(root: Path, content: nbformat.NotebookNode, assignment: str = ASSIGNMENT, name: str = "p1") -> Path:
    """Put a notebook into the source directory."""
    path = root / "source" / assignment / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, path)
    return path


def submit(root: Path, student: str, *answers: str, assignment: str = ASSIGNMENT, when: str | None = None) -> Path:
    """Hand in the released notebook with these sources put into its answers, in order."""
    content = nbformat.read(root / "release" / assignment / "p1.ipynb", as_version=4)
    left = list(answers)
    for cell in content.cells:
        if cell.metadata.get("nbgrader", {}).get("solution") and left:
            cell.source = left.pop(0)
    directory = root / "submitted" / student / assignment
    directory.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, directory / "p1.ipynb")
    if when:
        (directory / "timestamp.txt").write_text(when)
    return directory


RIGHT = ("def square(x):\n    return x ** 2", "def double(x):\n    return x + x")
WRONG = ("def square(x):\n    return x + x", "def double(x):\n    return x ** 2")
