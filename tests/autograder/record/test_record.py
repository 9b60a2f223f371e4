"""Verdicts in nbgrader's gradebook: what nbgrader would have written, in one commit, and what it never would."""

import json
import os
import shutil
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import classroom
import nbformat
import pytest
import sqlalchemy as sa
from classroom import ASSIGNMENT, NOTEBOOK, RIGHT, WRONG, Classroom, find
from nbgrader import dbutil, utils
from nbgrader.api import Comment, Grade, Gradebook, Student, SubmittedAssignment
from traitlets.config import Config

from autograder import intake, record
from autograder.model import CellOutput, Check, Question, Result
from autograder.reassemble import NO_RESPONSE, assemble


def autograded(room, student, name=NOTEBOOK):
    return nbformat.read(room.root / "autograded" / student / ASSIGNMENT / f"{name}.ipynb", as_version=4)


def auto(room, student, name=NOTEBOOK):
    return {cell: grade["auto_score"] for cell, grade in room.scores(student, name).items()}


def open_flags(room, student):
    return {cell for cell, grade in room.scores(student).items() if grade["needs_manual_grade"]}


def comments(room, student):
    with room.gradebook() as gradebook:
        entry = gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, student)
        return {comment.name: comment.comment for comment in entry.comments}


# --- scores, flags and comments


def test_a_right_answer(room):
    room.submit("amy")
    room.grade("amy")
    assert auto(room, "amy") == {
        "test_square": 2, "test_square_hidden": 3, "test_mean": 3, "show": None, "why": None, "draw": None,
    }  # fmt: skip
    assert open_flags(room, "amy") == {"show", "why", "draw"}
    assert comments(room, "amy") == dict.fromkeys(["square", "mean", "show", "why", "draw"])


def test_a_wrong_answer_and_partial_credit(room):
    room.submit("bob", WRONG)
    room.grade("bob")
    scores = auto(room, "bob")
    assert (scores["test_square"], scores["test_square_hidden"], scores["test_mean"]) == (0, 0, 1)


def test_an_untouched_notebook(room):
    room.submit("cas", {})
    room.grade("cas")
    assert set(auto(room, "cas").values()) == {0, None}
    # As nbgrader has it: nothing was answered, so nobody needs to read it; a task is always read.
    assert open_flags(room, "cas") == {"draw"}
    assert comments(room, "cas") == {**dict.fromkeys(["square", "mean", "show", "why"], "No response."), "draw": None}


def test_untouched_text_is_known_by_what_was_released_and_not_by_what_is_shown_of_it(tmp_path):
    room = Classroom(tmp_path / "course")
    source = classroom.source_notebook()
    active = "<b onclick='go()'>Why?</b> <script>go()</script>"  # which is shown without what it does
    source.cells[find(source, "why")].source = f"{active}\n# BEGIN SOLUTION\nBecause.\n# END SOLUTION"
    room.write_source(source)
    room.generate()
    room.submit("cas", {})
    room.grade("cas")
    released = room.released()
    assert active in released.cells[find(released, "why")].source
    assert comments(room, "cas")["why"] == "No response."
    assert "why" not in open_flags(room, "cas")
    room.submit("dan", {"why": f"{active}\nBecause."})
    room.grade("dan")
    assert comments(room, "dan")["why"] is None
    shown = autograded(room, "dan")
    assert "<script" not in shown.cells[find(shown, "why")].source


def test_an_answer_that_is_gone_is_not_taken_for_an_empty_one(room):
    room.submit("dan", change=lambda nb: nb.cells.pop(find(nb, "why")))
    room.grade("dan")
    assert room.scores("dan")["why"]["auto_score"] is None
    assert "why" in open_flags(room, "dan")
    assert comments(room, "dan")["why"] == NO_RESPONSE


@pytest.mark.parametrize(("points", "recorded"), [(-5, 0), (99, 2), (float("nan"), None), (float("inf"), None)])
def test_points_stay_within_their_bounds(room, points, recorded):
    room.submit("amy")
    job, submission = room.job("amy")
    result = classroom.run(job)
    next(question for question in result.questions if question.grade_id == "test_square").points = points
    with record.Recorder(room.coursedir) as recorder:
        recorder.record(result, job, submission)
    assert room.scores("amy")["test_square"]["auto_score"] == recorded
    assert ("test_square" in open_flags(room, "amy")) == (recorded is None)


