"""The second room: the notebook that is graded, rebuilt from the instructor's copy and the student's bytes.

Tests, given code, points, order and metadata are the instructor's. Of the student's notebook only the sources are
read, and nothing in it can make this room fail: it is parsed as JSON, and of that JSON only strings are used. No
student text is compiled here, let alone run; where names are looked for, a regular expression looks.

How an answer is found, in this order:

1. By grade_id. If several cells carry it (copying or splitting a cell copies its metadata), those left as they were
   released are put aside; of the others the last one is the answer, and the earlier ones still run, before it, so that
   a split cell gives what it gave its author. The feedback says so.
2. If two answers have changed places (each defines what the other's released version defined), they change back.
3. If no cell carries the grade_id: by the cell's Jupyter id; else by what it defines, if exactly one cell defines all
   that the released version defined; else by its place, if between the neighbours that were found there is exactly one
   answer missing and exactly one code cell left over. Otherwise "answer not found". Nothing is guessed.

All other code cells of the student's run where the student put them, seen from the cells that are known. A cell that
the instructor gave unlocked and the student changed runs as the student left it on the student side, and as the
instructor wrote it in the judge.

Cells for IPython are made plain Python line by line: `%matplotlib inline` and its kind become `pass`, `%%time` goes,
`!command` is not run.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from traitlets.config import Config

from autograder.intake import Caps, NotGradable, Submission, shown
from autograder.model import Cell, Job, Limits, Note, seed_for

Role = Literal["answer", "test", "task", "read-only", "plain"]

NO_RESPONSE = "Answer not found: no cell of the notebook could be told to be the answer to this question."


class AuthorError(ValueError):
    """The instructor's notebook cannot be used; the message says what to mend."""


# --- the instructor's copy -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """One cell of the instructor's notebook."""

    index: int
    kind: str  # "code", "markdown", "raw"
    role: Role
    grade_id: str | None
    cell_id: str | None
    source: str  # as the instructor wrote it, hidden tests included; of an answer, the released stub
    released: str  # as the students got it
    metadata: dict[str, Any]
    points: float = 0.0
    hidden_lines: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    # Of a cell that is the student's to write, read off the instructor's version: import statements, assigned names.
    imports: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()

    @property
    def manual(self) -> bool:
        """Whether a person grades it."""
        return self.role == "task" or (self.role == "answer" and bool(self.metadata["nbgrader"].get("grade")))


@dataclass(frozen=True)
class Blueprint:
    """The instructor's notebook, taken apart once for all submissions."""

    cells: tuple[Given, ...]
    metadata: dict[str, Any]

    @classmethod
    def of(
        cls, source: NotebookNode, config: Config | None = None, released: Mapping[str, str] | None = None
    ) -> Blueprint:
        """Take apart a notebook of the source directory, or one whose answers are cleared already.

        config: nbgrader's configuration, for the markers of solutions and hidden tests. released: answers as they were
        released, by grade_id, where that is on record (`course.blueprints` reads it from the gradebook).

        Raises AuthorError if the notebook is no Python notebook, or its markers or options are malformed.
        """
        language = source.metadata.get("kernelspec", {}).get("language", "python")
        if language != "python":
            raise AuthorError(f"the notebook's language is {language!r}; only Python notebooks can be graded")
        clear = ClearSolutions(config=config)
        tests = ClearHiddenTests(config=config)
        cells = tuple(_given(index, cell, clear, tests, released or {}) for index, cell in enumerate(source.cells))
        ids = [cell.grade_id for cell in cells if cell.grade_id is not None]
        if twice := sorted({grade_id for grade_id in ids if ids.count(grade_id) > 1}):
            raise AuthorError(f"grade_id {twice[0]!r} stands on two cells of the instructor's notebook")
        return cls(cells, json.loads(json.dumps(source.metadata)))

    def by_id(self) -> dict[str, Given]:
        """Cells that have a grade_id."""
        return {cell.grade_id: cell for cell in self.cells if cell.grade_id is not None}


