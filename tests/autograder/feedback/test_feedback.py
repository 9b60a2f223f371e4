"""What the feedback tells, and what it keeps: row 91 of the attack list among the rest."""

import copy
import json
from datetime import datetime

import classroom
import jsonschema
import nbformat
import pages
import pytest
import sqlalchemy as sa
from bs4 import BeautifulSoup
from classroom import ASSIGNMENT, NOTEBOOK, RIGHT

from autograder import feedback
from autograder.model import CellOutput, Question
from autograder.reassemble import NO_RESPONSE

SCHEMA = json.loads((feedback.HERE / "schema" / "feedback-1.json").read_text())


def made(room, student, **settings):
    page, told = pages.made(room, student, **settings)
    jsonschema.validate(told, SCHEMA)
    return BeautifulSoup(page, "html.parser"), told


def section(soup, number):
    return soup.find(id=f"q{number}")


def words(element):
    return " ".join(element.get_text(" ").split())


@pytest.fixture
def dora(room):
    room.submit("dora", {**RIGHT, "square": "def square(x):\n    return x + x"})
    pages.grade(room, "dora", pages.questions())
    return room


# --- what it tells


def test_a_failed_public_check_says_what_was_checked_what_came_and_what_was_expected(dora):
    soup, told = made(dora, "dora")
    check = section(soup, 1).select_one(".check.bad")
    assert words(check) == (
        "✗ Check 2 did not pass 0 of 1 add or multiply? Checked square(-3) == 9 Your code gave -6 Expected 9"
    )
    assert told["questions"][0]["checks"][1] == {
        "status": "failed", "visibility": "public", "points": 0, "max_points": 1, "message": "add or multiply?",
        "call": "square(-3) == 9", "got": "-6", "expected": "9", "hint": None, "link": None,
    }  # fmt: skip


def test_every_check_is_there_whatever_came_before_it(dora):
    soup, told = made(dora, "dora")
    assert [len(question["checks"]) for question in told["questions"]] == [2, 6, 1, 0, 0, 0]
    assert len(soup.select(".check")) == 9


def test_a_failed_hidden_check_gives_its_hint_and_its_link(dora):
    soup, _ = made(dora, "dora", link_base="https://book.example/course/")
    check = section(soup, 2).select_one(".check.bad")
    assert words(check) == ("✗ Hidden check 2 did not pass Hint. Think of large numbers. Read on: numbers: large")
    assert check.a["href"] == "https://book.example/course/01-numbers.html#large"
    # Without a place to start from, a relative address leads nowhere.
    assert section(made(dora, "dora")[0], 2).select_one(".check.bad").a is None


def test_a_hidden_check_without_a_hint_gives_advice(dora):
    soup, _ = made(dora, "dora")
    assert "inputs that are not shown" in words(section(soup, 2).select(".check.bad")[2])


def test_hidden_checks_in_a_row_that_say_the_same_are_one(room):
    hint, other = "Think of large numbers.", "Think of none."
    room.submit("dora", RIGHT)
    failed = [
        pages.hidden(1, "failed", hint), pages.hidden(2, "failed", hint), pages.hidden(3, "failed", hint),
        pages.hidden(4, "passed"), pages.hidden(5, "failed", other), pages.hidden(6, "error", other),
        pages.hidden(7, "not run", other), pages.hidden(8, "not run", other),
    ]  # fmt: skip
    told = [Question("test_square_hidden", 0.0, 3.0, [pages.public(0, "failed", message="no"), *failed])]
    pages.grade(room, "dora", told)
    soup, told = made(room, "dora")
    headlines = [words(line) for line in soup.select(".question .check:not(.good) .verdict")]
    assert headlines == [
        "✗ Check 1 did not pass", "✗ Hidden checks 2, 3 and 4 did not pass", "✗ Hidden check 6 did not pass",
        "✗ Hidden check 7 stopped with an error", "– Hidden checks 8 and 9 were not run",
    ]  # fmt: skip
    question = next(each for each in told["questions"] if each["grade_id"] == "test_square_hidden")
    assert len(question["checks"]) == 9


def test_a_message_keeps_the_columns_of_its_figures_and_joins_what_was_broken_to_fit(room):
    message = (
        "Called with x (2, 3).\nThe batch is normalised by its plain variance: the mean of the squares, not\n"
        "divided by n - 1.\nExpected:\n[[ 1.5  -20. ]\n\n [nan   4e-05]]\nYours:\n[[0. 0.]]\n3 of them are right."
    )
    room.submit("dora", RIGHT)
    checks = [pages.public(0, "failed", message=message)]
    pages.grade(room, "dora", [Question("test_square", 0.0, 2.0, checks)])
    soup, _ = made(room, "dora")
    blocks = [(block.name, block.get_text()) for block in soup.select(".check.bad .message, .check.bad .figures")]
    assert blocks == [
        ("p", "Called with x (2, 3).\nThe batch is normalised by its plain variance: the mean of the squares, not "
              "divided by n - 1.\nExpected:"),
        ("pre", "[[ 1.5  -20. ]\n\n [nan   4e-05]]"),
        ("p", "Yours:"),
        ("pre", "[[0. 0.]]"),
        ("p", "3 of them are right."),
    ]  # fmt: skip