def test_a_question_that_the_engine_did_not_reach_asks_for_a_person(room):
    room.submit("amy")
    job, submission = room.job("amy")
    result = classroom.run(job)
    result.questions = result.questions[:1]
    with record.Recorder(room.coursedir) as recorder:
        recorder.record(result, job, submission)
    assert room.scores("amy")["test_mean"]["auto_score"] is None
    assert "test_mean" in open_flags(room, "amy")


def by_hand(room, student, **fields):
    with room.gradebook() as gradebook:
        grade = gradebook.find_grade(fields.pop("cell"), NOTEBOOK, ASSIGNMENT, student)
        for name, value in fields.items():
            setattr(grade, name, value)
        gradebook.db.commit()


def test_what_people_wrote_survives_a_regrade(room):
    room.submit("amy")
    room.grade("amy")
    by_hand(room, "amy", cell="why", manual_score=4, needs_manual_grade=False)
    by_hand(room, "amy", cell="draw", manual_score=2.5, extra_credit=1, needs_manual_grade=False)
    by_hand(room, "amy", cell="test_square", manual_score=1, needs_manual_grade=False)
    with room.gradebook() as gradebook:
        gradebook.find_comment("why", NOTEBOOK, ASSIGNMENT, "amy").manual_comment = "Well said."
        gradebook.db.commit()
    room.submit("amy", WRONG)
    room.grade("amy")
    scores = room.scores("amy")
    assert (scores["why"]["manual_score"], scores["draw"]["manual_score"], scores["draw"]["extra_credit"]) == (
        4,
        2.5,
        1,
    )
    assert (scores["test_square"]["manual_score"], scores["test_square"]["auto_score"]) == (1, 0)
    assert comments(room, "amy")["why"] == "Well said."
    # nbgrader's rule: a score given by hand for an answer that was graded anew asks to be looked at again.
    assert {"test_square", "why"} <= open_flags(room, "amy")
    assert "draw" not in open_flags(room, "amy")


# --- one commit


def test_there_is_one_commit_for_a_submission(room, monkeypatch):
    room.submit("amy")
    job, submission = room.job("amy")
    result = classroom.run(job)
    commits = []
    with record.Recorder(room.coursedir) as recorder:
        sa.event.listen(recorder.gradebook.engine, "commit", lambda _: commits.append(1))
        recorder.record(result, job, submission)
        assert len(commits) == 1
        assert recorder.session.query(Student).count() == 1


@pytest.mark.parametrize("place", ["also", "files", "store"])
def test_a_failure_anywhere_leaves_the_gradebook_as_it_was(room, monkeypatch, place):
    room.submit("amy")
    room.submit("bob")
    room.grade("bob")
    job, submission = room.job("amy")
    result = classroom.run(job)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    with record.Recorder(room.coursedir) as recorder:
        before = dump(room.db_url)
        if place == "files":
            monkeypatch.setattr(intake, "write_atomically", fail)
        elif place == "store":
            monkeypatch.setattr(recorder, "_store", fail)
        with pytest.raises(OSError, match="No space"):
            recorder.record(result, job, submission, also=fail if place == "also" else None)
        assert dump(room.db_url) == before
        monkeypatch.undo()
        # And the recorder goes on.
        recorder.record(result, job, submission)
    assert auto(room, "amy") == auto(room, "bob")


def dump(db_url):
    engine = sa.create_engine(db_url)
    found = sa.MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        rows = {table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in found.sorted_tables}
    engine.dispose()
    return rows


def count(database, kind):
    return database.execute(sa.select(sa.func.count()).select_from(kind)).scalar()


def test_also_is_called_within_the_transaction(room):
    room.submit("amy")
    job, submission = room.job("amy")
    seen = []
    with record.Recorder(room.coursedir) as recorder:
        recorder.record(classroom.run(job), job, submission, also=lambda database: seen.append(count(database, Grade)))
    assert seen == [6]


