"""`nbgrader autograde`, Formgrader's button, `generate_feedback` and `release_feedback`, with one configured line.

One class is graded once, by the real engine and its real sandbox, through the API behind Formgrader's button; its
submissions are whatever has stopped a class before: rows 54, 55, 69, 75, 77, 80, 81, 83, 84 and 95 of the attack list.
"""

import copy
import json
import os
import shutil
from datetime import datetime

import classroom
import nbformat
import pytest
from classroom import ASSIGNMENT, RIGHT, WRONG, Classroom, find
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

import autograder
from autograder import record

pytestmark = pytest.mark.xdist_group("plugin-autograde")

HONEST = {
    "amy": {},
    "warns": {"square": "import sys, warnings\n\ndef square(x):\n    warnings.warn('careful')\n"
                        "    print('noise', file=sys.stderr)\n    print('noise')\n    return x * x"},
    "prints": {"mean": "print('hello')\n%matplotlib inline\ndef mean(values):\n    return sum(values) / len(values)"},
    "imports": {"square": "import numpy as np\n\ndef square(x):\n    return np.square(x)"},
    "waits": {"square": "import asyncio\nawait asyncio.sleep(0)\nsquare = lambda x: x * x"},
}  # fmt: skip
UNREADABLE = ["cut", "link", "endless", "pipe", "folder", "huge", "other"]


def configured(room: Classroom, **engine) -> Config:
    config = Config({"Engine": {"warm": [], "workers": 1, **engine}})
    config.merge(room.config)
    autograder.configure(config)
    return config


def api(room: Classroom, config: Config) -> NbGraderAPI:
    return NbGraderAPI(Classroom(room.root, config).coursedir, config=config)


@pytest.fixture(scope="module")
def graded(released_classroom, tmp_path_factory):
    """The class, after the button has been pressed for all of it."""
    root = tmp_path_factory.mktemp("graded") / "course"
    shutil.copytree(released_classroom, root)
    room = Classroom(root)
    room.due(datetime(2020, 1, 1))
    for student, answers in HONEST.items():
        room.submit(student, {**RIGHT, **answers})
    room.submit("bob", WRONG, when="2019-12-31 23:00:00 UTC")
    room.submit("cas", {})
    room.submit("doubled", change=lambda nb: nb.cells.append(copy.deepcopy(nb.cells[find(nb, "square")])))
    room.submit("schema", change=lambda nb: nb.cells[4].metadata["nbgrader"].update(schema_version=99))
    room.submit("clock", when="garbage")
    room.submit("raises", {**RIGHT, "square": "1 / 0"})
    for student in UNREADABLE:
        room.submit(student)
    (room.handed_in("cut") / "p1.ipynb").write_text('{"cells": [')
    os.symlink("/etc/passwd", room.handed_in("link") / "data")
    os.symlink("/dev/zero", room.handed_in("endless") / "data")
    os.mkfifo(room.handed_in("pipe") / "data")
    (room.handed_in("folder") / "p1.ipynb").unlink()
    (room.handed_in("folder") / "p1.ipynb").mkdir()
    room.submit("huge", {**RIGHT, "square": "#" * 3_000_000})
    (room.handed_in("other") / "p1.ipynb").rename(room.handed_in("other") / "final.ipynb")
    config = configured(room)
    done = api(room, config).autograde(ASSIGNMENT, "*")
    return room, config, done


def points(room, student):
    return {name: grade["auto_score"] for name, grade in room.scores(student).items()}


def statuses(room):
    with record.Recorder(room.coursedir) as recorder:
        return {status.student: status for status in recorder.statuses(ASSIGNMENT)}


def test_the_button_says_that_it_worked_and_names_what_it_could_not_grade(graded):
    _, _, done = graded
    assert done["success"], done
    assert "amy, p1: 8 of 8 points" in done["log"]
    assert done["log"].count("NOT GRADABLE") == len(UNREADABLE)
    assert "“data” is a link" in done["log"]


@pytest.mark.parametrize("student", [*HONEST, "doubled", "schema", "clock"])
def test_54_55_84_95_honest_work_gets_full_marks_whatever_is_around_it(graded, student):
    room, _, _ = graded
    scores = points(room, student)
    assert (scores["test_square"], scores["test_square_hidden"], scores["test_mean"]) == (2, 3, 3)
    assert statuses(room)[student].status == "graded"


def test_wrong_and_empty_work_does_not(graded):
    room, _, _ = graded
    assert [points(room, "bob")[name] for name in ("test_square", "test_square_hidden", "test_mean")] == [0, 0, 1]
    assert set(points(room, "cas").values()) == {0, None}
    assert points(room, "raises")["test_mean"] == 3


@pytest.mark.parametrize("student", UNREADABLE)
def test_69_to_83_one_bad_submission_stops_nobody_and_has_its_reason(graded, student):
    room, _, _ = graded
    status = statuses(room)[student]
    assert status.status == "not gradable"
    assert "submit again" in status.reason or "submit" in status.reason.lower()
    assert set(points(room, student).values()) == {None}


def test_every_verdict_has_the_same_environment(graded):
    room, _, _ = graded
    found = {status.environment for status in statuses(room).values()}
    assert len(found) == 1
    assert found != {""}


