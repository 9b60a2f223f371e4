"""The engine around a fake Grader: what it plans, records, retries, refuses and leaves alone."""

import json
import os
import sqlite3

import courses
import nbformat
import pytest
import sqlalchemy as sa
from courses import RIGHT, WRONG, submit
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder import leases, pools, record
from autograder.engine import CourseError, Engine, Interrupted
from autograder.leases import VERDICTS

FAKE = pools.Setup("engine_fakes:FakeGrader", "engine_fakes:environment")
GOOD = ("# right\n" + RIGHT[0], RIGHT[1])


def engine(root, *, db_url="", config=None, setup=FAKE, **options):
    course = courses.coursedir(root, db_url, config)
    return Engine(course, setup=setup, config=course.config, **({"workers": 1} | options))


def scores(root, db_url=""):
    """Points by student and question, from the gradebook itself."""
    with Gradebook(db_url or f"sqlite:///{root}/gradebook.db", "course") as gradebook:
        return {
            submission.student.id: {grade.name: grade.auto_score for grade in submission.notebooks[0].grades}
            for submission in gradebook.assignment_submissions("ps1")
        }


def rows(root):
    database = sa.create_engine(f"sqlite:///{root}/gradebook.db")
    with database.connect() as connection:
        found = {row.student: row for row in connection.execute(sa.select(VERDICTS))}
    database.dispose()
    return found


def outcomes(summary):
    return {verdict.student: verdict.outcome for verdict in summary.verdicts}


FULL, NONE = {"test_square": 3.0, "test_double": 2.0}, {"test_square": 0.0, "test_double": 0.0}


def test_a_batch_is_graded_recorded_and_not_graded_again(course):
    submit(course, "ann", *GOOD)
    submit(course, "bob", *WRONG)
    first = engine(course).grade("ps1")
    assert outcomes(first) == {"ann": "graded", "bob": "graded"}
    assert scores(course) == {"ann": FULL, "bob": NONE}
    assert first.start_seconds > 0
    again = engine(course).grade("ps1")
    assert (again.verdicts, again.standing) == ([], 2)
    assert (course / "autograded" / "ann" / "ps1" / "p1.ipynb").exists()


def test_the_assignment_is_read_once_and_recorded_as_it_was_graded(course, monkeypatch):
    submit(course, "ann", *GOOD)
    read = []
    blueprints = record.course.blueprints
    monkeypatch.setattr(
        record.course, "blueprints", lambda *a, **options: read.append(a[1]) or blueprints(*a, **options)
    )
    assert outcomes(engine(course).grade("ps1")) == {"ann": "graded"}
    assert read == ["ps1"]


def test_a_new_submission_is_graded_and_the_others_stand(course):
    for name in ("ann", "bob"):
        submit(course, name, *WRONG)
    engine(course).grade("ps1")
    submit(course, "bob", *GOOD)
    submit(course, "cleo", *GOOD)
    summary = engine(course).grade("ps1")
    assert outcomes(summary) == {"bob": "graded", "cleo": "graded"}
    assert summary.standing == 1
    assert scores(course) == {"ann": NONE, "bob": FULL, "cleo": FULL}


def test_changed_tests_or_limits_are_reason_enough_to_grade_again(course):
    submit(course, "ann", *GOOD)
    engine(course).grade("ps1")
    assert not engine(course).grade("ps1").verdicts
    source = courses.source_notebook()
    source.cells[2].source += "assert square(5) == 25\n"
    courses.write_source(course, source)
    # As in nbgrader, an edit counts once generate_assignment has been run.
    assert not engine(course).grade("ps1").verdicts
    courses.release(course)
    assert len(engine(course).grade("ps1").verdicts) == 1
    assert len(engine(course, question_seconds=5.0).grade("ps1").verdicts) == 1


def test_one_student_only(course):
    for name in ("ann", "bob", "cleo"):
        submit(course, name, *GOOD)
    assert outcomes(engine(course).grade("ps1", student="bob")) == {"bob": "graded"}
    assert outcomes(engine(course).grade("ps1", student="[ab]*")) == {"ann": "graded"}
    config = Config({"CourseDirectory": {"student_id_exclude": "cleo"}})
    assert engine(course, config=config).grade("ps1").standing == 2
    with pytest.raises(CourseError, match="no submission in"):
        engine(course).grade("ps1", student="dora")


