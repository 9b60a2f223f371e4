"""Whatever was done to a notebook's structure, it is graded, or has a reason: rows 54 to 76 of the attack list.

Each change is made to a right answer. What the graded job holds is then compared with that of the untouched notebook.
"""

import copy
import json
import time

import classroom
import pytest
from classroom import NOTEBOOK, RIGHT, find

from autograder.intake import Caps, NotGradable, Submission
from autograder.reassemble import NO_RESPONSE, assemble, build_job


@pytest.fixture(scope="module")
def blueprint(released_classroom):
    return classroom.Classroom(released_classroom).blueprint()


@pytest.fixture
def content(released_classroom):
    made = classroom.Classroom(released_classroom).released()
    classroom.fill(made, RIGHT)
    return made


def submission(content, **caps):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Submission({f"{NOTEBOOK}.ipynb": data}, Caps(**caps))


def job_of(blueprint, content):
    return build_job(blueprint, submission(content), assignment="ps1", student="hacker", notebook=NOTEBOOK)


def refusal(blueprint, content, **caps):
    with pytest.raises(NotGradable) as caught:
        assemble(blueprint, submission(content, **caps), notebook=NOTEBOOK)
    return caught.value.reason


def points(blueprint, content):
    return {question.grade_id: question.points for question in classroom.run(job_of(blueprint, content)).questions}


FULL = {"test_square": 2, "test_square_hidden": 3, "test_mean": 3}


def marks(content, grade_id):
    return content.cells[find(content, grade_id)].metadata["nbgrader"]


# --- the honest notebook


def test_an_honest_notebook(blueprint, content):
    job = job_of(blueprint, content)
    assert [(cell.side, cell.grade_id) for cell in job.cells] == [
        ("both", None),  # import math
        ("both", None),  # helper
        ("student", "square"),
        ("judge", "test_square"),
        ("judge", "test_square_hidden"),
        ("student", "mean"),
        ("judge", "test_mean"),
        ("student", "show"),
    ]
    assert job.notes == ()
    assert points(blueprint, content) == FULL


def test_the_solution_is_nowhere_in_the_job(blueprint, content):
    classroom.fill(content, dict.fromkeys(RIGHT, ""))
    assert "x * x" not in repr(job_of(blueprint, content))


def test_hidden_lines_are_marked(blueprint, content):
    test = next(cell for cell in job_of(blueprint, content).cells if cell.grade_id == "test_square_hidden")
    lines = test.source.split("\n")
    assert [lines[number] for number in test.hidden_lines] == [
        "### BEGIN HIDDEN TESTS",
        f"{classroom.SECRET} = 11",
        f"assert square({classroom.SECRET}) == 121",
        "### END HIDDEN TESTS",
    ]


def test_the_same_bytes_give_the_same_job(blueprint, content):
    assert job_of(blueprint, content) == job_of(blueprint, copy.deepcopy(content))


# --- 54 to 67: metadata and cells

