"""The labs in the book: all of them in the gallery, and their script only where there is one."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from small_books import ROOT

from book.tools.chapters import toc_pages
from book.tools.execute import read
from book.tools.offline_pages import LABS_APART
from kernelbook import labs

LABS = sorted(name for name in labs.__all__ if name != "Lab")


def test_every_lab_is_in_the_gallery_with_something_to_try():
    gallery = read(ROOT / "book/labs.ipynb")
    shown = {}
    for words, cell in zip(gallery.cells, gallery.cells[1:], strict=False):
        if match := re.fullmatch(r"labs\.(\w+)\(.*\)", cell.source):
            shown[match[1]] = words.source
    assert sorted(shown) == LABS
    for name, words in shown.items():
        anchor, heading, sentence = re.fullmatch(r"\((.+)\)=\n## (.+)\n\n(.+)", words, re.S).groups()
        assert anchor.startswith("gallery-"), name
        assert heading, name
        assert len(sentence) > 50, name
    assert "book/labs" in toc_pages()


@pytest.mark.xdist_group("book")
@pytest.mark.parametrize("page", toc_pages())
def test_a_page_loads_the_labs_if_it_has_one_and_only_then(site, page):
    content = BeautifulSoup((site / f"{page}.html").read_bytes(), "html.parser")
    scripts = {Path(tag["src"].split("?")[0]).name for tag in content.select("script[src]")}
    shown = {figure["data-lab"] for figure in content.select("figure[data-lab]")}
    found = {script for script in scripts if re.match(r"labs?[-.]", script)}
    apart = {"labs-shared.js", *(f"lab-{name}.js" for name in shown)} if shown else set()
    assert found == ({"labs.js"} if len(shown) > LABS_APART else apart)