def test_one_question_is_graded_anew_and_the_points_of_the_others_stay(course):
    submit(course, "ann", *WRONG)
    engine(course).grade("ps1")
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        grade = gradebook.find_grade("test_square", "p1", "ps1", "ann")
        grade.auto_score, grade.manual_score = 1.5, 2.5  # an instructor was here
        gradebook.db.commit()
    submit(course, "ann", *GOOD)  # and the tests are more generous now
    engine(course).grade("ps1", question="test_double")
    # A changed submission is graded as a whole; here only the question was asked for.
    assert scores(course)["ann"] == FULL
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        gradebook.find_grade("test_square", "p1", "ps1", "ann").auto_score = 1.5
        gradebook.find_grade("test_double", "p1", "ps1", "ann").auto_score = 0.0
        gradebook.db.commit()
    engine(course).grade("ps1", question="test_double")
    assert scores(course)["ann"] == {"test_square": 1.5, "test_double": 2.0}
    with pytest.raises(CourseError, match=r"no tested question 'test_cube'. It has: test_double, test_square"):
        engine(course).grade("ps1", question="test_cube")


def test_force_grades_everything_anew(course):
    submit(course, "ann", *GOOD)
    engine(course).grade("ps1")
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        gradebook.find_grade("test_square", "p1", "ps1", "ann").auto_score = 0.5
        gradebook.db.commit()
    assert not engine(course).grade("ps1").verdicts
    assert len(engine(course).grade("ps1", force=True).verdicts) == 1
    assert scores(course)["ann"] == FULL


def test_an_unreadable_submission_gets_a_status_and_the_batch_goes_on(course):
    submit(course, "ann", *GOOD)
    (submit(course, "bob", *GOOD) / "p1.ipynb").write_bytes(b"{")
    (submit(course, "cleo", *GOOD) / "p1.ipynb").unlink()
    os.symlink("/etc/passwd", submit(course, "dora", *GOOD) / "link.txt")
    summary = engine(course).grade("ps1")
    assert outcomes(summary) == {"ann": "graded", "bob": "not gradable", "cleo": "not gradable", "dora": "not gradable"}
    reasons = {verdict.student: verdict.reason for verdict in summary.verdicts}
    assert "damaged" in reasons["bob"]
    assert "no file" in reasons["cleo"]
    assert "link" in reasons["dora"]
    # A status is a verdict: it stands until something changes.
    assert engine(course).grade("ps1").standing == 4
    with record.Recorder(courses.coursedir(course)) as recorder:
        assert {status.student: status.status for status in recorder.statuses("ps1")} == outcomes(summary)


def test_a_job_that_kills_its_worker_gets_a_reason_after_three_and_is_tried_again_by_the_next_run(course):
    submit(course, "ann", "# die\n" + RIGHT[0], RIGHT[1])
    submit(course, "bob", *GOOD)
    summary = engine(course).grade("ps1")
    assert outcomes(summary) == {"ann": "failed", "bob": "graded"}
    # In whatever order two workers come to it: nobody waits for the one that keeps dying.
    reasons = {verdict.student: verdict.reason for verdict in summary.verdicts}
    assert "The grading process ended each time" in reasons["ann"]
    assert reasons["bob"] == ""
    assert scores(course)["bob"] == FULL
    assert rows(course)["ann"].state == "open"
    assert outcomes(engine(course).grade("ps1")) == {"ann": "failed"}


def test_a_worker_that_dies_once_costs_nothing(course, tmp_path):
    submit(course, "ann", f"# die-once {tmp_path}/died\n{GOOD[0]}", RIGHT[1])
    submit(course, "bob", f"# raise-once {tmp_path}/raised\n{GOOD[0]}", RIGHT[1])
    assert set(outcomes(engine(course).grade("ps1")).values()) == {"graded"}
    assert scores(course) == {"ann": FULL, "bob": FULL}
    assert (tmp_path / "died").exists()
    assert (tmp_path / "raised").exists()
    assert {row.times_recorded for row in rows(course).values()} == {1}


