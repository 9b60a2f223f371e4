"""What a student gets to see: one page without scripts, and the same verdict as JSON.

`published` decides what leaves the house. Of a public check: what was called, what came and what was expected. Of a
hidden check: whether it passed, its hint and its link, and nothing else, whatever the verdict holds. The page is made
from that and from the student's own cells, so it cannot show more. Student text is escaped or cleaned
(autograder.safe), and the page's own Content-Security-Policy lets nothing run and nothing load.

Plugs into nbgrader as the exporter of `nbgrader generate_feedback`; scores and comments are the gradebook's at that
moment, so what a person graded by hand is in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import jinja2
import nbformat
import sqlalchemy as sa
from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook, SubmittedNotebook
from traitlets import Unicode

from autograder import record, safe
from autograder.model import Check, Note, Question, Result
from autograder.reassemble import NO_RESPONSE

HERE = Path(__file__).parent
VERSION = 1


class FeedbackExporter(Exporter):
    """`nbgrader generate_feedback`'s exporter: `c.GenerateFeedback.exporter_class = FeedbackExporter`."""

    template = Unicode(
        str(HERE / "templates" / "feedback.html.j2"), help="Jinja template of the page, with autoescaping."
    ).tag(config=True)
    stylesheet = Unicode(
        str(HERE / "templates" / "feedback.css"), help="Style sheet; it is written into the page."
    ).tag(config=True)
    link_base = Unicode(
        "", help="Address that relative links of metadata.autograder.link start from: where the course material is."
    ).tag(config=True)

    output_mimetype = "text/html"

    def _file_extension_default(self) -> str:
        return ".html"

    def from_filename(  # type: ignore[override]  # as nbconvert's own exporters of text do
        self, filename: str, resources: dict | None = None, **kw: Any
    ) -> tuple[str, dict]:
        """The page of one notebook in `autograded/`; the JSON goes with it in `resources["outputs"]`."""
        resources = self._init_resources(resources)
        names = resources["nbgrader"]
        notebook = nbformat.read(filename, as_version=4)
        with Gradebook(names["db_url"]) as gradebook:
            entry = gradebook.find_submission_notebook(names["notebook"], names["assignment"], names["student"])
            standing = Standing.of(gradebook, entry)
        student_json = published(names["assignment"], names["student"], names["notebook"], notebook, standing)
        page = self.page(student_json, notebook, standing)
        name = names["notebook"] + ".json"
        resources["outputs"] = {name: (json.dumps(student_json, indent=1, ensure_ascii=False) + "\n").encode()}
        resources["output_extension"] = self.file_extension
        return page, resources

    def page(self, student_json: dict, notebook: NotebookNode, standing: Standing) -> str:
        """The HTML page."""
        css = Path(self.stylesheet).read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters["points"] = _figure
        environment.filters["number"] = lambda count, one, many: f"{count} {one if count == 1 else many}"
        template = environment.from_string(Path(self.template).read_text(encoding="utf-8"))
        # Rendered text: escaped above all, so it may go into the page as it is.
        style = jinja2.utils.markupsafe.Markup(css.replace("</", "<\\/"))
        return template.render(
            page=_view(student_json, notebook, standing, self.link_base), css=style, policy=policy(str(style))
        )


def policy(css: str) -> str:
    """The page's Content-Security-Policy: no scripts, frames, forms or requests; this one style sheet and no other."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


# --- what the gradebook says -----------------------------------------------------------------------------------------


@dataclass
class Mark:
    """One graded cell's standing: points, and who gave them."""

    points: float
    max_points: float
    by: str  # "tests", "person", "nobody"


