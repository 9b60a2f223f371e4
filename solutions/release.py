"""Makes exercises/, the students' version of every assignment, from solutions/: `make assignments`.

nbgrader's own `generate_assignment` does it, without a gradebook, in a directory of its own. What is added here: the
result does not depend on the machine or on the day, so that a second run changes nothing, and directories of
assignments that no longer exist go. exercises/ is never edited by hand.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import MetadataValidator
from traitlets.config import Config

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "solutions"
RELEASE = ROOT / "exercises"

# What every released notebook says about itself, whatever the author's Jupyter wrote.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def assignments() -> list[str]:
    """Names of the assignments: the directories of solutions/ that hold a notebook."""
    return sorted(path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.ipynb")))


def generate(names: list[str], destination: Path) -> None:
    """Write the students' version of these assignments to `destination`/<assignment>/.

    Raises nbgrader's own exceptions if a notebook's metadata or markers are wrong; nothing is written then.
    """
    with tempfile.TemporaryDirectory() as scratch:
        course = Path(scratch)
        for name in names:
            ignore = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
            shutil.copytree(SOURCE / name, course / "solutions" / name, ignore=ignore)
        config = Config()
        config.CourseDirectory.root = str(course)
        config.CourseDirectory.source_directory = "solutions"
        config.CourseDirectory.release_directory = "exercises"
        config.CourseDirectory.solution_directory = "solved"
        config.SaveCells.enabled = False
        config.GenerateAssignment.no_database = True
        for name in names:
            config.CourseDirectory.assignment_id = name
            converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
            converter.log.setLevel(logging.WARNING)
            converter.start()
        for notebook in (course / "exercises").rglob("*.ipynb"):
            _normalise(notebook)
        for name in names:
            shutil.rmtree(destination / name, ignore_errors=True)
            shutil.copytree(course / "exercises" / name, destination / name)


def _normalise(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    MetadataValidator().validate_nb(notebook)
    nbformat.write(notebook, path)


def main() -> int:
    names = assignments()
    generate(names, RELEASE)
    for path in RELEASE.iterdir():
        if path.is_dir() and path.name not in names:
            shutil.rmtree(path)
            print(f"exercises/{path.name} removed: it is not in solutions/")
    print(f"exercises/: {len(names)} assignment{'s' * (len(names) != 1)} ({', '.join(names)})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
