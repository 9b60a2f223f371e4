"""What the tests of the book share: small notebooks, a small book, and the real one, built once."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from small_books import make_small_book, run_tool, write_notebook


@pytest.fixture
def small_book(tmp_path: Path) -> Path:
    """The top folder of a small book with this book's settings: a page of Markdown, and a chapter with a lab."""
    return make_small_book(tmp_path)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real book, built once. Tests that use it belong to the xdist group "book", which one worker runs."""
    output = tmp_path_factory.mktemp("site") / "html"
    done = run_tool("build", "--output", output)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture
def executed(tmp_path: Path) -> Callable[..., Path]:
    """Make a notebook of these cells, run it and store its outputs as `make execute` does."""
    from book.tools.execute import execute

    def make(*cells: nbformat.NotebookNode, name: str = "chapter.ipynb") -> Path:
        path = write_notebook(tmp_path / name, *cells)
        execute(path)
        return path

    return make
