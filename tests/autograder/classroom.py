"""A small nbgrader course in a temporary directory, and students who hand things in.

One assignment, `ps1`, with one notebook, `p1`: two tested answers (one public test, one with hidden tests, one with
partial credit), two manually graded answers (code and text), a task, a locked helper and an unlocked cell. 20 points.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder import course, intake, record
from autograder.model import CellOutput, Check, Job, Question, Result
from autograder.reassemble import Blueprint, build_job

ASSIGNMENT, NOTEBOOK = "ps1", "p1"
SECRET = "planted_secret_4711"

HELPER = "def close(a, b):\n    return abs(a - b) < 1e-9"
SQUARE = '''def square(x):
    """x times x."""
    ### BEGIN SOLUTION
    return x * x
    ### END SOLUTION
'''
TEST_SQUARE = 'assert square(2) == 4, "square of 2"\nassert square(-3) == 9'
TEST_SQUARE_HIDDEN = f"""assert square(0) == 0
### BEGIN HIDDEN TESTS
{SECRET} = 11
assert square({SECRET}) == 121
### END HIDDEN TESTS"""
MEAN = '''def mean(values):
    """The mean of some numbers."""
    ### BEGIN SOLUTION
    return sum(values) / len(values)
    ### END SOLUTION
'''
TEST_MEAN = """score = 0
if close(mean([1, 2, 3]), 2):
    score += 2
if close(mean([5]), 5):
    score += 1
score"""
TASK = """## Task 4

Draw something.

=== BEGIN MARK SCHEME ===
secret scheme
=== END MARK SCHEME ==="""


def code(source: str, grade_id: str | None = None, **marks: Any) -> NotebookNode:
    """A code cell; with a grade_id, one of nbgrader's."""
    return _marked(nbformat.v4.new_code_cell(source), grade_id, marks)


def text(source: str, grade_id: str | None = None, **marks: Any) -> NotebookNode:
    """A Markdown cell; with a grade_id, one of nbgrader's."""
    return _marked(nbformat.v4.new_markdown_cell(source), grade_id, marks)


def _marked(cell: NotebookNode, grade_id: str | None, marks: dict[str, Any]) -> NotebookNode:
    if grade_id:
        cell.metadata["nbgrader"] = {
            "grade_id": grade_id, "schema_version": 3, "grade": False, "solution": False, "locked": False,
            "task": False, **marks,
        }  # fmt: skip
    return cell


def notebook(*cells: NotebookNode) -> NotebookNode:
    """A Python notebook."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": spec})


def source_notebook() -> NotebookNode:
    """The instructor's notebook."""
    tests = {"grade": True, "locked": True}
    made = notebook(
        text("# Numbers\n\nTwo functions to write."),
        code("import math\nrate = 0.1"),
        code(HELPER, "helper", locked=True),
        text("## Task 1: squares", "about_square", locked=True),
        code(SQUARE, "square", solution=True),
        code(TEST_SQUARE, "test_square", points=2, **tests),
        code(TEST_SQUARE_HIDDEN, "test_square_hidden", points=3, **tests),
        text("## Task 2: means"),
        code(MEAN, "mean", solution=True),
        code(TEST_MEAN, "test_mean", points=3, **tests),
        text("## Task 3: by hand"),
        code("# BEGIN SOLUTION\nprint(square(3))\n# END SOLUTION", "show", solution=True, grade=True, points=4),
        text("Because.", "why", solution=True, grade=True, points=5),
        text(TASK, "draw", locked=True, task=True, points=3),
    )
    for number, cell in enumerate(made.cells):
        cell.id = f"given-{number:02}"
    return made


RIGHT = {
    "square": "def square(x):\n    return x ** 2",
    "mean": "def mean(values):\n    return sum(values) / len(values)",
    "show": "print(square(3))",
    "why": "Because of **algebra**.",
}
WRONG = {**RIGHT, "square": "def square(x):\n    return x + x", "mean": "def mean(values):\n    return values[0]"}