def test_rows_that_are_there_stay_and_those_that_are_missing_come_back(room):
    with room.gradebook() as gradebook:
        gradebook.add_student("amy", first_name="Amy")
    room.submit("amy")
    room.grade("amy")
    before = dump(room.db_url)
    with room.gradebook() as gradebook:  # as if these cells had been released since
        gradebook.db.delete(gradebook.find_grade("test_mean", NOTEBOOK, ASSIGNMENT, "amy"))
        gradebook.db.delete(gradebook.find_comment("why", NOTEBOOK, ASSIGNMENT, "amy"))
        gradebook.db.commit()
    room.grade("amy")
    after = dump(room.db_url)
    assert auto(room, "amy")["test_mean"] == 3
    for name in ("student", "submitted_assignment", "submitted_notebook"):
        assert after[name] == before[name]
    for name, lost in (("grade", 1), ("comment", 1)):
        assert len(after[name]) == len(before[name])
        assert len({*before[name]} - {*after[name]}) == lost
    with room.gradebook() as gradebook:
        assert gradebook.find_student("amy").first_name == "Amy"


def test_no_statement_is_sent_twice_however_many_cells_there_are(room):
    room.submit("amy")
    job, submission = room.job("amy")
    result = classroom.run(job)
    statements = []
    with record.Recorder(room.coursedir, known={ASSIGNMENT: {NOTEBOOK: room.blueprint()}}) as recorder:
        sa.event.listen(recorder.gradebook.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        recorder.record(result, job, submission)
        assert len(statements) == len({*statements})
        statements.clear()
        for question in result.questions:
            question.points = 0.0
        recorder.record(result, job, submission)
    assert len(statements) == len({*statements})
    assert {grade for name, grade in auto(room, "amy").items() if name.startswith("test_")} == {0}


def test_the_same_verdict_again_changes_nothing_but_its_time(room):
    room.submit("amy")
    room.grade("amy")
    first, files = dump(room.db_url), tree(room.root / "autograded")
    room.grade("amy")
    again = dump(room.db_url)
    first.pop("autograder_result"), again.pop("autograder_result")
    assert again == first
    assert tree(room.root / "autograded") == files


def tree(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# --- one question


def test_one_question_graded_anew_leaves_the_others(room):
    room.submit("amy", WRONG)
    room.grade("amy")
    room.submit("amy")
    room.grade("amy", questions={"test_mean"})
    scores = auto(room, "amy")
    assert (scores["test_square"], scores["test_mean"]) == (0, 3)
    with record.Recorder(room.coursedir) as recorder:
        with room.gradebook() as gradebook:
            entry = gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, "amy").id
        told, _ = record.restored(recorder._stored(entry))
    assert {question.grade_id: question.points for question in told.questions} == {
        "test_square": 0, "test_square_hidden": 0, "test_mean": 3,
    }  # fmt: skip


def test_one_question_of_a_submission_that_had_no_verdict_is_all_of_them(room):
    room.submit("amy")
    room.grade("amy", questions={"test_mean"})
    assert auto(room, "amy")["test_square"] == 2


# --- what cannot be graded


def test_what_cannot_be_graded_has_a_status_a_reason_and_no_points_taken(room):
    room.submit("amy")
    room.grade("amy")
    (room.handed_in("eve") / "p1.ipynb").write_text("{")
    room.grade("eve")
    assert set(auto(room, "eve").values()) == {None}
    assert open_flags(room, "eve") == set(room.scores("eve"))
    with record.Recorder(room.coursedir) as recorder:
        statuses = {status.student: status for status in recorder.statuses(ASSIGNMENT)}
    assert statuses["amy"].status == "graded"
    assert statuses["eve"].status == "not gradable"
    assert "damaged" in statuses["eve"].reason
    made = autograded(room, "eve")
    assert made.cells[0].source.startswith("**Not gradable.** The notebook file is damaged")
    assert [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in made.cells[1:]] == [
        given.metadata.get("nbgrader", {}).get("grade_id") for given in room.blueprint().cells
    ]
    assert classroom.SECRET not in json.dumps(made)


def test_a_bad_resubmission_takes_the_old_scores_back_but_not_the_ones_given_by_hand(room):
    room.submit("amy")
    room.grade("amy")
    by_hand(room, "amy", cell="why", manual_score=4, needs_manual_grade=False)
    (room.handed_in("amy") / "p1.ipynb").write_text("{")
    room.grade("amy")
    scores = room.scores("amy")
    assert scores["test_square"]["auto_score"] is None
    assert scores["why"]["manual_score"] == 4


def test_a_reason_with_names_in_it_is_shown_as_it_is(room):
    (room.handed_in("eve") / "p1 <img src=x onerror=alert(1)> [x](javascript:y).ipynb").write_text("{}")
    room.grade("eve")
    banner = autograded(room, "eve").cells[0].source
    assert "\\<img" not in banner.replace("\\<\u200bimg", "")
    assert "\\]\\(javascript" in banner


# --- several notebooks


@pytest.fixture
def two(released_pair, tmp_path):
    shutil.copytree(released_pair, tmp_path / "course")
    return Classroom(tmp_path / "course")


def test_each_notebook_has_its_own_verdict(two):
    two.submit("amy", name="p1")
    two.submit("amy", WRONG, name="p2")
    two.grade("amy", "p1")
    two.grade("amy", "p2")
    assert auto(two, "amy", "p1")["test_square"] == 2
    assert auto(two, "amy", "p2")["test_square"] == 0


@pytest.mark.parametrize("order", [("p1", "p2"), ("p2", "p1")])
def test_a_notebook_that_is_missing_scores_zero_as_in_nbgrader(two, order):
    two.submit("amy", name="p1")
    for name in order:
        two.grade("amy", name)
    assert auto(two, "amy", "p1")["test_square"] == 2
    assert set(auto(two, "amy", "p2").values()) == {0}
    assert not any(grade["needs_manual_grade"] for grade in two.scores("amy", "p2").values())


# --- time and penalties


def with_plugin(room, plugin):
    return Classroom(room.root, Config({"AssignLatePenalties": {"plugin_class": plugin}}))


def penalty(room, student):
    with room.gradebook() as gradebook:
        return gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, student).late_submission_penalty


