"""`nbgrader export` for learning platforms: one row a student, one column an assignment, as their importers want it.

    nbgrader export --exporter=autograder.exports.CanvasExport --to=canvas.csv
    nbgrader export --exporter=autograder.exports.MoodleExport --to=moodle.csv

Scores are nbgrader's, hand-given points and extra credit in, late penalty off, never below zero. Who has submitted
nothing has an empty field, which both importers leave as it is: whether that is a zero is the instructor's to say.
A submission that waits for a person's points is left out and named in the log, unless `include_ungraded` is set.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from nbgrader.api import MissingEntry
from nbgrader.plugins.export import ExportPlugin
from traitlets import Bool, Enum, Unicode

from .plugin import final_score, inert


class _Wide(ExportPlugin):
    """A table with a row for each student."""

    include_ungraded = Bool(False, help="export scores although some points are still to be given by hand").tag(
        config=True
    )

    default_file = ""

    def table(self, assignments: list[Any], students: list[Any], gradebook: Any) -> Iterator[list[Any]]:
        """Rows, the header first."""
        raise NotImplementedError

    def export(self, gradebook: Any) -> None:
        """Write the table to `self.to`. Raises ValueError for an assignment or student that the gradebook lacks."""
        assignments = _chosen(gradebook.assignments, lambda a: a.name, self.assignment, "assignment")
        students = _chosen(gradebook.students, lambda s: s.id, self.student, "student")
        rows = [[inert(value) for value in row] for row in self.table(assignments, students, gradebook)]
        destination = self.to or self.default_file
        with open(destination, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        self.log.info("Exported %d students and %d assignments to %s", len(students), len(assignments), destination)

    def score(self, gradebook: Any, assignment: Any, student: Any) -> float | str:
        """Points after the late penalty, or an empty text where there is nothing to export."""
        try:
            submission = gradebook.find_submission(assignment.name, student.id)
        except MissingEntry:
            return ""
        if submission.needs_manual_grade and not self.include_ungraded:
            self.log.warning("%s, %s: points are still to be given by hand; left out", assignment.name, student.id)
            return ""
        return round(final_score(submission), 4)


def _chosen(entries: Any, name: Any, wanted: list[Any], kind: str) -> list[Any]:
    """Those that are asked for, or all, in the gradebook's order."""
    entries = list(entries)
    asked = {str(each) for each in wanted}
    unknown = asked - {str(name(entry)) for entry in entries}
    if unknown:
        raise ValueError(f"the gradebook has no {kind} {', '.join(sorted(unknown))}")
    return [entry for entry in entries if not asked or str(name(entry)) in asked]


class CanvasExport(_Wide):
    """For Canvas: Grades, Import. Students are recognised by one of its three identifiers, names are for people."""

    identifier = Enum(
        ["SIS Login ID", "SIS User ID", "ID"], "SIS Login ID", help="what nbgrader's student_id is in Canvas"
    ).tag(config=True)
    section = Unicode("", help="the section's name, where Canvas asks for it").tag(config=True)

    default_file = "canvas.csv"

    def table(self, assignments: list[Any], students: list[Any], gradebook: Any) -> Iterator[list[Any]]:
        """A header, the points possible, and the students."""
        known = ["ID", "SIS User ID", "SIS Login ID"]
        yield ["Student", *known, "Section", *(assignment.name for assignment in assignments)]
        yield ["Points Possible", "", "", "", "", *(assignment.max_score for assignment in assignments)]
        for student in students:
            named = ", ".join(filter(None, [student.last_name, student.first_name])) or student.id
            numbers = [student.id if column == self.identifier else "" for column in known]
            scores = (self.score(gradebook, assignment, student) for assignment in assignments)
            yield [named, *numbers, self.section, *scores]


class MoodleExport(_Wide):
    """For Moodle: Grades, Import, CSV file. In its form, map `username` (or `email`) and each assignment by hand."""

    identifier = Enum(["username", "idnumber"], "username", help="what nbgrader's student_id is in Moodle").tag(
        config=True
    )

    default_file = "moodle.csv"

    def table(self, assignments: list[Any], students: list[Any], gradebook: Any) -> Iterator[list[Any]]:
        """A header and the students."""
        yield [self.identifier, "email", *(assignment.name for assignment in assignments)]
        for student in students:
            scores = (self.score(gradebook, assignment, student) for assignment in assignments)
            yield [student.id, student.email or "", *scores]
