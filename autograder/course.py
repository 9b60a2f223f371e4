"""The instructor's side of a course, as nbgrader keeps it: which notebooks there are, and what exactly was released.

The source directory has the notebooks; the gradebook has, since `nbgrader generate_assignment`, the text of every
test, locked cell and stub, with its points and checksum. As in nbgrader the gradebook decides: an edit of a source
notebook counts once `generate_assignment` has been run again, and autotests and headers are what they were released
as. Nothing here looks at a submission.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Assignment, Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import IncludeHeaderFooter, InstantiateTests
from nbgrader.utils import chdir
from traitlets.config import Config

from autograder.reassemble import AuthorError, Blueprint

__all__ = ["AuthorError", "Released", "blueprints", "on_record", "source_notebooks"]


class Released(dict[str, NotebookNode]):
    """What the gradebook knows about one notebook's cells, by grade_id: source, cell_type, checksum, points."""


def source_notebooks(coursedir: CourseDirectory, assignment: str) -> dict[str, Path]:
    """The assignment's notebooks, by name: from the source directory, or the released ones if it has none."""
    for step in (coursedir.source_directory, coursedir.release_directory):
        directory = Path(coursedir.format_path(step, ".", assignment))
        paths = sorted(path for path in directory.glob("*.ipynb") if path.is_file())
        if paths:
            return {path.stem: path for path in paths}
    raise AuthorError(
        f"no notebook in {coursedir.format_path(coursedir.source_directory, '.', assignment)}; is this the course?"
    )


def on_record(gradebook: Gradebook, assignment: str) -> dict[str, Released]:
    """What the gradebook knows of the assignment's notebooks; nothing if it does not know the assignment."""
    try:
        entry: Assignment = gradebook.find_assignment(assignment)
    except MissingEntry:
        return {}
    known: dict[str, Released] = {}
    for notebook in entry.notebooks:
        points = {cell.name: cell.max_score for cell in (*notebook.grade_cells, *notebook.task_cells)}
        known[notebook.name] = Released(
            {
                cell.name: NotebookNode(
                    source=cell.source or "",
                    cell_type=cell.cell_type,
                    checksum=cell.checksum,
                    points=points.get(cell.name),
                )
                for cell in notebook.source_cells
            }
        )
    return known


def blueprints(
    coursedir: CourseDirectory, assignment: str, *, config: Config | None = None, gradebook: Gradebook | None = None
) -> dict[str, Blueprint]:
    """The instructor's notebooks of an assignment, hidden tests in them, as they were released.

    Raises AuthorError if a notebook cannot be used, or is not the one in the gradebook.
    """
    if gradebook is None:
        with Gradebook(coursedir.db_url, coursedir.course_id) as opened:
            return blueprints(coursedir, assignment, config=config, gradebook=opened)
    paths = source_notebooks(coursedir, assignment)
    known = on_record(gradebook, assignment)
    made: dict[str, Blueprint] = {}
    # Once an assignment is in the gradebook, notebooks that are not are the instructor's own business.
    for name in sorted(known.keys() or paths.keys()):
        if name not in paths:
            raise AuthorError(
                f"{name}.ipynb is in the gradebook but not in {coursedir.source_directory}/{assignment}; put it back"
            )
        try:
            notebook = _read(paths[name], coursedir, config)
            made[name] = _released(notebook, known.get(name, Released()), config)
        except AuthorError as error:
            raise AuthorError(f"{paths[name].name}: {error}") from None
    return made


def _read(path: Path, coursedir: CourseDirectory, config: Config | None) -> NotebookNode:
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        MetadataValidator().upgrade_notebook_metadata(notebook)
    except Exception as error:  # nbformat and its validators raise many kinds
        raise AuthorError(f"not a notebook that nbgrader can read ({error})") from None
    with chdir(coursedir.root):
        notebook, _ = IncludeHeaderFooter(config=config).preprocess(notebook, {})
    return notebook


def _released(notebook: NotebookNode, known: Mapping[str, NotebookNode], config: Config | None) -> Blueprint:
    """Put the gradebook's text, points and checksums into the notebook."""
    delimiter = InstantiateTests(config=config).autotest_delimiter
    stubs: dict[str, str] = {}
    seen: set[str] = set()
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        grade_id = marks.get("grade_id")
        record = known.get(grade_id) if grade_id else None
        if record is None:
            if known and marks.get("grade"):
                raise AuthorError(
                    f"cell {grade_id!r} is not in the gradebook, so it cannot be graded. "
                    "Run nbgrader generate_assignment, or take the cell out"
                )
            if marks.get("grade") and cell.cell_type == "code" and f"### {delimiter}" in cell.source:
                raise AuthorError(f"cell {grade_id!r} has autotests; run nbgrader generate_assignment first")
            continue
        seen.add(grade_id)
        marks["checksum"] = record.checksum
        marks["cell_type"] = record.cell_type
        if record.points is not None:
            marks["points"] = record.points
        if marks.get("solution"):
            stubs[grade_id] = record.source
        else:
            cell.source = record.source
    if lost := sorted(known.keys() - seen):
        raise AuthorError(
            f"cell {lost[0]!r} is in the gradebook but not in the notebook. Put it back, or run "
            "nbgrader generate_assignment"
        )
    return Blueprint.of(notebook, config, stubs)