def _given(
    index: int, cell: NotebookNode, clear: ClearSolutions, tests: ClearHiddenTests, on_record: Mapping[str, str]
) -> Given:
    marks = cell.metadata.get("nbgrader", {})
    role: Role = "plain"
    if utils.is_task(cell):
        role = "task"
    elif utils.is_solution(cell):
        role = "answer"
    elif utils.is_grade(cell):
        role = "test"
    elif utils.is_locked(cell):
        role = "read-only"
    grade_id = marks.get("grade_id") if role != "plain" else None
    if role != "plain" and not grade_id:
        raise AuthorError(f"cell {index + 1} of the instructor's notebook has no grade_id")
    source = solution = _text(cell.source)
    released = source
    hidden: tuple[int, ...] = ()
    if role == "answer" and grade_id is not None and grade_id in on_record:
        source = released = _text(on_record[grade_id])
    elif role == "answer" and marks.get("checksum") != utils.compute_checksum(cell):
        # Not in its released form yet: what stands here is the solution, which no student's grade may depend on.
        stub = copy.deepcopy(cell)
        try:
            clear.preprocess_cell(stub, {"language": "python"}, index)
        except RuntimeError as error:
            raise AuthorError(f"cell {grade_id}: {error}") from None
        source = released = _text(stub.source)
    elif role == "test":
        hidden = hidden_lines(source, tests.begin_test_delimeter, tests.end_test_delimeter)
        released = "\n".join(line for number, line in enumerate(source.split("\n")) if number not in hidden)
    options = dict(cell.metadata.get("autograder", {}))
    _check_options(grade_id or f"cell {index + 1}", options)
    imports: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    if cell.cell_type == "code" and (role == "answer" or options.get("student")):
        imports, provides = _declared(solution, released)
    return Given(
        index=index,
        kind=cell.cell_type,
        role=role,
        grade_id=grade_id,
        cell_id=cell.get("id"),
        source=source,
        released=released,
        metadata=json.loads(json.dumps(cell.metadata)),
        points=float(marks.get("points") or 0.0) if marks.get("grade") or role == "task" else 0.0,
        hidden_lines=hidden,
        options=options,
        imports=imports,
        provides=provides,
    )