@dataclass
class Standing:
    """A submitted notebook as the gradebook has it now: scores, comments, and the engine's verdict if there is one."""

    marks: dict[str, Mark]
    comments: dict[str, str]
    points: float
    max_points: float
    late_penalty: float
    submitted: str
    verdict: Result | None = None
    notes: list[Note] = field(default_factory=list)
    recorded: str = ""

    @classmethod
    def of(cls, gradebook: Gradebook, entry: SubmittedNotebook) -> Standing:
        """Read one submitted notebook."""
        marks = {}
        for grade in entry.grades:
            by = "tests" if grade.auto_score is not None else "nobody"
            if grade.manual_score is not None:
                by = "person"
            marks[grade.name] = Mark(float(grade.score), float(grade.max_score), by)
        when = entry.assignment.timestamp
        standing = cls(
            marks=marks,
            comments={comment.name: comment.comment for comment in entry.comments if comment.comment},
            points=float(entry.score) - (entry.late_submission_penalty or 0.0),
            max_points=float(entry.max_score),
            late_penalty=float(entry.late_submission_penalty or 0.0),
            submitted=f"{when:%Y-%m-%d %H:%M}" if when else "",
        )
        # A course that was autograded by nbgrader alone has no such table, or no row for this notebook.
        if sa.inspect(gradebook.engine).has_table(record.RESULTS.name):
            table = record.RESULTS
            row = gradebook.db.execute(
                sa.select(table.c.verdict, table.c.recorded).where(table.c.id == entry.id)
            ).first()
            if row is not None:
                standing.verdict, standing.notes = record.restored(json.loads(row.verdict))
                standing.recorded = f"{row.recorded:%Y-%m-%d %H:%M}"
        return standing


# --- what may be told ------------------------------------------------------------------------------------------------


def published(assignment: str, student: str, notebook: str, cells: NotebookNode, standing: Standing) -> dict:
    """A verdict as its student may read it, by `schema/feedback-1.json`."""
    verdict = standing.verdict
    told = {question.grade_id: question for question in verdict.questions} if verdict else {}
    return {
        "format": "autograder-feedback",
        "version": VERSION,
        "assignment": assignment,
        "student": student,
        "notebook": notebook,
        "status": verdict.status if verdict else "graded",
        "reason": safe.text(verdict.reason, 2000) if verdict else "",
        "points": standing.points,
        "max_points": standing.max_points,
        "late_penalty": standing.late_penalty,
        "submitted": standing.submitted or None,
        "recorded": standing.recorded or None,
        "environment": verdict.environment if verdict else "",
        "notes": [{"grade_id": note.grade_id, "text": safe.text(note.text, 1000)} for note in standing.notes],
        "questions": [_question(place, standing, told.get(place.grade_id)) for place in _places(cells) if place.graded],
    }


def _question(place: _Place, standing: Standing, question: Question | None) -> dict:
    mark = standing.marks.get(place.grade_id, Mark(0.0, place.max_points, "nobody"))
    comment = standing.comments.get(place.grade_id)
    return {
        "grade_id": place.grade_id,
        "title": place.title,
        "kind": "tests" if place.role == "test" else "manual",
        "graded_by": mark.by,
        "points": mark.points,
        "max_points": mark.max_points,
        "message": safe.text(question.message, 1000) if question else "",
        "comment": safe.text(comment, 20_000) if comment else None,
        "checks": [_check(check) for check in question.checks] if question else [],
    }


def _check(check: Check) -> dict:
    told: dict[str, Any] = {
        "status": check.status,
        "visibility": check.visibility,
        "points": check.points,
        "max_points": check.max_points,
    }
    if check.visibility == "public":
        told |= {
            "message": safe.text(check.message, 2000),
            "call": safe.text(check.call, 1000) if check.call else None,
            "got": safe.text(check.got, 1000) if check.got else None,
            "expected": safe.text(check.expected, 1000) if check.expected else None,
        }
    if check.status != "passed":
        told |= {"hint": check.hint, "link": check.link}
    return told


# --- the student's notebook, in order --------------------------------------------------------------------------------


