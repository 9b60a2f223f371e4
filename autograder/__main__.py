"""The command line: python -m autograder grade | lint | bench | doctor, run in an nbgrader course directory.

What is imported here is imported again by every worker process, so heavy things are imported where they are used.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

OK, INCOMPLETE, USAGE, REFUSED, STOPPED, CANCELLED = 0, 1, 2, 3, 4, 130

EXIT_CODES = """\
exit codes:
  0    done: every submission asked for has a verdict ("not gradable" with a reason is one); lint and doctor: no fault
  1    grade: the grader itself failed on some submissions, a rerun tries them again; lint and doctor: faults were found
  2    the command, the configuration or the course is not right; nothing was done
  3    students' code cannot be isolated on this machine, and --trust was not given; nothing was run
  4    stopped on the way (disk full, database or cluster lost); what was recorded stands, a rerun does the rest
  130  cancelled by Ctrl-C or SIGTERM; what was recorded stands, a rerun does the rest
"""


class Fault(Exception):
    """Said to the user in one line; `code` is the exit code."""

    def __init__(self, text: str, code: int = USAGE):
        super().__init__(text)
        self.code = code


def parser() -> argparse.ArgumentParser:
    """The command line, described once."""
    top = argparse.ArgumentParser(
        prog="python -m autograder",
        description="Grade an nbgrader course: student code on one side, verdicts on the other.",
        epilog="Run it in the course directory; nbgrader_config.py there is read as nbgrader reads it, and options\n"
        "such as --CourseDirectory.db_url=... or --Engine.memory_mb=4096 set any of its traits.\n\n" + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="{grade,lint,doctor,bench}", required=True)

    def command(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.add_argument(
            "--course-dir", type=Path, metavar="DIR", help="the course directory (default: the current one)"
        )
        sub.add_argument("--debug", action="store_true", help="log what is done, and show tracebacks")
        return sub

    grade = command(
        "grade",
        "grade submissions and write them to the gradebook",
        "Grade the submissions of an assignment that have no verdict yet, or whose submission, tests or limits have\n"
        "changed since, and write scores to nbgrader's gradebook. Formgrader, generate_feedback and export go on\n"
        "from there. A run that was stopped or killed is continued by running the same command again.",
    )
    grade.add_argument("assignment", help="its name, as in `nbgrader autograde ASSIGNMENT`")
    grade.add_argument("--student", metavar="S", help='only this student, or a pattern such as "b*"')
    grade.add_argument("--question", metavar="Q", help="grade this question anew and leave the points of the others")
    grade.add_argument("--force", action="store_true", help="grade anew what has a verdict that stands")
    _where(grade)
    grade.add_argument(
        "--json",
        type=Path,
        metavar="DIR",
        help="also write each verdict in full (not for students) and summary.json into DIR",
    )
    grade.add_argument("--quiet", action="store_true", help="no progress bar, and only faults in the report")

    lint = command(
        "lint",
        "check an assignment before it is released",
        "Grade the instructor's own solution (full marks wanted), the released version (none wanted), the solution 20\n"
        "times over (the same verdict wanted) and small mistakes made in the solution (wanted: caught by the tests);\n"
        "look for hidden tests and solutions in the released files, and for mistakes that test authors make.\n\n"
        "Mutants that change nothing a test could see are listed, with reasons, in SOURCE/ASSIGNMENT.mutants.toml:\n\n"
        '  [[equivalent]]\n  cell = "conv2d"\n  mutant = "comparison: `if a < b:` → `if a <= b:`"\n'
        '  reason = "a and b are never equal here"\n\n'
        "One answer may be a design, in which a change gives another design and not a mistake, such as how a network\n"
        "is trained. It is not mutated if it is worth a quarter of the points at most and has three tests:\n\n"
        '  [[free]]\n  cell = "recipe"\n  reason = "..."',
    )
    lint.add_argument("assignment", help="its name")
    lint.add_argument("--task", metavar="ID", action="append", help="mutate only this answer (may be repeated)")
    lint.add_argument("--no-mutants", action="store_true", help="leave the mutants out")
    lint.add_argument("--regrades", type=int, default=20, metavar="N", help="how often the solution is graded (20)")
    lint.add_argument("--min-score", type=float, default=0.9, metavar="X", help="lowest mutation score of a task (0.9)")
    _where(lint)
    lint.add_argument("--json", type=Path, metavar="FILE", help="also write the report to FILE")

    doctor = command(
        "doctor",
        "check this machine and the course's configuration",
        "Check the environment, what isolation is to be had, the course's configuration, its database, nbgrader's\n"
        "extensions and the Hub's roles. Every line that is not right says what to do.",
    )
    doctor.add_argument("--scheduler", metavar="URL", help="also ask the workers of this Dask scheduler")

    bench = command(
        "bench",
        "measure against stock nbgrader",
        "Grade the same submissions by `nbgrader autograde` and by this engine, in a course made for the purpose.\n"
        "Takes some five minutes, nearly all of it stock nbgrader's. The last lines are `name: value`.",
    )
    bench.add_argument("--submissions", type=int, metavar="N", help="how many (60, or $GRADING_SUBMISSIONS)")
    return top


def _where(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one for each core)")
    sub.add_argument("--scheduler", metavar="URL", help="grade on a Dask cluster: tcp://host:8786")
    sub.add_argument("--trust", action="store_true", help="run students' code without isolation if there is none")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # names of students may be anything
    options, traits = parser().parse_known_args(arguments)
    debug = options.debug
    try:
        unknown = [word for word in traits if not _is_trait(word)]
        if unknown:
            raise Fault(f"unknown option {unknown[0]!r}; see `python -m autograder {options.command} --help`")
        signal.signal(signal.SIGTERM, _cancel)
        return {"grade": _grade, "lint": _lint, "doctor": _doctor, "bench": _bench}[options.command](options, traits)
    except Fault as fault:
        if debug and fault.__cause__ is not None:
            raise
        print(f"autograder: {fault}", file=sys.stderr)
        return fault.code
    except KeyboardInterrupt:
        print("autograder: cancelled. What was recorded stands; run the same command again to go on.", file=sys.stderr)
        return CANCELLED
    except BrokenPipeError:
        sys.stderr.close()  # `| head` has seen enough
        return OK


def _cancel(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _is_trait(word: str) -> bool:
    name, dot, rest = word.removeprefix("--").partition(".")
    return word.startswith("--") and bool(dot) and name[:1].isupper() and "=" in rest


def open_course(directory: Path | None, traits: list[str], *, debug: bool = False) -> Any:
    """An nbgrader application with the course's configuration loaded, as `nbgrader autograde` would have it."""
    from nbgrader.apps.baseapp import NbGrader
    from traitlets import TraitError

    if directory is not None and not directory.is_dir():
        raise Fault(f"{directory} is not a directory")
    app: Any = NbGrader()
    app.raise_config_file_errors = True
    app.log_level = logging.DEBUG if debug else logging.WARNING
    level = f"--Application.log_level={'DEBUG' if debug else 'WARN'}"
    try:
        app.initialize([level, *traits], root=str(directory.resolve()) if directory else "")
    except TraitError as error:
        raise Fault(f"the configuration is not right: {error}") from error
    except Exception as error:  # whatever a configuration file, which is a program, may raise
        raise Fault(f"nbgrader_config.py cannot be read: {type(error).__name__}: {error}") from error
    return app


