"""Look at a machine and a course, and say line by line what is right, what is not, and what to do about it.

Each check is a small function that yields lines; one that fails in an unforeseen way is a line too. Nothing is changed
anywhere: the gradebook is read, the sandbox is tried on two lines of our own, a Hub is asked who we are.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from jupyter_core.paths import jupyter_config_path, jupyter_path

Level = Literal["ok", "note", "mend"]

# Below this much free space the next class may fill the disk.
LEAST_FREE_MB = 1000


@dataclass(frozen=True)
class Line:
    """ok: right. note: worth knowing, or not to be told from here. mend: does not work until something is done."""

    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level:<5} {self.text}"


@dataclass
class Patient:
    """What is examined."""

    app: Any = None  # nbgrader's application with the course's configuration; None if that cannot be read
    scheduler: str = ""

    @property
    def coursedir(self) -> Any:
        """nbgrader's view of the course."""
        return self.app.coursedir

    @property
    def course_id(self) -> str:
        """The course's name, as far as it has one."""
        return (self.app.coursedir.course_id if self.app else "") or "COURSE"


def main(directory: Path | None, traits: list[str], *, scheduler: str | None = None) -> bool:
    """Print the findings; True if there is nothing to mend."""
    from autograder.__main__ import Fault, open_course

    patient = Patient(scheduler=scheduler or "")
    lines: list[Line] = []
    try:
        patient.app = open_course(directory, traits)
    except Fault as fault:
        lines.append(Line("mend", str(fault)))
    well = True
    for title, check in CHECKS:
        found = [*lines, *_examine(check, patient)] if check is _configuration else list(_examine(check, patient))
        if not found:
            continue
        print(f"{title}")
        for line in found:
            print(f"  {line}")
            well = well and line.level != "mend"
    print("Nothing to mend." if well else "Lines that begin with mend say what to do.")
    return well


def _examine(check: Callable[[Patient], Iterator[Line]], patient: Patient) -> Iterator[Line]:
    try:
        yield from check(patient)
    except Exception as error:
        yield Line("mend", f"{check.__name__.strip('_')} could not be examined: {type(error).__name__}: {error}")


def _version(package: str) -> tuple[int, ...]:
    """The first numbers of an installed package's version; () if it is not there."""
    try:
        text = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ()
    numbers = []
    for part in text.split("+")[0].split(".")[:3]:
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _environment(patient: Patient) -> Iterator[Line]:
    yield Line("ok", f"Python {platform.python_version()} in {sys.prefix}")
    for package, least, below in (("nbgrader", (0, 9, 6), (0, 10)), ("sqlalchemy", (2,), (3,)), ("msgpack", (1,), ())):
        found = _version(package)
        named = ".".join(map(str, found))
        wanted = ".".join(map(str, least))
        if not found:
            yield Line("mend", f"{package} is not installed: pip install '{package}>={wanted}'")
        elif found < least or (below and found >= below):
            upper = f",<{'.'.join(map(str, below))}" if below else ""
            yield Line(
                "mend", f"{package} {named} is not what this was tested with: pip install '{package}>={wanted}{upper}'"
            )
        else:
            yield Line("ok", f"{package} {named}")
    alembic = shutil.which("alembic")
    beside = Path(sys.executable).parent / "alembic"
    if alembic:
        yield Line("ok", f"alembic is on PATH ({alembic})")
    elif beside.exists():
        yield Line("mend", f"nbgrader calls alembic, which is not on PATH: export PATH={beside.parent}:$PATH")
    else:
        yield Line("mend", "nbgrader calls alembic, which is not installed: pip install alembic")
    from autograder import pools

    environment = pools.environment(pools.Setup().environment)
    yield Line("ok", f"environment {environment} (stored with every verdict; the same on machines that agree)")