def _declared(*versions: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a cell imports and assigns in any of the instructor's versions of it."""
    # Imported here: what only looks at notebooks has no use for the room that runs them.
    from autograder.run.asserts import declarations

    declared = [declarations(version) for version in dict.fromkeys(versions)]
    imports = dict.fromkeys(statement for statements, _ in declared for statement in statements)
    return tuple(imports), tuple(sorted({name for _, names in declared for name in names}))


_OPTIONS: dict[str, tuple[type, ...]] = {
    "seconds": (int, float),  # limit of this question
    "memory_mb": (int,),  # the same
    "partial": (bool,),  # points in proportion to the asserts that pass
    "hint": (str,),  # said when a hidden check fails
    "link": (str,),  # where to read on
    "student": (bool,),  # of a cell that is not marked: it is the student's to change, so the judge does not run it
}


def _check_options(where: str, options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in _OPTIONS:
            raise AuthorError(f"{where}: metadata.autograder has no option {name!r}; it has {', '.join(_OPTIONS)}")
        if not isinstance(value, _OPTIONS[name]) or (name in {"seconds", "memory_mb"} and not float(str(value)) > 0):
            raise AuthorError(f"{where}: metadata.autograder.{name} cannot be {value!r}")
        if name == "link" and not re.match(r"(https?://|[\w./#-]+$)", str(value)):
            raise AuthorError(f"{where}: metadata.autograder.link is neither an http address nor a relative path")


def hidden_lines(source: str, begin: str = "BEGIN HIDDEN TESTS", end: str = "END HIDDEN TESTS") -> tuple[int, ...]:
    """0-based numbers of the lines between the markers, the markers included."""
    lines: list[int] = []
    inside = False
    for number, line in enumerate(source.split("\n")):
        if begin in line:
            inside = True
        if inside:
            lines.append(number)
        if inside and end in line:
            inside = False
    return tuple(lines)


# --- the student's bytes ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """One cell of the student's notebook: what can be said about it without trusting it."""

    index: int
    kind: str
    source: str
    grade_id: str | None
    cell_id: str | None
    attachments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


_IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}


def read_notebook(data: bytes, caps: Caps | None = None) -> list[Found]:
    """The cells of a notebook file in format 2, 3 or 4, whatever its metadata says.

    Raises NotGradable if it is no notebook, or larger than the caps.
    """
    caps = caps or Caps()
    content = _parse(data)
    version = content.get("nbformat", 4)
    if isinstance(version, int) and not isinstance(version, bool) and version > 4:
        raise NotGradable(
            f"The file says it is a notebook of format {str(version)[:8]}; Jupyter's is 4. "
            "Open it in Jupyter, save it, and submit again."
        )
    cells = content.get("cells")
    if not isinstance(cells, list):
        sheets = content.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        cells = [
            cell
            for sheet in sheets
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
        if not sheets:
            raise NotGradable("The file has no cells: it is not a Jupyter notebook. Submit the notebook itself.")
    if len(cells) > caps.cells:
        raise NotGradable(
            f"The notebook has {len(cells)} cells; at most {caps.cells} are read. Remove cells that are not needed "
            "and submit again."
        )
    found = [_found(index, cell) for index, cell in enumerate(cells) if isinstance(cell, dict)]
    total = 0
    for cell in found:
        size = len(cell.source.encode())
        total += size
        if size > caps.cell_mb * 1e6:
            raise NotGradable(
                f"Cell {cell.index + 1} has {size / 1e6:.1f} MB of text; at most {caps.cell_mb:g} MB are read. "
                "Put data into a file beside the notebook and submit again."
            )
    if total > caps.source_mb * 1e6:
        raise NotGradable(f"The cells have {total / 1e6:.1f} MB of text; at most {caps.source_mb:g} MB are read.")
    return found


def _parse(data: bytes) -> dict:
    again = "Open it in Jupyter, save it, and submit again."
    if not data.strip():
        raise NotGradable("The notebook file is empty. Save the notebook in Jupyter and submit again.")
    # Many small containers take forty times their text in memory; no notebook has millions of them.
    if data.count(b"[") + data.count(b"{") > 2_000_000 or data.count(b",") > 8_000_000:
        raise NotGradable("The notebook file holds millions of values. Clear its outputs and submit again.")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotGradable(f"The notebook file is not UTF-8 text (byte {error.start}). {again}") from None
    except json.JSONDecodeError as error:
        raise NotGradable(
            f"The notebook file is damaged: its JSON breaks off or is wrong at line {error.lineno}, column "
            f"{error.colno}. {again}"
        ) from None
    except (ValueError, RecursionError):
        # A number of thousands of digits, or thousands of brackets inside each other.
        raise NotGradable(f"The notebook file is damaged: no notebook looks like this inside. {again}") from None
    if not isinstance(content, dict):
        raise NotGradable("The file is not a Jupyter notebook. Submit the notebook itself.")
    return content


def _found(index: int, cell: dict) -> Found:
    kind = cell.get("cell_type")
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    source = _text(source) if isinstance(source, str) else ""
    if kind == "heading":
        level = cell.get("level")
        source = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + source
        kind = "markdown"
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    cell_id = cell.get("id")
    return Found(
        index=index,
        kind=kind if kind in ("code", "markdown") else "raw",
        source=source,
        grade_id=grade_id if isinstance(grade_id, str) else None,
        cell_id=cell_id if isinstance(cell_id, str) and 0 < len(cell_id) <= 64 else None,
        attachments=_attachments(cell.get("attachments")),
    )


def _attachments(attachments: Any) -> dict[str, dict[str, str]]:
    kept: dict[str, dict[str, str]] = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        if not isinstance(bundle, dict) or len(name) > 200:
            continue
        images = {
            kind: "".join(data.split())
            for kind, data in bundle.items()
            if kind in _IMAGES and isinstance(data, str) and re.fullmatch(r"[A-Za-z0-9+/=\s]*", data)
        }
        if images:
            kept[name] = images
    return kept


def _text(source: str) -> str:
    """Text that can be encoded and split into lines in one way only."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\ud800-\udfff]", "\ufffd", source)


# --- putting them together -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """One cell of the rebuilt notebook. given: the instructor's cell; found: the student's; an extra has no given."""

    kind: str
    source: str  # as it is shown
    given: Given | None = None
    found: Found | None = None
    run: tuple[Cell, ...] = ()  # what of it goes into the job
    changed: bool = False  # of a plain cell: the student's version differs from the instructor's


@dataclass(frozen=True)
class Assembly:
    """The rebuilt notebook, before it is run."""

    blueprint: Blueprint
    pieces: tuple[Piece, ...]
    notes: tuple[Note, ...]

    def job_cells(self) -> tuple[Cell, ...]:
        """The code cells to run, in order."""
        return tuple(cell for piece in self.pieces for cell in piece.run)

    def positions(self) -> dict[int, Piece]:
        """Of each index into `job_cells()`, the piece it belongs to."""
        owners = [piece for piece in self.pieces for _ in piece.run]
        return dict(enumerate(owners))


def build_job(
    source: NotebookNode | Blueprint | Assembly,
    submission: Submission,
    *,
    assignment: str,
    student: str,
    notebook: str,
    limits: Limits | None = None,
    files: Mapping[str, bytes] | None = None,
    key: bytes = b"",
    open_files: Iterable[str] = (),
) -> Job:
    """Everything needed to grade one notebook of a submission.

    source: the instructor's notebook, hidden tests in it, or what `assemble` has made of it and the submission. files:
    the instructor's data files. key: the course's secret for drawing inputs. open_files: names of files that the
    student may replace (nbgrader's `exclude_overwriting`).

    Raises NotGradable with a reason for the student, AuthorError for the instructor.
    """
    assembly = source if isinstance(source, Assembly) else assemble(source, submission, notebook=notebook)
    given = dict(files or {})
    theirs = submission.extra_files()
    for name in set(open_files) & theirs.keys():
        given.pop(name, None)
    return Job(
        assignment=assignment,
        student=student,
        notebook=notebook,
        cells=assembly.job_cells(),
        files=given,
        student_files={path: data for path, data in theirs.items() if path not in given},
        notes=assembly.notes,
        limits=limits or Limits(),
        seed=seed_for(assignment, student, notebook, key),
    )


def assemble(source: NotebookNode | Blueprint, submission: Submission, *, notebook: str) -> Assembly:
    """Rebuild the notebook. Raises as `build_job` does; the same bytes always give the same notebook."""
    blueprint = source if isinstance(source, Blueprint) else Blueprint.of(source)
    found = read_notebook(submission.notebook(notebook), submission.caps)
    match = _Match(blueprint, found)
    if not match.pairs and not match.answers and any(cell.role == "answer" for cell in blueprint.cells):
        raise NotGradable(
            "This does not look like the assignment: none of its cells is in the notebook. "
            "Fetch the assignment again, put your answers into it, and submit that."
        )
    return match.assembly()


@dataclass
class _Match:
    """Which of the student's cells is which of the instructor's."""

    blueprint: Blueprint
    found: list[Found]
    answers: dict[int, Found] = field(default_factory=dict)  # by index of the given cell
    pairs: dict[int, Found] = field(default_factory=dict)  # the same for all other given cells
    dropped: set[int] = field(default_factory=set)  # indices of found cells that are neither matched nor run
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._end = self.found[-1].index + 1 if self.found else 0
        self.carriers: dict[str, list[Found]] = {}
        ids = self.blueprint.by_id()
        for cell in self.found:
            if cell.grade_id in ids:
                self.carriers.setdefault(cell.grade_id, []).append(cell)
        self.missing: list[Given] = []
        for given in self.blueprint.cells:
            if given.role == "answer":
                self._by_grade_id(given)
            elif given.grade_id in self.carriers:
                self._locked(given, self.carriers[given.grade_id])
        self._swap_back()
        self._same_cell_ids()
        self._lost_answers()
        self._plain_cells()

    # answers

    def _by_grade_id(self, given: Given) -> None:
        cells = self.carriers.get(given.grade_id or "", [])
        if not cells:
            self.missing.append(given)
            return
        stub = _squeezed(given.released)
        worked_on = [cell for cell in cells if cell.source.strip() and _squeezed(cell.source) != stub]
        answer = (worked_on or cells)[-1]
        self.answers[given.index] = answer
        # A copy left as it was released would undo the answer if it ran.
        self.dropped |= {cell.index for cell in cells} - {cell.index for cell in worked_on} - {answer.index}
        if len(worked_on) > 1:
            self._note(
                f"{len(worked_on)} cells of the notebook carry this answer's name (cells "
                f"{_listed(cell.index + 1 for cell in worked_on)}). All of them were run, in their order; the last "
                f"one, cell {answer.index + 1}, counts as the answer.",
                given,
            )
        elif len(cells) > 1 and worked_on:
            self._note(
                f"{len(cells)} cells carry this answer's name. Only cell {answer.index + 1} was changed since the "
                "assignment was handed out, so it is the answer.",
                given,
            )

    def _locked(self, given: Given, cells: list[Found]) -> None:
        original = _squeezed(given.released)
        same = [cell for cell in cells if _squeezed(cell.source) == original]
        self.pairs[given.index] = (same or cells)[0]
        # True copies would only run the student's view of the instructor's cell once more.
        self.dropped |= {cell.index for cell in same}
        if not same and given.role != "task":
            self._note("This cell was changed. The original was used instead.", given)

    def _swap_back(self) -> None:
        """Undo two answers' exchange of their grade_ids. Only sources move, so nothing is to be gained by it."""
        stubs = {
            given.index: names
            for given in self.blueprint.cells
            if given.role == "answer" and (names := defined_names(given.released))
        }
        misfits = {
            index: defined_names(self.answers[index].source)
            for index, names in stubs.items()
            if index in self.answers and not names & defined_names(self.answers[index].source)
        }
        for one in sorted(misfits):
            partners = [
                other
                for other in misfits
                if other != one and stubs[one] <= misfits[other] and stubs[other] <= misfits[one]
            ]
            if len(partners) == 1 and one < partners[0]:
                other = partners[0]
                self.answers[one], self.answers[other] = self.answers[other], self.answers[one]
                for here, there in ((one, other), (other, one)):
                    self._note(
                        f"This answer was in the place of {shown(self.blueprint.cells[there].grade_id or '')} and was "
                        "moved back.",
                        self.blueprint.cells[here],
                    )

    def _same_cell_ids(self) -> None:
        by_cell_id: dict[str, list[Found]] = {}
        for cell in self._left_over():
            if cell.cell_id is not None:
                by_cell_id.setdefault(cell.cell_id, []).append(cell)
        for given in self.blueprint.cells:
            same = by_cell_id.get(given.cell_id or "", [])
            if len(same) != 1 or given.index in self.answers or given.index in self.pairs:
                continue
            if given.role == "answer":
                self._recovered(given, same[0])
            elif given.role == "plain":
                self.pairs[given.index] = same[0]
            else:
                self._locked(given, same)

    def _lost_answers(self) -> None:
        for given in [given for given in self.missing if given.index not in self.answers]:
            names = defined_names(given.released)
            rivals = [
                other
                for other in self.blueprint.cells
                if other.role == "answer" and other is not given and names & defined_names(other.released)
            ]
            if names and not rivals:
                spare = [cell for cell in self._left_over() if cell.kind == "code"]
                fits = [cell for cell in spare if names <= defined_names(cell.source)]
                if len(fits) == 1:
                    self._recovered(given, fits[0])
        for given in [given for given in self.missing if given.index not in self.answers]:
            if given.kind == "code" and (cell := self._alone_in_its_place(given)):
                self._recovered(given, cell)
            else:
                self._note(NO_RESPONSE, given)

    def _alone_in_its_place(self, given: Given) -> Found | None:
        """The one code cell left over between the nearest known neighbours, if this is the one answer missing there."""
        places = dict(self._anchors())
        before = max((index for index in places if index < given.index), default=-1)
        after = min((index for index in places if index > given.index), default=len(self.blueprint.cells))
        first, last = places.get(before, -1), places.get(after, self._end)
        lacking = [
            other
            for other in self.blueprint.cells[before + 1 : after]
            if other.kind == "code" and other.index not in self.answers and other.index not in self.pairs
        ]
        spare = [c for c in self._left_over() if first < c.index < last and c.kind == "code" and c.source.strip()]
        names = defined_names(given.released)
        if lacking == [given] and len(spare) == 1 and (not names or names & defined_names(spare[0].source)):
            return spare[0]
        return None

    def _recovered(self, given: Given, cell: Found) -> None:
        self.answers[given.index] = cell
        self._note(
            f"This answer had lost its name in the notebook. Cell {cell.index + 1} was recognised as the answer.", given
        )

    # plain cells

    def _plain_cells(self) -> None:
        """Pair the instructor's unlocked, unnamed cells: those left alone by their text, changed ones by likeness."""
        self._unnamed(lambda given, cell: given.kind == cell.kind and _squeezed(given.source) == _squeezed(cell.source))
        budget = 200

        def alike(given: Given, cell: Found) -> bool:
            nonlocal budget
            if given.kind != cell.kind or not given.source.strip() or budget <= 0:
                return False
            budget -= 1
            return _alike(given.source, cell.source)

        self._unnamed(alike)

    def _unnamed(self, same: Any) -> None:
        """Match plain cells in order, never across a known neighbour."""
        places = sorted(self._anchors())
        bounds = [(-1, -1), *places, (len(self.blueprint.cells), self._end)]
        spare = self._left_over()
        for (given_low, found_low), (given_high, found_high) in itertools.pairwise(bounds):
            inside = [cell for cell in spare if found_low < cell.index < found_high]
            start = 0
            for given in self.blueprint.cells[given_low + 1 : given_high]:
                if given.role != "plain" or given.index in self.pairs:
                    continue
                for offset, cell in enumerate(inside[start:], start):
                    if same(given, cell):
                        self.pairs[given.index] = cell
                        start = offset + 1
                        break

    # common

    def _note(self, text: str, given: Given) -> None:
        self.notes.append(Note(text, given.grade_id))

    def _left_over(self) -> list[Found]:
        """The student's cells that nothing is known about, in order."""
        taken = {cell.index for cell in (*self.answers.values(), *self.pairs.values())} | self.dropped
        named = {cell.index for cells in self.carriers.values() for cell in cells}
        return [cell for cell in self.found if cell.index not in taken | named]

    def _anchors(self) -> list[tuple[int, int]]:
        """(given, found) index pairs whose order agrees: the longest run that increases in both."""
        pairs = sorted((given, cell.index) for given, cell in {**self.answers, **self.pairs}.items())
        return _longest_increasing(pairs)

    def assembly(self) -> Assembly:
        """All pieces in order: the instructor's, and after each the student's extras that followed it."""
        anchors = sorted((found, given) for given, found in self._anchors())
        taken = {cell.index for cell in (*self.answers.values(), *self.pairs.values())} | self.dropped
        extras: dict[int, list[Found]] = {}
        position, after = 0, -1
        for cell in self.found:
            while position < len(anchors) and anchors[position][0] <= cell.index:
                after = anchors[position][1]
                position += 1
            if cell.index not in taken:
                extras.setdefault(after, []).append(cell)
        pieces = [self._extra(cell) for cell in extras.get(-1, [])]
        for given in self.blueprint.cells:
            pieces.append(self._piece(given))
            pieces.extend(self._extra(cell) for cell in extras.get(given.index, []))
        return Assembly(self.blueprint, tuple(pieces), tuple(self.notes))

    def _piece(self, given: Given) -> Piece:
        if given.role == "answer":
            answer = self.answers.get(given.index)
            run = self._student_cell(answer.source if answer else "", given) if given.kind == "code" else ()
            if answer is None:
                return Piece(given.kind, given.released, given, run=run)
            return Piece(given.kind, answer.source, given, answer, run)
        cell = self.pairs.get(given.index)
        if given.kind != "code":
            if given.role == "plain" and cell is not None and _squeezed(cell.source) != _squeezed(given.source):
                return Piece(given.kind, cell.source, given, cell, changed=True)
            return Piece(given.kind, given.source, given, cell)
        code, _ = plain_python(given.source)
        if given.role == "test":
            option = given.options.get
            test = Cell(
                source=code,
                side="judge",
                grade_id=given.grade_id,
                points=given.points,
                hidden_lines=given.hidden_lines,
                seconds=option("seconds"),
                hint=option("hint"),
                link=option("link"),
                memory_mb=option("memory_mb"),
                partial=option("partial", False),
            )
            return Piece("code", given.source, given, cell, (test,))
        changed = given.role == "plain" and cell is not None and _squeezed(cell.source) != _squeezed(given.source)
        if given.options.get("student"):
            source = cell.source if cell is not None and given.role == "plain" else given.source
            return Piece("code", source, given, cell, self._student_cell(source, given), changed)
        if changed and cell is not None:
            theirs = self._student_cell(cell.source)
            # Empty on both sides of a comment: nothing to say about it.
            if _squeezed(_without_comments(given.source)):
                self.notes.append(
                    Note(
                        f"Cell {cell.index + 1} came with the assignment and was changed. It ran as you left it; the "
                        "tests used the original."
                    )
                )
            return Piece("code", cell.source, given, cell, (*theirs, Cell(code, "judge")), changed=True)
        return Piece("code", given.source, given, cell, (Cell(code, "both"),))

    def _extra(self, cell: Found) -> Piece:
        run = self._student_cell(cell.source) if cell.kind == "code" else ()
        return Piece(cell.kind, cell.source, None, cell, run)

    def _student_cell(self, source: str, given: Given | None = None) -> tuple[Cell, ...]:
        code, unused = plain_python(source)
        grade_id = given.grade_id if given else None
        for command in unused:
            text = f"{shown(command)} is a command to the notebook; it is not run for grading."
            self.notes.append(Note(text, grade_id))
        if given:
            return (Cell(code, "student", grade_id, imports=given.imports, provides=given.provides),)
        return (Cell(code, "student"),) if code.strip() else ()


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of pairs (sorted by their first) whose seconds increase; the first of equals."""
    best: list[int] = []  # best[n]: index of the pair with the smallest second that ends a run of n + 1
    previous: list[int] = []
    for number, (_, value) in enumerate(pairs):
        low, high = 0, len(best)
        while low < high:
            middle = (low + high) // 2
            if pairs[best[middle]][1] < value:
                low = middle + 1
            else:
                high = middle
        previous.append(best[low - 1] if low else -1)
        best[low:low + 1] = [number]  # fmt: skip
    chain: list[tuple[int, int]] = []
    number = best[-1] if best else -1
    while number >= 0:
        chain.append(pairs[number])
        number = previous[number]
    return chain[::-1]


def _squeezed(source: str) -> str:
    """A source without what editors change by themselves: spaces at the ends of lines, empty lines around."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _alike(one: str, other: str) -> bool:
    """Whether one text is the other, edited. Short ones by letters, long ones by lines: never slow."""
    if max(len(one), len(other)) <= 200:
        return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio() >= 0.6
    these, those = ([line.strip() for line in text.split("\n", 100)[:100]] for text in (one, other))
    return difflib.SequenceMatcher(None, these, those, autojunk=False).ratio() >= 0.6


def _without_comments(source: str) -> str:
    return re.sub(r"^[ \t]*#.*$", "", source, flags=re.M)


def _listed(numbers: Iterable[int]) -> str:
    shown_numbers = [str(number) for number in numbers]
    return ", ".join(shown_numbers[:8]) + (", …" if len(shown_numbers) > 8 else "")


_DEFINITION = re.compile(
    r"^(?:async[ \t]+)?(?:def|class)[ \t]+([^\W\d]\w*)"  # def name, class name
    r"|^([^\W\d]\w*)[ \t]*(?::[^=\n]*)?=(?!=)",  # name = …, name: kind = …
    re.M,
)


def defined_names(source: str) -> set[str]:
    """Names that a cell defines at its left margin, as far as a look at the lines can tell."""
    return {function or variable for function, variable in _DEFINITION.findall(source)}


# --- IPython's additions to Python -----------------------------------------------------------------------------------

_SUSPECT = re.compile(r"^[ \t]*[%!?]|\?[ \t]*$|=[ \t]*[!%](?!=)", re.M)
_HELP = re.compile(r"[\w.\[\]]+\?\??\s*$")
_ASSIGNED = re.compile(r"([\w.,\s*\[\]()'\"]+=\s*)([!%])(?!=)(.*)$", re.S)
_TOKEN = re.compile(r"\"\"\"|'''|\"|'|#|[()\[\]{}]|\\.", re.S)
# Cell magics whose body is Python that runs here and now.
_TRANSPARENT = {"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "debug"}
# Line magics without an effect on what the code computes: no need to tell anyone that they do nothing.
_HARMLESS = _TRANSPARENT | {
    "matplotlib", "load_ext", "reload_ext", "autoreload", "config", "precision", "who", "whos", "pinfo", "pdb", "xmode",
    "colors", "clear", "cls", "history", "lsmagic", "reset", "tensorboard", "pprint"
}  # fmt: skip


def plain_python(source: str) -> tuple[str, list[str]]:
    """A cell without IPython's syntax, line for line, and the commands in it whose effect is missed.

    Lines that are plain Python stay as they are: a `%` that continues an expression or stands in a string is not
    touched. The number of lines never changes.
    """
    if not _SUSPECT.search(source):
        return source, []
    lines = source.split("\n")
    missed: list[str] = []
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[start].lstrip().startswith("%%"):
        name, _, _ = lines[start].strip()[2:].partition(" ")
        if name.strip() not in _TRANSPARENT:
            return "\n".join("# " + line for line in lines), [lines[start].strip()]
        lines[start] = "# " + lines[start].strip()
        start += 1
    string: str | None = None  # the quotes of a string that is still open
    depth = 0
    continued = magic_continued = False
    for number in range(start, len(lines)):
        line = lines[number]
        if magic_continued:
            magic_continued = line.endswith("\\")
            lines[number] = "# " + line
            continue
        if string is None and not depth and not continued:
            replaced = _line(line, missed)
            if replaced is not None:
                lines[number] = replaced
                magic_continued = line.endswith("\\")
                continue
        string, depth = _scan(line + "\n", string, depth)
        continued = string is None and line.endswith("\\")
    return "\n".join(lines), missed


def _line(line: str, missed: list[str]) -> str | None:
    """What stands for the first line of a statement if it is IPython's, else None."""
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    if stripped[:1] in {"%", "!", "?"}:
        name, _, rest = stripped[1:].partition(" ")
        if stripped[0] == "%" and name == "time" and rest.strip():
            return f"{indent}{rest.strip()}"
        if stripped[0] == "!" or (stripped[0] == "%" and name.strip() not in _HARMLESS):
            missed.append(stripped.strip())
        return f"{indent}pass  # {stripped}"
    if _HELP.match(stripped):
        return f"{indent}pass  # {stripped}"
    if assigned := _ASSIGNED.match(line):
        target, mark, rest = assigned.groups()
        name, _, value = rest.partition(" ")
        if mark == "%" and name == "time" and value.strip():
            return target + value.strip()
        missed.append(f"{mark}{rest.strip()}")
        return f"{target}{'[]' if mark == '!' else 'None'}  # {mark}{rest}"
    return None


def _scan(line: str, string: str | None, depth: int) -> tuple[str | None, int]:
    """Follow strings and brackets to the end of a line."""
    for token in _TOKEN.findall(line):
        if string is not None:
            if token == string or (len(token) == 3 and token[0] == string):
                string = None
        elif token[0] in "\"'":
            string = token
        elif token == "#":
            break
        elif token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(0, depth - 1)
    # Only triple quotes reach over the end of a line.
    if string is not None and len(string) == 1 and not line.endswith("\\\n"):
        string = None
    return string, depth
