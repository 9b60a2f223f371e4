"""The question bank: the format of book/questions.yml, its loader, and the directive that shows questions on a page.

A chapter ends with

    ```{questions}
    ```

which becomes the folded questions of that page. With `all` in place of nothing it shows those of every page, a section
for each: the deck that the script of the flashcards and the mock interview (kernelbook/labs/pages/questions.js) reads.
Questions whose page is not in the book are left out. This file knows no numbers; question_numbers.py checks them.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

BANK = Path(__file__).parents[1] / "questions.yml"

LEVELS = {1: "warm-up", 2: "standard", 3: "hard"}

LONGEST = {"ask": 220, "answer": 900, "says": 160, "why": 420, "follow ask": 200, "follow answer": 520, "choice": 220}
"""The most characters of each part: a good candidate speaks for a minute, and stops."""

ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
ROW = re.compile(r"C\d\.\d+")
PLACE = re.compile(r"([\w-]+)(?:#([\w-]+))?")
BOOK = "book"
DECK = 'class="question-chapter"'


class QuestionError(Exception):
    """What is wrong with the bank, in one line: file, line, question and what was expected."""


@dataclass(frozen=True)
class Choice:
    """One answer offered. `why` explains it to the person who chose it, be it right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Numeric:
    """A number to be typed. `source` is the Python expression that computes it; `within` is the relative tolerance."""

    value: float
    source: str
    unit: str = ""
    within: float = 0.0


@dataclass(frozen=True)
class Question:
    """One question of the bank. All texts are Markdown; `ask` and the choices are one line each.

    see: where the book answers it, as (page, anchor), with "" for a whole page; page: the page that shows the question;
    row: its row of the coverage list; computed: Python expressions whose values back the numbers in the texts.
    """

    id: str
    page: str
    see: tuple[tuple[str, str], ...]
    level: int
    tags: tuple[str, ...]
    ask: str
    answer: str
    follow_ask: str
    follow_answer: str
    says: str
    why: str
    row: str = ""
    choices: tuple[Choice, ...] = ()
    number: Numeric | None = None
    computed: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "choice" if self.choices else "number" if self.number else "open"

    def texts(self) -> Iterator[str]:
        """Every piece of prose."""
        yield from (self.ask, self.answer, self.follow_ask, self.follow_answer, self.says, self.why)
        yield from (text for choice in self.choices for text in (choice.text, choice.why))


