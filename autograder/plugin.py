"""Where the rooms meet nbgrader: what `autograder.configure(c)` puts into a course's configuration.

Seams, all of them nbgrader's own configuration, so that a server with several courses uses this engine for those that
ask for it and for no other:

- `Autograde.exporter_class`. nbgrader's preprocessor lists would be the smaller seam, but they come too late: before
  the first preprocessor runs, the converter has copied the submission (following links), parsed it (one deep bracket
  and it is over) and believed its timestamp. The exporter is made before any of that. Ours replaces the converter's
  loop over submissions, on that one instance, by the engine's; hooks, options and messages stay the converter's.
- `Autograde.sanitize_preprocessors`, `.autograde_preprocessors`: one that refuses. Should nbgrader's own loop ever run
  in spite of the above, it stops before it executes a cell.
- `GenerateFeedback.exporter_class` for the feedback, `Validator.Execute`'s hooks for `nbgrader validate` and the
  Validate button, `ExchangeFactory.collect` and `ZipCollectApp.extractor_plugin` for what comes in,
  `ExportApp.plugin_class` for grades that go out as CSV.
"""

from __future__ import annotations

import csv
import fnmatch
import os
import pwd
import re
import shutil
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.plugins.export import CsvExportPlugin
from nbgrader.plugins.zipcollect import ExtractorPlugin
from nbgrader.preprocessors.base import NbGraderPreprocessor
from traitlets import Bool, Float
from traitlets.config import Config

from autograder import intake


def configure(c: Config) -> None:
    """Let nbgrader grade this course by `autograder`. To be called in nbgrader_config.py: `autograder.configure(c)`.

    Settings made before or after stay in force; an exchange of the course's own keeps its `collect`.
    """
    c.Autograde.exporter_class = "autograder.plugin.GradingExporter"
    c.Autograde.sanitize_preprocessors = ["autograder.plugin.Refuse"]
    c.Autograde.autograde_preprocessors = ["autograder.plugin.Refuse"]
    c.GenerateFeedback.exporter_class = "autograder.feedback.FeedbackExporter"
    c.GenerateFeedback.preprocessors = []
    if "collect" not in c.ExchangeFactory:
        c.ExchangeFactory.collect = "autograder.plugin.Collect"
    if "extractor_plugin" not in c.ZipCollectApp:
        c.ZipCollectApp.extractor_plugin = "autograder.plugin.Extractor"
    if "plugin_class" not in c.ExportApp:
        c.ExportApp.plugin_class = "autograder.plugin.CsvExport"
    from autograder import validate

    c.Validator.Execute.on_cell_execute = validate.on_cell_execute
    c.Validator.Execute.on_cell_complete = validate.on_cell_complete


# --- autograde -------------------------------------------------------------------------------------------------------


class GradingExporter(NotebookExporter):
    """Not an exporter at heart: where nbgrader's Autograde converter lets configuration in."""

    def __init__(self, config: Config | None = None, **options: Any):
        super().__init__(config=config, **options)
        converter = self.parent
        if isinstance(converter, Autograde):
            converter.convert_notebooks = lambda: autograde(converter)

    def from_filename(self, filename: str, resources: dict | None = None, **kw: Any) -> Any:
        """Never reached where this works as it should."""
        raise NbGraderException(REFUSAL)


REFUSAL = (
    "nbgrader's own autograder was about to run a submission that the autograder package is configured to grade. "
    "Nothing was run. Is this nbgrader newer than the one that autograder knows (0.9)?"
)


