"""The built book as its reader has it: opened from a file, with no network, on a phone or a screen, by day or night."""

import re
import statistics
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from small_books import ROOT

from book.tools.build import report, weigh
from book.tools.chapters import toc_pages

pytestmark = [pytest.mark.xdist_group("book"), pytest.mark.browser]

PAGES = [f"{page}.html" for page in toc_pages()]
SIZES = [(390, 844), (1300, 900)]
AXE = ROOT / "node_modules/axe-core/axe.min.js"

READY = """async () => {
  await document.fonts.ready;
  if (window.MathJax?.startup) await window.MathJax.startup.promise;
  for (const fold of document.querySelectorAll('details')) fold.open = true;
}"""


def visit(page, site: Path, name: str) -> None:
    """Open a page from its file and wait until it is drawn, its answers unfolded."""
    page.goto((site / name).as_uri(), wait_until="load")
    page.evaluate(READY)


def soup(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_bytes(), "html.parser")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_complete_without_a_network(offline_page, site, name):
    page, witness = offline_page
    visit(page, site, name)
    content = soup(site, name)

    formulas = len(content.select("article span.math, article div.math"))
    assert page.locator("article mjx-container").count() >= formulas
    assert page.locator("mjx-merror").count() == 0
    labs = page.locator("article figure[data-lab]")
    assert labs.count() == len(content.select("figure[data-lab]"))
    for lab in labs.all():
        lab.locator(".lab-app").first.wait_for(state="visible")
        assert lab.locator("input, select, button").count() > 0
    blank = page.evaluate("[...document.images].filter(i => i.checkVisibility() && !i.naturalWidth).map(i => i.src)")
    assert blank == []

    assert witness.external == []
    assert witness.errors == []


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_an_alternative_text(site, name):
    article = soup(site, name).article
    for image in article.find_all("img"):
        assert len(str(image.get("alt", "")).strip()) > 10, f"{image.get('src')} has no description"
    for drawing in article.find_all("svg"):
        named = drawing.get("aria-label") or drawing.get("aria-labelledby") or drawing.title
        assert named or drawing.get("aria-hidden") == "true", f"{str(drawing)[:100]} has no name"


@pytest.mark.parametrize("name", [*PAGES, "search.html"])
@pytest.mark.parametrize(
    ("scheme", "size"), [("light", SIZES[1]), ("dark", SIZES[0])], ids=["light-screen", "dark-phone"]
)
def test_a_page_is_accessible_and_fits_its_screen(offline_page, site, name, scheme, size):
    page, _ = offline_page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    visit(page, site, name)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert violations(page) == []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"


def violations(page) -> list[str]:
    """What axe-core calls serious or critical, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{violation['impact']}: {violation['help']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def test_faults_on_a_page_would_be_found(offline_page, site):
    page, witness = offline_page
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, site, PAGES[0])
    page.evaluate("""() => {
      document.querySelector('article').insertAdjacentHTML('beforeend',
        '<p style="color:#aaa;background:#fff">pale</p><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" >'
        + '<div style="width:900px">wide</div><img src="https://example.org/x.png" alt="far away">');
      console.error('planted');
    }""")
    page.wait_for_function("performance.getEntriesByName('https://example.org/x.png').length || true")
    found = "\n".join(violations(page))
    assert "color contrast" in found
    assert "alternative text" in found
    assert page.evaluate("document.documentElement.scrollWidth") > 390
    assert witness.external == ["https://example.org/x.png"]
    assert "planted" in witness.errors


def test_links_inside_the_book_lead_somewhere(site):
    anchors: dict[Path, set[str]] = {}
    count = 0
    for name in [*PAGES, "index.html", "search.html"]:
        for link in soup(site, name).find_all("a", href=True):
            address = urlsplit(str(link["href"]))
            if address.scheme:
                assert address.scheme in ("https", "http", "mailto"), link
                continue
            target = ((site / name).parent / unquote(address.path)).resolve() if address.path else site / name
            assert target.is_file(), f"{name}: {link['href']} leads nowhere"
            if address.fragment and target.suffix == ".html":
                if target not in anchors:
                    anchors[target] = {
                        str(tag["id"]) for tag in soup(site, str(target.relative_to(site))).find_all(id=True)
                    }
                assert unquote(address.fragment) in anchors[target], f"{name}: {link['href']} has no such place"
            count += 1
    assert count > 50


def test_what_pages_load_lies_in_the_site(site):
    for name in PAGES:
        for tag in soup(site, name).select("script[src], link[href], img[src], iframe[src], source[src]"):
            address = urlsplit(str(tag.get("src") or tag.get("href")))
            if tag.name == "link" and set(tag.get("rel") or []) & {"canonical", "license"}:
                continue
            assert address.scheme in ("", "data"), f"{name} loads {tag}"
            if not address.scheme:
                assert ((site / name).parent / unquote(address.path)).exists(), f"{name}: {tag} is missing"


def test_the_coverage_list_points_to_places_that_exist(site):
    listed = yaml.safe_load((ROOT / "book/coverage.yml").read_text(encoding="utf-8"))
    ids: dict[str, set[str]] = {}
    places = [(row, place) for row, found in listed.items() for place in ([found] if isinstance(found, str) else found)]
    assert places
    for row, place in places:
        name, _, anchor = place.partition("#")
        assert (site / "book" / name).is_file(), f"{row} points to the page {name}, which is not in the book"
        if name not in ids:
            ids[name] = {str(tag["id"]) for tag in soup(site, f"book/{name}").find_all(id=True)}
        assert anchor in ids[name], f"{row} points to {place}, and the page has no such anchor"


def test_pages_are_light(site):
    weights = weigh(site)
    table = report(weights)
    assert statistics.median(weight.total for weight in weights) <= 300e3, table
    assert max(weight.total for weight in weights) <= 1e6, table
    assert max(weight.mathjax for weight in weights) <= 300e3, table


def test_the_search_works_from_a_file(offline_page, site):
    page, witness = offline_page
    page.goto((site / "search.html").as_uri() + "?q=stride")
    page.locator("#search-results li a").first.wait_for()
    address = page.locator("#search-results li a").first.get_attribute("href")
    assert (site / urlsplit(address).path).is_file()
    assert witness.errors == []
    assert witness.external == []


def test_the_front_door_leads_to_the_first_page(offline_page, site):
    page, _ = offline_page
    page.goto((site / "index.html").as_uri())
    page.wait_for_url(re.compile(r"/book/index\.html$"))


def test_light_and_dark_can_be_chosen(offline_page, site):
    page, witness = offline_page
    visit(page, site, PAGES[0])
    seen = set()
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.mode"))
    assert seen == {"auto", "light", "dark"}
    assert witness.errors == []
