"""Flashcards and the mock interview as a reader has them: opened from a file, without a network."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from small_books import ROOT
from test_book_site import AXE, READY

from book.tools.chapters import toc_pages
from book.tools.questions import load

BOOK_PAGES = [page.removeprefix("book/") for page in toc_pages()]
BANK = [question for question in load() if question.page in BOOK_PAGES]
DECK = [question for question in BANK if question.page != "questions"]
SCRIPT = ROOT / "kernelbook/labs/dist/questions.js"
DAY = 24 * 3600 * 1000


def test_the_schedule_and_the_reckoning():
    test = ROOT / "tests/labs/questions.test.mjs"
    done = subprocess.run(["node", "--test", test], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_is_light():
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) < 10_000


@pytest.mark.xdist_group("book")
def test_every_question_is_on_its_page_and_in_the_deck(site):
    pages = {name: BeautifulSoup((site / f"book/{name}.html").read_bytes(), "html.parser") for name in BOOK_PAGES}
    for question in BANK:
        for page in {question.page, "questions"}:
            fold = pages[page].find(id=f"q-{question.id}")
            assert fold, f"{question.id} is not on the page {page}"
            links = [link["href"] for link in fold.select(".question-see a[href]")]
            assert len(links) == sum(place[0] in BOOK_PAGES for place in question.see), f"{question.id}: {links}"
            assert fold.find("summary").get_text().strip().endswith(("?", "."))
    loaded = {name for name, page in pages.items() if page.select('script[src*="/questions.js"]')}
    assert loaded == {"questions"}
    assert len(pages["questions"].select("section.question-chapter details.question")) == len(DECK)


@pytest.fixture
def deck(offline_page, site):
    """Opens the page of questions over file:; at the end wants no request to another host and a silent console."""
    page, witness = offline_page
    page.clock.install(time="2026-03-02T10:00:00")

    def show(only: str = "", scheme: str = "light", width: int = 1300, day: int = 0):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        address = (site / "book/questions.html").as_uri()
        if only:
            others = {question.id: {"box": 1, "due": 10**6, "seen": 1} for question in DECK if question.id != only}
            page.goto(address)
            page.evaluate("text => localStorage.setItem('kernel-by-kernel.questions', text)", progress(others))
        page.goto("about:blank")
        page.goto(address, wait_until="load")
        cards(page).locator(".q-status").wait_for()
        return page

    yield show
    assert witness.external == []
    assert witness.errors == []


def progress(cards: dict) -> str:
    return json.dumps({"kind": "kernel-by-kernel questions", "version": 1, "cards": cards})


def cards(page):
    return page.locator('[data-questions="flashcards"]')


def talk(page):
    return page.locator('[data-questions="interview"]')


def stored(page) -> dict:
    return json.loads(page.evaluate("localStorage.getItem('kernel-by-kernel.questions')") or '{"cards": {}}')["cards"]


def violations(page) -> list[str]:
    """What axe-core calls serious or critical in cards and interview."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run('.q-app', {resultTypes: ['violations']})")["violations"]
    serious = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    return [f"{violation['help']}: {node['html'][:120]}" for violation in serious for node in violation["nodes"]]