class Refuse(NbGraderPreprocessor):
    """Stops nbgrader's own loop before it executes anything."""

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Raise NbGraderException."""
        raise NbGraderException(REFUSAL)


def autograde(converter: Autograde) -> None:
    """What `nbgrader autograde` and Formgrader's Autograde button do: grade the converter's submissions.

    A submission that cannot be graded has a status and a reason in the gradebook, and does not make the command fail.

    Raises NbGraderException, after everything that can be graded has been, if something has not.
    """
    # Imported here: students' servers load this module for `validate`, and grade nothing.
    from autograder import engine, pools

    log = converter.log
    if converter.config.get("Execute", {}).get("enabled") is False:
        log.warning("--no-execute has no effect: submissions are always run anew, their saved outputs are not read")
    failed: list[str] = []

    def told(verdict: Any, result: Any) -> None:
        who = f"{verdict.student}, {verdict.notebook}"
        if verdict.outcome == "graded":
            log.info("%s: %g of %g points", who, verdict.points, verdict.max_points)
        elif verdict.outcome == "not gradable":
            log.warning("%s: NOT GRADABLE. %s", who, verdict.reason)
        else:
            log.error("%s: %s. %s", who, verdict.outcome, verdict.reason)
            failed.append(who)

    for assignment, students in sorted(_chosen(converter).items()):
        for student, notebooks in students.items():
            converter.notebooks = notebooks
            log.debug("Taking up %s", student)
            converter.run_pre_convert_hook()
        runner = engine.Engine(converter.coursedir, parent=converter)
        try:
            for student, force in _runs(converter, assignment, students):
                summary = runner.grade(assignment, student=student, force=force, on_verdict=told)
                if summary.standing:
                    log.info(
                        "%d verdicts stand: neither submission nor tests have changed. --force grades them again",
                        summary.standing,
                    )
        except (engine.CourseError, engine.Interrupted, pools.PoolError) as error:
            log.error("%s", error)
            raise NbGraderException(str(error)) from error
        for notebooks in students.values():
            converter.notebooks = notebooks
            converter.run_post_convert_hook()
    if failed:
        raise NbGraderException(f"the grader failed on: {'; '.join(failed)}. Run the command again.")


def _chosen(converter: Autograde) -> dict[str, dict[str, list[str]]]:
    """Assignments and students that the command line names, with the notebooks that were handed in."""
    coursedir = converter.coursedir
    parts = converter._format_source("(?P<assignment>.*)", "(?P<student>.*)", escape=True)
    excluded = set(coursedir.student_id_exclude.split(","))
    chosen: dict[str, dict[str, list[str]]] = {}
    for path, notebooks in sorted(converter.assignments.items()):
        match = re.fullmatch(parts, path)
        if match and match["student"] not in excluded:
            chosen.setdefault(match["assignment"], {})[match["student"]] = sorted(notebooks)
    if not converter.create_student:
        _drop_unknown(converter, chosen)
    return chosen


def _drop_unknown(converter: Autograde, chosen: dict[str, dict[str, list[str]]]) -> None:
    from nbgrader.api import Gradebook

    with Gradebook(converter.coursedir.db_url, converter.coursedir.course_id) as gradebook:
        known = {student.id for student in gradebook.students}
    for students in chosen.values():
        for student in students.keys() - known:
            converter.log.error("No student with ID '%s' exists in the database", student)
            del students[student]


def _runs(converter: Autograde, assignment: str, students: dict[str, list[str]]) -> list[tuple[str, bool]]:
    """(student or pattern, force) pairs for the engine: one run for all, and one for each whose files are gone."""
    coursedir = converter.coursedir
    pattern = coursedir.student_id or "*"
    runs = [(pattern, converter.force)]
    if not converter.create_student:
        runs = [(student, converter.force) for student in students]
    if not converter.force:
        # As in nbgrader, deleting a directory of autograded/ means: grade it again.
        gone = [
            student
            for student in students
            if not os.path.isdir(converter._format_dest(assignment, student))
            and _has_verdict(converter, assignment, student)
        ]
        runs = [(student, True) for student in gone] + runs
    return runs


def _has_verdict(converter: Autograde, assignment: str, student: str) -> bool:
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(converter.coursedir.db_url, converter.coursedir.course_id) as gradebook:
        try:
            gradebook.find_submission(assignment, student)
        except MissingEntry:
            return False
    return True


# --- what comes in ---------------------------------------------------------------------------------------------------


class Collect(ExchangeCollect):
    """`nbgrader collect` from the file-system exchange, by way of intake: plain files, server's time, no surprises.

    Who handed something in is, in this exchange, the owner of the inbox directory and nothing better; and the student
    can change the directory until it is collected. An exchange that knows its users and keeps what it got does both.
    """

    src_records: list[dict]  # nbgrader's, by init_src

    trust_claimed_time = Bool(
        False,
        help="Believe the students' own clocks (say, after the exchange was moved and the kernel's times are lost).",
    ).tag(config=True)

    def _path_to_record(self, path: str) -> dict:
        try:
            return super()._path_to_record(path)
        except Exception:  # a name that no exchange has made
            username = os.path.basename(path).split("+")[0]
            return {"username": username, "filename": os.path.basename(path), "timestamp": self._seen(path)}

    def _sort_by_timestamp(self, records: list[dict]) -> list[dict]:
        """Latest first. What somebody else has put there in a student's name comes after what the student has."""
        mine = [record for record in records if self._owner(record) == record["username"]]
        if mine and len(mine) < len(records):
            self.log.error("%s: ignoring submissions that other users made in this name", mine[0]["username"])
        return super()._sort_by_timestamp(mine or records)

    def copy_files(self) -> None:
        """Collect; an entry of the inbox that is no directory is named and left alone."""
        real: list[dict] = []
        for record in self.src_records:
            path = Path(self.inbound_path, record["filename"])
            if path.is_dir() and not path.is_symlink():
                real.append(record)
            else:
                self.log.error("%s is not a directory; ignored", path)
        self.src_records = real
        super().copy_files()

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        """Take one submission in. One that is refused leaves its reason in its place."""
        seen = self._seen(src)
        student = Path(dest).parent.name
        try:
            submission = intake.take_in(src)
            files = {path: data for path, data in submission.files.items() if path not in intake.RESERVED}
            claimed, secret = submission.claimed_time, submission.secret
        except intake.NotGradable as error:
            self.log.error("%s: NOT GRADABLE. %s", student, error.reason)
            files, claimed, secret = {intake.REFUSED: error.reason.encode()}, None, None
        moment = intake.settle_time(
            claimed,
            seen,
            trust_claim=self.trust_claimed_time,
            warn=lambda text: self.log.warning("%s: %s", student, text),
        )
        files[intake.TIMESTAMP] = f"{moment or seen} UTC".encode()
        if secret:
            files[intake.SECRET] = secret.encode()
        place(files, Path(dest), shared=self.coursedir.groupshared)

    def _seen(self, path: str) -> Any:
        try:
            return intake.last_change(path)
        except OSError:
            return intake.EARLIEST

    def _owner(self, record: dict) -> str | None:
        try:
            return pwd.getpwuid(os.lstat(Path(self.inbound_path, record["filename"])).st_uid).pw_name
        except (OSError, KeyError):
            return None


