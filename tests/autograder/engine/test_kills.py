"""kill -9 of any process of the engine at 200 random moments: nothing is lost, nothing is graded twice."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from kill_driver import STUDENTS, answers
from test_engine import FULL, NONE, rows, scores

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open") or not os.path.isdir("/proc/self"), reason="needs Linux")


def killing(course, kills, seed, which):
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", "import kill_driver; kill_driver.main()", course, str(kills), str(seed), which],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert not told["faults"], told
    assert not told["survivors"], told
    assert sum(told["killed"].values()) >= kills
    return told


def check(course, told):
    """Every submission of every round has its right grades, recorded once."""
    found, verdicts = scores(course), rows(course)
    assert len(found) == len(verdicts) == told["rounds"] * STUDENTS
    assert len(told["failed"]) <= len(found) / 20
    for student, row in verdicts.items():
        # Once; a job whose worker was killed under it three times had a status before.
        times = 1 + told["failed"].get(student, 0)
        assert (row.state, row.times_recorded, row.status) == ("recorded", times, "graded"), row
        assert found[student] == (NONE if answers(int(student.split("-")[1]))[0].endswith("x + x") else FULL), student
        assert (course / "autograded" / student / "ps1" / "p1.ipynb").exists()
    with sqlite3.connect(course / "gradebook.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kills", "which"), [(120, "fake"), (80, "real")])
def test_two_hundred_kills(course, kills, which):
    told = killing(course, kills, 20261120, which)
    assert told["killed"].keys() >= (
        {"coordinator", "worker"} if which == "fake" else {"coordinator", "worker", "grader", "side"}
    )
    print(told)
    check(course, told)