def test_a_fault_of_the_grader_gets_a_reason_and_the_batch_goes_on(course):
    submit(course, "ann", "# raise\n" + RIGHT[0], RIGHT[1])
    submit(course, "bob", *GOOD)
    summary = engine(course).grade("ps1")
    assert outcomes(summary) == {"ann": "failed", "bob": "graded"}


def test_the_verdict_does_not_depend_on_workers_or_order(course):
    for number in range(12):
        submit(course, f"student{number}", *(GOOD if number % 3 else WRONG))
    found = []
    for workers, students in ((1, range(12)), (3, reversed(range(12)))):
        seen = {}
        for number in students:
            engine(course, workers=workers).grade(
                "ps1",
                student=f"student{number}",
                force=True,
                on_verdict=lambda v, r, seen=seen: seen.update({v.student: r}),
            )
            if workers == 3:
                break
        engine(course, workers=workers).grade(
            "ps1", force=True, on_verdict=lambda v, r, seen=seen: seen.update({v.student: r})
        )
        found.append(seen)
    assert found[0] == found[1]
    seeds = {result.questions[0].checks[0].message for result in found[0].values()}
    assert len(seeds) == 12  # the fake tells its seed


def test_late_submissions_are_penalised_by_nbgraders_plugin(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        gradebook.update_or_create_assignment("ps1", duedate="2026-01-10 12:00:00 UTC")
    submit(course, "ann", *GOOD, when="2026-01-10 11:00:00 UTC")
    submit(course, "bob", *GOOD, when="2026-01-10 13:00:00 UTC")
    config = Config({"LateSubmissionPlugin": {"penalty_method": "zero"}})
    engine(course, config=config).grade("ps1")
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        found = {
            submission.student.id: (submission.score, submission.notebooks[0].late_submission_penalty)
            for submission in gradebook.assignment_submissions("ps1")
        }
    assert found == {"ann": (5.0, None), "bob": (5.0, 5.0)}
    # An extension counts from the next grading on.
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        gradebook.grant_extension("ps1", "bob", hours=2)
    engine(course, config=config).grade("ps1", student="bob", force=True)
    with Gradebook(f"sqlite:///{course}/gradebook.db", "course") as gradebook:
        assert gradebook.find_submission("ps1", "bob").notebooks[0].late_submission_penalty is None


def test_a_full_disk_stops_the_run_and_a_rerun_goes_on(course, monkeypatch):
    for number in range(6):
        submit(course, f"student{number}", *GOOD)
    write, count = record.intake.write_atomically, []

    def full(path, data, mode=0o644):
        if path.suffix == ".ipynb":
            count.append(path)
            if len(count) > 3:
                raise OSError(28, "No space left on device", str(path))
        write(path, data, mode)

    monkeypatch.setattr(record.intake, "write_atomically", full)
    with pytest.raises(Interrupted, match="No space left on device"):
        engine(course).grade("ps1")
    monkeypatch.undo()
    assert len([row for row in rows(course).values() if row.state == "recorded"]) == 3
    assert len(scores(course)) == 3
    summary = engine(course).grade("ps1")
    assert (len(summary.verdicts), summary.standing) == (3, 3)
    assert {row.times_recorded for row in rows(course).values()} == {1}
    assert all(each == FULL for each in scores(course).values())


def test_a_full_database_stops_the_run_and_a_rerun_goes_on(course):
    """A real one: SQLite may not grow beyond what it has."""
    for number in range(6):
        submit(course, f"student{number}", *GOOD)
    count = []

    def limit(verdict, result):
        count.append(verdict)
        if len(count) == 2:
            run = next(frame for frame in _frames() if "recorder" in frame)["recorder"]
            raw = run.session.connection().connection.driver_connection
            pages = raw.execute("PRAGMA page_count").fetchone()[0]
            raw.execute(f"PRAGMA max_page_count = {pages}")
            run.session.rollback()

    with pytest.raises(Interrupted, match="full"):
        engine(course).grade("ps1", on_verdict=limit)
    assert sqlite3.connect(course / "gradebook.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    summary = engine(course).grade("ps1")
    assert len(summary.verdicts) + summary.standing == 6
    assert {row.times_recorded for row in rows(course).values()} == {1}


def _frames():
    import inspect

    frame = inspect.currentframe()
    while frame is not None:
        yield frame.f_locals
        frame = frame.f_back


def test_one_that_cannot_be_recorded_does_not_stop_the_others(course):
    submit(course, "ann", *GOOD)
    submit(course, "bob", *GOOD)
    (course / "autograded" / "ann").mkdir(parents=True)
    (course / "autograded" / "ann" / "ps1").write_text("a file where a directory has to be")
    summary = engine(course).grade("ps1")
    assert outcomes(summary) == {"ann": "failed", "bob": "graded"}
    (course / "autograded" / "ann" / "ps1").unlink()
    assert outcomes(engine(course).grade("ps1")) == {"ann": "graded"}


def test_ctrl_c_gives_everything_back(course):
    for number in range(6):
        submit(course, f"student{number}", *GOOD)

    def cancel(verdict, result):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine(course).grade("ps1", on_verdict=cancel)
    states = [row.state for row in rows(course).values()]
    assert sorted(states) == ["open"] * 5 + ["recorded"]
    with sa.create_engine(f"sqlite:///{course}/gradebook.db").connect() as connection:
        assert not connection.execute(sa.select(leases.RUNS)).all()


def test_two_notebooks_and_data_files(course):
    second = courses.notebook(
        courses.code("### BEGIN SOLUTION\ny = 1\n### END SOLUTION", "y", solution=True),
        courses.code("assert y == 1", "test_y", grade=True, locked=True, points=4),
    )
    courses.write_source(course, second, name="p2")
    (course / "source" / "ps1" / "data.csv").write_text("1,2\n")
    courses.release(course)
    submit(course, "ann", *GOOD)
    both = submit(course, "bob", *GOOD)
    nbformat.write(nbformat.read(course / "release" / "ps1" / "p2.ipynb", as_version=4), both / "p2.ipynb")
    summary = engine(course).grade("ps1")
    found = {(verdict.student, verdict.notebook): verdict.outcome for verdict in summary.verdicts}
    assert found == {
        ("ann", "p1"): "graded",
        ("ann", "p2"): "not gradable",
        ("bob", "p1"): "graded",
        ("bob", "p2"): "graded",
    }
    (course / "source" / "ps1" / "data.csv").write_text("3,4\n")
    assert len(engine(course).grade("ps1").verdicts) == 4


def test_what_is_wrong_with_the_course_is_said_before_anything_runs(course, tmp_path):
    submit(course, "ann", *GOOD)
    with pytest.raises(CourseError, match=r"no assignment 'ps9'.*The course has: ps1"):
        engine(course).grade("ps9")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CourseError, match="Is this the course's directory"):
        engine(empty).grade("ps1")
    courses.write_source(course, courses.source_notebook(), "ps2")
    with pytest.raises(CourseError, match="Run: nbgrader generate_assignment ps2"):
        engine(course).grade("ps2")
    with pytest.raises(Interrupted, match="database"):
        engine(course, db_url="sqlite:////nowhere/at/all/gradebook.db").grade("ps1")


def test_refused_isolation_leaves_everything_open(course):
    submit(course, "ann", *GOOD)
    with pytest.raises(pools.Refused, match="user namespaces"):
        engine(course, setup=pools.Setup(FAKE.grader, FAKE.environment, {"refuse": True})).grade("ps1")
    assert rows(course)["ann"].state == "open"


def test_a_worker_from_another_environment_is_refused(course):
    submit(course, "ann", *GOOD)
    with pytest.raises(Interrupted, match="other packages"):
        engine(course, setup=pools.Setup(FAKE.grader, "engine_fakes:strange_environment")).grade("ps1")


def test_it_works_on_postgresql_as_on_sqlite(released, tmp_path, database):
    import shutil

    root = shutil.copytree(released, tmp_path / "course")
    (root / "gradebook.db").unlink()
    courses.release(root, db_url=database)
    submit(root, "ann", *GOOD)
    submit(root, "bob", "# die\n" + RIGHT[0], RIGHT[1])
    summary = engine(root, db_url=database).grade("ps1")
    assert outcomes(summary) == {"ann": "graded", "bob": "failed"}
    assert scores(root, database)["ann"] == FULL
    assert engine(root, db_url=database).grade("ps1", question="test_square").verdicts[0].outcome == "graded"
    assert json.dumps(scores(root, database)["ann"]) == json.dumps(FULL)
