"""`nbgrader validate` and the Validate button: every public check, in the student's own kernel."""

import io

import classroom
import nbformat
import pytest
from classroom import RIGHT, WRONG, find
from nbgrader.validator import Validator
from traitlets.config import Config

import autograder
from autograder import validate

pytestmark = pytest.mark.xdist_group("validate")


def validator():
    config = Config()
    autograder.configure(config)
    return Validator(config=config)


def saved(room, tmp_path, answers, change=lambda notebook: None):
    content = room.released()
    classroom.fill(content, answers)
    change(content)
    path = tmp_path / "p1.ipynb"
    nbformat.write(content, path)
    return path


def test_every_failed_check_is_reported_and_the_notebook_stays_as_it_was(room, tmp_path):
    def change(content):
        content.cells[find(content, "mean")].source = "def mean(values):\n    raise ValueError('not yet')"

    path = saved(room, tmp_path, {**RIGHT, "square": "def square(x):\n    return abs(x) + 1"}, change)
    before = path.read_bytes()
    told = validator().validate(str(path))
    assert path.read_bytes() == before
    assert told.keys() == {"failed"}
    squares, hidden, means = told["failed"]
    # What is shown as the cell is the cell, not what was sent to the kernel.
    assert squares["source"] == classroom.TEST_SQUARE
    assert squares["raw_error"].split("\n") == [
        "2 of 2 checks did not pass.",
        "",
        "✗ check 1: square(2) == 4",
        "    square of 2",
        "    your code gave: 3",
        "    expected:       4",
        "",
        "✗ check 2: square(-3) == 9",
        "    your code gave: 4",
        "    expected:       9",
    ]
    assert "square(0) == 0" in hidden["raw_error"]
    assert "ValueError: not yet" in means["raw_error"]


def test_right_answers_pass_whatever_they_write_to_stderr(room, tmp_path):
    noisy = (
        "import logging, os, sys, warnings\nlog = logging.getLogger('noise')\n"
        "log.addHandler(logging.StreamHandler())\n\ndef square(x):\n    warnings.warn('careful')\n"
        "    print('noise', file=sys.stderr)\n    log.error('noise')\n    return x * x"
    )
    path = saved(room, tmp_path, {**RIGHT, "square": noisy})
    assert validator().validate(str(path)) == {}
    # nbgrader alone takes the same notebook for wrong.
    assert len(Validator().validate(str(path))["failed"]) == 2


def test_the_command_prints_the_report(room, tmp_path):
    path = saved(room, tmp_path, WRONG)
    checker = validator()
    checker.stream = io.StringIO()
    checker.validate_and_print(str(path))
    printed = checker.stream.getvalue()
    assert "VALIDATION FAILED ON 2 CELL(S)" in printed
    assert "✗ check 2: square(-3) == 9" in printed
    assert "Partial credit" in printed


# --- without a kernel


def test_only_test_cells_are_wrapped_and_their_source_comes_back(room):
    content = room.released()
    before = [cell.source for cell in content.cells]
    for cell in content.cells:
        validate.on_cell_execute(cell=cell)
    changed = [cell.metadata["nbgrader"]["grade_id"] for cell, source in zip(content.cells, before, strict=True)
               if cell.source != source]  # fmt: skip
    assert changed == ["test_square", "test_square_hidden", "test_mean"]
    for cell in content.cells:
        validate.on_cell_complete(cell=cell)
    assert [cell.source for cell in content.cells] == before
    assert "autograder-validate" not in nbformat.writes(content)


def test_a_kernel_without_the_package_runs_the_cell_as_it_is(monkeypatch):
    import sys

    ran = []

    class Done:
        def raise_error(self):
            ran.append("raised")

    class Shell:
        def run_cell(self, source):
            ran.append(source)
            return Done()

    monkeypatch.setitem(sys.modules, "autograder.validate", None)
    exec(validate.wrapped("assert 'it\\'s' and 1\n%time 1"), {"get_ipython": Shell})
    assert ran == ["assert 'it\\'s' and 1\n%time 1", "raised"]