@dataclass
class _Place:
    """A graded cell, or the end of the notebook, with the student's cells that belong to it."""

    grade_id: str
    role: str  # "test", "answer", "task", "end"
    title: str
    max_points: float
    cells: list[NotebookNode] = field(default_factory=list)
    shares: int | None = None  # index of the place whose cells these tests are about, if it is another

    @property
    def graded(self) -> bool:
        return self.role != "end"


def _places(notebook: NotebookNode) -> list[_Place]:
    places: list[_Place] = []
    cells: list[NotebookNode] = []
    title = ""
    owner: int | None = None
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        ours = cell.metadata.get("autograder", {})
        if ours.get("about"):
            continue
        grade_id = str(marks.get("grade_id", ""))
        points = float(marks.get("points") or 0)
        if marks.get("task"):
            # A task's text is the instructor's, and may bring its own heading.
            title = _heading(cell.source) or title
            places.append(_Place(grade_id, "task", title or grade_id, points))
            cells, owner = places[-1].cells, None
        elif marks.get("grade") and marks.get("solution"):
            # What stands before a manually graded answer belongs to it too.
            places.append(_Place(grade_id, "answer", title or grade_id, points, [*cells, cell]))
            cells, owner = [], None
        elif marks.get("grade"):
            mine = [] if cells and places and cells is places[-1].cells else cells
            shares = None if mine else owner
            places.append(_Place(grade_id, "test", title or grade_id, points, mine, shares))
            if mine:
                owner = len(places) - 1
            cells = []
        elif marks.get("solution") or ours.get("extra") or ours.get("changed"):
            cells.append(cell)
        elif cell.cell_type == "markdown":
            title = _heading(cell.source) or title
    if not (places and cells is places[-1].cells):
        places.append(_Place("", "end", "", 0.0, cells))
    titles = [place.title for place in places]
    for title in {title for title in titles if titles.count(title) > 1}:
        same = [place for place in places if place.title == title]
        for number, place in enumerate(same, 1):
            place.title = f"{title} ({number} of {len(same)})"
    return places