def test_84_formgraders_pages_can_list_the_class(graded):
    room, config, _ = graded
    pages = api(room, config)
    rows = {row["student"]: row for row in pages.get_submissions(ASSIGNMENT)}
    assert rows.keys() == statuses(room).keys()
    assert all(row["autograded"] for row in rows.values())
    assert rows["cut"]["needs_manual_grade"]
    assert rows["amy"]["score"] == 8
    assert len(pages.get_notebook_submissions(ASSIGNMENT, "p1")) == len(rows)


def test_the_rebuilt_notebooks_are_there_for_everyone(graded):
    room, _, _ = graded
    for student in statuses(room):
        path = room.root / "autograded" / student / ASSIGNMENT / "p1.ipynb"
        content = nbformat.read(path, as_version=4)
        nbformat.validate(content)
        assert oct(path.stat().st_mode)[-3:] == "444"
    assert not list((room.root / "autograded").rglob("data"))


def test_feedback_by_nbgraders_own_commands(graded, tmp_path):
    room, config, _ = graded
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    os.chmod(exchange, 0o777)
    config = copy.deepcopy(config)
    config.Exchange.root = str(exchange)
    commands = api(room, config)
    done = commands.generate_feedback(ASSIGNMENT)
    assert done["success"], done
    for student in statuses(room):
        told = json.loads((room.root / "feedback" / student / ASSIGNMENT / "p1.json").read_text())
        page = (room.root / "feedback" / student / ASSIGNMENT / "p1.html").read_text()
        assert told["status"] == ("not gradable" if student in UNREADABLE else "graded")
        assert classroom.SECRET not in page + json.dumps(told)
        assert "Content-Security-Policy" in page
    done = commands.release_feedback(ASSIGNMENT)
    assert done["success"], done
    assert len(list((exchange / "course" / "feedback").glob("*.html"))) == len(statuses(room))


def test_the_timestamp_that_stops_nbgraders_pages_has_been_mended(graded):
    room, _, _ = graded
    with room.gradebook() as gradebook:
        late = gradebook.find_submission(ASSIGNMENT, "clock").total_seconds_late
        on_time = gradebook.find_submission(ASSIGNMENT, "bob").total_seconds_late
    assert late > 0
    assert on_time == 0


def test_a_second_press_without_force_grades_nothing_and_with_files_gone_grades_again(graded):
    room, config, _ = graded
    before = {student: status.recorded for student, status in statuses(room).items()}
    done = api(room, config).autograde(ASSIGNMENT, "amy", force=False)
    assert done["success"], done
    assert "1 verdicts stand" in done["log"]
    assert statuses(room)["amy"].recorded == before["amy"]
    shutil.rmtree(room.root / "autograded" / "amy")
    done = api(room, config).autograde(ASSIGNMENT, "amy", force=False)
    assert done["success"], done
    assert (room.root / "autograded" / "amy" / ASSIGNMENT / "p1.ipynb").exists()
    assert {s for s, status in statuses(room).items() if status.recorded != before[s]} == {"amy"}


# --- the seam


def test_hooks_and_options_are_the_converters(room):
    called = []
    room.submit("amy")
    room.submit("bob")
    room.submit("eve")
    config = configured(room)
    config.Autograde.pre_convert_hook = lambda **names: called.append(("before", len(names["notebooks"])))
    config.Autograde.post_convert_hook = lambda **names: called.append(("after", len(names["notebooks"])))
    config.CourseDirectory.student_id_exclude = "eve"
    with room.gradebook() as gradebook:
        gradebook.add_student("bob")
    done = api(room, config).autograde(ASSIGNMENT, "*", create=False)
    assert "No student with ID 'amy' exists" in done["log"]
    assert statuses(room).keys() == {"bob"}
    assert called == [("before", 1), ("after", 1)]


def test_an_assignment_that_was_not_released_is_said_plainly(room):
    (room.root / "submitted" / "amy" / "ps9").mkdir(parents=True)
    (room.root / "submitted" / "amy" / "ps9" / "p1.ipynb").write_text("{}")
    done = api(room, configured(room)).autograde("ps9", "amy")
    assert not done["success"]
    assert "ps9" in done["log"]


def test_if_the_seam_is_gone_nothing_is_run(room, tmp_path):
    """Should a later nbgrader make its exporter otherwise, its own loop stops before it executes a cell."""
    room.submit("eve", {**RIGHT, "square": f"open({str(tmp_path / 'ran')!r}, 'w')"})
    config = configured(room)
    del config.Autograde["exporter_class"]
    done = api(room, config).autograde(ASSIGNMENT, "eve")
    assert not done["success"]
    assert "Nothing was run" in done["log"]
    assert not (tmp_path / "ran").exists()


def test_a_server_with_another_course_leaves_that_one_alone(room):
    """The seam is this configuration's: nothing of nbgrader itself is changed."""
    from nbgrader.converters import Autograde

    autograder.configure(Config())
    stock = Autograde(coursedir=room.coursedir)
    assert stock.exporter_class.__module__.startswith("nbconvert")
    assert stock.autograde_preprocessors[0].__module__.startswith("nbgrader")