def kind(name: str):
    return next(question for question in DECK if question.kind == name)


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_a_card_is_asked_answered_and_comes_back_on_its_day_by_keyboard_alone(deck):
    page = deck()
    assert f"0 due today, 0 waiting for their day, {len(DECK)} new." in cards(page).inner_text()
    cards(page).get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "q-prompt"
    assert (
        cards(page).locator(".q-prompt").inner_text()
        == "Would a large multilayer perceptron on the flattened picture do as well?"
    )
    assert cards(page).locator(".q-grades").is_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "A good answer"
    assert "In principle it can represent" in cards(page).inner_text()
    page.keyboard.press("3")
    assert f"0 due today, 1 waiting for their day, {len(DECK) - 1} new." in cards(page).inner_text()
    assert page.evaluate("document.activeElement.className") == "q-prompt"
    first = next(iter(stored(page).values()))
    assert first["due"] - first["seen"] == 3

    page.clock.set_fixed_time("2026-03-05T08:00:00")
    page.reload()
    cards(page).get_by_text(f"1 due today, 0 waiting for their day, {len(DECK) - 1} new.").wait_for()


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_a_card_that_was_not_known_comes_back_in_the_sitting(deck):
    page = deck(only=kind("open").id)
    cards(page).get_by_role("button", name="Start").click()
    for grade in ("Didn't know", "Knew it"):
        cards(page).get_by_role("button", name="Show the answer").click()
        cards(page).get_by_role("button", name=grade).click()
    assert "Done for today" in cards(page).inner_text()
    card = stored(page)[kind("open").id]
    assert card["due"] - card["seen"] == 1


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_a_typed_number_is_judged_at_once(deck):
    question = kind("number")
    page = deck(only=question.id)
    cards(page).get_by_role("button", name="Start").click()
    box = cards(page).get_by_role("textbox")
    box.fill(str(2 * question.number.value))
    box.press("Enter")
    assert "2 times too large" in cards(page).locator(".q-verdict").inner_text()
    assert cards(page).locator(".q-back").is_hidden()
    box.fill(f"{question.number.value:,}")
    box.press("Enter")
    assert cards(page).locator(".q-verdict").inner_text() == "Right."
    assert cards(page).locator(".q-back").is_visible()
    assert box.is_disabled()


@pytest.mark.browser
@pytest.mark.xdist_group("book")
@pytest.mark.parametrize("right", [True, False])
def test_a_choice_is_explained_at_once(deck, right):
    question = kind("choice")
    page = deck(only=question.id)
    cards(page).get_by_role("button", name="Start").click()
    cards(page).get_by_role("button", name="Check").click()
    assert "Choose one first." in cards(page).inner_text()
    wanted = next(index for index, choice in enumerate(question.choices) if choice.right is right)
    cards(page).get_by_role("radio").nth(wanted).check()
    cards(page).get_by_role("button", name="Check").click()
    words = cards(page).locator(".q-verdict").inner_text()
    assert words.startswith("Right." if right else "No.")
    assert question.choices[wanted].why.split(" ")[0] in words
    suggested = cards(page).locator("[data-suggested]").inner_text()
    assert suggested.startswith("Knew it" if right else "Didn't know")


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_progress_can_be_carried_to_another_browser_and_forgotten(deck, tmp_path):
    page = deck()
    file = tmp_path / "progress.json"
    file.write_text(progress({DECK[0].id: {"box": 2, "due": 10**6, "seen": 5}}))
    page.get_by_label("Import progress").set_input_files(file)
    cards(page).get_by_text("Progress of 1 card imported.").wait_for()
    assert set(stored(page)) == {DECK[0].id}
    with page.expect_download() as download:
        cards(page).get_by_role("button", name="Export progress").click()
    assert json.loads(Path(download.value.path()).read_text()) == json.loads(file.read_text())

    file.write_text("{}")
    page.get_by_label("Import progress").set_input_files(file)
    cards(page).get_by_text("This file holds no progress of these flashcards.").wait_for()
    assert set(stored(page)) == {DECK[0].id}

    cards(page).get_by_role("button", name="Forget progress").click()
    assert set(stored(page)) == {DECK[0].id}
    cards(page).get_by_role("button", name="Really forget everything?").click()
    assert stored(page) == {}


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_a_browser_that_keeps_nothing_is_told_so_and_all_else_works(deck, offline_page):
    offline_page[0].add_init_script(
        "for (const name of ['getItem', 'setItem']) { const real = Storage.prototype[name];"
        "Storage.prototype[name] = function (key, ...rest) {"
        "if (key.startsWith('kernel-by-kernel')) throw new DOMException('refused', 'SecurityError');"
        "return real.call(this, key, ...rest); }; }"
    )
    page = deck()
    assert "This browser keeps nothing for this page." in cards(page).inner_text()
    cards(page).get_by_role("button", name="Start").click()
    cards(page).get_by_role("button", name="Show the answer").click()
    cards(page).get_by_role("button", name="Knew it").click()
    assert f"0 due today, 1 waiting for their day, {len(DECK) - 1} new." in cards(page).inner_text()


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_an_interview_is_timed_marked_and_ends_with_what_to_read(deck):
    page = deck()
    page.clock.pause_at("2026-03-02T11:00:00")
    for box in talk(page).get_by_role("checkbox").all()[1:]:
        box.uncheck()
    chapter = [question for question in DECK if question.page == DECK[0].page]
    assert f"{min(10, len(chapter))} questions of {len(chapter)}, 2 minutes each." in talk(page).inner_text()
    talk(page).get_by_role("button", name="Start the interview").click()
    marks = ["Missed it", "In part"] + ["Had it"] * (min(10, len(chapter)) - 2)
    for number, mark in enumerate(marks, 1):
        assert f"Question {number} of {len(marks)}" in talk(page).inner_text()
        page.clock.run_for(130_000 if number == 1 else 60_000)
        if number == 1:
            assert talk(page).get_by_role("timer").inner_text() == "2:10 of 2:00, over time"
        talk(page).get_by_role("button", name="how the answer").click()
        page.clock.run_for(500_000)  # the clock has stopped
        talk(page).get_by_role("button", name=mark).click()
    seconds = 130 + 60 * (len(marks) - 1)
    assert (
        f"{2 * len(marks) - 3} of {2 * len(marks)} points in {seconds // 60}:{seconds % 60:02}"
        in talk(page).inner_text()
    )
    assert page.evaluate("document.activeElement.className") == "q-prompt"
    assert talk(page).locator(".q-again > li").count() == 2
    assert talk(page).locator(".q-again a").count() >= 2
    for link in talk(page).locator(".q-again a").all():
        assert link.get_attribute("href").startswith(f"{chapter[0].page}.html#")
    talk(page).get_by_role("button", name="Put these among today's flashcards").click()
    assert "2 due today" in cards(page).inner_text()
    talk(page).get_by_role("button", name="Another interview").click()
    assert talk(page).get_by_role("button", name="Start the interview").is_enabled()


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_a_selection_without_questions_cannot_be_started(deck):
    page = deck()
    for box in talk(page).get_by_role("checkbox").all():
        box.uncheck()
    assert "Choose at least one chapter." in talk(page).inner_text()
    assert talk(page).get_by_role("button", name="Start the interview").is_disabled()


