"""`make book` builds a complete site or none, and only when something changed."""

import shutil
from pathlib import Path

import pytest
from small_books import make_small_book, run_tool

from book.tools.build import Weight, fingerprint, report, stale, weigh
from book.tools.chapters import BookError, page_source
from book.tools.offline_pages import GLUED, LAB, LABS_APART, lab_scripts

pytestmark = pytest.mark.xdist_group("book-build")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The top folder of a small book whose site is built."""
    root = make_small_book(tmp_path_factory.mktemp("small"))
    done = run_tool("build", root=root)
    assert done.returncode == 0, done.stderr
    assert "Built the book: 2 pages" in done.stdout
    assert "Open _build/html/index.html" in done.stdout
    return root


def page(root: Path, name: str) -> str:
    return (root / "_build/html" / name).read_text(encoding="utf-8")


def test_each_page_loads_what_it_uses_and_no_more(built):
    chapter, front, search = (
        page(built, "book/01-small.html"),
        page(built, "book/index.html"),
        page(built, "search.html"),
    )
    assert "_static/labs.js" in chapter
    assert "_static/labs.js" not in front
    assert "mathjax/tex-chtml.js" in chapter
    assert "MathJax" not in front + search
    assert "mathjax/" not in front + search
    assert "searchindex.js" in search
    assert "searchindex.js" not in chapter
    for text in (chapter, front, search):
        assert "fontawesome" not in text
        assert "thebe" not in text.lower()
        assert "cdn" not in text.lower()


def test_the_site_ships_what_is_used_of_mathjax_and_icons(built):
    static = built / "_build/html/_static"
    assert (static / "mathjax/LICENSE").exists()
    assert not (static / "mathjax/sre").exists()
    assert (static / "styles/icons.woff").stat().st_size < 10_000
    assert not (static / "vendor").exists()
    assert not list(static.rglob("*.map"))
    assert sum(file.stat().st_size for file in (built / "_build/html").rglob("*")) < 5e6


def test_the_site_says_what_it_is_and_under_which_licence(built):
    text = page(built, "book/index.html")
    assert "creativecommons.org/licenses/by/4.0" in text
    assert "BSD 3-Clause" in text
    assert 'rel="icon" href="../_static/favicon.svg"' in text
    assert "<title>Front &#8212; Kernel by Kernel</title>" in text
    assert 'url=book/index.html"' in page(built, "index.html")


def test_a_second_start_builds_nothing_and_any_changed_input_builds_again(built, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(built, root, symlinks=True)
    site = root / "_build/html"
    assert not stale(site, root)
    done = run_tool("build", "--if-stale", root=root)
    assert (done.returncode, done.stdout) == (0, "The book is up to date.\n")

    mark = fingerprint(root)
    for name in (
        "book/static/book.css",
        "book/index.md",
        "kernelbook/labs/dist/labs.js",
        "_config.yml",
        "requirements.txt",
    ):
        path = root / name
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        assert stale(site, root), name
        path.write_bytes(before)
    assert fingerprint(root) == mark
    shutil.rmtree(site)
    assert stale(site, root)


def test_a_warning_is_one_line_that_names_the_page_and_the_old_site_stays(built, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(built, root, symlinks=True)
    before = page(root, "book/index.html")
    source = root / "book/index.md"
    source.write_text(source.read_text() + "\n[nowhere](no-such-page.md) and {cite}`unknown`\n")
    done = run_tool("build", root=root)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "build: the book was not built:"
    assert all(line.startswith("book/index.md:") and "WARNING" in line for line in lines[1:])
    assert any("no-such-page" in line for line in lines)
    assert any("unknown" in line for line in lines)
    assert page(root, "book/index.html") == before
    assert [path.name for path in (root / "_build").iterdir()] == ["html"]


def test_a_page_must_be_there_once(small_book):
    with pytest.raises(BookError, match=r"_toc.yml names book/02-lost, but there is no book/02-lost\.ipynb"):
        page_source("book/02-lost", small_book)
    (small_book / "book/index.ipynb").write_text("{}")
    with pytest.raises(BookError, match=r"book/index exists as \.ipynb and as \.md"):
        page_source("book/index", small_book)


def test_labs_that_were_not_built_are_missed(small_book):
    (small_book / "kernelbook/labs/dist/labs.js").unlink()
    done = run_tool("build", root=small_book)
    assert (done.returncode, done.stderr) == (1, "build: kernelbook/labs/dist/labs.js is missing. Run: make labs\n")


def test_a_page_weighs_what_its_reader_transfers(built):
    weights = {weight.page: weight for weight in weigh(built / "_build/html")}
    assert set(weights) == {"book/index.html", "book/01-small.html"}
    assert weights["book/index.html"].mathjax == 0
    assert 200_000 < weights["book/01-small.html"].mathjax < 400_000
    assert 50_000 < weights["book/01-small.html"].total < 300_000
    table = report([Weight("a", 1000, 0, 0, 0, 9), Weight("b", 3000, 2000, 0, 0, 0)])
    assert "Median 3, largest 5" in table


def test_the_labs_script_is_wanted_by_labs_alone():
    assert LAB.findall('<figure id="x" class="lab" data-lab="convolution">') == ["convolution"]
    assert not LAB.search("<p>write <code>&lt;figure data-lab=</code></p>")


def test_punctuation_stays_with_its_formula():
    formula = '<span class="math notranslate nohighlight">\\(K\\)</span>'
    assert GLUED.sub(r"[\1\2]", f"{formula}, and {formula} is") == f"[{formula},] and {formula} is"


def test_a_page_with_few_labs_loads_theirs_and_one_with_many_loads_the_script_of_all(tmp_path):
    for number in range(9):
        (tmp_path / f"lab-{number}.js").touch()
    shared = "labs-shared.js"  # first: the others find in it what they do not bring
    assert lab_scripts({"1", "0"}, tmp_path) == [shared, "lab-0.js", "lab-1.js"]
    assert lab_scripts(set(map(str, range(LABS_APART))), tmp_path) == [
        shared,
        *(f"lab-{n}.js" for n in range(LABS_APART)),
    ]
    assert lab_scripts(set(map(str, range(LABS_APART + 1))), tmp_path) == ["labs.js"]
    assert lab_scripts({"0", "unknown"}, tmp_path) == ["labs.js"]
    assert lab_scripts(set(), tmp_path) == []
