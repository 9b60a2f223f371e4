"""python -m autograder: what it prints, what it writes, and how it ends."""

import json
import os
import signal
import subprocess
import sys

import courses
import pytest
from courses import RIGHT, WRONG, submit
from nbgrader.api import Gradebook

from autograder.__main__ import main, parser


def scores(root):
    with Gradebook(f"sqlite:///{root}/gradebook.db", "course") as gradebook:
        return {
            submission.student.id: sum(grade.auto_score or 0 for grade in submission.notebooks[0].grades)
            for submission in gradebook.assignment_submissions("ps1")
        }


def test_grade_from_start_to_feedback(course, autograder):
    submit(course, "ann", *RIGHT)
    submit(course, "bob", *WRONG)
    (submit(course, "cleo", *RIGHT) / "p1.ipynb").write_bytes(b"{")
    done = autograder("grade", "ps1", "--json", course / "told", cwd=course)
    assert done.returncode == 0, done.stderr
    assert "cleo/p1: not gradable. The notebook file is damaged" in done.stdout
    assert "ps1: 2 graded, 1 not gradable in " in done.stdout
    assert "Traceback" not in done.stderr
    assert scores(course) == {"ann": 5.0, "bob": 0.0, "cleo": 0.0}
    told = json.loads((course / "told" / "ann" / "p1.json").read_text())
    assert (told["status"], [question["points"] for question in told["questions"]]) == ("graded", [3.0, 2.0])
    summary = json.loads((course / "told" / "summary.json").read_text())
    assert summary["complete"]
    assert {verdict["student"]: verdict["outcome"] for verdict in summary["verdicts"]} == {
        "ann": "graded",
        "bob": "graded",
        "cleo": "not gradable",
    }
    again = autograder("grade", "ps1", "--course-dir", course)
    assert (again.returncode, again.stdout) == (0, "ps1: 0 graded, 3 up to date.\n")
    one = autograder("grade", "ps1", "--student", "bob", "--question", "test_double", "--workers", "1", cwd=course)
    assert one.stdout.startswith("ps1: 1 graded in ")


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["grade", "ps9"], 2, "no assignment 'ps9'"),
        (["grade", "ps1"], 2, "nothing to grade: no submission in "),
        (["grade", "ps1", "--student", "zoe"], 2, "nothing to grade: no submission in "),
        (["grade", "ps1", "--question", "q"], 2, "ps1 has no tested question 'q'. It has: test_double, test_square"),
        (["grade", "ps1", "--workers", "0"], 2, "--workers must be at least 1"),
        (["grade", "ps1", "--course-dir", "/nowhere"], 2, "/nowhere is not a directory"),
        (["grade", "ps1", "--frobnicate"], 2, "unknown option '--frobnicate'"),
        (["grade", "ps1", "--Engine.workers=many"], 2, "the configuration is not right"),
        (["lint", "ps9"], 2, "no notebook in "),
        (["lint", "ps1", "--task", "cube"], 2, "ps1 has no answer 'cube' to mutate"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(course, monkeypatch, capsys, words, code, line):
    monkeypatch.chdir(course)
    assert main(words) == code
    told = capsys.readouterr()
    assert told.out == ""
    last = told.err.splitlines()[-1]
    assert last.startswith("autograder: ")
    assert line in last
    assert "Traceback" not in told.err


ENDING = """
import atexit, gc, runpy, sys
atexit.register(lambda: print(gc.get_freeze_count(), len(gc.get_objects())))
sys.argv = ["autograder", "grade", "ps9"]
runpy.run_module("autograder", run_name="__main__")
"""


def test_ending_does_not_wait_for_a_search_for_garbage(course):
    done = subprocess.run([sys.executable, "-c", ENDING], cwd=course, capture_output=True, text=True)
    left_out, looked_through = map(int, done.stdout.split())
    assert done.returncode == 2, done.stderr
    assert left_out > 100 * looked_through


def test_a_scheduler_that_is_not_there(course, autograder):
    submit(course, "ann", *RIGHT)
    done = autograder(
        "grade", "ps1", "--scheduler", "tcp://127.0.0.1:1", cwd=course, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s"
    )
    assert done.returncode == 4
    assert "stopped: no Dask scheduler answers at tcp://127.0.0.1:1" in done.stderr


def test_a_configuration_that_cannot_be_read(course, autograder):
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.root = nonsense\n")
    done = autograder("grade", "ps1", cwd=course)
    assert done.returncode == 2
    assert "nbgrader_config.py cannot be read: NameError: name 'nonsense' is not defined" in done.stderr
    assert "Traceback" in autograder("grade", "ps1", "--debug", cwd=course).stderr


def test_isolation_that_is_not_to_be_had_is_refused_unless_trusted(course, autograder, tmp_path):
    """On a machine that is not Linux, which a sitecustomize makes this one."""
    submit(course, "ann", *RIGHT)
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text("from autograder.run import sandbox\nsandbox.LINUX = False\n")
    paths = os.pathsep.join([str(hide), str(courses.__file__).rsplit("/tests/", 1)[0]])
    done = autograder("grade", "ps1", cwd=course, PYTHONPATH=paths)
    assert done.returncode == 3, done.stderr
    assert "cannot be isolated here" in done.stderr
    assert "--trust" in done.stderr
    assert scores(course) == {}
    trusted = autograder("grade", "ps1", "--trust", cwd=course, PYTHONPATH=paths)
    assert trusted.returncode == 0, trusted.stderr
    assert scores(course) == {"ann": 5.0}


def test_sigterm_ends_in_good_order(course, tmp_path):
    for number in range(3):
        submit(course, f"student{number}", "def square(x):\n    while True:\n        pass", RIGHT[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder", "grade", "ps1", "--json", str(tmp_path / "told")],
        cwd=course,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(courses.__file__).rsplit("/tests/", 1)[0], "HOME": str(tmp_path)},
    )
    try:
        # Under way as soon as it has leased something: then, and not at some moment, it is told to end.
        while process.poll() is None and not leased(course):
            pass
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert "cancelled. What was recorded stands" in err
    assert not leased(course)
    assert not json.loads((tmp_path / "told" / "summary.json").read_text())["complete"]


def leased(course):
    import sqlite3

    with sqlite3.connect(course / "gradebook.db", timeout=30) as database:
        try:
            (count,) = database.execute("SELECT count(*) FROM autograder_verdict WHERE state = 'leased'").fetchone()
        except sqlite3.OperationalError:
            return 0
    return count


def test_lint_prints_a_score_for_each_task_and_its_exit_code_tells(course, autograder):
    done = autograder("lint", "ps1", "--regrades", "3", "--json", course / "lint.json", cwd=course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "task    mutants  caught  equivalent  survived   score" in done.stdout
    assert done.stdout.endswith("ps1: 0 errors, 0 warnings.\n")
    assert json.loads((course / "lint.json").read_text())["tasks"][0]["score"] == 1.0
    weak = courses.source_notebook()
    weak.cells[2].source = "assert square(2) == 4"
    courses.write_source(course, weak)
    done = autograder("lint", "ps1", "--regrades", "2", cwd=course)
    assert done.returncode == 1
    assert "error: p1/square: its tests notice" in done.stdout
    assert autograder("lint", "ps1", "--regrades", "2", "--no-mutants", cwd=course).returncode == 0


def test_every_command_explains_itself(capsys):
    for words in ([], ["grade"], ["lint"], ["doctor"], ["bench"]):
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([*words, "--help"])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert "exit codes:" in told
        assert max(len(line) for line in told.splitlines()) <= 130
    with pytest.raises(SystemExit) as ended:
        main(["shred"])
    assert ended.value.code == 2
