"""The reference pages: every erratum once and linked, a glossary that leads both ways, sources that are cited."""

import re

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from small_books import ROOT

from book.tools.chapters import page_source, toc_pages

BOOK = ROOT / "book"
ERRATA, DISAGREEMENTS = 105, 34
TERM = re.compile(r"\{term\}`(?:[^`<]*?<)?([^`<>]+?)>?`")
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")


def markdown(path) -> str:
    """The prose of a page: a Markdown file, or the Markdown cells of a notebook."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


PROSE = {page: markdown(page_source(page)) for page in toc_pages()}
LABELS = {label: page for page, text in PROSE.items() for label in re.findall(r"^\(([\w.-]+)\)=", text, re.MULTILINE)}


def entries(kind: str) -> dict[int, str]:
    """The entries of the page of errata by number: the paragraph after each anchor."""
    found = re.findall(rf"^\({kind}-(\d+)\)=\n(.+(?:\n.+)*)", PROSE["book/errata"], re.MULTILINE)
    assert len(found) == len({int(number) for number, _ in found}), f"an {kind} stands there twice"
    return {int(number): paragraph for number, paragraph in found}


def test_every_erratum_and_every_disagreement_stands_there_once():
    assert sorted(entries("erratum")) == list(range(1, ERRATA + 1))
    assert sorted(entries("disagreement")) == list(range(1, DISAGREEMENTS + 1))
    for kind, letter in (("erratum", "E"), ("disagreement", "D")):
        for number, paragraph in entries(kind).items():
            assert paragraph.startswith(f"[**{letter}{number}**]({kind}-{number:02}) **"), paragraph[:60]


def test_an_erratum_links_to_the_section_that_shows_it():
    listed = yaml.safe_load((BOOK / "coverage.yml").read_text(encoding="utf-8"))
    paragraphs = entries("erratum")
    for row, places in listed.items():
        if row.startswith("E"):
            anchors = {place.partition("#")[2] for place in places}
            links = set(re.findall(r"\]\(([\w-]+)\)", paragraphs[int(row[1:])]))
            assert links & anchors, f"{row} is treated at {sorted(anchors)}, and its entry links to none of them"


def test_entries_say_what_is_right_with_a_number_a_link_or_a_source():
    for kind in ("erratum", "disagreement"):
        for number, paragraph in entries(kind).items():
            answer = paragraph.split("** ", 1)[1]
            assert len(answer) > 25, f"{kind} {number} says too little"
            assert len(paragraph) < 900, f"{kind} {number} is no short entry"


def test_no_entry_names_where_the_claims_were_read():
    assert not re.search(r"\bS[0-4]\b|\.txt\b", PROSE["book/errata"])


# Glossary


def glossary() -> dict[str, str]:
    """The terms with their definitions."""
    found = re.search(r"```\{glossary\}\n(?::\w+:[^\n]*\n)*\n(.*?)\n```", PROSE["book/glossary"], re.DOTALL)
    assert found
    terms = dict(re.findall(r"^(\S.*)\n((?:  .*(?:\n|$))+)", found[1], re.MULTILINE))
    assert len(terms) == len(re.findall(r"^\S", found[1], re.MULTILINE))
    return terms


GLOSSARY = glossary()


def test_the_glossary_has_the_words_of_the_field():
    assert len(GLOSSARY) >= 90


@pytest.mark.parametrize("term", GLOSSARY)
def test_a_term_leads_to_the_page_that_introduces_it_and_back(term):
    links = re.findall(r"\]\(([\w-]+)\)", GLOSSARY[term])
    assert links, f"{term} leads nowhere"
    page = LABELS.get(links[-1])
    assert page, f"{term} leads to {links[-1]}, which no page has"
    used = {name for name in TERM.findall(PROSE[page])}
    assert term in used, f"{page} does not link to {term}"


def test_every_linked_term_is_in_the_glossary():
    for page, text in PROSE.items():
        unknown = set(TERM.findall(text)) - set(GLOSSARY)
        assert not unknown, f"{page} links to {sorted(unknown)}"


@pytest.mark.parametrize("term", GLOSSARY)
def test_a_definition_is_one_or_two_sentences(term):
    text = re.sub(r"\[[^\]]*\]\([^)]*\)", "", GLOSSARY[term]).strip()
    assert text.rstrip(")").endswith("."), text
    assert len(text) < 330, text


# Sources


def bibliography() -> dict[str, str]:
    text = (BOOK / "references.bib").read_text(encoding="utf-8")
    found = re.findall(r"^@\w+\{([^,]+),\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    assert len(found) == len(re.findall(r"^@", text, re.MULTILINE))
    keys = [key for key, _ in found]
    assert len(keys) == len(set(keys)), f"twice: {sorted({key for key in keys if keys.count(key) > 1})}"
    assert keys == sorted(keys), "keep the entries in the order of their keys"
    return dict(found)


# Printed before addresses were given to papers, and without one that we know.
WITHOUT_ADDRESS = {"duda1973", "erhan2009", "prewitt1970", "rumelhart1986", "winograd1980"}


def test_every_source_has_an_address():
    for key, entry in bibliography().items():
        assert re.search(r"^\s*(doi|url|isbn|eprint)\s*=", entry, re.MULTILINE) or key in WITHOUT_ADDRESS, key


def test_every_citation_is_listed():
    cited = {key.strip() for text in PROSE.values() for keys in CITED.findall(text) for key in keys.split(",")}
    questions = BOOK / "questions.yml"
    if questions.exists():
        text = questions.read_text(encoding="utf-8")
        cited |= {key.strip() for keys in CITED.findall(text) for key in keys.split(",")}
    unknown = cited - set(bibliography())
    assert not unknown, f"cited and not listed: {sorted(unknown)}"


# The built pages


@pytest.mark.xdist_group("book")
class TestBuilt:
    """What only the built book shows."""

    @staticmethod
    def soup(site, page: str) -> BeautifulSoup:
        return BeautifulSoup((site / f"{page}.html").read_bytes(), "html.parser")

    def test_the_index_leads_to_definitions_and_mentions(self, site):
        index = self.soup(site, "book/term-index").select_one("div.term-index")
        rows = {row.span.get_text(): row.find_all("a") for row in index.find_all("li")}
        for term in GLOSSARY:
            words = [link.get_text() for link in rows[term]]
            assert words[0] == "definition", term
            assert len(words) > 1, f"{term} is mentioned nowhere"
        names = [row.span.get_text().lower() for row in index.find_all("li")]
        assert len(names) == len(set(names))
        navigation = self.soup(site, "book/index").select("nav a[href]")
        assert any(str(link["href"]).endswith("term-index.html") for link in navigation)

    def test_addresses_of_the_index_exist(self, site):
        places: dict[str, set[str]] = {}
        for link in self.soup(site, "book/term-index").select("div.term-index a"):
            page, _, address = str(link["href"]).partition("#")
            if page not in places:
                found = BeautifulSoup((site / "book" / page).read_bytes(), "html.parser").find_all(id=True)
                places[page] = {str(tag["id"]) for tag in found}
            assert address in places[page], link

    @pytest.mark.browser
    @pytest.mark.parametrize(
        ("page", "words", "kept"),
        [
            ("book/errata", "dilation gaps", "#erratum-37"),
            ("book/glossary", "kernel across sobel", "#term-Sobel-kernel"),
            ("book/term-index", "sobel", ".term-index li:has(a[href$='#term-Sobel-kernel'])"),
        ],
    )
    def test_the_filter_keeps_what_matches_and_hides_the_rest(self, offline_page, site, page, words, kept):
        view, witness = offline_page
        view.goto((site / f"{page}.html").as_uri())
        field = view.locator(".page-filter input")
        total = view.locator("article :is(p[id^=erratum-], p[id^=disagreement-], dl.glossary > dt, .term-index li)")
        before = total.locator("visible=true").count()
        field.fill(words)
        assert view.locator(kept).is_visible()
        assert 0 < total.locator("visible=true").count() < before / 5
        said = view.locator(".page-filter output").inner_text()
        assert said == f"{total.locator('visible=true').count()} of {before}"
        field.fill("")
        assert total.locator("visible=true").count() == before
        assert witness.errors == []

    @pytest.mark.browser
    def test_a_link_to_a_hidden_entry_shows_it(self, offline_page, site):
        view, _ = offline_page
        view.goto((site / "book/errata.html").as_uri())
        view.locator(".page-filter input").fill("dilation")
        assert not view.locator("#erratum-01").is_visible()
        view.evaluate("location.hash = '#erratum-01'")
        view.locator("#erratum-01").wait_for(state="visible")
        assert view.locator(".page-filter input").input_value() == ""

    def test_without_scripts_the_errata_are_a_plain_list(self, site):
        page = self.soup(site, "book/errata")
        assert len(page.select("p[id^=erratum-]")) == ERRATA
        assert len(page.select("p[id^=disagreement-]")) == DISAGREEMENTS
        assert not page.select("article input")
        assert not page.select("article [hidden]")

    @pytest.mark.browser
    def test_the_summary_sheet_prints_on_two_pages(self, offline_page, site):
        view, _ = offline_page
        view.goto((site / "book/summary-sheet.html").as_uri())
        view.evaluate("window.MathJax.startup.promise")
        printed = view.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
        view.emulate_media(media="print")
        assert view.locator("#summary-sheet .cell").first.is_hidden()
        assert view.locator("#traps ol").is_visible()