def test_the_late_penalty_is_the_plugins(room):
    from nbgrader.plugins import LateSubmissionPlugin

    class OneAnHour(LateSubmissionPlugin):
        def late_submission_penalty(self, student_id, score, total_seconds_late):
            assert (student_id, score) == ("amy", 8)
            return total_seconds_late / 3600

    room = with_plugin(room, OneAnHour)
    room.due(datetime(2026, 5, 1, 12))
    room.submit("amy", when="2026-05-01 15:00:00 UTC")
    room.grade("amy")
    assert penalty(room, "amy") == 3
    room.submit("amy", when="2026-05-01 11:00:00 UTC")
    room.grade("amy")
    assert penalty(room, "amy") is None
    with room.gradebook() as gradebook:
        gradebook.grant_extension(ASSIGNMENT, "amy", hours=2)
    room.submit("amy", when="2026-05-01 15:00:00 UTC")
    room.grade("amy")
    assert penalty(room, "amy") == 1


@pytest.mark.parametrize(("answer", "kept"), [(-5, 0), (1000, 8), (None, None)])
def test_a_penalty_is_kept_within_the_score(room, answer, kept):
    from nbgrader.plugins import LateSubmissionPlugin

    class Odd(LateSubmissionPlugin):
        def late_submission_penalty(self, student_id, score, total_seconds_late):
            return answer

    room = with_plugin(room, Odd)
    room.due(datetime(2026, 5, 1, 12))
    room.submit("amy", when="2026-05-01 15:00:00 UTC")
    room.grade("amy")
    assert penalty(room, "amy") == kept


def test_84_a_timestamp_that_is_garbage_is_the_time_of_arrival(room):
    room.due(datetime(2020, 1, 1))
    room.submit("eve", when="garbage")
    room.grade("eve")
    with room.gradebook() as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, "eve")
        assert submission.total_seconds_late > 0
        # What Formgrader compares: the file it reads itself, and the row.
        read = utils.parse_utc((room.handed_in("eve") / "timestamp.txt").read_text())
        assert read == submission.timestamp


