"""Feedback pages for tests: a submission, a verdict that says too much, and the page made from it."""

from __future__ import annotations

import json

from classroom import ASSIGNMENT, NOTEBOOK, SECRET, Classroom
from traitlets.config import Config

from autograder import feedback, record
from autograder.model import CellOutput, Check, Question, Result

# What a careless engine might put into a hidden check, and no student must see.
KEPT = ["kept_message", "kept_call", "kept_got", "kept_expected", SECRET, "secret scheme"]


def hidden(index: int, status: str, hint: str | None = None, link: str | None = None) -> Check:
    """A hidden check that holds everything it should not tell."""
    return Check(index, status, "hidden", 0, 0, "kept_message", "kept_call", "kept_got", "kept_expected", hint, link)


def public(index: int, status: str, **told) -> Check:
    return Check(index, status, "public", told.pop("points", 0), told.pop("max_points", 0), **told)


def questions() -> list[Question]:
    """One of everything."""
    return [
        Question("test_square", 1.0, 2.0, [
            public(0, "passed", call="square(2) == 4", got="4", expected="4", points=1, max_points=1),
            public(1, "failed", call="square(-3) == 9", got="-6", expected="9", message="add or multiply?",
                   max_points=1),
        ]),
        Question("test_square_hidden", 0.0, 3.0, [
            public(0, "passed", call="square(0) == 0", got="0", expected="0"),
            hidden(1, "failed", "Think of large numbers.", "01-numbers.html#large"),
            hidden(2, "timeout"), hidden(3, "passed"), hidden(4, "not run"), hidden(5, "error"),
        ], message="ran longer than 30 s"),
        Question("test_mean", 0.0, 3.0, [public(0, "error", call="mean([1])", message="NameError: name 'total'")]),
    ]  # fmt: skip


def grade(room: Classroom, student: str, told: list[Question], outputs: list[CellOutput] | None = None) -> None:
    """Record a made-up verdict on what the student handed in."""
    job, submission = room.job(student)
    result = Result(
        ASSIGNMENT, student, NOTEBOOK, "graded", questions=told, outputs=outputs or [], environment="e" * 64
    )
    with record.Recorder(room.coursedir, config=room.config) as recorder:
        recorder.record(result, job, submission)


def made(room: Classroom, student: str, **settings) -> tuple[str, dict]:
    """The page and the JSON."""
    exporter = feedback.FeedbackExporter(config=Config({"FeedbackExporter": settings}))
    names = {"student": student, "assignment": ASSIGNMENT, "notebook": NOTEBOOK, "db_url": room.db_url}
    path = room.root / "autograded" / student / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    page, resources = exporter.from_filename(str(path), {"nbgrader": names})
    return page, json.loads(resources["outputs"][f"{NOTEBOOK}.json"])
