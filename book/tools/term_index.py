"""The pages that one looks things up in: the index, and the field that narrows a long list.

The index is made from the glossary: where each term is defined, and on which pages the text links to it.

Every `{term}` becomes an index entry where it stands, besides those of the glossary and of `index` directives. The
directive `term-index` stands for the list, which is written when all pages are known. It works like Sphinx's own
genindex, but is a page of the book, and its links say where they lead.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

MARK = '<div class="term-index"></div>'
FILTER = "data-filter="  # on an element that becomes the field of a searchable list; see book/static/filter.js


class TermEntries(SphinxTransform):
    """Give the first mention of each term on a page an address and an entry in the index."""

    default_priority = 840  # before Sphinx collects the entries

    def apply(self, **_: Any) -> None:
        seen: set[str] = set()
        for mention in list(self.document.findall(addnodes.pending_xref)):
            if mention.get("refdomain") != "std" or mention.get("reftype") != "term":
                continue
            term = str(mention["reftarget"])
            if term.lower() in seen:
                continue
            seen.add(term.lower())
            address = "mention-" + nodes.make_id(term)
            entry = addnodes.index(entries=[("single", term, address, "", None)])
            target = nodes.target("", "", ids=[address])
            mention.parent.insert(mention.parent.index(mention), [entry, target])


class TermIndex(SphinxDirective):
    """The place of the index. Takes no arguments and has no content."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", MARK, format="html")]


def entries(env: BuildEnvironment) -> dict[str, list[tuple[str, str, bool]]]:
    """For each term of the index, in alphabetical order: (page, address on it, whether it is defined there)."""
    found: dict[str, list[tuple[str, str, bool]]] = {}
    names: dict[str, str] = {}
    for page, listed in env.get_domain("index").data["entries"].items():
        for kind, value, address, main, _key in listed:
            if kind == "single":
                name = names.setdefault(value.lower(), value)
                if main:
                    names[value.lower()] = value  # spelled as in the glossary
                found.setdefault(name.lower(), []).append((page, address, bool(main)))
    order = {page: place for place, page in enumerate(sorted(env.found_docs))}
    return {
        names[key]: sorted(found[key], key=lambda place: (not place[2], order[place[0]]))
        for key in sorted(found, key=_alphabetical)
    }


def _alphabetical(term: str) -> tuple[str, str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", term.lower()) if c.isalnum() or c == " ")
    return plain, term


def _letter(term: str) -> str:
    first = _alphabetical(term)[0][:1].upper()
    return first if first.isalpha() else "0–9"


def page_name(env: BuildEnvironment, page: str) -> str:
    """What a link to the page says: chapters by their numbers, others by their titles."""
    number = re.match(r"book/0*(\d+)-", page)
    return f"chapter {number[1]}" if number else env.titles[page].astext()


def written(env: BuildEnvironment, pathto: Any) -> str:
    """The index as HTML. pathto: gives the relative address of a page."""

    def line(term: str, places: list[tuple[str, str, bool]]) -> str:
        links = []
        for page, address, main in places:
            words = "definition" if main else page_name(env, page)
            links.append(f'<a href="{pathto(page)}#{html.escape(address)}">{html.escape(words)}</a>')
        return f"<li><span>{html.escape(term)}</span> {', '.join(links)}</li>"

    def groups() -> Iterator[str]:
        for letter, group in groupby(entries(env).items(), key=lambda entry: _letter(entry[0])):
            lines = "".join(line(term, places) for term, places in group)
            yield f'<h2>{letter}</h2><ul class="simple">{lines}</ul>'

    return f'<div class="term-index">{"".join(groups())}</div>'


def fill(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Write the index where a page has its place, and load the filter where a page has a field for it."""
    if "body" not in context:
        return
    body = context["body"]
    if MARK in body:
        context["body"] = body.replace(MARK, written(app.env, context["pathto"]))
    if FILTER in body:
        app.add_js_file("filter.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(TermEntries)
    app.add_directive("term-index", TermIndex)
    app.connect("html-page-context", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