LIES = {
    "55: a schema version from the future": lambda nb: marks(nb, "square").update(schema_version=99),
    "55: a schema version that is no number": lambda nb: marks(nb, "square").update(schema_version="new"),
    "56: a test that claims to be a solution": lambda nb: marks(nb, "test_square").update(solution=True),
    "57: a test that claims not to be graded": lambda nb: marks(nb, "test_square").update(grade=False),
    "60: points that are no number": lambda nb: marks(nb, "test_square").update(points="lots"),
    "61: metadata that is a list": lambda nb: nb.cells[find(nb, "test_mean")].metadata.update(nbgrader=[1]),
    "62: a test without its metadata": lambda nb: nb.cells[find(nb, "test_square")].metadata.pop("nbgrader"),
    "63: a test that is gone": lambda nb: nb.cells.pop(find(nb, "test_square")),
    "64: points that are too many": lambda nb: marks(nb, "test_square").update(points=200),
    "65: a test that tests nothing": lambda nb: nb.cells[find(nb, "test_square")].update(source="pass"),
    "66: an answer that became Markdown": lambda nb: nb.cells[find(nb, "square")].update(cell_type="markdown"),
    "66: a test that became raw": lambda nb: nb.cells[find(nb, "test_square")].update(cell_type="raw"),
    "67: a kernel that nobody has": lambda nb: nb.metadata.update(kernelspec={"name": "cobol", "language": "cobol"}),
    "67: no kernel": lambda nb: nb.metadata.clear(),
    "metadata of the notebook that is a number": lambda nb: nb.update(metadata=7),
    "a grade_id that is a number": lambda nb: marks(nb, "test_mean").update(grade_id=7),
    "a cell_type that is a list": lambda nb: nb.cells[find(nb, "test_mean")].update(cell_type=["code"]),
    "a test that is copied": lambda nb: nb.cells.append(copy.deepcopy(nb.cells[find(nb, "test_square")])),
    "a helper that is changed": lambda nb: nb.cells[find(nb, "helper")].update(source="close = lambda *_: True"),
    "a helper that is gone": lambda nb: nb.cells.pop(find(nb, "helper")),
    "an import that is gone": lambda nb: nb.cells.pop(1),
    "no outputs, no ids, no counts": lambda nb: [
        [cell.pop(key, None) for key in ("id", "outputs", "execution_count")] for cell in nb.cells
    ],
    "cells that are no cells": lambda nb: nb.cells.extend([7, None, [], "cell"]),
    "a source in lines": lambda nb: [cell.update(source=cell.source.splitlines(True)) for cell in nb.cells],
    "Windows line ends": lambda nb: [cell.update(source=cell.source.replace("\n", "\r\n")) for cell in nb.cells],
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_the_metadata_claim_changes_nothing(blueprint, content, lie):
    honest = job_of(blueprint, content)
    LIES[lie](content)
    changed = job_of(blueprint, content)
    assert changed.cells == honest.cells
    assert points(blueprint, content) == FULL


def test_65_a_changed_test_is_told(blueprint, content):
    content.cells[find(content, "test_square")].source = "pass"
    note = job_of(blueprint, content).notes[0]
    assert (note.grade_id, note.text) == ("test_square", "This cell was changed. The original was used instead.")


def test_wrong_answers_stay_wrong_under_every_lie(blueprint, content):
    for lie, change in LIES.items():
        wrong = copy.deepcopy(content)
        classroom.fill(wrong, classroom.WRONG)
        change(wrong)
        scores = points(blueprint, wrong)
        assert (scores["test_square"], scores["test_square_hidden"], scores["test_mean"]) == (0, 0, 1), lie


# --- 54: one name on several cells


def test_54_a_copy_as_released_is_put_aside(blueprint, content, released_classroom):
    stub = classroom.Classroom(released_classroom).released()
    for place in (0, len(content.cells)):
        doubled = copy.deepcopy(content)
        doubled.cells.insert(place, stub.cells[find(stub, "square")])
        assert points(blueprint, doubled) == FULL
        assert "Only cell" in job_of(blueprint, doubled).notes[0].text


def test_54_of_several_answers_the_last_counts_and_all_run(blueprint, content):
    at = find(content, "square")
    earlier = copy.deepcopy(content.cells[at])
    earlier.source = "def square(x):\n    return 0"
    content.cells.insert(at, earlier)
    assert points(blueprint, content) == FULL
    job = job_of(blueprint, content)
    assert [cell.source for cell in job.cells if "def square" in cell.source] == [earlier.source, RIGHT["square"]]
    assert "the last one, cell 6, counts as the answer" in job.notes[0].text


def test_54_a_cell_that_was_split_still_works(blueprint, content):
    at = find(content, "square")
    second = copy.deepcopy(content.cells[at])
    content.cells[at].source = "def times(a, b):\n    return a * b"
    second.source = "def square(x):\n    return times(x, x)"
    content.cells.insert(at + 1, second)
    assert points(blueprint, content) == FULL


def test_54_an_empty_copy_is_no_answer(blueprint, content):
    empty = copy.deepcopy(content.cells[find(content, "square")])
    empty.source = "  \n"
    content.cells.append(empty)
    assert points(blueprint, content) == FULL


def test_54_an_answer_finished_below_its_tests_counts(blueprint, content):
    again = copy.deepcopy(content.cells[find(content, "square")])
    content.cells[find(content, "square")].source = "def square(x):\n    return 'not yet'"
    content.cells.append(again)
    assert points(blueprint, content) == FULL


def test_54_two_thousand_copies_are_read_in_reasonable_time(blueprint, content):
    content.cells += [copy.deepcopy(content.cells[find(content, "square")]) for _ in range(1900)]
    assert len(job_of(blueprint, content).cells) > 1900


# --- 58, 59: names that are lost or exchanged


@pytest.mark.parametrize("keep_cell_ids", [True, False])
@pytest.mark.parametrize("change", ["rename", "remove the name", "remove the metadata"])
def test_58_an_answer_that_lost_its_name_is_recognised(blueprint, content, change, keep_cell_ids):
    cell = content.cells[find(content, "square")]
    match change:
        case "rename":
            cell.metadata["nbgrader"]["grade_id"] = "mine"
        case "remove the name":
            del cell.metadata["nbgrader"]["grade_id"]
        case "remove the metadata":
            cell.metadata.clear()
    if not keep_cell_ids:
        for other in content.cells:
            other.pop("id", None)
    assert points(blueprint, content) == FULL
    assert "recognised as the answer" in job_of(blueprint, content).notes[0].text


def test_58_every_name_lost_at_once(blueprint, content):
    for cell in content.cells:
        cell.metadata.clear()
        cell.pop("id", None)
    assert points(blueprint, content) == FULL


def test_an_answer_is_recognised_by_its_place_if_that_leaves_no_doubt(blueprint, content):
    cell = content.cells[find(content, "show")]
    cell.metadata.clear()
    cell.pop("id")
    shown = {piece.given.grade_id: piece.found for piece in pieces(blueprint, content) if piece.given}
    assert shown["show"].source == RIGHT["show"]
    # A second candidate between the same neighbours leaves doubt.
    content.cells.insert(find(content, "why"), classroom.code("print('other')"))
    shown = {piece.given.grade_id: piece.found for piece in pieces(blueprint, content) if piece.given}
    assert shown["show"] is None
    assert (NO_RESPONSE, "show") in [(note.text, note.grade_id) for note in job_of(blueprint, content).notes]


def pieces(blueprint, content):
    return assemble(blueprint, submission(content), notebook=NOTEBOOK).pieces


def test_an_answer_that_is_gone_is_reported_and_the_rest_is_graded(blueprint, content):
    content.cells.pop(find(content, "square"))
    assert points(blueprint, content) == {**FULL, "test_square": 0, "test_square_hidden": 0}
    assert [(note.text, note.grade_id) for note in job_of(blueprint, content).notes] == [(NO_RESPONSE, "square")]


def test_an_answer_written_into_a_new_cell_is_found(blueprint, content):
    content.cells.pop(find(content, "square"))
    content.cells.insert(0, classroom.code("# mine\n" + RIGHT["square"]))
    assert points(blueprint, content) == FULL


def test_two_cells_that_could_be_the_answer_are_not_guessed_between(blueprint, content):
    content.cells.pop(find(content, "square"))
    content.cells.insert(0, classroom.code("def square(x):\n    return 1"))
    content.cells.insert(1, classroom.code("def square(x):\n    return 2"))
    assert NO_RESPONSE in [note.text for note in job_of(blueprint, content).notes]


def test_59_exchanged_names_are_exchanged_back(blueprint, content):
    one, other = marks(content, "square"), marks(content, "mean")
    one["grade_id"], other["grade_id"] = "mean", "square"
    assert points(blueprint, content) == FULL
    notes = job_of(blueprint, content).notes
    assert {note.grade_id for note in notes} == {"square", "mean"}
    assert all("moved back" in note.text for note in notes)


def test_answers_that_define_something_else_are_left_where_they_are(blueprint, content):
    """A function by another name is a wrong answer, not an exchange."""
    classroom.fill(content, {"square": "def quadrat(x):\n    return x * x"})
    assert points(blueprint, content) == {**FULL, "test_square": 0, "test_square_hidden": 0}
    assert job_of(blueprint, content).notes == ()


# --- order and extra cells


def test_cells_in_another_order_are_put_back(blueprint, content):
    content.cells.reverse()
    assert points(blueprint, content) == FULL


def test_extra_cells_run_where_they_stand(blueprint, content):
    content.cells.insert(find(content, "square"), classroom.code("factor = 1"))
    content.cells.insert(find(content, "test_square"), classroom.code("print(square(factor))"))
    content.cells.append(classroom.code("print('end')"))
    job = job_of(blueprint, content)
    sources = [cell.source for cell in job.cells]
    assert sources.index("factor = 1") + 1 == sources.index(RIGHT["square"])
    assert sources.index(RIGHT["square"]) + 1 == sources.index("print(square(factor))")
    assert sources[-1] == "print('end')"
    assert all(cell.side == "student" for cell in job.cells if "factor" in cell.source or "end" in cell.source)
    assert points(blueprint, content) == FULL


def test_a_helper_in_an_extra_cell_is_there_for_the_answer(blueprint, content):
    content.cells.insert(find(content, "square"), classroom.code("def times(a, b):\n    return a * b"))
    classroom.fill(content, {"square": "def square(x):\n    return times(x, x)"})
    assert points(blueprint, content) == FULL


def test_a_changed_unlocked_cell_runs_for_the_student_and_not_for_the_judge(blueprint, content):
    content.cells[1].source = "import math\nrate = 0.5"
    cells = [cell for cell in job_of(blueprint, content).cells if "rate" in cell.source]
    assert [(cell.source, cell.side, cell.grade_id) for cell in cells] == [
        ("import math\nrate = 0.5", "student", None),
        ("import math\nrate = 0.1", "judge", None),
    ]
    assert "came with the assignment and was changed" in job_of(blueprint, content).notes[0].text


def test_the_judge_learns_what_an_answer_imports_and_assigns_not_how(blueprint, content):
    notebook = classroom.notebook(
        classroom.code(
            "import numpy as np\n### BEGIN SOLUTION\nbest = np.array([42])\n### END SOLUTION", "a", solution=True
        )
    )
    from autograder.reassemble import Blueprint

    (cell,) = job_of(Blueprint.of(notebook), classroom.notebook(classroom.code("best = 1", "a", solution=True))).cells
    assert (cell.source, cell.imports, cell.provides) == ("best = 1", ("import numpy as np",), ("best",))


# --- 68 to 76: files


def test_68_a_nul_byte_reaches_the_student_side_only(blueprint, content):
    classroom.fill(content, {"square": "x = 1\0"})
    job = job_of(blueprint, content)
    assert [cell.side for cell in job.cells if "\0" in cell.source] == ["student"]
    assert points(blueprint, content) == {**FULL, "test_square": 0, "test_square_hidden": 0}


def test_half_a_surrogate_pair_does_no_harm(blueprint, content):
    data = json.dumps(content).replace("x ** 2", "x ** 2  # \\ud800").encode()
    job = job_of(blueprint, data)
    assert json.dumps([cell.source for cell in job.cells]).encode()
    assert points(blueprint, data) == FULL


def damaged(content):
    whole = json.dumps(content).encode()
    return {
        "69: cut off": whole[: len(whole) // 2],
        "70: empty": b"",
        "70: blank": b" \n\n",
        "71: 200,000 brackets deep": b"[" * 200_000,
        "71: 200,000 objects deep": b'{"a":' * 200_000,
        "72: format 99": whole.replace(b'"nbformat": 4', b'"nbformat": 99'),
        "73: not UTF-8": whole.replace(b"square", b"squ\xff\xfere"),
        "73: NUL bytes": whole[:100] + b"\0" * 50 + whole[100:],
        "UTF-16": whole.decode().encode("utf-16"),
        "not a notebook": b"[1, 2, 3]",
        "another kind of file": b"PK\x03\x04\x14\x00",
        "a number": b"7",
        "no cells": b'{"nbformat": 4, "metadata": {}}',
        "cells that are no list": b'{"nbformat": 4, "cells": {"a": 1}}',
        "a number of 5,000 digits": whole.replace(b'"nbformat": 4', b'"nbformat": ' + b"4" * 5000),
        "NaN for a format": b'{"nbformat": NaN}',
        "millions of empty lists": b'{"cells": [' + b"[]," * 2_100_000 + b"[]]}",
        "another assignment": json.dumps(classroom.notebook(classroom.code("print('hello')"))).encode(),
        "no cell at all": json.dumps(classroom.notebook()).encode(),
    }


@pytest.mark.parametrize("kind", damaged({}))
def test_69_to_73_a_file_that_is_no_notebook_has_a_reason(blueprint, content, kind):
    reason = refusal(blueprint, damaged(content)[kind])
    assert "submit" in reason.lower()
    assert len(reason) < 400


def test_a_byte_order_mark_is_no_fault(blueprint, content):
    assert points(blueprint, b"\xef\xbb\xbf" + json.dumps(content).encode()) == FULL


def test_notebooks_of_format_3_are_read(blueprint, content):
    cells = [
        {"cell_type": cell.cell_type, "metadata": cell.metadata, "input" if cell.cell_type == "code" else "source":
         cell.source.splitlines(True)} for cell in content.cells
    ]  # fmt: skip
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": cells[:5]}, {"cells": cells[5:]}],
    }
    assert points(blueprint, json.dumps(old).encode()) == FULL


def test_74_thousands_of_extra_cells(blueprint, content):
    content.cells += [classroom.code("pass")] * 5000
    assert "5014 cells; at most 2000" in refusal(blueprint, content)


def test_75_a_cell_of_30_megabytes(blueprint, content):
    classroom.fill(content, {"square": RIGHT["square"] + "\n#" + "x" * 30_000_000})
    assert "has 30.0 MB of text" in refusal(blueprint, content)
    classroom.fill(content, {"square": RIGHT["square"]})
    content.cells += [classroom.code("x" * 900_000) for _ in range(5)]
    assert "4.5 MB of text" in refusal(blueprint, content)


def test_large_outputs_are_no_fault(blueprint, content):
    content.cells[find(content, "show")]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * 20_000_000}
    ]
    assert points(blueprint, content) == FULL


