"""`make verify` fails on every way in which a chapter can say what it does not do."""

import base64
import io
import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image
from small_books import code, text

from book.tools.figures import differing, differing_pixels, take_out
from book.tools.guards import problems
from book.tools.verify import compare, main, shortcomings, summary

pytestmark = pytest.mark.xdist_group("book-run")

PLOT = "figure, axes = plt.subplots(figsize=(3, 2))\naxes.plot([1, {top}, 2]);"
INLINE = (
    "import base64, io\nfrom IPython.display import HTML\nfile = io.BytesIO()\nfigure.savefig(file, format='png')\n"
    "HTML('<img alt=\"a line\" src=\"data:image/png;base64,' + base64.b64encode(file.getvalue()).decode() + '\">')"
)
CELLS = (
    text("# A chapter"),
    code("import matplotlib.pyplot as plt\nprint(f'the mean is {2.5:.2f}')"),
    code(PLOT.format(top=3)),
    code(INLINE),
    code("%config InlineBackend.figure_formats = ['svg']"),
    code(PLOT.format(top=3)),
    code("[1, 2, 3];"),
)


def change(path: Path, new: str, old: str, replacement: str) -> Path:
    """A copy of a chapter, called `new`, in whose file one thing is changed."""
    content = path.read_text()
    assert content.count(old) >= 1, f"{old!r} is not in {path}"
    copy = path.with_name(new)
    copy.write_text(content.replace(old, replacement))
    return copy


@pytest.fixture
def chapter(executed) -> Path:
    return executed(*CELLS, name="good.ipynb")


def outputs(path: Path) -> list[list[nbformat.NotebookNode]]:
    return [cell.outputs for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def with_outputs_of(path: Path, new: str, other: Path, cell: int) -> Path:
    """A copy of a chapter in which a code cell shows what the same cell of another chapter shows."""
    notebook = nbformat.read(path, as_version=4)
    [c for c in notebook.cells if c.cell_type == "code"][cell].outputs = outputs(other)[cell]
    nbformat.write(notebook, path.with_name(new))
    return path.with_name(new)


def test_true_outputs_pass_and_planted_ones_fail_in_text_and_in_every_kind_of_picture(chapter, executed):
    moved = executed(
        *CELLS[:2], *(code(cell.source.replace("3, 2]", "3.02, 2]")) for cell in CELLS[2:]), name="moved.ipynb"
    )
    planted = [
        change(chapter, "text.ipynb", "the mean is 2.50", "the mean is 2.53"),
        with_outputs_of(chapter, "picture.ipynb", moved, 1),
        with_outputs_of(chapter, "in-html.ipynb", moved, 2),
        with_outputs_of(chapter, "svg.ipynb", moved, 4),
    ]
    missing = nbformat.read(chapter, as_version=4)
    missing.cells[2].outputs = []
    nbformat.write(missing, chapter.with_name("missing.ipynb"))
    planted.append(chapter.with_name("missing.ipynb"))

    status, found = compare([chapter, *planted], workers=1)
    assert status == 1
    assert {name: result["failed"] for name, result in found.items()} == {"good.ipynb": 0} | {
        p.name: 1 for p in planted
    }

    good = found["good.ipynb"]
    assert (good["cells"], good["compared"], good["figures"]) == (6, 4, 3)
    assert good["peak"] > 10e6
    assert 0 < good["cpu"] < good["seconds"]
    assert shortcomings([chapter], found) == []
    assert "good.ipynb: 4 of 6 cells had outputs to compare, 3 figures, 0 failed" in summary(found)


def test_a_run_in_which_nothing_was_compared_or_memory_ran_away_falls_short():
    result = {"cells": 3, "compared": 0, "figures": 0, "failed": 0, "seconds": 1.0, "cpu": 1.0, "peak": 0, "gpu": False}
    paths = [Path("silent.ipynb"), Path("unseen.ipynb"), Path("greedy.ipynb"), Path("gpu.ipynb")]
    found = {
        "silent.ipynb": result,
        "greedy.ipynb": result | {"compared": 1, "peak": 4 * 10**9},
        "gpu.ipynb": result | {"compared": 1, "peak": 4 * 10**9, "gpu": True},
    }
    lacking = shortcomings(paths, found)
    assert [line.split(":")[0] for line in lacking] == ["silent.ipynb", "unseen.ipynb", "greedy.ipynb"]
    assert "4.0 GB, more than 3.2 GB" in lacking[2]


def edited(path: Path, edit) -> Path:
    notebook = json.loads(path.read_text())
    edit(notebook, [cell for cell in notebook["cells"] if cell["cell_type"] == "code"])
    path.write_text(json.dumps(notebook))
    return path


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda n, c: c[2].update(execution_count=None), "never run"),
        (lambda n, c: [cell.update(outputs=[]) for cell in c], "no cell has an output"),
        (lambda n, c: n["cells"].__delitem__(slice(1, None)), "no code cell"),
        (lambda n, c: c[0]["metadata"].update(tags=["nbval-ignore-output"]), "without a reason"),
        (
            lambda n, c: c[0]["metadata"].update({"tags": ["nbval-ignore-output"], "nbval-ignore-reason": "slow"}),
            "1 of 6 cells are not compared; at most 5% may be",
        ),
        (lambda n, c: c[0]["metadata"].update(tags=["nbval-skip"]), "skipped by a tag"),
        (lambda n, c: c[0].update(source="# NBVAL_IGNORE_OUTPUT\n1"), "comment that readers see"),
        (lambda n, c: c[0].update(source="x = 1\n" * 26), "has 26 lines, more than 25"),
        (lambda n, c: [cell.update(source="x = 1\n" * 13) for cell in c[:4]], "longer than 13 lines"),
        (lambda n, c: c[0].update(source=" "), "an empty code cell"),
        (lambda n, c: c[0].update(execution_count=7), "not as `make execute` leaves it"),
        (lambda n, c: c[0]["metadata"].update(collapsed=True), "not as `make execute` leaves it"),
        (
            lambda n, c: c[0].update(outputs=[{"output_type": "error", "ename": "E", "evalue": "e", "traceback": []}]),
            "holds an error",
        ),
        (
            lambda n, c: c[0].update(outputs=[stream("at /root/x, " + str(Path.home()) + "/x")]),
            "a folder of this machine",
        ),
    ],
)
def test_a_planted_fault_is_found_before_anything_runs(chapter_once, tmp_path, capsys, edit, complaint):
    path = tmp_path / "chapter.ipynb"
    path.write_bytes(chapter_once)
    assert problems(path) == []
    edited(path, edit)
    assert any(complaint in line for line in problems(path)), problems(path)
    assert main([str(path)]) == 2
    assert complaint in capsys.readouterr().err


