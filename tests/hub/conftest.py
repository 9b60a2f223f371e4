"""Fixtures of the classroom's tests."""

import sys
from pathlib import Path

import pytest
from served_classroom import ROOT, Served, write_book, write_course

sys.path.append(str(ROOT / "hub"))  # its files are scripts: they find each other by name


@pytest.fixture
def small(tmp_path: Path):
    """A classroom with the tiny course, not started yet."""
    served = Served(tmp_path / "state", write_course(tmp_path / "course"), write_book(tmp_path / "book"))
    yield served
    served.end()
