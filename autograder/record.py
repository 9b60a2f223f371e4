"""The fourth room: verdicts into nbgrader's gradebook and the rebuilt notebook into `autograded/`.

There is one writer, and one commit for a notebook of a submission: its scores, flags, late penalty, status, the hash
of the environment and the verdict in full are all there or none is. The files stand before the commit, so whatever is
in the gradebook can be opened. A kill between the two leaves new files and an old row, which the next run replaces.

As in nbgrader: a manual score is never touched, but a cell that has one and is graded anew asks to be looked at;
comments of graders are never touched; an untouched answer to a manually graded question gets 0 and "No response.";
the late-submission plug-in decides on the penalty. What nbgrader does not have: a submission that cannot be graded
gets no points taken, but a status, a reason, and a flag that asks a person to look.
"""

from __future__ import annotations

import json
import math
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import sqlalchemy as sa
from nbgrader import utils
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import LoggingConfigurable

from autograder import course, intake, safe
from autograder.model import CellOutput, Check, Job, Note, Question, Result
from autograder.reassemble import NO_RESPONSE, Assembly, Blueprint, Piece, assemble

METADATA = sa.MetaData()

# One row for each notebook of a submission in nbgrader's table `submitted_notebook`, with the same id.
RESULTS = sa.Table(
    "autograder_result",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("environment", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # of the submission's files; empty if they could not be read
    sa.Column("recorded", sa.DateTime, nullable=False),  # UTC
    sa.Column("verdict", sa.Text, nullable=False),  # JSON: `stored`
)

# Rows are read and written by statements that are made once, here: nbgrader's objects for them (its ORM) take three
# times as long, in the one process that records while all others grade.
_STUDENT, _SUBMISSION, _ENTRY = Student.__table__, SubmittedAssignment.__table__, SubmittedNotebook.__table__
_GRADE, _COMMENT = Grade.__table__, Comment.__table__
_RELEASED = (
    sa.select(
        Assignment.id.label("assignment"), Assignment.duedate, Notebook.id.label("notebook"), Notebook.name,
        BaseCell.id, BaseCell.name.label("grade_id"), BaseCell.type, GradeCell.__table__.c.max_score,
    )
    .join_from(Assignment.__table__, Notebook.__table__, Notebook.assignment_id == Assignment.id)
    .outerjoin(BaseCell.__table__, BaseCell.notebook_id == Notebook.id)
    .outerjoin(GradeCell.__table__, GradeCell.__table__.c.id == BaseCell.id)
    .where(Assignment.name == sa.bindparam("name"))
    .order_by(Notebook.name)
)  # fmt: skip
_SUBMITTED = (
    sa.select(_SUBMISSION.c.id, _SUBMISSION.c.timestamp, _ENTRY.c.id.label("entry"), _ENTRY.c.notebook_id,
              _ENTRY.c.late_submission_penalty)
    .outerjoin(_ENTRY, _ENTRY.c.assignment_id == _SUBMISSION.c.id)
    .where(_SUBMISSION.c.assignment_id == sa.bindparam("assignment"))
    .where(_SUBMISSION.c.student_id == sa.bindparam("student"))
)  # fmt: skip
_KNOWN = sa.select(_STUDENT.c.id).where(_STUDENT.c.id == sa.bindparam("student"))
_LINES = {
    table: sa.select(table)
    .join(_ENTRY, _ENTRY.c.id == table.c.notebook_id)
    .where(_ENTRY.c.assignment_id == sa.bindparam("submission"))
    for table in (_GRADE, _COMMENT)
}
_WRITTEN = {  # the columns of each table that may change
    _SUBMISSION: ("timestamp",),
    _ENTRY: ("late_submission_penalty",),
    _GRADE: ("auto_score", "needs_manual_grade"),
    _COMMENT: ("auto_comment",),
}
_SET = {
    table: table.update()
    .where(table.c.id == sa.bindparam("row"))
    .values({name: sa.bindparam(f"new_{name}") for name in names})
    for table, names in _WRITTEN.items()
}
_VERDICT = sa.select(RESULTS.c.verdict).where(RESULTS.c.id == sa.bindparam("entry"))
_FORGET = RESULTS.delete().where(RESULTS.c.id == sa.bindparam("entry"))

# Files of a submission that a browser shows without running anything in them. Formgrader serves what lies in
# `autograded/` from the instructor's own origin; everything else stays in `submitted/`.
INERT = {".csv", ".gif", ".jpeg", ".jpg", ".npy", ".npz", ".png", ".py", ".tsv", ".txt", ".webp"}


class NotReleased(ValueError):
    """The gradebook does not know the assignment or the notebook; the message says what to do."""


@dataclass(frozen=True)
class Status:
    """One line of what the instructor sees about an assignment."""

    student: str
    notebook: str
    status: str
    reason: str
    environment: str
    digest: str
    recorded: datetime


@dataclass(frozen=True)
class _ReleasedCell:
    """One of nbgrader's cells in a released notebook."""

    id: str
    name: str  # its grade_id
    type: str  # GradeCell, SolutionCell, TaskCell
    max_score: float | None  # of a GradeCell


@dataclass(frozen=True)
class _Released:
    """An assignment in the gradebook: its notebooks' names and cells, by the notebooks' ids."""

    id: str
    has_duedate: bool
    notebooks: dict[str, tuple[str, list[_ReleasedCell]]] = field(default_factory=dict)

    def notebook(self, name: str) -> str:
        """The id of a notebook that is there."""
        return next(notebook_id for notebook_id, (known, _) in self.notebooks.items() if known == name)


class _Row:
    """A row of the gradebook: what it says now, and whether anything of it is still to be written."""

    def __init__(self, table: sa.Table, values: dict[str, Any], *, new: bool = False) -> None:
        """new: it is not there yet, and gets an id."""
        self.table = table
        self.values = {"id": new_uuid(), **values} if new else values
        self.new = new
        self.changed = False

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            if self.values[name] != value:
                self.values[name] = value
                self.changed = True


@dataclass
class _Entry:
    """A submitted notebook's row, and those of its grades and comments by the ids of the released cells."""

    row: _Row
    grades: dict[str, _Row] = field(default_factory=dict)
    comments: dict[str, _Row] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.row["id"]


@dataclass
class _Submitted:
    """A submission's rows in the gradebook. entries: by the ids of the released notebooks."""

    row: _Row
    entries: dict[str, _Entry] = field(default_factory=dict)

    def rows(self) -> Iterator[_Row]:
        """All of them, those that others refer to first."""
        yield self.row
        for entry in self.entries.values():
            yield entry.row
        for entry in self.entries.values():
            yield from entry.grades.values()
            yield from entry.comments.values()


class Recorder(LoggingConfigurable):
    """The one writer. Keeps one session with the gradebook open; use it as a context manager or call `close`."""

    def __init__(
        self, coursedir: CourseDirectory, *, known: dict[str, dict[str, Blueprint]] | None = None, **options: Any
    ):
        """known: notebooks of assignments as they are graded, by name; others are read when they are needed.

        options: `parent` and `config`, as for every configurable of nbgrader's.
        """
        super().__init__(**options)
        self.coursedir = coursedir
        self.gradebook = Gradebook(coursedir.db_url, coursedir.course_id)
        self.session = self.gradebook.db
        if self.gradebook.engine.dialect.name == "sqlite":
            # Formgrader may be writing. Wait for it rather than lose a verdict.
            sa.event.listen(self.gradebook.engine, "connect", _be_patient)
            self.gradebook.engine.dispose()
        METADATA.create_all(self.gradebook.engine)
        self._blueprints = dict(known or {})
        self._penalties: AssignLatePenalties | None = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session with the gradebook."""
        self.gradebook.close()

    def record(
        self,
        result: Result,
        job: Job | None,
        submission: intake.Submission | None,
        *,
        assembly: Assembly | None = None,
        questions: Collection[str] | None = None,
        also: Callable[[Any], None] | None = None,
    ) -> None:
        """Write one verdict: files, then everything in the gradebook in one commit.

        job, submission: what was graded; None if it never came to that. assembly: what the job was made of, if it is
        at hand. questions: only these grade_ids get new scores, if there is an earlier verdict. also: called with the
        connection inside the transaction; if it raises, nothing is written.

        Raises NotReleased if the gradebook does not know the assignment; ValueError if the job is not the one that
        this course's notebook and this submission give.
        """
        blueprint = self._blueprint(result.assignment, result.notebook)
        if result.status != "graded":
            assembly = None
        else:
            if job is None or submission is None:
                raise ValueError("a graded result needs its job and its submission")
            assembly = assembly or assemble(blueprint, submission, notebook=result.notebook)
            if assembly.job_cells() != job.cells:
                raise ValueError(f"the job is not that of {result.student}'s {result.notebook}; grade it again")
        try:
            database = self.session.connection()
            released = self._released(database, result)
            submitted = self._submitted(database, result, released)
            entry = submitted.entries[released.notebook(result.notebook)]
            before = None if entry.row.new else self._stored(entry.id)
            if before is None or before["status"] != "graded" or result.status != "graded":
                questions = None
            if questions is not None and before is not None:
                result = _merged(result, before, questions)
            self._score(entry, released, result, blueprint, assembly, questions)
            self._missing_notebooks(submitted, released, submission)
            entry.row.set(late_submission_penalty=None)
            self._write(database, submitted)
            if released.has_duedate:
                self._penalise(entry.id)
            self._store(database, entry, result, job.notes if job else (), submission)
            if also is not None:
                also(database)
            notebook = rebuilt(blueprint, assembly, result, job.notes if job else ())
            self._files(result, notebook, submission, submitted.row["timestamp"])
            self.session.commit()
        except BaseException:
            self.session.rollback()
            raise

    def statuses(self, assignment: str) -> list[Status]:
        """What became of every submission of an assignment, the ones that could not be graded among them."""
        return list(statuses(self.session, assignment))

    # what nbgrader knows

    def _blueprint(self, assignment: str, notebook: str) -> Blueprint:
        if assignment not in self._blueprints:
            self._blueprints[assignment] = course.blueprints(
                self.coursedir, assignment, config=self.config, gradebook=self.gradebook
            )
        try:
            return self._blueprints[assignment][notebook]
        except KeyError:
            raise NotReleased(f"{assignment} has no notebook {notebook!r}") from None

    def _released(self, database: sa.Connection, result: Result) -> _Released:
        """What the gradebook says about the assignment as released. Read anew each time: somebody may release again."""
        rows = database.execute(_RELEASED, {"name": result.assignment}).all()
        if not any(row.name == result.notebook for row in rows):
            raise NotReleased(
                f"the gradebook does not know {result.assignment}/{result.notebook}. "
                f"Run: nbgrader generate_assignment {result.assignment}"
            )
        released = _Released(rows[0].assignment, rows[0].duedate is not None)
        for row in rows:
            found = released.notebooks.setdefault(row.notebook, (row.name, []))[1]
            if row.id is not None:
                found.append(_ReleasedCell(row.id, row.grade_id, row.type, row.max_score))
        for name, cells_of in released.notebooks.values():
            blueprint = self._blueprints[result.assignment].get(name)
            places = {cell.grade_id: index for index, cell in enumerate(blueprint.cells)} if blueprint else {}
            cells_of.sort(key=lambda cell: (places.get(cell.name, -1), cell.name, cell.type))
        return released

    def _submitted(self, database: sa.Connection, result: Result, released: _Released) -> _Submitted:
        """The submission's rows, those that it lacks among them."""
        student = {"student": result.student}
        found = database.execute(_SUBMITTED, {"assignment": released.id, **student}).all()
        if found:
            submitted = _Submitted(_Row(_SUBMISSION, {"id": found[0].id, "timestamp": found[0].timestamp}))
        else:
            if database.execute(_KNOWN, student).first() is None:
                database.execute(_STUDENT.insert(), {"id": result.student})
            values = {"assignment_id": released.id, "student_id": result.student, "timestamp": None}
            submitted = _Submitted(_Row(_SUBMISSION, values, new=True))
        directory = self.coursedir.format_path(self.coursedir.submitted_directory, result.student, result.assignment)
        submitted.row.set(timestamp=intake.received(directory, warn=self.log.warning))
        by_entry: dict[str, _Entry] = {}
        for row in found:
            if row.entry is not None:
                values = {"id": row.entry, "late_submission_penalty": row.late_submission_penalty}
                by_entry[row.entry] = submitted.entries[row.notebook_id] = _Entry(_Row(_ENTRY, values))
        if by_entry:
            for table, lines in _LINES.items():
                for line in database.execute(lines, {"submission": submitted.row["id"]}).mappings():
                    entry = by_entry[line["notebook_id"]]
                    (entry.grades if table is _GRADE else entry.comments)[line["cell_id"]] = _Row(table, dict(line))
        for notebook_id, (_, cells) in released.notebooks.items():
            if notebook_id not in submitted.entries:
                values = {
                    "assignment_id": submitted.row["id"], "notebook_id": notebook_id, "late_submission_penalty": None,
                }  # fmt: skip
                submitted.entries[notebook_id] = _Entry(_Row(_ENTRY, values, new=True))
            _complete(submitted.entries[notebook_id], cells)
        return submitted

    def _write(self, database: sa.Connection, submitted: _Submitted) -> None:
        """Insert what is new and update what has changed, one statement for each kind of row."""
        new: dict[sa.Table, list[dict[str, Any]]] = {}
        changed: dict[sa.Table, list[dict[str, Any]]] = {}
        for row in submitted.rows():
            if row.new:
                new.setdefault(row.table, []).append(row.values)
            elif row.changed:
                values = {f"new_{name}": row[name] for name in _WRITTEN[row.table]}
                changed.setdefault(row.table, []).append({"row": row["id"], **values})
        for table, lines in new.items():
            database.execute(table.insert(), lines)
        for table, lines in changed.items():
            database.execute(_SET[table], lines)

    # scores

    def _score(
        self,
        entry: _Entry,
        released: _Released,
        result: Result,
        blueprint: Blueprint,
        assembly: Assembly | None,
        only: Collection[str] | None,
    ) -> None:
        scores = {question.grade_id: question for question in result.questions}
        pieces = {piece.given.grade_id: piece for piece in assembly.pieces if piece.given} if assembly else {}
        given = blueprint.by_id()
        for cell in released.notebooks[released.notebook(result.notebook)][1]:
            if cell.name not in given or (only is not None and cell.name not in only):
                continue
            piece = pieces.get(cell.name)
            if cell.type == "GradeCell":
                if given[cell.name].role == "test":
                    score = _points(scores.get(cell.name), cell.max_score or 0.0)
                else:
                    score = 0.0 if piece and _untouched(piece) else None
                _grade(entry.grades[cell.id], score)
            elif cell.type == "SolutionCell":
                entry.comments[cell.id].set(auto_comment=_automatic_comment(piece))
            elif cell.type == "TaskCell" and assembly is None:
                entry.grades[cell.id].set(needs_manual_grade=True)

    def _missing_notebooks(
        self, submitted: _Submitted, released: _Released, submission: intake.Submission | None
    ) -> None:
        """As nbgrader does: of a submission that has some of its notebooks, the ones that it has not score zero."""
        if submission is None:
            return
        names = {notebook_id: f"{name}.ipynb" for notebook_id, (name, _) in released.notebooks.items()}
        missing = [entry for key, entry in submitted.entries.items() if names.get(key) not in submission.files]
        if len(missing) == len(submitted.entries):
            return
        for entry in missing:
            for grade in entry.grades.values():
                _grade(grade, 0.0)

    def _penalise(self, entry_id: str) -> None:
        """Ask the late-submission plug-in, which wants nbgrader's own objects."""
        entry = self.session.get(SubmittedNotebook, entry_id)
        late = entry.assignment.total_seconds_late
        if late <= 0:
            return
        if self._penalties is None:
            self._penalties = AssignLatePenalties(parent=self)
            self._penalties.init_plugin()
        penalty = self._penalties.plugin_inst.late_submission_penalty(entry.assignment.student_id, entry.score, late)
        if penalty is not None:
            entry.late_submission_penalty = self._penalties._check_late_penalty(entry, penalty)
            self.session.flush()

    # our own table

    def _stored(self, entry_id: str) -> dict | None:
        row = self.session.connection().execute(_VERDICT, {"entry": entry_id}).scalar()
        return None if row is None else json.loads(row)

    def _store(
        self,
        database: sa.Connection,
        entry: _Entry,
        result: Result,
        notes: Collection[Note],
        submission: intake.Submission | None,
    ) -> None:
        if not entry.row.new:
            database.execute(_FORGET, {"entry": entry.id})
        database.execute(
            RESULTS.insert(),
            {
                "id": entry.id,
                "status": result.status,
                "reason": safe.text(result.reason, 2000),
                "environment": result.environment[:64],
                "digest": submission.digest if submission else "",
                "recorded": datetime.now(UTC).replace(tzinfo=None),
                "verdict": json.dumps(stored(result, notes)),
            },
        )

    # files

    def _files(
        self, result: Result, notebook: dict[str, Any], submission: intake.Submission | None, when: datetime | None
    ) -> None:
        directory = Path(
            self.coursedir.format_path(self.coursedir.autograded_directory, result.student, result.assignment)
        )
        directory.mkdir(parents=True, exist_ok=True)
        mode = 0o664 if self.coursedir.groupshared else 0o444
        files: dict[str, bytes] = {}
        if submission:
            extra = submission.extra_files()
            files |= {path: data for path, data in extra.items() if Path(path).suffix.lower() in INERT}
        source = Path(self.coursedir.format_path(self.coursedir.source_directory, ".", result.assignment))
        for path in utils.find_all_files(str(source), [*self.coursedir.ignore, "*.ipynb"]):
            files[Path(path).relative_to(source).as_posix()] = Path(path).read_bytes()
        # nbgrader's release_feedback stops at the first submission without these two.
        files[intake.TIMESTAMP] = f"{when} UTC".encode() if when else b""
        secret = submission.secret if submission else None
        files[intake.SECRET] = secret.encode() if secret else _secret(directory)
        files[f"{result.notebook}.ipynb"] = _written(notebook).encode()
        for path in utils.find_all_files(str(directory)):
            # What an earlier submission brought and this one does not.
            if not path.endswith(".ipynb") and Path(path).relative_to(directory).as_posix() not in files:
                Path(path).unlink()
        for name, data in files.items():
            if not _same(directory / name, data):
                _make_room(directory, name)
                intake.write_atomically(directory / name, data, mode)
        if self.coursedir.groupshared:
            for folder in (directory, directory.parent, directory.parent.parent):
                with suppress(OSError):
                    folder.chmod((folder.stat().st_mode | 0o2770) & 0o2777)


def _be_patient(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA busy_timeout = 60000")


def _complete(entry: _Entry, cells: Collection[_ReleasedCell]) -> None:
    """Give a submitted notebook the rows for grades and comments that it lacks."""
    for cell in cells:
        of = {"notebook_id": entry.id, "cell_id": cell.id}
        if cell.type in ("GradeCell", "TaskCell") and cell.id not in entry.grades:
            values = {**of, "auto_score": None, "manual_score": None, "needs_manual_grade": True}
            entry.grades[cell.id] = _Row(_GRADE, values, new=True)
        if cell.type in ("SolutionCell", "TaskCell") and cell.id not in entry.comments:
            entry.comments[cell.id] = _Row(_COMMENT, {**of, "auto_comment": None}, new=True)


def _points(question: Question | None, most: float) -> float | None:
    """A question's points within its bounds; None, which asks for a person, if the engine has none to give."""
    if question is None or not math.isfinite(question.points):
        return None
    return min(max(0.0, question.points), most)


def _grade(grade: _Row, score: float | None) -> None:
    grade.set(auto_score=score, needs_manual_grade=score is None or grade["manual_score"] is not None)


def _untouched(piece: Piece) -> bool:
    """Whether an answer is there and is what was released, by nbgrader's checksum."""
    if piece.given is None or piece.found is None:
        return False
    parts = {"cell_type": piece.kind, "metadata": piece.given.metadata, "source": piece.source}
    cell = nbformat.from_dict(parts)
    return cell.metadata["nbgrader"].get("checksum") == utils.compute_checksum(cell)


def _automatic_comment(piece: Piece | None) -> str | None:
    if piece is None:
        return None
    if piece.found is None:
        return NO_RESPONSE
    return "No response." if _untouched(piece) else None


def _merged(result: Result, before: dict, questions: Collection[str]) -> Result:
    """The new verdict for some questions, the earlier one for the others."""
    earlier = {question.grade_id: question for question in restored(before)[0].questions}
    questions_now = [
        question if question.grade_id in questions else earlier.get(question.grade_id, question)
        for question in result.questions
    ]
    return replace(result, questions=questions_now)


def _same(path: Path, data: bytes) -> bool:
    try:
        return not path.is_symlink() and path.read_bytes() == data
    except OSError:
        return False


def _make_room(directory: Path, name: str) -> None:
    """Let `name` be written below `directory`: a file where a directory has to be goes, and the other way round."""
    parts = Path(name).parts
    for depth in range(1, len(parts)):
        parent = directory.joinpath(*parts[:depth])
        if parent.is_symlink() or not parent.is_dir():
            parent.unlink(missing_ok=True)
            parent.mkdir()
    target = directory / name
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)


def _secret(directory: Path) -> bytes:
    """The stand-in for an exchange's secret that an earlier run has made, or a new one."""
    with suppress(OSError):
        return (directory / intake.SECRET).read_bytes()
    return secrets.token_hex(64).encode()


# --- verdicts as JSON ------------------------------------------------------------------------------------------------


def stored(result: Result, notes: Collection[Note] = ()) -> dict:
    """A verdict as plain JSON, for our table. Not for students: `feedback.published` makes what they get."""
    return {**result.as_data(), "notes": [asdict(note) for note in notes]}


def restored(verdict: dict) -> tuple[Result, list[Note]]:
    """The inverse of `stored`."""
    fields = {name: value for name, value in verdict.items() if name != "notes"}
    fields["questions"] = [
        Question(**{**question, "checks": [Check(**check) for check in question["checks"]]})
        for question in verdict["questions"]
    ]
    fields["outputs"] = [CellOutput(**output) for output in verdict["outputs"]]
    return Result(**fields), [Note(**note) for note in verdict.get("notes", [])]


def statuses(session: Any, assignment: str) -> Iterator[Status]:
    """What became of every submission of an assignment, by student and notebook."""
    rows = session.execute(
        sa.select(
            SubmittedAssignment.student_id,
            Notebook.name,
            RESULTS.c.status,
            RESULTS.c.reason,
            RESULTS.c.environment,
            RESULTS.c.digest,
            RESULTS.c.recorded,
        )
        .join(SubmittedNotebook, SubmittedNotebook.id == RESULTS.c.id)
        .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .where(Assignment.name == assignment)
        .order_by(SubmittedAssignment.student_id, Notebook.name)
    )
    for row in rows:
        yield Status(*row)


def _written(notebook: dict[str, Any]) -> str:
    """A notebook as JSON, one cell on a line: the encoder that is ten times as fast does not indent."""
    parts = []
    for name, value in sorted(notebook.items()):
        if name == "cells":
            text = "[\n" + ",\n".join(_quick(cell) for cell in value) + "\n]" if value else "[]"
        else:
            text = _quick(value)
        parts.append(f"{_quick(name)}: {text}")
    return "{" + ",\n".join(parts) + "}\n"


_quick = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


# --- the notebook in autograded/ -------------------------------------------------------------------------------------


def rebuilt(
    blueprint: Blueprint, assembly: Assembly | None, result: Result, notes: Collection[Note] = ()
) -> dict[str, Any]:
    """The notebook that Formgrader shows, as its JSON: the instructor's cells, the student's answers, outputs as text.

    Parts of it are the blueprint's own, so nobody may change it. What students wrote as Markdown has lost
    everything active (autograder.safe); there are no HTML outputs. Raises nbformat.ValidationError if Jupyter could not
    open it.
    """
    if assembly is None:
        pieces = tuple(Piece(given.kind, given.released, given) for given in blueprint.cells)
        assembly = Assembly(blueprint, pieces, ())
    outputs: dict[int, list[CellOutput]] = {}
    owners = assembly.positions()
    index_of = {id(piece): index for index, piece in enumerate(assembly.pieces)}
    for output in result.outputs:
        if output.position in owners:
            outputs.setdefault(index_of[id(owners[output.position])], []).append(output)
    questions = {question.grade_id: question for question in result.questions}
    cells = []
    if banner := _banner(result, notes):
        about = {"autograder": {"about": True}}
        cells.append({"id": "about-grading", "cell_type": "markdown", "metadata": about, "source": banner})
    for index, piece in enumerate(assembly.pieces):
        cell = _cell(piece, index)
        if cell["cell_type"] == "code":
            question = questions.get(piece.given.grade_id or "") if piece.given else None
            cell["outputs"] = [*_outputs(outputs.get(index, [])), *(_report(question) if question else [])]
        cells.append(cell)
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": blueprint.metadata, "cells": cells}
    nbformat.validate(notebook)
    return notebook


def _cell(piece: Piece, index: int) -> dict[str, Any]:
    metadata = dict(piece.given.metadata) if piece.given else {}
    theirs = piece.given is None or piece.changed or (piece.given.role == "answer" and piece.found is not None)
    if piece.given is None or piece.changed:
        metadata["autograder"] = {"extra": piece.given is None, "changed": piece.changed}
    source, kind = piece.source, piece.kind
    if kind == "raw" and piece.given is None:
        # nbconvert copies raw cells into its pages as they are.
        fence = "`" * max(3, 1 + max((len(run) for run in source.split() if set(run) == {"`"}), default=0))
        source, kind = f"{fence}text\n{source}\n{fence}", "markdown"
    if kind == "markdown" and theirs:
        source = safe.markdown(source, piece.found.attachments if piece.found else ())
    # Not by nbformat's functions, which hold each cell against the schema: the whole notebook is, when it is complete.
    cell: dict[str, Any] = {"id": f"cell-{index}", "cell_type": kind, "metadata": metadata, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    if kind == "markdown" and theirs and piece.found is not None and piece.found.attachments:
        cell["attachments"] = dict(piece.found.attachments)
    return cell


def _banner(result: Result, notes: Collection[Note]) -> str:
    lines = []
    if result.status == "not gradable":
        lines.append(f"**Not gradable.** {_words(result.reason)}")
        lines.append("No points were taken: the questions below ask for a person's decision.")
    for note in notes:
        about = f"`{note.grade_id}`: " if note.grade_id else ""
        lines.append(f"- {about}{_words(note.text)}")
    return "\n\n".join(lines)


def _words(sentence: str) -> str:
    """A sentence with names from the submission in it, as Markdown that shows it as it is."""
    escaped = "".join("\\" + char if char in "\\`*_{}[]()<>#!|~$&" else char for char in safe.text(sentence, 2000))
    return safe.markdown(escaped.replace("\n", " "))


def _outputs(outputs: list[CellOutput]) -> list[dict[str, Any]]:
    made = []
    for output in outputs:
        for name, printed in (("stdout", output.stdout), ("stderr", output.stderr)):
            if printed:
                made.append(_stream(name, safe.text(printed)))
        if output.error:
            text = safe.text(output.error, 4000)
            kind, _, message = text.partition(":")
            error = {"ename": kind.strip(), "evalue": message.strip(), "traceback": text.split("\n")}
            made.append({"output_type": "error", **error})
    return made


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def _report(question: Question) -> list[dict[str, Any]]:
    """A question's checks as text, for the instructor."""
    lines = [f"{question.points:g} of {question.max_points:g} points"]
    if question.message:
        lines.append(question.message)
    for check in question.checks:
        hidden = " (hidden)" if check.visibility == "hidden" else ""
        lines.append(
            f"check {check.index + 1}{hidden}: {check.status}" + (f": {check.message}" if check.message else "")
        )
        for name in ("call", "got", "expected"):
            if value := getattr(check, name):
                lines.append(f"    {name}: {value}")
    return [_stream("stdout", safe.text("\n".join(lines)))]
