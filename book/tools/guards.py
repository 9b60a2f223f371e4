"""What must be true of a chapter's file before its outputs are worth comparing.

nbval passes a notebook with no outputs and never looks at a picture; these guards, which run nothing, close such holes.
"""

import copy
import statistics
from pathlib import Path

import nbformat

from book.tools.chapters import BookError
from book.tools.execute import normalise, read

IGNORE = "nbval-ignore-output"
REASON = "nbval-ignore-reason"
"""A cell's metadata that says why its output is not compared; the tag above is worth nothing without it."""

SKIPS = {"nbval-skip", "nbval_skip"}
MARKERS = ("NBVAL_", "PYTEST_VALIDATE_IGNORE_OUTPUT")
IGNORED_SHARE = 0.05
LONGEST_CELL = 25
MEDIAN_CELL = 12


def problems(path: Path) -> list[str]:
    """What is wrong with the chapter's file, one line each; none if it may be verified."""
    try:
        notebook = read(path)
    except BookError as error:
        return [str(error)]
    code = [(number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]
    if not code:
        return [f"{path.name}: there is no code cell, so nothing would be compared. Write the page as Markdown (.md)."]
    found: list[str] = []
    for number, cell in code:
        found += [f"{path.name}, cell {number} ({cell.id}): {problem}" for problem in _cell_problems(cell)]
    found += [f"{path.name}: {problem}" for problem in _chapter_problems(notebook, [cell for _, cell in code])]
    return found


def ignored(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell's output is exempt from comparison."""
    return IGNORE in cell.metadata.get("tags", [])


def _cell_problems(cell: nbformat.NotebookNode) -> list[str]:
    found = []
    tags = set(cell.metadata.get("tags", []))
    if not cell.source.strip():
        found.append("an empty code cell. Delete it.")
    if len(cell.source.splitlines()) > LONGEST_CELL:
        found.append(f"has {len(cell.source.splitlines())} lines, more than {LONGEST_CELL}. Split it.")
    if tags & SKIPS:
        found.append("is skipped by a tag. Every cell of the book runs.")
    if any(marker in cell.source for marker in MARKERS):
        found.append(f"has an nbval comment that readers see. Use the tag {IGNORE}.")
    if ignored(cell) and not str(cell.metadata.get(REASON, "")).strip():
        found.append(f"is not compared ({IGNORE}) without a reason. Give one: cell metadata {REASON!r}.")
    if "raises-exception" not in tags and any(output.output_type == "error" for output in cell.outputs):
        found.append("holds an error. Put it right and run: make execute")
    return found


def _chapter_problems(notebook: nbformat.NotebookNode, code: list[nbformat.NotebookNode]) -> list[str]:
    found = []
    never_run = [cell.id for cell in code if cell.execution_count is None and cell.source.strip()]
    if never_run:
        shown = ", ".join(never_run[:5]) + (f" and {len(never_run) - 5} more" if len(never_run) > 5 else "")
        found.append(f"never run, so nothing would be compared: {shown}. Run: make execute")
    lengths = [len(cell.source.splitlines()) for cell in code]
    if statistics.median(lengths) > MEDIAN_CELL:
        found.append(
            f"half of the code cells are longer than {statistics.median(lengths):.0f} lines (at most {MEDIAN_CELL})."
        )
    exempt = sum(map(ignored, code))
    if exempt > IGNORED_SHARE * len(code):
        found.append(f"{exempt} of {len(code)} cells are not compared; at most {IGNORED_SHARE:.0%} may be.")
    if not any(cell.outputs for cell in code if not ignored(cell)):
        found.append("no cell has an output, so nothing would be compared. Run: make execute")
    elif not never_run:
        tidy = copy.deepcopy(notebook)
        try:
            normalise(tidy)
            if tidy != notebook:
                found.append("is not as `make execute` leaves it. Run: make execute")
        except BookError as error:
            found.append(str(error))
    return found