def _heading(source: str) -> str:
    """The last heading of the instructor's Markdown, as plain text."""
    headings = re.findall(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.sub(r"(?ms)^```.*?^```", "", source), re.M)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", headings[-1]).replace("`", "").replace("*", "") if headings else ""


# --- what the page shows ---------------------------------------------------------------------------------------------


def _view(page: dict, notebook: NotebookNode, standing: Standing, link_base: str) -> dict:
    places = _places(notebook)
    lost = {note["grade_id"] for note in page["notes"] if note["text"] == NO_RESPONSE}
    questions = []
    graded = [place for place in places if place.graded]
    for number, (question, place) in enumerate(zip(page["questions"], graded, strict=True)):
        cells = place.cells
        missing = _missing_points(question)
        if place.shares is not None and missing and not _missing_points(page["questions"][place.shares]):
            # The answer shows where it has lost points; if it lost none, with the first tests about it.
            cells = graded[place.shares].cells
        # A question about its own answer shows it; so does the first of several about one answer.
        answers = [_answer(cell, standing.comments, lost) for cell in cells]
        questions.append(_question_view(question, f"q{number + 1}", answers, link_base))
    if page["status"] != "graded":
        # Nothing was tested; what a person has graded all the same is worth showing.
        questions = [question for question in questions if question["graded_by"] == "person"]
        places = [place for place in places if place.graded]
    todo = [question for question in questions if question["look"] == "bad"]
    checks = [check for question in page["questions"] for check in question["checks"]]
    passed = sum(check["status"] == "passed" for check in checks)
    rest = next((place.cells for place in places if not place.graded), [])
    return {
        **page,
        "questions": questions,
        "notes": [note for note in page["notes"] if note["text"] != NO_RESPONSE],
        "todo": todo,
        "waiting": sum(question["look"] == "wait" for question in questions) if page["status"] == "graded" else 0,
        "headline": _headline(len(checks), passed, len(todo)),
        "rest": [_answer(cell, standing.comments, lost) for cell in rest],
    }


def _headline(checks: int, passed: int, todo: int) -> str:
    where = f"Points are missing in {todo} question{'s' if todo != 1 else ''}."
    if not checks:
        return where if todo else ""
    if passed == checks and not todo:
        return f"All {checks} checks passed." if checks > 1 else "The check passed."
    return f"{passed} of {checks} checks passed. {where if todo else ''}".strip()


def _missing_points(question: dict) -> bool:
    return question["graded_by"] != "nobody" and question["points"] < question["max_points"]


def _question_view(question: dict, anchor: str, answers: list[dict], link_base: str) -> dict:
    checks = [_check_view(check, number, link_base) for number, check in enumerate(question["checks"], 1)]
    passed = [check for check in checks if check["look"] == "good"]
    failed = _together([check for check in checks if check["look"] != "good"])
    if question["graded_by"] == "nobody":
        look, sign = "wait", "…"
    elif _missing_points(question) or (failed and not question["max_points"]):
        look, sign = "bad", "◐" if question["points"] > 0 else "✗"
    else:
        look, sign = "good", "✓"
    return {
        **question,
        "anchor": anchor,
        "look": look,
        "sign": sign,
        "summary": _summary(question, len(passed), len(checks)),
        "failed": failed,
        "passed": passed,
        "answers": answers,
        "show_answer": look == "bad" or question["kind"] == "manual",
        "first": _first_line(question["message"] or (_briefly(failed[0]) if failed else "")),
    }


def _briefly(check: dict) -> str:
    """What is wrong, for the list at the top: the author's words if there are any, else what came and was expected."""
    if check["visibility"] == "hidden":
        return check["hint"] or "a hidden check did not pass"
    if check["message"]:
        return check["message"]
    if check["got"] and check["expected"]:
        return f"gave {check['got']}, expected {check['expected']}"
    return check["call"] or ""


def _summary(question: dict, passed: int, checks: int) -> str:
    if question["graded_by"] == "person":
        return "Graded by a person."
    if question["graded_by"] == "nobody":
        return "Waiting to be graded by a person." if question["kind"] == "manual" else "Not graded."
    if question["kind"] == "manual":
        return "Not answered."
    if not checks:
        return "The test counts the points by itself." if question["points"] < question["max_points"] else ""
    if passed == checks:
        return f"All {checks} checks passed." if checks > 1 else "The check passed."
    told = f"{passed} of {checks} checks passed." if checks > 1 else "The check did not pass."
    if passed and not question["points"] and not any(check["max_points"] for check in question["checks"]):
        told += " The points are given when all of them pass."
    return told


_ENDINGS = {
    "passed": "passed",
    "failed": "did not pass",
    "error": "stopped with an error",
    "timeout": "took too long",
    "not run": "was not run",
}


def _check_view(check: dict, number: int, link_base: str) -> dict:
    hidden = check["visibility"] == "hidden"
    link = check.get("link")
    look = {"passed": "good", "not run": "wait"}.get(check["status"], "bad")
    address = None
    if link and re.match(r"https?://", link):
        address = link
    elif link and re.match(r"https?://", link_base):
        address = urljoin(link_base, link)
    hint = check.get("hint")
    if hidden and look == "bad" and not hint and check["status"] != "timeout":
        hint = "This check uses inputs that are not shown. Try other sizes, edge cases and types."
    return {
        "message": "",
        **check,
        "numbers": [number],
        "blocks": _blocks(check.get("message", "")),
        "look": look,
        "sign": {"good": "✓", "bad": "✗", "wait": "–"}[look],
        "headline": _title(hidden, [number], check["status"]),
        "hint": hint,
        "link": _link_text(link) if link else None,
        "address": address,
    }


def _title(hidden: bool, numbers: Sequence[int], status: str) -> str:
    told = " and ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])]))
    name = f"{'Hidden check' if hidden else 'Check'}{'s' if len(numbers) > 1 else ''} {told}"
    ending = _ENDINGS[status].replace("was ", "were ") if len(numbers) > 1 else _ENDINGS[status]
    return f"{name} {ending}"


def _together(checks: Iterable[dict]) -> list[dict]:
    """Hidden checks in a row that say the same, as one: nobody needs a hint four times."""
    out: list[dict] = []
    for check in checks:
        last = out[-1] if out else None
        same = ("visibility", "status", "message", "hint", "link", "points", "max_points")
        if last and check["visibility"] == "hidden" and not check["max_points"] and all(
            last.get(name) == check.get(name) for name in same
        ):  # fmt: skip
            numbers = [*last["numbers"], *check["numbers"]]
            out[-1] = {**last, "numbers": numbers, "headline": _title(True, numbers, check["status"])}
        else:
            out.append(check)
    return out


def _blocks(message: str) -> list[dict]:
    """A message as runs of sentences and of figures: lines of a printed array keep their columns.

    A sentence that its author broke to fit a screen is put together again: the reader's screen may be narrower.
    """
    blocks: list[dict] = []
    for line in message.splitlines():
        rest = re.sub(r"\b(?:nan|inf|True|False)\b|(?<=\d)e(?=[+-]\d)", "", line)
        figures = bool(re.match(r"\s*[\[\]\d.-]", line)) and not re.search(r"[^\W\d_]", rest)
        last = blocks[-1] if blocks else None
        if last and (last["figures"] == figures or (last["figures"] and not line.strip())):
            before = last["text"].rpartition("\n")[2]
            broken = not figures and len(before) >= 60 and before[-1] not in ".:;?!" and line[:1].strip()
            last["text"] += f"{' ' if broken else chr(10)}{line}"
        elif line.strip():
            blocks.append({"figures": figures, "text": line})
    return [{**block, "text": block["text"].rstrip()} for block in blocks]


def _link_text(link: str) -> str:
    """`02-convolution.html#output-size` as “convolution: output size”; other addresses as they are."""
    named = re.fullmatch(r"(?:[\w./-]*/)?(?:\d+[-_])?([\w-]+)\.(?:html|ipynb|md)(?:#([\w-]+))?", link)
    return ": ".join(part.replace("-", " ").replace("_", " ") for part in named.groups() if part) if named else link


