"""The pages in a real Chromium: readable, and dead to everything a student may have put in (row 90)."""

from pathlib import Path

import nbformat
import pages
import pytest
from classroom import ASSIGNMENT, RIGHT, code, text
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers
from test_safe import ATTACKS
from traitlets.config import Config

from autograder.model import CellOutput, Question

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("feedback-browser")]
AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def hostile(room):
    """A submission with every attack wherever a student can write."""

    def change(notebook):
        for attack in ATTACKS:
            notebook.cells.append(text(attack))
            notebook.cells.append(code(attack))
            raw = nbformat.v4.new_raw_cell(attack)
            raw.metadata["format"] = "text/html"
            notebook.cells.append(raw)
        notebook.cells[0].metadata["tags"] = ['"><script>window.hit=1</script>']
        notebook.metadata["title"] = "</title><script>window.hit=1</script>"
        for cell in notebook.cells:
            if cell.cell_type == "code":
                bundles = {"text/html": "<script>window.hit=1</script>"}, {"application/javascript": "window.hit=1"}
                cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": data} for data in bundles]

    everything = "\n\n".join(ATTACKS)
    room.submit("eve", {**RIGHT, "why": everything, "square": f"'''{everything}'''"}, change)
    told = [
        Question("test_square", 0, 2, [
            pages.public(number, "failed", call=attack, got=attack, expected=attack, message=attack)
            for number, attack in enumerate(ATTACKS)
        ], everything),
    ]  # fmt: skip
    job, _ = room.job("eve")
    at = next(index for index, cell in enumerate(job.cells) if cell.grade_id == "square")
    pages.grade(room, "eve", told, [CellOutput(at, everything, everything, everything)])
    with room.gradebook() as gradebook:
        gradebook.find_comment("why", "p1", ASSIGNMENT, "eve").auto_comment = everything
        gradebook.db.commit()
    return room


PROVOKE = """() => {
  for (const link of document.querySelectorAll("a[href]")) link.target = "";
  for (const it of document.querySelectorAll("a, #click, b, p, img, details, summary")) {
    for (const kind of ["mouseover", "toggle", "focus"]) it.dispatchEvent(new Event(kind));
    const href = it.getAttribute("href") || "";
    if (!href || href.replace(/[^a-z:]/gi, "").toLowerCase().includes("script:")) it.click();
  }
}"""


def alive(page, path):
    """Whether any of it ran: loaded, provoked and left alone for a moment of the page's own time."""
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"file://{path}", wait_until="load")
    page.evaluate(PROVOKE)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
    return page.evaluate("() => window.hit === 1") or bool(dialogs)


def test_90_the_feedback_runs_nothing(hostile, offline_page, tmp_path):
    page, witness = offline_page
    (tmp_path / "p1.html").write_text(pages.made(hostile, "eve")[0])
    assert not alive(page, tmp_path / "p1.html")
    assert witness.external == []
    assert witness.errors == []  # nor did it try: a refusal of the policy would be here


def test_90_the_policy_holds_if_the_cleaning_fails(hostile, offline_page, tmp_path):
    """The second wall: scripts put straight into the page do not run either."""
    page, witness = offline_page
    html = pages.made(hostile, "eve")[0].replace("</main>", "\n".join(ATTACKS[:20]) + "</main>")
    (tmp_path / "p1.html").write_text(html)
    assert not alive(page, tmp_path / "p1.html")
    assert any("Content Security Policy" in error for error in witness.errors)
    assert witness.external == []
    # And without the policy the test would have seen it.
    (tmp_path / "p1.html").write_text(html.replace("Content-Security-Policy", "X-Nothing"))
    assert alive(page, tmp_path / "p1.html")


def formgrader(path):
    """The page that Formgrader makes of a notebook in autograded/."""
    config = Config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    names = {"assignment_id": "ps1", "notebook_id": "p1", "submission_id": "1", "index": 0, "total": 1, "base_url": "",
             "student": "eve", "last_name": None, "first_name": None, "notebook_path": "x"}  # fmt: skip
    return HTMLExporter(config=config).from_filename(str(path), resources=names)[0]


def test_90_formgraders_page_runs_nothing_of_the_students(hostile, offline_page, tmp_path):
    page, _ = offline_page
    path = hostile.root / "autograded" / "eve" / ASSIGNMENT / "p1.ipynb"
    (tmp_path / "p1.html").write_text(formgrader(path))
    assert not alive(page, tmp_path / "p1.html")
    # The same attack in a notebook as nbgrader leaves it does run: the page is the one to be afraid of.
    content = nbformat.read(path, as_version=4)
    content.cells.append(text('<img src=x onerror="window.hit=1">'))
    (tmp_path / "stock.ipynb").write_text(nbformat.writes(content))
    (tmp_path / "stock.html").write_text(formgrader(tmp_path / "stock.ipynb"))
    assert alive(page, tmp_path / "stock.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_the_page_can_be_read_on_a_phone_and_in_the_dark(room, browser, tmp_path, width, scheme):
    room.submit("dora", {**RIGHT, "square": "def square(x):\n    return x + x  # " + "long " * 60})
    long = "array_of_numbers_without_a_space_" * 20
    told = pages.questions()
    told[0].checks[1].got = told[0].checks[1].call = long
    pages.grade(room, "dora", told, [CellOutput(2, long, long, long)])
    (tmp_path / "p1.html").write_text(pages.made(room, "dora")[0])
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(f"file://{tmp_path}/p1.html")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # The style sheet is in force, so the policy's hash is right.
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert shade == {"light": "rgb(251, 251, 249)", "dark": "rgb(21, 24, 27)"}[scheme]
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.message')).fontSize)") >= 15
    # Mark, title and points begin in one row, however narrow it is and however long the title.
    page.locator(".question > h2 > span:nth-child(2)").first.evaluate("title => title.append(' and more'.repeat(9))")
    begins = "heads => heads.map(head => [...head.children].map(part => part.getBoundingClientRect().y))"
    assert all(max(row) - min(row) < 10 for row in page.locator(".question > h2").evaluate_all(begins))
    page.add_script_tag(path=AXE)
    faults = page.evaluate("async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])")
    assert faults == []
    context.close()


def test_on_paper_everything_is_open(room, browser, tmp_path):
    room.submit("dora")
    pages.grade(room, "dora", pages.questions())
    (tmp_path / "p1.html").write_text(pages.made(room, "dora")[0])
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"file://{tmp_path}/p1.html")
    closed = page.locator("#q1 details:not([open]) .check").first
    assert not closed.is_visible()
    page.emulate_media(media="print")
    assert closed.is_visible()
    context.close()


def test_the_policy_is_in_force_for_the_style_sheet_too(room, offline_page, tmp_path):
    page, witness = offline_page
    room.submit("amy")
    room.grade("amy")
    html = pages.made(room, "amy")[0]
    (tmp_path / "p1.html").write_text(html)
    page.goto(f"file://{tmp_path}/p1.html")
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "800px"
    assert witness.errors == []
    (tmp_path / "p1.html").write_text(html.replace("<style>", "<style>/* changed */"))
    page.goto(f"file://{tmp_path}/p1.html")
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "none"