def place(files: dict[str, bytes], directory: Path, *, shared: bool = False) -> None:
    """Write plain files into a directory that is there, complete, or not at all."""
    part = directory.with_name(f".{directory.name}.{os.urandom(4).hex()}.part")
    part.mkdir(parents=True)
    try:
        for name, data in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            if shared:
                path.chmod(0o664)
        if shared:
            for folder in (part, *(path for path in part.rglob("*") if path.is_dir())):
                folder.chmod(0o2775)
        if directory.is_dir() and not directory.is_symlink():
            shutil.rmtree(directory)
        os.replace(part, directory)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


class Extractor(ExtractorPlugin):
    """`nbgrader zip_collect`, with caps: no bombs, no paths out of the archive, no links."""

    class_mb = Float(2000, help="Size, unpacked, of an archive of a whole class's submissions.").tag(config=True)

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Unpack each archive into a directory of its name, archives inside it too; copy everything else."""
        caps = intake.Caps(total_mb=self.class_mb, file_mb=self.class_mb, notebook_mb=self.class_mb, files=50_000)
        for root, _, names in os.walk(archive_path):
            target = Path(extracted_path, os.path.relpath(root, archive_path))
            for name in sorted(names):
                path = Path(root, name)
                if path.is_symlink() or not path.is_file():
                    self.log.error("%s is not a plain file; ignored", path)
                elif self._is_archive(name):
                    self._unpack(path.read_bytes(), target / _stem(name), caps, str(path))
                else:
                    target.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target / name)

    def _is_archive(self, name: str) -> bool:
        return any(fnmatch.fnmatch(name.lower(), f"*{extension}") for extension in (*self.zip_ext, ".tar", ".tgz"))

    def _unpack(self, data: bytes, target: Path, caps: intake.Caps, what: str, nested: int = 0) -> None:
        try:
            files = intake.unpack(data, caps, unwrap=False).files
        except intake.NotGradable as error:
            self.log.error("%s: %s", what, error.reason)
            return
        for name, content in files.items():
            if self._is_archive(name) and nested < 2:
                self._unpack(
                    content, target / Path(name).parent / _stem(name), intake.Caps(), f"{what}/{name}", nested + 1
                )
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)


def _stem(name: str) -> str:
    stem = Path(name).stem
    return stem.removesuffix(".tar")


# --- what goes out ---------------------------------------------------------------------------------------------------

COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip


class CsvExport(CsvExportPlugin):
    """`nbgrader export` with the columns that nbgrader writes, quoted, so that a comma in a name shifts nothing.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, which spreadsheets do not show.
    """

    def export(self, gradebook: Any) -> None:
        """Write the grades to `self.to`, or grades.csv."""
        dest = self.to or "grades.csv"
        self.log.info("Exporting grades to %s", dest)
        wanted_students, wanted = set(map(str, self.student)), set(map(str, self.assignment))
        with open(dest, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for assignment in gradebook.assignments:
                for student in gradebook.students:
                    if (not wanted or assignment.name in wanted) and (
                        not wanted_students or student.id in wanted_students
                    ):
                        row = self._row(gradebook, assignment, student)
                        writer.writerow({name: inert(value) for name, value in row.items()})

    def _row(self, gradebook: Any, assignment: Any, student: Any) -> dict[str, Any]:
        from nbgrader.api import MissingEntry

        row = {
            "assignment": assignment.name,
            "duedate": assignment.duedate,
            "timestamp": None,
            "student_id": student.id,
            "last_name": student.last_name,
            "first_name": student.first_name,
            "email": student.email,
            "raw_score": 0.0,
            "late_submission_penalty": 0.0,
            "score": 0.0,
            "max_score": assignment.max_score,
        }
        try:
            submission = gradebook.find_submission(assignment.name, student.id)
        except MissingEntry:
            return row
        penalty = submission.late_submission_penalty
        return row | {
            "timestamp": submission.timestamp,
            "raw_score": submission.score,
            "late_submission_penalty": penalty,
            "score": final_score(submission),
        }


def final_score(submission: Any) -> float:
    """A submission's points after its late penalty, never below zero."""
    return max(0.0, submission.score - submission.late_submission_penalty)


def inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") and value else value