def _engine(options: argparse.Namespace, traits: list[str]) -> Any:
    from traitlets import TraitError

    from autograder.engine import Engine

    app = open_course(options.course_dir, traits, debug=options.debug)
    try:
        engine = Engine(app.coursedir, parent=app)
    except TraitError as error:
        raise Fault(f"the configuration is not right: {error}") from error
    if options.workers is not None:
        if options.workers < 1:
            raise Fault("--workers must be at least 1")
        engine.workers = options.workers
    if options.scheduler:
        engine.scheduler = options.scheduler
    engine.trust = engine.trust or options.trust
    return engine


def _grade(options: argparse.Namespace, traits: list[str]) -> int:
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    from autograder import pools
    from autograder.engine import CourseError, Interrupted, Summary, Verdict

    engine = _engine(options, traits)
    done: list[Verdict] = []
    bar: Any = tqdm(total=0, unit="nb", desc=options.assignment, disable=True if options.quiet else None, leave=False)

    def on_plan(plan: Any) -> None:
        bar.reset(total=plan.todo)

    def on_verdict(verdict: Verdict, result: Any) -> None:
        done.append(verdict)
        bar.update()
        if options.json is not None:
            _write_json(options.json / verdict.student / f"{verdict.notebook}.json", result)

    def finish(summary: Summary | None) -> None:
        bar.close()
        if options.json is not None:
            _write_summary(options.json / "summary.json", options.assignment, done, summary)
        for line in report(options.assignment, done, summary, quiet=options.quiet):
            print(line)

    try:
        with logging_redirect_tqdm([engine.log]):
            summary = engine.grade(
                options.assignment,
                student=options.student,
                question=options.question,
                force=options.force,
                on_plan=on_plan,
                on_verdict=on_verdict,
            )
    except CourseError as error:
        bar.close()
        raise Fault(str(error)) from error
    except pools.Refused as error:
        bar.close()
        raise Fault(str(error), REFUSED) from error
    except Interrupted as error:
        finish(None)
        raise Fault(
            f"stopped: {error}. What was recorded stands; run the same command again to go on.", STOPPED
        ) from error
    except KeyboardInterrupt:
        finish(None)
        raise
    finish(summary)
    return INCOMPLETE if summary.count("failed") else OK