def test_the_list_says_a_sentence_that_was_broken_to_fit_to_its_end(room):
    message = "These are not the classes with the highest scores in evaluation\nmode.\nIn training all is chance."
    room.submit("dora", RIGHT)
    pages.grade(room, "dora", [Question("test_square", 0.0, 2.0, [pages.public(0, "failed", message=message)])])
    soup, _ = made(room, "dora")
    assert words(soup.nav).endswith(": These are not the classes with the highest scores in evaluation mode.")


def test_points_headline_and_the_list_of_what_to_look_at(dora):
    soup, told = made(dora, "dora")
    assert words(soup.h1) == "1 of 20 points so far"
    assert words(soup.nav) == (
        "3 of 9 checks passed. Points are missing in 3 questions. Task 1: squares (1 of 2) 1 of 2: add or multiply? "
        "Task 1: squares (2 of 2) 0 of 3: ran longer than 30 s Task 2: means 0 of 3: NameError: name 'total'"
    )
    assert [link["href"] for link in soup.nav.find_all("a")] == ["#q1", "#q2", "#q3"]
    assert "3 answers are still waiting" in words(soup.header)
    assert (told["points"], told["max_points"], told["environment"]) == (1, 20, "e" * 64)


def test_the_answer_stands_where_it_lost_points(dora):
    soup, _ = made(dora, "dora")
    assert "return x + x" in words(section(soup, 1))
    assert "return x + x" not in words(section(soup, 2))
    dora.submit("emil")
    told = pages.questions()
    told[0] = Question("test_square", 2.0, 2.0, told[0].checks[:1])
    pages.grade(dora, "emil", told)
    soup, _ = made(dora, "emil")
    assert section(soup, 2).select_one("details[open]") is not None
    assert RIGHT["square"].split()[-1] in words(section(soup, 2))


def test_full_marks_are_short(room):
    room.submit("amy")
    room.grade("amy")
    soup, _ = made(room, "amy")
    assert words(soup.select_one(".box.all")) == "All 4 checks passed."
    assert not soup.select(".check.bad, nav")


def test_what_a_cell_printed_and_how_it_failed(room):
    room.submit("amy")
    job, _ = room.job("amy")
    at = next(index for index, cell in enumerate(job.cells) if cell.grade_id == "square")
    pages.grade(room, "amy", pages.questions(), [CellOutput(at, "hello\x1b[31m\n", "careful\n", "NameError: name 'q'")])
    soup, _ = made(room, "amy")
    assert words(section(soup, 1).select_one("pre.error")) == "NameError: name 'q'"
    assert words(section(soup, 1).select_one("pre.printed")) == "hello careful"


def test_points_and_comments_of_people(dora):
    with dora.gradebook() as gradebook:
        grade = gradebook.find_grade("why", NOTEBOOK, ASSIGNMENT, "dora")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 4, 0.5, False
        gradebook.find_comment("why", NOTEBOOK, ASSIGNMENT, "dora").manual_comment = "Say *why*. <script>x</script>"
        gradebook.find_comment("square", NOTEBOOK, ASSIGNMENT, "dora").manual_comment = "Nearly."
        gradebook.db.commit()
    soup, told = made(dora, "dora")
    why = section(soup, 5)
    assert "Task 3: by hand (2 of 2) 4.5 of 5 Graded by a person." in words(why)
    assert str(why.select_one(".comment .prose")).startswith('<div class="prose"><p>Say <em>why</em>.')
    assert "Nearly." in words(section(soup, 1).select_one(".comment"))
    assert told["questions"][4]["graded_by"] == "person"
    assert told["questions"][4]["comment"].startswith("Say")
    assert told["points"] == 5.5


def test_lateness(room):
    room.due(datetime(2026, 5, 1, 12))
    room.submit("amy", when="2026-05-01 15:00:00 UTC")
    room.grade("amy")
    with room.gradebook() as gradebook:
        gradebook.find_submission_notebook(NOTEBOOK, ASSIGNMENT, "amy").late_submission_penalty = 1.25
        gradebook.db.commit()
    soup, told = made(room, "amy")
    assert "1.25 points were taken off because the work came late." in words(soup.header)
    assert (told["points"], told["late_penalty"], told["submitted"]) == (6.75, 1.25, "2026-05-01 15:00")


def test_how_the_notebook_was_read(room):
    room.submit("amy", change=lambda nb: nb.cells.append(copy.deepcopy(nb.cells[classroom.find(nb, "square")])))
    room.grade("amy")
    soup, told = made(room, "amy")
    assert "2 cells of the notebook carry this answer's name" in words(soup.select_one("details.box"))
    assert told["notes"][0]["grade_id"] == "square"


