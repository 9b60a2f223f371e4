"""`make execute` changes a chapter only when something changed, and never halfway."""

import json
import subprocess
from pathlib import Path

import nbformat
import pytest
from small_books import code, text, write_notebook

from book.tools.chapters import BookError, find_chapters, toc_pages
from book.tools.execute import execute, join_streams, main, name_cells, normalise, read

pytestmark = pytest.mark.xdist_group("book-run")

EVERY_KIND = (
    text("# A chapter"),
    code("import sys\nimport matplotlib.pyplot as plt\nprint('out'); print('err', file=sys.stderr)"),
    code("figure, axes = plt.subplots(figsize=(2, 1))\naxes.plot([1, 3, 2]);"),
    code(
        "%config InlineBackend.figure_formats = ['svg']\nplt.figure(figsize=(2, 1)); plt.fill_between([0, 1], [1, 2]);"
    ),
    code("from kernelbook import labs\nlabs.Convolution()"),
    code("import ipywidgets\nipywidgets.IntSlider()"),
    code("{'b', 'a', 'c'}, hash('salted')"),
    code("1 / 0", tags=["raises-exception"]),
)


def test_running_twice_leaves_git_clean(tmp_path: Path):
    path = write_notebook(tmp_path / "01-every-kind.ipynb", *EVERY_KIND)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert execute(path)
    subprocess.run([*git, "add", "--", path.name], check=True)
    subprocess.run([*git, "commit", "-qm", "first run"], check=True)

    assert not execute(path)
    assert subprocess.run([*git, "status", "--porcelain"], capture_output=True, check=True).stdout == b""

    notebook = json.loads(path.read_text())
    assert [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"] == list(range(1, 8))
    kinds = {
        kind for cell in notebook["cells"] for output in cell.get("outputs", []) for kind in output.get("data", {})
    }
    assert kinds == {"text/plain", "text/html", "image/png", "image/svg+xml"}
    assert "widgets" not in notebook["metadata"]


def test_a_chapter_that_changes_by_itself_is_seen_to_change(executed):
    path = executed(code("import os\nos.getpid()"))
    assert execute(path), "the process id differs in every run, and the file should have changed with it"


def test_an_output_that_is_not_compared_stays_until_its_source_changes(executed):
    """A measured time must not make every run a change, nor may an edited cell keep what another one printed."""
    tags = {"tags": ["nbval-ignore-output"], "nbval-ignore-reason": "a process id"}
    path = executed(code("import os\nprint('one', os.getpid())", **tags))
    assert not execute(path)
    notebook = read(path)
    first = notebook.cells[-1].outputs[0].text
    notebook.cells[-1].source = "import os\nprint('two', os.getpid())"
    nbformat.write(notebook, path)
    assert execute(path)
    assert read(path).cells[-1].outputs[0].text.split()[0] == "two" != first.split()[0]
    assert not execute(path)


def test_a_failing_chapter_keeps_its_file_and_its_cell_is_named(tmp_path, capsys):
    path = write_notebook(
        tmp_path / "01-broken.ipynb", text("# T"), code("x = 1"), code("def f():\n    return x / 0\nf()")
    )
    before = path.read_bytes()
    assert main([str(path)]) == 1
    said = capsys.readouterr().err
    assert "01-broken.ipynb is left as it was: cell 3" in said
    assert "ZeroDivisionError: division by zero" in said
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_cell_that_never_ends_is_stopped_and_named(tmp_path):
    path = write_notebook(tmp_path / "01-endless.ipynb", code("import threading\nthreading.Event().wait()"))
    before = path.read_bytes()
    with pytest.raises(BookError, match=r"cell 1 \(\w+\) ran longer than 1 seconds: import threading"):
        execute(path, timeout=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("object()", r"memory address \(at 0x"),
        ("from pathlib import Path\nPath.cwd() / 'x'", "a folder of this machine"),
        ("import warnings\nwarnings.warn('w')", "a folder of this machine"),
    ],
)
def test_outputs_that_differ_elsewhere_are_refused(tmp_path, source, complaint):
    path = write_notebook(tmp_path / "01-trace.ipynb", code(source))
    with pytest.raises(BookError, match=f"cell 1 .*{complaint}"):
        execute(path)


def test_cells_keep_their_valid_ids_and_get_repeatable_new_ones():
    def cells():
        return [
            {"cell_type": "code", "id": "kept-id", "source": "a"},
            {"cell_type": "code", "source": ["b\n", "c"]},
            {"cell_type": "code", "source": "b\nc"},
            {"cell_type": "code", "id": "kept-id", "source": "d"},
            {"cell_type": "markdown", "id": "not valid!", "source": "a"},
        ]

    first, second = {"cells": cells()}, {"cells": cells()}
    name_cells(first)
    name_cells(second)
    ids = [cell["id"] for cell in first["cells"]]
    assert ids == [cell["id"] for cell in second["cells"]]
    assert ids[0] == "kept-id"
    assert len(set(ids)) == 5
    assert ids[2] == f"{ids[1]}-2"


def test_what_editors_leave_behind_is_taken_out(tmp_path):
    cell = code("1", execution={"iopub.status.busy": "2024-01-01"}, collapsed=True, tags=["hide-input"])
    cell.metadata["jupyter"] = {"outputs_hidden": True}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}, "title": "kept"})
    notebook.metadata["kernelspec"] = {"name": "my-env-314", "display_name": "mine"}
    normalise(notebook)
    assert notebook.cells[0].metadata == {"tags": ["hide-input"]}
    assert set(notebook.metadata) == {"title", "kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info


def test_text_that_arrives_in_pieces_is_stored_in_one():
    def stream(name, text):
        return nbformat.v4.new_output("stream", name=name, text=text)

    picture = nbformat.v4.new_output("display_data", {"image/png": "x"})
    pieces = [
        stream("stdout", "K ="),
        stream("stderr", "e"),
        stream("stdout", " 1\n"),
        picture,
        stream("stdout", "after"),
    ]
    assert join_streams(pieces) == [
        stream("stdout", "K = 1\n"),
        stream("stderr", "e"),
        picture,
        stream("stdout", "after"),
    ]
    assert join_streams(join_streams(pieces)) == join_streams(pieces)


def test_a_file_that_is_no_notebook_says_so(tmp_path):
    path = tmp_path / "01-torn.ipynb"
    path.write_text('{"cells": [')
    with pytest.raises(BookError, match=r"01-torn\.ipynb cannot be read as a notebook"):
        read(path)


def test_chapters_are_found_by_name_number_and_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book").mkdir()
    path = write_notebook(tmp_path / "book/02-convolution.ipynb", text("# C"))
    for name in ("02-convolution", "02", "book/02-convolution.ipynb", str(path)):
        assert find_chapters([name], tmp_path) == [path]
    with pytest.raises(BookError, match=r"no chapter called '03'\. The chapters in book/ are: 02-convolution"):
        find_chapters(["03"], tmp_path)


def test_the_toc_is_read_in_order_at_any_depth(tmp_path):
    toc = tmp_path / "_toc.yml"
    toc.write_text(
        "format: jb-book\nroot: a\nparts:\n- caption: P\n  chapters:\n"
        "  - file: b\n    sections:\n    - file: c\n  - file: d\n"
    )
    assert toc_pages(toc) == ["a", "b", "c", "d"]