def report(assignment: str, verdicts: list[Any], summary: Any = None, *, quiet: bool = False) -> list[str]:
    """What a run did, for people: faults by name, then one line of counts."""
    lines = []
    for verdict in sorted(verdicts, key=lambda verdict: (verdict.student, verdict.notebook)):
        if verdict.outcome != "graded":
            lines.append(f"{verdict.student}/{verdict.notebook}: {verdict.outcome}. {verdict.reason}")
    graded = [verdict for verdict in verdicts if verdict.outcome == "graded"]
    if quiet:
        return lines
    parts = [f"{len(graded)} graded"]
    for outcome in ("not gradable", "failed", "taken over"):
        if count := sum(verdict.outcome == outcome for verdict in verdicts):
            parts.append(f"{count} {outcome}")
    if summary is not None and summary.standing:
        parts.append(f"{summary.standing} up to date")
    if summary is not None and summary.busy:
        parts.append(f"{summary.busy} being graded by another run")
    line = f"{assignment}: {', '.join(parts)}"
    if summary is not None and verdicts:
        line += f" in {summary.seconds:.1f} s ({summary.start_seconds:.1f} s of it starting)"
    lines.append(line + ".")
    if graded:
        mean = sum(verdict.points for verdict in graded) / len(graded)
        lines.append(f"mean {mean:.2f} of {max(verdict.max_points for verdict in graded):g} points by the tests")
    if summary is not None and summary.elsewhere:
        lines.append("some verdicts that stand were made with other packages than today's; --force grades them anew")
    return lines


def _write_json(path: Path, result: Any) -> None:
    from autograder import record

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record.stored(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_summary(path: Path, assignment: str, verdicts: list[Any], summary: Any) -> None:
    from dataclasses import asdict

    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "assignment": assignment,
        "complete": summary is not None,
        "standing": summary.standing if summary else None,
        "workers": summary.workers if summary else None,
        "seconds": summary.seconds if summary else None,
        "start_seconds": summary.start_seconds if summary else None,
        "verdicts": [asdict(verdict) for verdict in sorted(verdicts, key=lambda each: (each.student, each.notebook))],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _lint(options: argparse.Namespace, traits: list[str]) -> int:
    from tqdm import tqdm

    from autograder import lint, pools
    from autograder.engine import CourseError, Interrupted

    engine = _engine(options, traits)
    bar: Any = tqdm(total=0, unit="run", desc=options.assignment, disable=None, leave=False)
    try:
        found = lint.lint(
            engine,
            options.assignment,
            tasks=options.task,
            mutate=not options.no_mutants,
            regrades=options.regrades,
            min_score=options.min_score,
            progress=bar,
        )
    except CourseError as error:
        raise Fault(str(error)) from error
    except pools.Refused as error:
        raise Fault(str(error), REFUSED) from error
    except Interrupted as error:
        raise Fault(str(error), STOPPED) from error
    finally:
        bar.close()
    for line in found.lines():
        print(line)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return INCOMPLETE if found.errors else OK


def _doctor(options: argparse.Namespace, traits: list[str]) -> int:
    from autograder import doctor

    return OK if doctor.main(options.course_dir, traits, scheduler=options.scheduler) else INCOMPLETE


def _bench(options: argparse.Namespace, traits: list[str]) -> int:
    from autograder import bench

    return bench.main(options.submissions)


if __name__ == "__main__":
    code = main()
    gc.freeze()  # else Python looks half a second for garbage among the thousand modules it is about to let go of
    sys.exit(code)
