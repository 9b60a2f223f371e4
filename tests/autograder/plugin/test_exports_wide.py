"""Grades for Canvas and Moodle: one row a student, and nothing said about what nobody has decided."""

import csv
import logging

import pytest
from classroom import ASSIGNMENT

from autograder.exports import CanvasExport, MoodleExport


@pytest.fixture
def graded(room):
    """Amy has handed in, late by nobody's rule, and a person has given the points that are a person's; bob has not."""
    with room.gradebook() as gradebook:
        gradebook.add_student("amy", first_name="Jane", last_name="Doe", email="amy@example.org")
        gradebook.add_student("bob", first_name="Zed", last_name="=cmd()")
    room.submit("amy", when="2026-05-01 11:00:00 UTC")
    room.grade("amy")
    return room


def decide(room, points: float) -> None:
    """Give every cell that waits for a person so many points."""
    with room.gradebook() as gradebook:
        for notebook in gradebook.find_submission(ASSIGNMENT, "amy").notebooks:
            for grade in notebook.grades:
                if grade.needs_manual_grade:
                    grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


def table(kind, room, path, **options):
    plugin = kind()
    for name, value in options.items():
        setattr(plugin, name, value)
    plugin.to = str(path)
    with room.gradebook() as gradebook:
        plugin.export(gradebook)
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_canvas_finds_its_columns(graded, tmp_path):
    decide(graded, 1.0)
    with graded.gradebook() as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, "amy")
        score, most = submission.score, submission.max_score
    header, possible, *rows = table(CanvasExport, graded, tmp_path / "canvas.csv", section="A")
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", ASSIGNMENT]
    assert possible == ["Points Possible", "", "", "", "", str(most)]
    assert rows == [["'=cmd(), Zed", "", "", "bob", "A", ""], ["Doe, Jane", "", "", "amy", "A", str(score)]]
    assert score > 0
    rows = table(CanvasExport, graded, tmp_path / "canvas.csv", identifier="ID")
    assert rows[3][:5] == ["Doe, Jane", "amy", "", "", ""]


def test_moodle_gets_a_name_to_map(graded, tmp_path):
    decide(graded, 1.0)
    with graded.gradebook() as gradebook:
        score = gradebook.find_submission(ASSIGNMENT, "amy").score
    rows = table(MoodleExport, graded, tmp_path / "moodle.csv")
    assert rows == [["username", "email", ASSIGNMENT], ["bob", "", ""], ["amy", "amy@example.org", str(score)]]


def test_a_late_penalty_is_taken_off_and_never_more_than_there_is(graded, tmp_path):
    decide(graded, 1.0)
    for penalty in (0.5, 1000.0):
        with graded.gradebook() as gradebook:
            submission = gradebook.find_submission(ASSIGNMENT, "amy")
            score = submission.score
            submission.notebooks[0].late_submission_penalty = penalty
            gradebook.db.commit()
        assert table(MoodleExport, graded, tmp_path / "m.csv")[2][2] == str(max(0.0, score - penalty))


def test_points_that_a_person_still_owes_hold_a_score_back(graded, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    with graded.gradebook() as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "amy").needs_manual_grade
        score = gradebook.find_submission(ASSIGNMENT, "amy").score
    assert table(MoodleExport, graded, tmp_path / "m.csv")[2][2] == ""
    assert table(MoodleExport, graded, tmp_path / "m.csv", include_ungraded=True)[2][2] == str(score)


@pytest.mark.parametrize(("name", "value"), [("student", "eve"), ("assignment", "ps9")])
def test_what_the_gradebook_does_not_know_is_named_and_nothing_written(graded, tmp_path, name, value):
    plugin = CanvasExport()
    setattr(plugin, name, [value])
    plugin.to = str(tmp_path / "canvas.csv")
    with graded.gradebook() as gradebook, pytest.raises(ValueError, match=f"no {name} {value}"):
        plugin.export(gradebook)
    assert not (tmp_path / "canvas.csv").exists()
