"""A small course, made by nbgrader itself, for the tests of what is around the run."""

import shutil
from pathlib import Path

import classroom
import pytest


@pytest.fixture(scope="session")
def released_classroom(tmp_path_factory) -> Path:
    """A course whose assignment has been released, to be copied."""
    root = tmp_path_factory.mktemp("classroom") / "course"
    room = classroom.Classroom(root)
    room.write_source(classroom.source_notebook())
    room.generate()
    return root


@pytest.fixture(scope="session")
def released_pair(tmp_path_factory) -> Path:
    """The same with two notebooks in the assignment."""
    root = tmp_path_factory.mktemp("pair") / "course"
    room = classroom.Classroom(root)
    for name in ("p1", "p2"):
        room.write_source(classroom.source_notebook(), name)
    room.generate()
    return root


@pytest.fixture
def room(released_classroom, tmp_path) -> classroom.Classroom:
    """A course of this test's own: released, nobody has submitted."""
    shutil.copytree(released_classroom, tmp_path / "course")
    return classroom.Classroom(tmp_path / "course")