def _isolation(patient: Patient) -> Iterator[Line]:
    from autograder import run
    from autograder.model import Cell, Job

    found = run.capabilities()
    for name, value in found.items():
        yield Line("ok" if value is not False else "note", f"{name}: {value}")
    cells = (
        Cell("def double(x):\n    return 2 * x", "student", "a"),
        Cell("assert double(4) == 8", "judge", "b", points=1),
    )
    try:
        # Not what the machine says it has: what it lets us do.
        with run.Grader(warm=()) as grader:
            grader.grade(Job("doctor", "doctor", "doctor", cells))
            started = time.perf_counter()
            result = grader.grade(Job("doctor", "doctor", "doctor", cells))
            took = 1000 * (time.perf_counter() - started)
            isolation = grader.isolation
    except run.Untrusted as refused:
        yield Line("mend", str(refused))
        return
    if result.points == 1:
        yield Line("ok", f"a trial submission was graded in isolation ({isolation}) in {took:.0f} ms")
        if isolation == "landlock":
            yield Line(
                "note",
                "namespaces are refused here, so students' code cannot start processes (no data-loader workers) and "
                "can see which files exist, not what is in them; allow user namespaces for the stronger isolation",
            )
    else:
        reason = result.reason or "; ".join(question.message for question in result.questions)
        yield Line("mend", f"a right answer got {result.points:g} of 1 points in a trial: {reason}")


def _configuration(patient: Patient) -> Iterator[Line]:
    if patient.app is None:
        return
    coursedir = patient.coursedir
    files = [path for path in patient.app.loaded_config_files if Path(path).name == "nbgrader_config.py"]
    if files:
        yield Line("ok", f"configuration from {', '.join(dict.fromkeys(files))}")
    else:
        yield Line(
            "mend", f"no nbgrader_config.py in {coursedir.root}: change to the course's directory, or make one there"
        )
    if coursedir.course_id:
        yield Line("ok", f"course {coursedir.course_id!r}")
    else:
        yield Line("mend", 'the course has no name: c.CourseDirectory.course_id = "…" in nbgrader_config.py')
    exporter = str(patient.app.config.get("Autograde", {}).get("exporter_class", ""))
    if "autograder.plugin" in exporter:
        yield Line("ok", "`nbgrader autograde` and Formgrader's Autograde use this engine")
    else:
        yield Line(
            "mend",
            "`nbgrader autograde` and Formgrader's Autograde run students' code with nbgrader's own engine, without "
            "isolation. In nbgrader_config.py: import autograder; autograder.configure(c)",
        )
    source = Path(coursedir.format_path(coursedir.source_directory, ".", "*")).parent
    if not source.is_dir():
        yield Line(
            "mend", f"no directory {source} for the assignments: make it, or set c.CourseDirectory.source_directory"
        )
    else:
        names = sorted(path.name for path in source.iterdir() if any(path.glob("*.ipynb")))
        yield Line("ok" if names else "note", f"assignments in {source}: {', '.join(names) or 'none yet'}")
        for name in names:
            if "+" in name:
                yield Line("mend", f"nbgrader does not take the name of assignment {name!r}: rename it without the +")
    names_of_steps = {
        step: getattr(coursedir, f"{step}_directory")
        for step in ("source", "release", "submitted", "autograded", "feedback", "solution")
    }
    for step, name in names_of_steps.items():
        twins = [other for other, theirs in names_of_steps.items() if theirs == name and other < step]
        for other in twins:
            yield Line("mend", f"{step}_directory and {other}_directory are both {name!r}: give them different names")
    free = shutil.disk_usage(coursedir.root).free // 10**6
    if free < LEAST_FREE_MB:
        yield Line("mend", f"only {free} MB of disk are free in {coursedir.root}: make room")
    else:
        yield Line("ok", f"{free / 1000:.0f} GB of disk are free in {coursedir.root}")