# --- files


def test_the_rebuilt_notebook(room):
    room.submit("amy", {**RIGHT, "why": "Because <script>alert(1)</script>."})
    room.grade("amy")
    made = autograded(room, "amy")
    nbformat.validate(made)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in made.cells}
    assert cells["square"].source == RIGHT["square"]
    assert cells["show"].outputs[0].text == "9\n"
    assert classroom.SECRET in cells["test_square_hidden"].source  # the instructor sees the tests that were run
    assert "2 of 2 points" in cells["test_square"].outputs[0].text
    assert "<script>" not in json.dumps(made)
    assert cells["why"].metadata["nbgrader"] == room.released().cells[find(room.released(), "why")].metadata["nbgrader"]
    assert all(output.output_type in ("stream", "error") for cell in made.cells for output in cell.get("outputs", []))


def test_the_file_is_a_notebook_with_one_cell_on_a_line(room):
    room.submit("amy", change=lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell('ä \u2028 </script>\n\n"…"')))
    room.grade("amy")
    text = (room.root / "autograded" / "amy" / ASSIGNMENT / "p1.ipynb").read_text("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert json.loads(nbformat.writes(notebook)) == json.loads(nbformat.writes(nbformat.from_dict(json.loads(text))))
    lines = text.split("\n")
    cells = [json.loads(line.rstrip(",")) for line in lines if line.startswith('{"cell_type"')]
    assert [cell["source"] for cell in cells] == [cell.source for cell in notebook.cells]
    assert len(lines) <= len(cells) + 8


def test_what_nbgrader_needs_beside_the_notebook_is_there(room):
    room.submit("amy", when="2026-05-01 15:00:00.5 UTC")
    room.submit("bob", when="2026-05-01 15:00:00 UTC")
    (room.handed_in("amy") / "submission_secret.txt").write_text("a" * 128)
    (room.handed_in("bob") / "submission_secret.txt").write_text("../../../etc/passwd")
    for student in ("amy", "bob"):
        room.grade(student)
    amy, bob = (room.root / "autograded" / student / ASSIGNMENT for student in ("amy", "bob"))
    assert (amy / "submission_secret.txt").read_text() == "a" * 128
    assert utils.parse_utc((amy / "timestamp.txt").read_text()) == datetime(2026, 5, 1, 15, 0, 0, 500_000)
    secret = (bob / "submission_secret.txt").read_text()
    assert len(secret) == 128
    room.grade("bob")
    assert (bob / "submission_secret.txt").read_text() == secret


def test_files_of_the_submission_that_a_browser_would_run_stay_away(room):
    directory = room.submit("eve")
    for name in ("plot.png", "data.csv", "page.html", "image.svg", "x.xhtml", "code.js", "p.pdf", "sub/mine.py"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("x")
    (room.root / "source" / ASSIGNMENT / "data.csv").write_text("given")
    room.grade("eve")
    there = tree(room.root / "autograded" / "eve" / ASSIGNMENT)
    assert there.keys() - {"timestamp.txt", "submission_secret.txt"} == {
        "p1.ipynb",
        "plot.png",
        "data.csv",
        "sub/mine.py",
    }
    assert there["data.csv"] == b"given"


def test_a_new_submission_leaves_nothing_of_the_old_one(room):
    directory = room.submit("amy")
    (directory / "a").write_text("old")
    (directory / "b.txt").mkdir()
    (directory / "b.txt" / "c.csv").write_text("old")
    (directory / "old.csv").write_text("old")
    room.grade("amy")
    for name in ("a", "old.csv"):
        (directory / name).unlink()
    (directory / "b.txt" / "c.csv").unlink()
    (directory / "b.txt").rmdir()
    (directory / "b.txt").write_text("now a file")
    room.grade("amy")
    there = tree(room.root / "autograded" / "amy" / ASSIGNMENT)
    assert there.keys() == {"p1.ipynb", "timestamp.txt", "submission_secret.txt", "b.txt"}


def test_a_link_where_a_file_is_to_be_written_is_replaced(room, tmp_path):
    """Whoever could put it there: what it points to is left alone."""
    (tmp_path / "precious").write_text("precious")
    directory = room.root / "autograded" / "amy" / ASSIGNMENT
    directory.mkdir(parents=True)
    os.symlink(tmp_path / "precious", directory / "p1.ipynb")
    room.submit("amy")
    room.grade("amy")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (directory / "p1.ipynb").is_symlink()


# --- our own table


def test_every_grade_has_its_environment_and_the_digest_of_what_was_graded(room):
    room.submit("amy")
    room.grade("amy")
    with record.Recorder(room.coursedir) as recorder:
        (status,) = recorder.statuses(ASSIGNMENT)
    assert status.environment == "fake"
    assert status.digest == intake.take_in(room.handed_in("amy")).digest


def test_a_verdict_survives_being_stored():
    check = Check(0, "failed", "hidden", 0.5, 1.0, "m", "c", "g", "e", "h", "l")
    result = Result("a", "s", "n", "graded", questions=[Question("q", 0.5, 1.0, [check], "m", 0.1)], environment="e")
    told, notes = record.restored(json.loads(json.dumps(record.stored(result))))
    assert (told, notes) == (result, [])


def test_a_result_as_data_is_all_of_it_and_a_copy():
    checks = [Check(i, "passed", "public", 1.0, 1.0, call=f"f({i})", link="chapter") for i in range(2)]
    question = Question("q", 2.0, 2.0, checks, "m", 0.1)
    result = Result("a", "s", "n", "graded", "", [question], [CellOutput(3, "out", "err", "E: x", True)], "e", 0.5, 1)
    data = result.as_data()
    assert data == asdict(result)
    data["questions"][0]["checks"].pop()
    data["questions"][0]["checks"][0]["status"] = "failed"
    data["outputs"][0]["stdout"] = ""
    assert (len(question.checks), checks[0].status, result.outputs[0].stdout) == (2, "passed", "out")


def test_nbgrader_still_opens_and_upgrades_its_database(room, monkeypatch):
    room.submit("amy")
    room.grade("amy")
    # nbgrader runs alembic from PATH.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    dbutil.upgrade(room.db_url)
    with Gradebook(room.db_url, "course") as gradebook:
        assert gradebook.find_submission(ASSIGNMENT, "amy").score == 8
        gradebook.remove_submission(ASSIGNMENT, "amy")
        assert gradebook.db.query(SubmittedAssignment).count() == 0
        assert gradebook.db.query(Comment).count() == 0


# --- misuse


@pytest.mark.parametrize("at_hand", [False, True])
def test_a_job_of_another_notebook_is_not_recorded(room, at_hand):
    room.submit("amy")
    room.submit("bob", WRONG)
    job, _ = room.job("bob")
    _, submission = room.job("amy")
    assembly = assemble(room.blueprint(), submission, notebook=NOTEBOOK) if at_hand else None
    result = classroom.run(job)
    with record.Recorder(room.coursedir) as recorder, pytest.raises(ValueError, match="grade it again"):
        recorder.record(result, job, submission, assembly=assembly)


def test_a_verdict_is_recorded_alike_with_what_its_job_was_made_of_and_without(room):
    room.submit("amy", WRONG)
    job, submission = room.job("amy")
    result = classroom.run(job)
    seen = []
    for assembly in (None, assemble(room.blueprint(), submission, notebook=NOTEBOOK)):
        with record.Recorder(room.coursedir) as recorder:
            recorder.record(result, job, submission, assembly=assembly)
        seen.append((room.scores("amy"), comments(room, "amy"), autograded(room, "amy")))
    assert seen[0] == seen[1]


def test_an_assignment_that_was_not_released(tmp_path):
    room = Classroom(tmp_path / "course")
    room.write_source(classroom.source_notebook())
    with record.Recorder(room.coursedir) as recorder, pytest.raises(record.NotReleased, match="generate_assignment"):
        recorder.record(Result(ASSIGNMENT, "amy", NOTEBOOK, "not gradable", "reason"), None, None)