def test_an_answer_that_was_not_found_is_said_where_it_belongs(room):
    room.submit("amy", change=lambda nb: nb.cells.pop(classroom.find(nb, "square")))
    room.grade("amy")
    soup, _ = made(room, "amy")
    assert NO_RESPONSE in words(section(soup, 1))
    assert not soup.select("details.box")


def test_what_could_not_be_graded(room):
    (room.handed_in("eve") / "p1.ipynb").write_text("{")
    room.grade("eve")
    soup, told = made(room, "eve")
    assert words(soup.h1) == "Not graded yet"
    assert "Your notebook could not be graded The notebook file is damaged" in words(soup.select_one(".refused"))
    assert not soup.select(".question")
    assert told["status"] == "not gradable"


def test_extra_cells_are_shown_where_they_belong(room):
    def change(nb):
        nb.cells.insert(classroom.find(nb, "mean"), classroom.code("def total(v):\n    return sum(v)"))
        nb.cells.append(classroom.text("My *drawing*."))

    room.submit("amy", change=change)
    pages.grade(room, "amy", pages.questions())
    soup, _ = made(room, "amy")
    assert "def total" in words(section(soup, 3))
    assert "My drawing" in words(section(soup, 6))


# --- what it keeps


def test_91_nothing_of_a_hidden_check_is_told(dora):
    page, told = pages.made(dora, "dora")
    for kept in pages.KEPT:
        assert kept not in page
        assert kept not in json.dumps(told)
    for question in told["questions"]:
        for check in question["checks"]:
            if check["visibility"] == "hidden":
                assert check.keys() <= {"status", "visibility", "points", "max_points", "hint", "link"}


def test_91_the_real_hidden_source_is_in_the_instructors_notebook_and_nowhere_else(room):
    room.submit("bob", classroom.WRONG)
    room.grade("bob")
    path = room.root / "autograded" / "bob" / ASSIGNMENT / "p1.ipynb"
    assert classroom.SECRET in path.read_text()
    page, told = pages.made(room, "bob")
    assert classroom.SECRET not in page
    assert "121" not in page
    assert classroom.SECRET not in json.dumps(told)


def test_a_schema_that_forbids_what_is_kept(dora):
    _, told = pages.made(dora, "dora")
    check = told["questions"][1]["checks"][1]
    for name in ("message", "call", "got", "expected"):
        leaky = copy.deepcopy(told)
        leaky["questions"][1]["checks"][1] = {**check, name: "leak"}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(leaky, SCHEMA)


def test_a_course_that_was_graded_by_nbgrader_alone_keeps_its_secrets_too(room):
    """Its notebooks in autograded/ hold hidden tests and their tracebacks."""
    room.submit("bob", classroom.WRONG)
    room.grade("bob")
    with room.gradebook() as gradebook:
        gradebook.db.execute(sa.text("DROP TABLE autograder_result"))
        gradebook.db.commit()
    path = room.root / "autograded" / "bob" / ASSIGNMENT / "p1.ipynb"
    content = nbformat.read(path, as_version=4)
    test = content.cells[classroom.find(content, "test_square_hidden")]
    test.outputs = [nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=[test.source])]
    path.unlink()
    nbformat.write(content, path)
    page, told = pages.made(room, "bob")
    jsonschema.validate(told, SCHEMA)
    assert classroom.SECRET not in page
    assert told["questions"][0]["points"] == 0
    assert told["recorded"] is None


# --- the page itself


def test_the_page_asks_for_nothing_and_allows_nothing(dora):
    page, _ = pages.made(dora, "dora")
    soup = BeautifulSoup(page, "html.parser")
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert "default-src 'none'; script-src 'none'" in policy
    assert "unsafe" not in policy
    # Before anything it is to hold for.
    assert soup.head.find_all(True).index(soup.find("meta", attrs={"http-equiv": True})) == 1
    assert not soup.select("script, link, iframe, object, embed, form, base, [style], [onclick]")
    assert not [tag for tag in soup.select("[src]") if not tag["src"].startswith("data:image/")]


def test_the_style_sheet_is_the_one_that_the_policy_allows(dora, tmp_path):
    (tmp_path / "mine.css").write_text("body::after { content: '</style><script>' }")
    page, _ = pages.made(dora, "dora", stylesheet=str(tmp_path / "mine.css"))
    assert "</style><script>" not in page


def test_students_text_is_escaped_everywhere(room):
    mark = "<u id=mark>"
    room.submit("amy", {"square": f"# {mark}", "mean": f"'{mark}'", "show": f"# {mark}", "why": f"{mark} &amp; **x**"})
    told = [
        Question(
            "test_square", 0, 2, [pages.public(0, "failed", call=mark, got=mark, expected=mark, message=mark)], mark
        ),
        Question("test_square_hidden", 0, 3, [pages.hidden(0, "failed", mark, "https://example.org/?<u id=mark>")]),
    ]
    pages.grade(room, "amy", told, [CellOutput(2, mark, mark, f"{mark}: {mark}")])
    page, _ = pages.made(room, "amy")
    assert not BeautifulSoup(page, "html.parser").find(id="mark")
    assert page.count("&lt;u id=mark&gt;") > 8