def _gradebook(patient: Patient) -> Iterator[Line]:
    if patient.app is None:
        return
    url = patient.coursedir.db_url
    shown = sa.engine.make_url(url).render_as_string(hide_password=True)
    path = sa.engine.make_url(url).database if url.startswith("sqlite") else None
    if path and not Path(path).exists():
        writable = os.access(Path(path).parent, os.W_OK)
        yield Line(
            "note" if writable else "mend", f"no gradebook yet at {path}; `nbgrader generate_assignment` makes it"
        )
        return
    try:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            if path:
                (state,) = connection.execute(sa.text("PRAGMA quick_check")).one()
                if state != "ok":
                    yield Line(
                        "mend", f"{path} is damaged ({state}): stop everything that uses it and restore a backup"
                    )
                    return
                if not os.access(path, os.W_OK) or not os.access(Path(path).parent, os.W_OK):
                    yield Line("mend", f"{path} or its directory cannot be written by this account")
            yield Line("ok", f"the gradebook answers ({shown})")
            yield from _schema(connection, tables)
            if "autograder_run" in tables:
                yield from _runs(engine)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        cause = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        yield Line("mend", f"the gradebook cannot be opened ({shown}): {cause}")


def _schema(connection: sa.Connection, tables: list[str]) -> Iterator[Line]:
    if "alembic_version" not in tables:
        if tables:
            yield Line("mend", "the gradebook's schema has no version: back it up, then nbgrader db upgrade")
        return
    version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    try:
        from nbgrader.api import get_alembic_version

        newest = get_alembic_version()
    except Exception as error:  # it starts a program and reads what that prints
        yield Line("mend", f"nbgrader cannot tell its schema's version: {error}")
        return
    if version == newest:
        yield Line("ok", f"its schema is this nbgrader's ({version})")
    else:
        yield Line(
            "mend", f"its schema is {version}, this nbgrader's is {newest}: back it up, then nbgrader db upgrade"
        )


def _runs(engine: sa.Engine) -> Iterator[Line]:
    from autograder import leases

    with engine.connect() as connection:
        runs = connection.execute(sa.select(leases.RUNS)).all()
        states = sa.select(leases.VERDICTS.c.state, sa.func.count()).group_by(leases.VERDICTS.c.state)
        held = [(state, count) for state, count in connection.execute(states)]
    for run in runs:
        pid = int(run.process.split("@")[0])
        if run.machine == leases.this_machine() and leases.process_identity(pid) != run.process:
            yield Line("note", f"a run on {run.assignment} was killed; the next `grade` takes over what it held")
        else:
            yield Line("note", f"a run on {run.assignment} is under way (process {pid} on {run.machine.split()[0]})")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(held))
    yield Line("ok", f"verdicts: {counts or 'none yet'}")


def _extensions(patient: Patient) -> Iterator[Line]:
    enabled: dict[str, bool] = {}
    for directory in reversed(jupyter_config_path()):
        base = Path(directory)
        for path in [*sorted((base / "jupyter_server_config.d").glob("*.json")), base / "jupyter_server_config.json"]:
            content = _json(path)
            for app in ("ServerApp", "NotebookApp"):
                enabled.update(content.get(app, {}).get("jpserver_extensions", {}))
    prefix = "nbgrader.server_extensions."
    on = {name.removeprefix(prefix) for name, state in enabled.items() if name.startswith(prefix) and state}
    if not on:
        yield Line(
            "note", "no nbgrader extension is enabled in JupyterLab here: jupyter server extension enable --py nbgrader"
        )
    for name, whose in (
        ("formgrader", "instructors"), ("assignment_list", "students"), ("validate_assignment", "students")
    ):  # fmt: skip
        if name in on:
            yield Line("ok", f"server extension {name} is on (for {whose})")
        elif on:
            yield Line(
                "note", f"server extension {name} is off (for {whose}): jupyter server extension enable {prefix}{name}"
            )
    if "formgrader" in on and os.environ.get("JUPYTERHUB_USER"):
        yield Line(
            "note",
            "students' servers must not have Formgrader and Create Assignment: disable "
            "nbgrader.server_extensions.formgrader and the lab extensions @jupyter/nbgrader:formgrader and "
            ":create-assignment in their configuration",
        )
    lab = [Path(directory) / "labextensions" / "@jupyter" / "nbgrader" for directory in jupyter_path()]
    if any(path.exists() for path in lab):
        yield Line("ok", "the JupyterLab extension @jupyter/nbgrader is installed")
    else:
        yield Line(
            "note", "the JupyterLab extension @jupyter/nbgrader is not installed; it comes with pip install nbgrader"
        )


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def roles(course_id: str) -> str:
    """What jupyterhub_config.py needs for Formgrader, on JupyterHub 5 and 6."""
    return f"""\
c.JupyterHub.load_groups = {{
    "formgrade-{course_id}": {{"users": ["INSTRUCTOR"]}}, "nbgrader-{course_id}": {{"users": []}},
}}
c.JupyterHub.load_roles = [
    {{"name": "formgrade-{course_id}", "groups": ["formgrade-{course_id}"],
     "scopes": ["access:services!service={course_id}", "list:services", "read:services!service={course_id}"]}},
    {{"name": "server", "scopes": ["inherit"]}},
]"""