class Classroom:
    """The course's directory and what its people do in it."""

    def __init__(self, root: Path, config: Config | None = None):
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.config = Config({"CourseDirectory": {"root": str(root), "course_id": "course"}})
        self.config.merge(config or Config())

    @property
    def coursedir(self) -> CourseDirectory:
        return CourseDirectory(config=self.config)

    @property
    def db_url(self) -> str:
        return self.coursedir.db_url

    def gradebook(self) -> Gradebook:
        return Gradebook(self.db_url, "course")

    # the instructor

    def write_source(self, content: NotebookNode, name: str = NOTEBOOK, assignment: str = ASSIGNMENT) -> Path:
        path = self.root / "source" / assignment / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(content, path)
        return path

    def generate(self, assignment: str = ASSIGNMENT) -> None:
        """`nbgrader generate_assignment`, in this process."""
        app = NbGrader(config=self.config)
        app.log_level = logging.ERROR
        coursedir = self.coursedir
        coursedir.assignment_id = assignment
        config = Config({"BaseConverter": {"force": True}})
        config.merge(self.config)
        with contextlib.redirect_stderr(io.StringIO()):
            GenerateAssignment(coursedir=coursedir, parent=app, config=config).start()

    def released(self, name: str = NOTEBOOK, assignment: str = ASSIGNMENT) -> NotebookNode:
        return nbformat.read(self.root / "release" / assignment / f"{name}.ipynb", as_version=4)

    def blueprint(self, name: str = NOTEBOOK, assignment: str = ASSIGNMENT) -> Blueprint:
        return course.blueprints(self.coursedir, assignment, config=self.config)[name]

    def due(self, when: Any, assignment: str = ASSIGNMENT) -> None:
        with self.gradebook() as gradebook:
            gradebook.update_or_create_assignment(assignment, duedate=when)

    # students

    def handed_in(self, student: str, assignment: str = ASSIGNMENT) -> Path:
        path = self.root / "submitted" / student / assignment
        path.mkdir(parents=True, exist_ok=True)
        return path

    def submit(
        self,
        student: str,
        answers: dict[str, str] | None = None,
        change: Callable[[NotebookNode], None] | None = None,
        *,
        name: str = NOTEBOOK,
        assignment: str = ASSIGNMENT,
        when: str | None = None,
    ) -> Path:
        """Hand in the released notebook with these answers, by grade_id, and then changed."""
        content = self.released(name, assignment)
        fill(content, RIGHT if answers is None else answers)
        if change:
            change(content)
        directory = self.handed_in(student, assignment)
        # json, not nbformat: students' notebooks need not be valid.
        (directory / f"{name}.ipynb").write_text(json.dumps(content))
        if when is not None:
            (directory / "timestamp.txt").write_text(when)
        return directory

    def job(self, student: str, name: str = NOTEBOOK, assignment: str = ASSIGNMENT) -> tuple[Job, intake.Submission]:
        submission = intake.take_in(self.handed_in(student, assignment))
        names = {"assignment": assignment, "student": student, "notebook": name}
        return build_job(self.blueprint(name, assignment), submission, **names), submission

    # and grading, by the fake below

    def grade(self, student: str, name: str = NOTEBOOK, **options: Any) -> Result:
        """Take in, reassemble, run in this process, record."""
        submission = job = None
        try:
            submission = intake.take_in(self.handed_in(student))
            job = build_job(self.blueprint(name), submission, assignment=ASSIGNMENT, student=student, notebook=name)
            result = run(job)
        except intake.NotGradable as error:
            result = Result(ASSIGNMENT, student, name, "not gradable", error.reason)
        with record.Recorder(self.coursedir, config=self.config) as recorder:
            recorder.record(result, job, submission, **options)
        return result

    def scores(self, student: str, name: str = NOTEBOOK, assignment: str = ASSIGNMENT) -> dict[str, dict]:
        """What the gradebook says of each cell."""
        with self.gradebook() as gradebook:
            entry = gradebook.find_submission_notebook(name, assignment, student)
            return {grade.name: grade.to_dict() for grade in entry.grades}


def fill(content: NotebookNode, answers: dict[str, str]) -> None:
    """Put sources into the cells of these grade_ids."""
    for cell in content.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in answers:
            cell.source = answers[grade_id]


def find(content: NotebookNode, grade_id: str) -> int:
    """The index of a cell."""
    return next(
        index
        for index, cell in enumerate(content.cells)
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


def run(job: Job) -> Result:
    """A grader without walls, for trusted answers: everything in this process and one namespace.

    Reports each `assert` line by itself, as the real one does, and takes the last expression for partial credit.
    """
    import ast

    namespace: dict[str, Any] = {}
    result = Result(job.assignment, job.student, job.notebook, "graded", environment="fake")
    for position, cell in enumerate(job.cells):
        if cell.side != "judge" or cell.grade_id is None:
            printed = io.StringIO()
            error = None
            with contextlib.redirect_stdout(printed):
                try:
                    exec(compile(cell.source, "<cell>", "exec"), namespace)
                except Exception:
                    error = traceback.format_exc().strip().split("\n")[-1]
            if printed.getvalue() or error:
                result.outputs.append(CellOutput(position, printed.getvalue(), error=error))
            continue
        question = Question(cell.grade_id, 0.0, cell.points)
        value: Any = None
        for statement in ast.parse(cell.source).body:
            hidden = statement.lineno - 1 in cell.hidden_lines
            try:
                if isinstance(statement, ast.Expr):
                    value = eval(compile(ast.Expression(statement.value), "<test>", "eval"), namespace)
                else:
                    exec(compile(ast.Module([statement], []), "<test>", "exec"), namespace)
            except Exception as failure:
                status = "failed" if isinstance(failure, AssertionError) else "error"
            else:
                status = "passed"
            if isinstance(statement, ast.Assert) or status != "passed":
                source = ast.get_source_segment(cell.source, statement)
                # What a real engine keeps from hidden checks is put in here, so that a leak shows.
                question.checks.append(
                    Check(len(question.checks), status, "hidden" if hidden else "public", 0.0, 0.0,
                          message=f"said by {source}" if status != "passed" else "", call=source, got="got_value",
                          expected="expected_value", hint="think of zero" if hidden else None, link="numbers.html#zero")
                )  # fmt: skip
        passed = all(check.status == "passed" for check in question.checks)
        question.points = float(value) if isinstance(value, int | float) else cell.points * passed
        result.questions.append(question)
    return result
