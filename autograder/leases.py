"""What has been graded, what is being graded and by whom: three tables of ours in the gradebook's own database.

A verdict's row goes open -> leased -> recorded. A run of the engine leases a row before it grades, and the row becomes
"recorded" in the transaction that writes the grades, on the condition that the lease still is that run's own. So a
verdict is recorded once or not at all, whatever dies and however many runs there are; a run that was stopped for an
hour and wakes up cannot overwrite its successor. The next run takes back the leases of a run that is dead.

Works on SQLite and PostgreSQL with plain conditional updates. Time is the database's, so machines need not agree.
Nothing here reads a submission or a grade, and nbgrader's tables are never touched.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import uuid
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from autograder.model import Result

# Seconds without a heartbeat after which a run on another machine counts as dead.
PATIENCE = 60.0

METADATA = sa.MetaData()

RUNS = sa.Table(
    "autograder_run",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("machine", sa.String(255), nullable=False),
    sa.Column("process", sa.String(64), nullable=False),
    sa.Column("assignment", sa.String(128), nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("heartbeat", sa.Float, nullable=False),
)

VERDICTS = sa.Table(
    "autograder_verdict",
    METADATA,
    sa.Column("assignment", sa.String(128), primary_key=True),
    sa.Column("student", sa.String(128), primary_key=True),
    sa.Column("notebook", sa.String(128), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # open, leased, recorded
    sa.Column("run", sa.String(32)),
    sa.Column("questions", sa.Text),  # JSON list: only these are to be recorded anew; null: all of them
    sa.Column("attempts", sa.Integer, nullable=False, default=0),  # leases since the last verdict
    sa.Column("times_recorded", sa.Integer, nullable=False, default=0),
    sa.Column("status", sa.String(16)),
    sa.Column("reason", sa.Text),
    sa.Column("environment", sa.String(64)),
    sa.Column("recorded", sa.Float),
)

SETTINGS = sa.Table(
    "autograder_setting",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.String(255), nullable=False),
)


class LeaseLost(RuntimeError):
    """Another run has taken this verdict over; what this one graded must not be recorded."""


@dataclass(frozen=True)
class Item:
    """One notebook of one student's submission that may need a verdict.

    fingerprint: a hash of everything the verdict depends on. A recorded verdict with the same one stands.
    """

    student: str
    notebook: str
    fingerprint: str


@dataclass(frozen=True)
class Lease:
    """The right, and the duty, to grade one item. questions: only these are to be recorded anew; None: all."""

    student: str
    notebook: str
    questions: frozenset[str] | None = None
    attempts: int = 1


@dataclass
class Plan:
    """What there is to do. standing: items whose verdict stands. busy: items that another live run is grading."""

    todo: int = 0
    standing: int = 0
    busy: int = 0
    elsewhere: set[str] = field(default_factory=set)  # environments, not this one, that standing verdicts come from


def connect(db_url: str) -> sa.Engine:
    """An engine for the gradebook's database, patient with other writers. Makes our tables where they are missing.

    nbgrader must have made its own tables before (it takes a database with any table in it for one of its own).
    """
    options: dict[str, Any] = {"timeout": 60} if db_url.startswith("sqlite") else {}
    engine = sa.create_engine(db_url, connect_args=options, pool_pre_ping=not options)
    for _ in range(3):
        try:
            METADATA.create_all(engine)
            break
        except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError) as error:
            # Two runs started at once: the other one made the table between our look and our CREATE.
            failure = error
    else:
        raise failure
    return engine


def seed_key(db_url: str | sa.Engine) -> bytes:
    """The course's secret for `model.seed_for`: made once, kept in the gradebook's database."""
    engine = db_url if isinstance(db_url, sa.Engine) else connect(db_url)
    try:
        wanted = sa.select(SETTINGS.c.value).where(SETTINGS.c.name == "seed_key")
        for _ in range(3):
            with engine.connect() as connection:
                value = connection.execute(wanted).scalar()
            if value is not None:
                return bytes.fromhex(value)
            with suppress(sa.exc.IntegrityError), engine.begin() as connection:
                connection.execute(SETTINGS.insert().values(name="seed_key", value=secrets.token_hex(32)))
        raise RuntimeError("the gradebook's database does not keep what is written to it")
    finally:
        if engine is not db_url:
            engine.dispose()


class Ledger:
    """One run's view of the tables. Not thread-safe; one per run of the engine."""

    def __init__(self, engine: sa.Engine, assignment: str, *, patience: float = PATIENCE):
        self.engine = engine
        self.assignment = assignment
        self.patience = patience
        self.run = uuid.uuid4().hex
        self._finish = {settled: self._finished(settled) for settled in (True, False)}
        self._claim = self._claimed()
        with engine.begin() as connection:
            now = self._now(connection)
            connection.execute(
                RUNS.insert().values(
                    id=self.run,
                    machine=this_machine(),
                    process=process_identity(os.getpid()),
                    assignment=assignment,
                    started=now,
                    heartbeat=now,
                )
            )

    def beat(self) -> None:
        """Say that this run is alive. To be called several times within `patience` seconds."""
        with self.engine.begin() as connection:
            connection.execute(RUNS.update().where(RUNS.c.id == self.run).values(heartbeat=self._now(connection)))

    def plan(
        self,
        items: Sequence[Item],
        *,
        force: bool = False,
        question: str | None = None,
        environment: str | None = None,
    ) -> Plan:
        """Open a row for every item that needs a verdict, and take back what dead runs had leased.

        An item needs one if it has none, if its fingerprint has changed, or if `force`. With `question`, items that
        have a verdict are opened for that question alone.
        """
        plan = Plan()
        with self.engine.begin() as connection:
            self._exclude_others(connection)
            alive, dead = self._runs(connection)
            self._bury(connection, dead)
            rows = {
                (row.student, row.notebook): row
                for row in connection.execute(sa.select(VERDICTS).where(VERDICTS.c.assignment == self.assignment))
            }
            for item in items:
                row = rows.get((item.student, item.notebook))
                if row is None:
                    connection.execute(
                        VERDICTS.insert().values(
                            assignment=self.assignment,
                            student=item.student,
                            notebook=item.notebook,
                            fingerprint=item.fingerprint,
                            state="open",
                            attempts=0,
                            times_recorded=0,
                        )
                    )
                    plan.todo += 1
                elif row.state == "leased" and row.run in alive:
                    plan.busy += 1
                elif row.fingerprint != item.fingerprint:
                    self._open(connection, item, row, None)
                    plan.todo += 1
                elif row.state != "recorded":
                    # Left by a run that ended early: what that one was asked to do still is to be done.
                    everything = row.questions is None or (force and question is None)
                    asked = None if everything else {*json.loads(row.questions), *([question] if question else [])}
                    self._open(connection, item, row, asked)
                    plan.todo += 1
                elif force or question is not None:
                    self._open(connection, item, row, None if question is None else {question})
                    plan.todo += 1
                else:
                    plan.standing += 1
                    if environment and row.environment and row.environment != environment:
                        plan.elsewhere.add(row.environment)
        return plan

    def _open(self, connection: sa.Connection, item: Item, row: Any, questions: Collection[str] | None) -> None:
        connection.execute(
            VERDICTS.update()
            .where(*self._is(item.student, item.notebook), VERDICTS.c.state == row.state)
            .where(VERDICTS.c.run.is_not_distinct_from(row.run))
            .values(
                state="open",
                run=None,
                fingerprint=item.fingerprint,
                questions=None if questions is None else json.dumps(sorted(questions)),
            )
        )

    def claim(self, number: int, among: Collection[tuple[str, str]] | None = None) -> list[Lease]:
        """Lease up to `number` open items: (student, notebook) pairs of `among`, or any of the assignment.

        Items that earlier runs tried and did not finish come last, so that one which brings its grader down cannot
        keep the others waiting.
        """
        leases: list[Lease] = []
        with self.engine.begin() as connection:
            open_rows = connection.execute(
                sa.select(VERDICTS.c.student, VERDICTS.c.notebook, VERDICTS.c.questions, VERDICTS.c.attempts)
                .where(VERDICTS.c.assignment == self.assignment, VERDICTS.c.state == "open")
                .order_by(VERDICTS.c.attempts, VERDICTS.c.student, VERDICTS.c.notebook)
            ).all()
            for student, notebook, questions, attempts in open_rows:
                if len(leases) == number:
                    break
                if among is not None and (student, notebook) not in among:
                    continue
                item = {"of_student": student, "of_notebook": notebook, "attempts": attempts + 1}
                taken = connection.execute(self._claim, item)
                if taken.rowcount == 1:
                    only = None if questions is None else frozenset(json.loads(questions))
                    leases.append(Lease(student, notebook, only, attempts + 1))
        return leases

    def _claimed(self) -> sa.Update:
        """The statement of `claim`, made once for a run."""
        return (
            VERDICTS.update()
            .where(*self._is(sa.bindparam("of_student"), sa.bindparam("of_notebook")), VERDICTS.c.state == "open")
            .values(state="leased", run=self.run, attempts=sa.bindparam("attempts"))
        )

    def finish(self, connection: Any, lease: Lease, result: Result, *, settled: bool = True) -> None:
        """Mark the verdict as recorded, inside the transaction that writes the grades.

        connection: a SQLAlchemy Session or Connection in that transaction. settled=False: recorded, but the next run
        is to try again (the fault was the grader's, not the submission's).

        Raises LeaseLost if the lease is no longer this run's; the caller rolls back.
        """
        done = connection.execute(
            self._finish[settled],
            {
                "of_student": lease.student,
                "of_notebook": lease.notebook,
                "status": result.status,
                "reason": result.reason,
                "environment": result.environment[:64],
            },
        )
        if done.rowcount != 1:
            raise LeaseLost(f"{lease.student}/{lease.notebook} has been taken over by another run")

    def _finished(self, settled: bool) -> sa.Update:
        """The statement of `finish`, made once for a run."""
        return (
            VERDICTS.update()
            .where(*self._is(sa.bindparam("of_student"), sa.bindparam("of_notebook")))
            .where(VERDICTS.c.state == "leased", VERDICTS.c.run == self.run)
            .values(
                state="recorded" if settled else "open",
                run=None,
                questions=None,
                attempts=0 if settled else VERDICTS.c.attempts,
                times_recorded=VERDICTS.c.times_recorded + 1,
                status=sa.bindparam("status"),
                reason=sa.bindparam("reason"),
                environment=sa.bindparam("environment"),
                recorded=self._clock(),
            )
        )

    def release(self, leases: Iterable[Lease]) -> None:
        """Give leases back unused, when a run is stopped in good order."""
        with self.engine.begin() as connection:
            for lease in leases:
                connection.execute(
                    VERDICTS.update()
                    .where(*self._is(lease.student, lease.notebook))
                    .where(VERDICTS.c.state == "leased", VERDICTS.c.run == self.run)
                    .values(state="open", run=None, attempts=VERDICTS.c.attempts - 1)
                )

    def close(self) -> None:
        """End the run: give back what it still holds and strike it off the list."""
        with self.engine.begin() as connection:
            connection.execute(
                VERDICTS.update()
                .where(VERDICTS.c.run == self.run, VERDICTS.c.state == "leased")
                .values(state="open", run=None)
            )
            connection.execute(RUNS.delete().where(RUNS.c.id == self.run))

    def _is(self, student: Any, notebook: Any) -> tuple:
        return (
            VERDICTS.c.assignment == self.assignment,
            VERDICTS.c.student == student,
            VERDICTS.c.notebook == notebook,
        )

    def _exclude_others(self, connection: sa.Connection) -> None:
        """Let no other run plan at the same time. Whoever records a grade waits the moment this takes."""
        if self.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif self.engine.dialect.name == "postgresql":
            connection.execute(sa.text("LOCK TABLE autograder_verdict IN SHARE ROW EXCLUSIVE MODE"))

    def _now(self, connection: Any) -> float:
        return float(connection.execute(sa.select(self._clock())).scalar())

    def _clock(self) -> sa.ColumnElement[float]:
        """The database's clock, seconds since 1970."""
        if self.engine.dialect.name == "postgresql":
            return sa.literal_column("extract(epoch FROM clock_timestamp())", sa.Float)
        return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Float)

    def _runs(self, connection: sa.Connection) -> tuple[set[str], set[str]]:
        """The other runs: those that may still be at work, and the dead."""
        alive: set[str] = set()
        dead: set[str] = set()
        now = self._now(connection)
        for row in connection.execute(sa.select(RUNS).where(RUNS.c.id != self.run)):
            (dead if self._dead(row.machine, row.process, now - row.heartbeat) else alive).add(row.id)
        return alive, dead

    def _dead(self, machine: str, process: str, silent: float) -> bool:
        # Of a process on this machine we know at once whether it is there; of another only that it is silent.
        if machine == this_machine():
            return process != process_identity(int(process.split("@")[0]))
        return silent > self.patience

    def _bury(self, connection: sa.Connection, dead: set[str]) -> None:
        """Strike dead runs off, and open what they held. A run that has just come is in neither list: let it be."""
        connection.execute(RUNS.delete().where(RUNS.c.id.in_(dead)))
        connection.execute(
            VERDICTS.update()
            .where(VERDICTS.c.state == "leased", VERDICTS.c.run.not_in(sa.select(RUNS.c.id)))
            .values(state="open", run=None)
        )


@cache
def this_machine() -> str:
    """A name that two processes share if, and only if, each can see the other's process id."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return " ".join(parts)[:255]


def process_identity(pid: int) -> str:
    """`pid@start`, so that a process that got a dead one's number is not taken for it; `pid@gone` if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A zombie has ended; only its parent has not noticed.
        return f"{pid}@gone" if fields[0] in "ZX" else f"{pid}@{fields[19]}"
    except OSError:
        pass
    if os.path.isdir("/proc/self"):
        return f"{pid}@gone"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"{pid}@gone"
    except PermissionError:
        pass
    return f"{pid}@running"
