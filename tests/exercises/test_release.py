"""exercises/ is what solutions/ says now, and gives nothing away."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from harness import ROOT, Assignment, assignments
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import is_grade, is_solution


def _release_module():
    spec = importlib.util.spec_from_file_location("release", ROOT / "solutions" / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = _release_module()
every_assignment = pytest.mark.parametrize("name", assignments())


def released(name: str) -> NotebookNode:
    return nbformat.read(ROOT / "exercises" / name / f"{name}.ipynb", as_version=4)


def contents(directory: Path) -> dict[str, bytes]:
    ignored = {".ipynb_checkpoints", "__pycache__"}
    files = [path for path in directory.rglob("*") if path.is_file() and not ignored & set(path.parts)]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_exercises_are_not_stale(tmp_path):
    names = release.assignments()
    release.generate(names, tmp_path)
    fresh, committed = contents(tmp_path), contents(ROOT / "exercises")
    stale = sorted(file for file in fresh.keys() | committed.keys() if fresh.get(file) != committed.get(file))
    assert not stale, f"exercises/ is stale ({', '.join(stale)}). Run: make assignments"


def test_an_edited_solution_makes_the_release_stale(tmp_path, monkeypatch):
    name = release.assignments()[0]
    source = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", as_version=4)
    source.cells[0].source += "\nOne more line."
    (tmp_path / "solutions" / name).mkdir(parents=True)
    nbformat.write(source, tmp_path / "solutions" / name / f"{name}.ipynb")
    monkeypatch.setattr(release, "SOURCE", tmp_path / "solutions")
    release.generate([name], tmp_path / "exercises")
    assert contents(tmp_path / "exercises" / name) != contents(ROOT / "exercises" / name)


def lines(notebook: NotebookNode, *, secret: bool) -> set[str]:
    """Lines of an instructor's notebook between markers, or those outside."""
    found = set()
    for cell in notebook.cells:
        inside = False
        for line in cell.source.splitlines():
            if "### BEGIN " in line or "### END " in line:
                inside = "BEGIN" in line
            elif inside == secret:
                found.add(line.strip())
    return found


def secrets(source: NotebookNode) -> set[str]:
    """Lines that a student should not see, as long as they say something."""
    return {line for line in lines(source, secret=True) - lines(source, secret=False) if len(line) > 20}


def leaks(source: NotebookNode, student: NotebookNode) -> list[str]:
    """What a released notebook gives away."""
    text = [line.strip() for cell in student.cells for line in cell.source.splitlines()]
    found = sorted(secrets(source) & set(text))
    found += [line for line in text if re.search("(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", line)]
    for cell in student.cells:
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            found.append(f"outputs of {cell.id}")
        if "attachments" in cell:
            found.append(f"attachments of {cell.id}")
    return found


@every_assignment
def test_a_release_holds_no_solution_and_no_hidden_test(name):
    source = Assignment.load(name).notebook
    assert len(secrets(source)) > 10
    assert leaks(source, released(name)) == []


@every_assignment
def test_what_is_left_in_by_mistake_is_found(name):
    source, student = Assignment.load(name).notebook, released(name)
    line = sorted(secrets(source))[0]
    student.cells[-1].source += f"\n{line}"
    assert leaks(source, student) == [line]
    assert leaks(source, source)


@every_assignment
def test_a_release_has_every_cell_of_the_source_in_order(name):
    source, student = Assignment.load(name).notebook, released(name)
    assert [cell.id for cell in source.cells] == [cell.id for cell in student.cells]
    for before, after in zip(source.cells, student.cells, strict=True):
        kept = {key: value for key, value in after.metadata.nbgrader.items() if key != "checksum"}
        assert kept == before.metadata.nbgrader, before.id
        assert ("checksum" in after.metadata.nbgrader) == (is_grade(after) or is_solution(after) or kept["locked"])


@every_assignment
def test_a_release_runs_and_raises_nothing_but_not_implemented(name):
    assignment = Assignment(released(name), name)
    errors = assignment.errors()
    assert set(errors) == {test for task in assignment.tasks for test in task.tests}
    for cell, message in errors.items():
        assert message.splitlines()[-1] == "NotImplementedError", f"{cell}: {message}"


@every_assignment
def test_a_blank_notebook_gets_no_points(name):
    assignment, blank = Assignment.load(name), released(name)
    answers = {cell.metadata.nbgrader.grade_id: cell.source for cell in blank.cells if is_solution(cell)}
    assert set(assignment.grade_all(answers).points.values()) == {0}