def _hub(patient: Patient) -> Iterator[Line]:
    address, token = os.environ.get("JUPYTERHUB_API_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
    course = patient.course_id
    if not address or not token:
        yield Line("note", "not started by a JupyterHub, so its roles cannot be seen. Formgrader on a Hub needs:")
        for line in roles(course).splitlines():
            yield Line("note", f"    {line}")
        return
    who = _ask(address, token, "user")
    if isinstance(who, str):
        yield Line("mend", f"the Hub does not answer at {address}: {who}")
        return
    scopes = set(who.get("scopes", []))
    yield Line("ok", f"the Hub knows this process as {who.get('kind', 'user')} {who.get('name')!r}")
    groups = set(who.get("groups") or [])
    if who.get("kind") == "user" and f"formgrade-{course}" not in groups and not who.get("admin"):
        yield Line(
            "note", f"{who.get('name')!r} is not in group formgrade-{course}, so Formgrader is closed to this account"
        )
    allowed = {f"access:services!service={course}", "access:services"} & scopes
    if who.get("kind") == "user" and not allowed:
        yield Line("mend", f"it may not open the service {course!r} (403 in the browser). In jupyterhub_config.py:")
        for line in roles(course).splitlines():
            yield Line("mend", f"    {line}")
    elif allowed:
        yield Line("ok", f"it may open the service {course!r}")
    services = _ask(address, token, "services")
    if isinstance(services, str):
        yield Line(
            "mend", f"it may not list services, which the Courses page does: give its role list:services ({services})"
        )
    elif course not in services:
        yield Line("mend", f"the Hub has no service named {course!r}: nbgrader wants one, named as the course")
    else:
        yield Line(
            "ok", f"the Hub has the service {course!r}; Formgrader opens in a browser tab of its own, not inside Lab"
        )


def _ask(address: str, token: str, what: str) -> Any:
    """A JSON answer of the Hub's, or why there is none."""
    request = urllib.request.Request(f"{address.rstrip('/')}/{what}", headers={"Authorization": f"token {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"
    except (OSError, ValueError) as error:
        return str(error)


def _cluster(patient: Patient) -> Iterator[Line]:
    address = patient.scheduler
    if not address and patient.app is not None:
        address = str(patient.app.config.get("Engine", {}).get("scheduler", ""))
    if not address:
        return
    from autograder import pools

    try:
        pool = pools.DaskPool(address, pools.Setup(), patience=10)
    except pools.PoolError as error:
        yield Line("mend", str(error))
        return
    workers = pool.room(1)
    pool.close()
    yield Line(
        "ok", f"the scheduler at {address} and its workers have the same packages as this machine ({workers} slots)"
    )


CHECKS: list[tuple[str, Callable[[Patient], Iterator[Line]]]] = [
    ("Environment", _environment),
    ("Isolation", _isolation),
    ("Course", _configuration),
    ("Gradebook", _gradebook),
    ("JupyterLab", _extensions),
    ("JupyterHub", _hub),
    ("Cluster", _cluster),
]
