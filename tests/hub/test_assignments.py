"""What students are given: once, again when it changed in time, and never behind their backs."""

import os
import subprocess
import sys

import assignments
import nbformat
import pytest
import serve
from served_classroom import ROOT

pytestmark = [pytest.mark.xdist_group("hub"), pytest.mark.slow]
COURSE = "kernel-by-kernel"


@pytest.fixture
def laid_out(small):
    """The classroom's directories, nothing started."""
    classroom = serve.Classroom(small.state, small.course, small.book, small.port)
    classroom.prepare()
    return classroom


def run(classroom: serve.Classroom) -> str:
    """What hub/assignments.py says, run as serve.py runs it."""
    environment = classroom.environment() | {"JUPYTER_CONFIG_PATH": str(ROOT / "hub" / "course")}
    command = [sys.executable, str(ROOT / "hub" / "assignments.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120).stdout


def test_an_assignment_is_released_once_then_again_until_somebody_hands_it_in(laid_out):
    source = laid_out.course / "solutions" / "01-tiny" / "01-tiny.ipynb"
    given = laid_out.state / "exchange" / COURSE / "outbound" / "01-tiny" / "01-tiny.ipynb"

    def change(text: str) -> None:
        notebook = nbformat.read(source, as_version=4)
        notebook.cells[0].source = text
        nbformat.write(notebook, source)

    assert run(laid_out) == "Released 01-tiny.\n"
    assert "YOUR CODE HERE" in given.read_text()
    assert "return 2 * x" not in given.read_text()
    assert "double(5)" not in given.read_text()  # the hidden test
    assert not assignments.pending(laid_out.state)

    # nbgrader's own commands work in a terminal there.
    plain = {name: value for name, value in laid_out.environment().items() if not name.startswith("CLASSROOM")}
    command = ["nbgrader", "db", "assignment", "list"]
    there = subprocess.run(command, cwd=laid_out.state / "course", env=plain, capture_output=True, text=True)
    assert "01-tiny" in there.stdout, there.stderr

    change("# Tiny, improved")
    assert run(laid_out) == "Released 01-tiny again: its files have changed.\n"
    assert "improved" in given.read_text()

    handed_in = laid_out.state / "exchange" / COURSE / "inbound" / "student+01-tiny+2026-01-01 10:00:00 UTC+x"
    handed_in.mkdir(parents=True)
    change("# Tiny, too late")
    said = run(laid_out)
    assert "handed it in" in said
    assert "in Formgrader, unrelease it, generate it and release it" in said
    assert "too late" not in given.read_text()
    # Said once: the instructor decides now.
    assert not assignments.pending(laid_out.state)


def test_a_broken_notebook_is_named_and_the_others_are_released(laid_out):
    broken = laid_out.course / "solutions" / "00-broken"
    broken.mkdir()
    (broken / "00-broken.ipynb").write_text('{"cells": [')
    said = run(laid_out).splitlines()
    assert len(said) == 2
    assert said[0].startswith("solutions/00-broken can't be released: 00-broken.ipynb is not a valid notebook")
    assert said[1] == "Released 01-tiny."
    assert list(assignments.pending(laid_out.state)) == ["00-broken"]

    # Well-formed, but wrong for nbgrader: two cells of one name. What nbgrader says is passed on.
    notebook = nbformat.read(laid_out.course / "solutions" / "01-tiny" / "01-tiny.ipynb", as_version=4)
    notebook.cells[1].metadata.nbgrader.grade_id = "title"
    nbformat.write(notebook, broken / "00-broken.ipynb")
    assert "Duplicate grade id: title" in run(laid_out)


def test_what_does_not_belong_to_an_assignment_does_not_count(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    before = assignments.fingerprint(tmp_path)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "data-checkpoint.csv").write_text("1")
    assert assignments.fingerprint(tmp_path) == before
    os.rename(tmp_path / "data.csv", tmp_path / "more.csv")
    assert assignments.fingerprint(tmp_path) != before