def test_76_notebooks_that_nobody_asked_for_are_skipped(blueprint, content):
    files = submission(content).files | {"p1[1].ipynb": b"garbage", "*.ipynb": b"garbage", "p1-Copy1.ipynb": b""}
    job = build_job(blueprint, Submission(files), assignment="ps1", student="s", notebook=NOTEBOOK)
    assert {q.grade_id: q.points for q in classroom.run(job).questions} == FULL
    assert job.student_files == {}


def test_the_students_files_never_reach_the_judge_and_never_replace_the_instructors(blueprint, content):
    files = submission(content).files | {"yaml.py": b"evil", "data.csv": b"mine", "timestamp.txt": b"x"}
    given = {"data.csv": b"given", "open.py": b"given"}
    names = {"assignment": "ps1", "student": "s", "notebook": NOTEBOOK}
    job = build_job(blueprint, Submission(files), files=given, **names)
    assert (job.files, job.student_files) == (given, {"yaml.py": b"evil"})
    files["open.py"] = b"mine"
    job = build_job(blueprint, Submission(files), files=given, open_files=["open.py"], **names)
    assert job.files == {"data.csv": b"given"}
    assert job.student_files == {"yaml.py": b"evil", "open.py": b"mine"}


def test_likeness_is_never_computed_at_length(blueprint, content):
    """Texts made to be slow to compare cost about as much as honest ones."""
    time_ratio = 20

    def seconds(text):
        made = copy.deepcopy(content)
        made.cells[1].source = text
        made.cells[2:2] = [classroom.code(f"{text}\n#{number}") for number in range(600)]
        started = time.perf_counter()
        job_of(blueprint, made)
        return time.perf_counter() - started

    honest = seconds("print('a line')\n" * 60)
    assert seconds("ab" * 500) < time_ratio * honest
    assert seconds("a\n" * 500) < time_ratio * honest
    assert seconds("=" + " " * 1500 + "\n") < time_ratio * honest