def stream(words: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": words}


@pytest.fixture(scope="module")
def chapter_once(tmp_path_factory) -> bytes:
    """A good chapter, made without a kernel."""
    from book.tools.execute import normalise, write

    notebook = nbformat.v4.new_notebook(cells=[text("# T"), *(code(f"print({n})") for n in range(6))])
    for number, cell in enumerate(notebook.cells[1:]):
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{number}\n")]
    normalise(notebook)
    path = tmp_path_factory.mktemp("guards") / "chapter.ipynb"
    write(notebook, path)
    return path.read_bytes()


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_pixels_may_differ_by_less_than_the_eye_sees_and_no_more():
    picture = np.full((200, 300, 3), 128, np.uint8)
    grain = picture + np.random.default_rng(0).integers(-8, 9, picture.shape).astype(np.uint8)
    assert differing_pixels(png(picture), png(grain)) is None

    dot = picture.copy()
    dot[100:104, 100:104] = 255  # 16 of 60,000 pixels; 12 may differ
    assert "16 of 60000 pixels differ" in (differing_pixels(png(picture), png(dot)) or "")
    assert "was 300 × 200 pixels and is 299 × 200" in (differing_pixels(png(picture), png(picture[:, 1:])) or "")
    assert "cannot be read" in (differing("image/png", base64.b64encode(b"x").decode(), "eHh4") or "")


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg"><!-- 0.5 --><path id="{id}" d="M {x} 2" fill="{fill}"/>'
    '<text x="1">{word}</text></svg>'
)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"id": "pffffffffff"}, True),  # matplotlib's hashed names follow the coordinates
        ({"x": "10.04"}, True),
        ({"x": "10.2"}, False),
        ({"word": "0.51"}, False),  # words are exact, however near the number
        ({"fill": "#1f77b5"}, False),
        ({"x": "10 L 3 3"}, False),
        ({"word": "<"}, False),
    ],
)
def test_svg_pictures_are_compared_by_their_geometry_and_their_words(change, same):
    usual = {"id": "p0123456789", "x": "10", "fill": "#1f77b4", "word": "0.50"}
    difference = differing("image/svg+xml", SVG.format(**usual), SVG.format(**(usual | change)))
    assert (difference is None) == same, difference


def test_pictures_inside_html_are_taken_out_in_order():
    html = '<p>3</p><svg a="1"><g/></svg><img src="data:image/png;base64,aGk=">'
    rest, pictures = take_out(html)
    assert rest == '<p>3</p>[picture 1]<img src="[picture 2]">'
    assert pictures == [("image/svg+xml", '<svg a="1"><g/></svg>'), ("image/png", "aGk=")]
