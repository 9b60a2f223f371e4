"""The question bank: complete, correct, not repeating itself, and refused in one clear line where it is faulty."""

import difflib
import re
import textwrap
from pathlib import Path

import pytest
from small_books import ROOT

from book.tools import question_numbers
from book.tools.questions import LEVELS, QuestionError, load

BANK = load()

# The rows of the coverage list that are questions, by chapter.
ROWS = {
    **{1: range(37, 43), 2: range(41, 47), 3: range(32, 40), 4: range(30, 39), 5: range(25, 33)},
    **{6: range(24, 29), 7: range(18, 22), 8: range(11, 13), 9: (8, 22, 25, 26, 27)},
}

GOOD = """
- id: good
  row: C2.41
  see: [02-convolution#c2-size]
  level: 1
  tags: [size]
  ask: How large?
  answer: As large as $O$, 28.
  follow: {ask: 'Why?', answer: The floor.}
  wrong: {says: Half., why: Not always.}
  computed: ['ops.output_size(32, 5)']
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "questions.yml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def words(text: str) -> set[str]:
    return {
        word for word in re.findall(r"[a-z]{4,}|\d+", text.lower()) if word not in {"what", "which", "does", "your"}
    }


def test_every_question_of_the_coverage_list_is_there_once():
    wanted = [f"C{chapter}.{row}" for chapter, rows in ROWS.items() for row in rows]
    assert len(wanted) == 53
    assert sorted(question.row for question in BANK if question.row) == sorted(wanted)
    assert len(BANK) - len(wanted) >= 70
    for question in BANK:
        if question.row and question.page != "questions":
            assert question.page.startswith(f"0{question.row[1]}-"), f"{question.id} stands on {question.page}"


def test_the_numbers_are_computed_or_cited():
    assert question_numbers.check(BANK) == []


def test_questions_differ():
    for index, one in enumerate(BANK):
        for other in BANK[:index]:
            alike = difflib.SequenceMatcher(None, one.ask.lower(), other.ask.lower()).ratio()
            assert alike < 0.8, f"{one.id} asks what {other.id} asks"
            shared = words(one.answer) & words(other.answer)
            share = len(shared) / len(words(one.answer) | words(other.answer))
            assert share < 0.5, f"{one.id} answers as {other.id} does: {sorted(shared)}"


def test_pages_and_sections_are_those_of_the_notebooks():
    anchors = {}
    for question in BANK:
        for page, anchor in question.see:
            source = ROOT / "book" / f"{page}.ipynb"
            if not source.exists() or not anchor:
                continue
            if page not in anchors:
                anchors[page] = source.read_text(encoding="utf-8")
            assert re.search(rf'"\({anchor}\)=\\n",\s*"#', anchors[page]), (
                f"{question.id}: {page} has no section {anchor}"
            )


def test_answers_are_written_as_the_book_is():
    for question in BANK:
        for text in question.texts():
            assert not re.search(r"—| -- ", text), f"{question.id}: a dash where a comma or a full stop will do"
            american = r"\b\w*(?:ization|izing|ized|color|behavior|center|gray|neighbor|labeled|modeling)\w*\b"
            found = re.search(american, re.sub(r"`[^`]*`", "", text))
            assert not found, f"{question.id}: {found[0]!r} is not British"
        assert re.search(r"[?.]$", question.ask), f"{question.id}: a question ends with a question mark or a full stop"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("level: 1", "level: 4"), "questions.yml:2 (good): 'level' must be 1, 2 or 3, not 4."),
        (("  level: 1\n", ""), "questions.yml:2 (good): the question lacks level."),
        (
            ("level: 1", "level: 1\n  colour: red"),
            "(good): the question has the unknown field 'colour'.",
        ),
        (("level: 1", "level: 1\n  level: 2"), "questions.yml:2: the field 'level' stands there twice."),
        (("row: C2.41", "row: E7"), "questions.yml:2 (good): 'row' must look like C2.41, not 'E7'."),
        (("02-convolution#c2-size", "'#c2-size'"), "'see' must be a list of page#anchor, not ['#c2-size']."),
        (("answer: As", "answer: " + 200 * "very " + "As"), "'answer' has 1020 characters, more than 900."),
        (("why: Not always.", "why: 7"), "'why' must be a text, not 7."),
        (("id: good", "id: Good one"), "the id must be small letters, digits and hyphens, not 'Good one'."),
        (
            ("level: 1", "level: 1\n  choices: [{text: a, why: b, right: true}]"),
            "three or more, and exactly one",
        ),
        (("level: 1", "level: 1\n  number: {value: many, from: '1'}"), "'value' must be a number, not 'many'."),
        (("- id", "- [id"), "no YAML"),
        (("\n- id: good", "\nid: good"), "questions.yml"),
    ],
)
def test_a_faulty_entry_is_refused_in_one_line(tmp_path, change, complaint):
    assert change[0] in GOOD
    with pytest.raises(QuestionError) as refused:
        load(write(tmp_path, GOOD.replace(*change)))
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_ids_and_rows_are_taken_once(tmp_path):
    with pytest.raises(QuestionError, match=r"questions.yml:12 \(good\): the id is taken"):
        load(write(tmp_path, GOOD + GOOD.lstrip()))
    with pytest.raises(QuestionError, match=r"\(better\): row C2.41 is taken"):
        load(write(tmp_path, GOOD + GOOD.lstrip().replace("good", "better")))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("", ""), None),
        (("28.", "27."), "good: nothing computes '27'"),
        (("output_size(32, 5)", "output_size(32, 3)"), "good: nothing computes '28'"),
        (("The floor.", "The floor of 3 pixels."), None),
        (("The floor.", "The floor 3 times."), "good: nothing computes '3'"),
        (("output_size(32, 5)", "output_size(32)"), "good: 'ops.output_size(32)' fails: TypeError"),
        (("output_size(32, 5)", "output_size(32, 5) == 27"), "'ops.output_size(32, 5) == 27' is false"),
        (
            ("  level: 1", "  level: 1\n  number: {value: 29, from: 4 * 7}"),
            "the right answer is 29, but",
        ),
    ],
)
def test_numbers_that_nothing_computes_are_found(tmp_path, change, complaint):
    (tmp_path / "allowed.yml").write_text("")
    bank = load(write(tmp_path, GOOD.replace(*change)))
    found = question_numbers.check(bank, allowed=tmp_path / "allowed.yml")
    assert (found == []) if complaint is None else (len(found) >= 1 and complaint in found[0])


def test_the_right_choice_stands_anywhere():
    places = [[choice.right for choice in question.choices].index(True) for question in BANK if question.choices]
    assert len(places) >= 10
    assert max(places.count(place) for place in range(4)) < len(places) / 2
    lengths = [sorted(len(choice.text) for choice in question.choices) for question in BANK if question.choices]
    longest = sum(
        len(next(choice.text for choice in question.choices if choice.right)) == length[-1]
        for question, length in zip((question for question in BANK if question.choices), lengths, strict=True)
    )
    assert longest <= 0.6 * len(places), "the right choice is too often the longest"


def test_levels_have_names():
    assert {question.level for question in BANK} <= set(LEVELS)