def _first_line(message: str, most: int = 110) -> str:
    """The first line, or the whole sentence that its author broke after it."""
    line = "".join(block["text"] for block in _blocks(message)[:1]).strip().split("\n")[0]
    return line if len(line) <= most else line[: most - 1] + "…"


def _answer(cell: NotebookNode, comments: dict[str, str], lost: Iterable[str]) -> dict:
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
    comment = comments.get(grade_id)
    view: dict[str, Any] = {
        "kind": cell.cell_type,
        "source": safe.text(cell.source),
        # Written by graders and by nbgrader; graders use Markdown.
        "comment": _markup(safe.rendered(comment)) if comment and comment != NO_RESPONSE else None,
    }
    if grade_id in lost:
        return {**view, "found": False, "text": NO_RESPONSE}
    if cell.cell_type != "code":
        return {**view, "html": _markup(safe.rendered(cell.source, cell.get("attachments")))}
    outputs = cell.get("outputs", [])
    printed = "".join(output.get("text", "") for output in outputs if output.output_type == "stream")
    errors = [output for output in outputs if output.output_type == "error"]
    view["printed"] = safe.text(printed.rstrip("\n"), 8000)
    view["error"] = safe.text("\n".join("\n".join(output.traceback) for output in errors), 4000)
    return view


def _markup(cleaned: str) -> Any:
    return jinja2.utils.markupsafe.Markup(cleaned)


def _figure(points: float) -> str:
    """Points without zeros that say nothing: 3, 2.5, 1.67."""
    return f"{points:.2f}".rstrip("0").rstrip(".").replace("-0", "0") if points is not None else "0"
