"""Grades as CSV: row 94 of the attack list."""

import csv

from classroom import ASSIGNMENT
from nbgrader.plugins.export import CsvExportPlugin

from autograder.plugin import COLUMNS, CsvExport


def export(kind, room, path):
    plugin = kind()
    plugin.to = str(path)
    with room.gradebook() as gradebook:
        plugin.export(gradebook)
    return path


def students(room):
    with room.gradebook() as gradebook:
        gradebook.add_student("amy", first_name="Jane", last_name="Doe")
        gradebook.add_student("bob")
    room.submit("amy", when="2026-05-01 11:00:00 UTC")
    room.grade("amy")


def test_the_same_as_nbgraders_where_that_is_right(room, tmp_path):
    students(room)
    theirs = export(CsvExportPlugin, room, tmp_path / "theirs.csv").read_text()
    assert export(CsvExport, room, tmp_path / "ours.csv").read_text() == theirs


def test_94_commas_quotes_and_formulas(room, tmp_path):
    students(room)
    with room.gradebook() as gradebook:
        gradebook.update_or_create_student(
            "amy", last_name='Doe, "J"', first_name='=HYPERLINK("http://x")', email="@x\n"
        )
    with export(CsvExport, room, tmp_path / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    amy = rows["amy"]
    assert tuple(amy) == COLUMNS
    assert (amy["last_name"], amy["first_name"], amy["email"]) == (
        'Doe, "J"', "'=HYPERLINK(\"http://x\")", "'@x\n",
    )  # fmt: skip
    assert (amy["assignment"], amy["score"], amy["max_score"]) == (ASSIGNMENT, "8.0", "20.0")
    assert rows["bob"]["score"] == "0.0"


def test_a_choice_of_students_and_assignments(room, tmp_path):
    students(room)
    plugin = CsvExport()
    plugin.to, plugin.student, plugin.assignment = str(tmp_path / "g.csv"), ["bob"], [ASSIGNMENT]
    with room.gradebook() as gradebook:
        plugin.export(gradebook)
        assert (tmp_path / "g.csv").read_text().count("\n") == 2
        plugin.assignment = ["other"]
        plugin.export(gradebook)
    assert (tmp_path / "g.csv").read_text().count("\n") == 1