def load(path: Path = BANK) -> list[Question]:
    """The questions in the order of the file. Raises QuestionError at the first thing that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise QuestionError(f"{path.name} cannot be read: {error.strerror}.") from None
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise QuestionError(f"{path.name}{line}: no YAML: {getattr(error, 'problem', None) or error}.") from None
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise QuestionError(f"{path.name}: expected a list of questions.")
    found: dict[str, Question] = {}
    for node in root.value:
        reader = _Reader(path.name, node)
        question = reader.question()
        if question.id in found:
            raise reader.error("the id is taken by an earlier question")
        rows = {other.row for other in found.values() if other.row}
        if question.row in rows:
            raise reader.error(f"row {question.row} is taken by an earlier question")
        found[question.id] = question
    return list(found.values())


class _Reader:
    """Reads one entry of the list. Every complaint names file, line and question."""

    def __init__(self, file: str, node: yaml.Node) -> None:
        self.place = f"{file}:{node.start_mark.line + 1}"
        self.id = ""
        self._no_doubles(node)
        self.entry: dict[str, Any] = yaml.SafeLoader("").construct_object(node, deep=True)
        if not isinstance(self.entry, dict):
            raise self.error("expected a question with its fields")
        self.id = str(self.entry.get("id", ""))

    def error(self, problem: str) -> QuestionError:
        return QuestionError(f"{self.place}{f' ({self.id})' if self.id else ''}: {problem}.")

    def _no_doubles(self, node: yaml.Node) -> None:
        """YAML would silently keep the last of two fields with one name."""
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value]
            for name in names:
                if names.count(name) > 1:
                    raise self.error(f"the field {name!r} stands there twice")
            for _, value in node.value:
                self._no_doubles(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                self._no_doubles(value)

    def question(self) -> Question:
        needed = {"id", "see", "level", "tags", "ask", "answer", "follow", "wrong"}
        self._fields(self.entry, "the question", needed, {"row", "page", "choices", "number", "computed"})
        if not ID.fullmatch(self.id):
            raise self.error(f"the id must be small letters, digits and hyphens, not {self.id!r}")
        see = [PLACE.fullmatch(str(place)) for place in self._list("see")]
        if not see or not all(see):
            raise self.error(f"'see' must be a list of page#anchor, not {self.entry['see']!r}")
        places = tuple((match[1], match[2] or "") for match in see if match)
        row = str(self.entry.get("row", ""))
        if row and not ROW.fullmatch(row):
            raise self.error(f"'row' must look like C2.41, not {row!r}")
        if self.entry["level"] not in LEVELS:
            raise self.error(f"'level' must be 1, 2 or 3, not {self.entry['level']!r}")
        tags = self._list("tags")
        if not tags or not all(isinstance(tag, str) and ID.fullmatch(tag) for tag in tags):
            raise self.error(f"'tags' must be a list of small words, not {tags!r}")
        follow, wrong = self.entry["follow"], self.entry["wrong"]
        self._fields(follow, "'follow'", {"ask", "answer"}, set())
        self._fields(wrong, "'wrong'", {"says", "why"}, set())
        if "choices" in self.entry and "number" in self.entry:
            raise self.error("has both 'choices' and 'number'; keep one")
        return Question(
            id=self.id,
            page=str(self.entry.get("page", places[0][0])),
            see=places,
            level=self.entry["level"],
            tags=tuple(tags),
            ask=self._text(self.entry["ask"], "ask", one_line=True),
            answer=self._text(self.entry["answer"], "answer"),
            follow_ask=self._text(follow["ask"], "follow ask", one_line=True),
            follow_answer=self._text(follow["answer"], "follow answer"),
            says=self._text(wrong["says"], "says", one_line=True),
            why=self._text(wrong["why"], "why"),
            row=row,
            choices=self._choices(),
            number=self._number(),
            computed=tuple(str(expression) for expression in self._list("computed")),
        )

    def _fields(self, found: Any, what: str, needed: set[str], optional: set[str]) -> None:
        if not isinstance(found, dict):
            raise self.error(f"{what} must have the fields {', '.join(sorted(needed))}")
        if missing := sorted(needed - set(found)):
            raise self.error(f"{what} lacks {', '.join(missing)}")
        if unknown := sorted(map(str, set(found) - needed - optional)):
            raise self.error(f"{what} has the unknown field {unknown[0]!r}")

    def _list(self, name: str) -> list[Any]:
        value = self.entry.get(name, [])
        if not isinstance(value, list):
            raise self.error(f"{name!r} must be a list, not {value!r}")
        return value

    def _text(self, value: Any, name: str, one_line: bool = False) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{name!r} must be a text, not {value!r}")
        text = value.strip()
        if len(text) > LONGEST[name]:
            raise self.error(f"{name!r} has {len(text)} characters, more than {LONGEST[name]}")
        if one_line and "\n" in text:
            raise self.error(f"{name!r} must be one line")
        if re.search(r"^#+ ", text, re.M):
            raise self.error(f"{name!r} has a heading")
        return text

    def _choices(self) -> tuple[Choice, ...]:
        found = []
        for entry in self._list("choices"):
            self._fields(entry, "a choice", {"text", "why"}, {"right"})
            text = self._text(entry["text"], "choice", one_line=True)
            found.append(Choice(text, self._text(entry["why"], "choice", one_line=True), entry.get("right") is True))
        if found and (len(found) < 3 or sum(choice.right for choice in found) != 1):
            raise self.error("'choices' must be three or more, and exactly one right")
        # Authors write the right one first; readers should not find it there.
        return tuple(sorted(found, key=lambda choice: hashlib.sha256(f"{self.id} {choice.text}".encode()).digest()))

    def _number(self) -> Numeric | None:
        entry = self.entry.get("number")
        if entry is None:
            return None
        self._fields(entry, "'number'", {"value", "from"}, {"unit", "within"})
        value, within = entry["value"], entry.get("within", 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"the number's 'value' must be a number, not {value!r}")
        if isinstance(within, bool) or not isinstance(within, int | float) or not 0 <= within < 0.2:
            raise self.error(f"the number's 'within' must be a share from 0 to 0.2, not {within!r}")
        return Numeric(value, str(entry["from"]), str(entry.get("unit", "")), within)


# On the page


class Fold(nodes.General, nodes.Element):
    """A `<details>`. Its first child is a Summary; `data` are its data-attributes."""


class Summary(nodes.General, nodes.TextElement):
    """What stands on the fold."""


class Part(nodes.General, nodes.Element):
    """A `<div>` with a class of its own, without the ones docutils adds."""


def _open_fold(writer: Any, node: Fold) -> None:
    names = {**node.get("data", {}), "id": node["ids"][0] if node["ids"] else None}
    attributes = "".join(f' {name}="{writer.attval(str(value))}"' for name, value in names.items() if value is not None)
    writer.body.append(f'<details class="{" ".join(node["classes"])}"{attributes}>')


def _open_part(writer: Any, node: Part) -> None:
    writer.body.append(f'<div class="{" ".join(node["classes"])}">')


def _html(start: Any, end: str) -> tuple[Any, Any]:
    def visit(writer: Any, node: nodes.Element) -> None:
        start(writer, node) if callable(start) else writer.body.append(start)

    return visit, lambda writer, node: writer.body.append(end)


def _plain(visit_text: str = "", depart_text: str = "") -> tuple[Any, Any]:
    """For paper: the parts one after the other."""
    return (
        lambda writer, node: writer.body.append(visit_text),
        lambda writer, node: writer.body.append(depart_text),
    )


class Questions(SphinxDirective):
    """The questions of this page, or those of `all` pages."""

    optional_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        if self.arguments not in ([], ["all"]):
            raise self.error(f"questions takes no argument, or `all`, not {self.arguments[0]!r}")
        self.env.note_dependency(str(BANK))
        try:
            bank = load()
        except QuestionError as error:
            raise ExtensionError(str(error)) from None
        here = self.env.docname.split("/")[-1]
        if not self.arguments:
            found = [self._fold(question) for question in bank if question.page == here]
            if not found:
                raise self.error(f"{BANK.name} has no question for the page {here}")
            return list(found)
        pages = dict.fromkeys(question.page for question in bank)
        known = [page for page in pages if page != here and self._in_book(page)]
        shown: list[nodes.Node] = []
        for page in sorted(known):
            section = nodes.section(ids=[f"questions-{page}"], classes=["question-chapter"])
            section += nodes.title("", "", *self._inline(page_title(Path(self.env.doc2path(f"{BOOK}/{page}")))))
            section += [self._fold(question) for question in bank if question.page == page]
            shown.append(section)
        return shown

    def _in_book(self, page: str) -> bool:
        return f"{BOOK}/{page}" in self.env.found_docs

    def _inline(self, markdown: str) -> list[nodes.Node]:
        found, messages = self.state.inline_text(markdown, self.lineno)
        return [*found, *messages]

    def _block(self, markdown: str, *classes: str) -> Part:
        part = Part(classes=list(classes))
        self.state.nested_parse(StringList(markdown.splitlines(), source=BANK.name), 0, part)
        return part

    def _fold(self, question: Question) -> Fold:
        number = question.number
        data = {
            "data-kind": question.kind,
            "data-level": question.level,
            "data-tags": " ".join(question.tags),
            "data-number": json.dumps([number.value, number.within, number.unit]) if number else None,
        }
        fold = Fold(ids=[f"q-{question.id}"], classes=["fold", "question"], data=data)
        fold += Summary("", "", *self._inline(question.ask))
        if question.choices:
            fold += self._listed("question-choices", [choice.text for choice in question.choices])
            marks = [f"**{'Right' if choice.right else 'No'}.** {choice.why}" for choice in question.choices]
            reveal = Fold(
                classes=["question-reveal"], data={"data-right": [c.right for c in question.choices].index(True)}
            )
            reveal += Summary("", "Answer")
            reveal += self._block(question.answer, "question-answer")
            reveal += self._listed("question-whys", marks)
            fold += reveal
        else:
            fold += self._block(question.answer, "question-answer")
        fold += self._block(f"*Often heard:* “{question.says}” {question.why}", "question-wrong")
        follow = Fold(classes=["question-follow"], data={})
        follow += Summary("", "", nodes.emphasis("", "Follow-up: "), *self._inline(question.follow_ask))
        follow += self._block(question.follow_answer, "question-more")
        fold += follow
        links = self._links(question)
        if links:
            fold += links
        return fold

    def _listed(self, name: str, items: list[str]) -> Part:
        part = Part(classes=[name])
        listed = nodes.enumerated_list(enumtype="upperalpha", prefix="", suffix=".")
        for item in items:
            entry = nodes.list_item()
            entry += nodes.paragraph("", "", *self._inline(item))
            listed += entry
        part += listed
        return part

    def _links(self, question: Question) -> Part | None:
        """Links to the sections that answer it, as far as they are in the book, with the sections' titles."""
        sentence = nodes.paragraph("", "Read: ")
        places = [place for place in question.see if self._in_book(place[0])]
        for index, (page, anchor) in enumerate(places):
            target = anchor or f"/{BOOK}/{page}"
            reference = addnodes.pending_xref(
                target,
                nodes.inline(target, target),
                refdomain="std",
                reftype="ref" if anchor else "doc",
                reftarget=target,
                refdoc=self.env.docname,
                refexplicit=False,
                refwarn=True,
            )
            sentence += [nodes.Text(", " if index else ""), reference]
        return Part("", sentence, classes=["question-see"]) if places else None


def page_title(path: Path) -> str:
    """The first heading of a page, as Markdown."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    heading = re.search(r"^# (.+)$", text, re.M)
    return heading[1].strip() if heading else path.stem


def add_script(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the flashcards' script where the deck is, and nowhere else."""
    if DECK in context.get("body", ""):
        app.add_js_file("questions.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("questions", Questions)
    app.add_node(Fold, html=_html(_open_fold, "</details>\n"), latex=_plain())
    app.add_node(Summary, html=_html("<summary>", "</summary>\n"), latex=_plain("\n\n\\textbf{", "}\n\n"))
    app.add_node(Part, html=_html(_open_part, "</div>\n"), latex=_plain())
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