@pytest.mark.browser
@pytest.mark.xdist_group("book")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_cards_and_interview_are_accessible_in_every_state(deck, offline_page, scheme, width):
    question = kind("choice")
    page = deck(only=question.id, scheme=scheme, width=width)
    errors = offline_page[1].errors
    found = violations(page)
    cards(page).get_by_role("button", name="Start").click()
    talk(page).get_by_role("button", name="Start the interview").click()
    found += violations(page)
    cards(page).get_by_role("radio").first.check()
    cards(page).get_by_role("button", name="Check").click()
    talk(page).get_by_role("button", name="how the answer").click()
    found += violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    talk(page).get_by_role("button", name="Missed it").click()
    talk(page).get_by_role("button", name="End here").click()
    found += violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert found == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids)), "a copy has kept an id"
    # axe-core asks for style sheets, which a page from a file may not read.
    errors[:] = [error for error in errors if "XMLHttpRequest" not in error and "ERR_FAILED" not in error]


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_on_paper_all_answers_are_open_and_the_games_are_away(deck):
    page = deck()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("section.question-chapter details:not([open])").count() == 0
    assert cards(page).is_hidden()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("section.question-chapter details[open]").count() == 0


@pytest.mark.browser
@pytest.mark.xdist_group("book")
def test_a_link_opens_its_question_and_formulas_are_drawn_in_the_copies(deck, site):
    page = deck()
    page.goto((site / "book/questions.html").as_uri() + "#q-output-size")
    page.wait_for_function("document.getElementById('q-output-size').open")
    page.goto("about:blank")
    page = deck(only="output-size")
    page.evaluate(READY)
    cards(page).get_by_role("button", name="Start").click()
    cards(page).get_by_role("button", name="Show the answer").click()
    assert cards(page).locator(".q-back mjx-container").first.bounding_box()["width"] > 50
    assert cards(page).get_by_text("\\(").count() == 0
