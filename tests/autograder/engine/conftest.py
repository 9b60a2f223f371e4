"""Databases to run the engine on: SQLite always, PostgreSQL where this machine has its server."""

import contextlib
import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import courses
import pytest


def postgres_tools() -> dict[str, str] | None:
    """initdb and pg_ctl, on PATH or where Debian keeps them."""
    places = os.pathsep.join(
        [os.environ["PATH"], *sorted((str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
    )
    found = {name: shutil.which(name, path=places) for name in ("initdb", "pg_ctl", "postgres")}
    return {name: path for name, path in found.items() if path} if all(found.values()) else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory) -> Iterator[str]:
    """The address of a PostgreSQL server of our own, reached through a socket in a temporary directory."""
    tools = postgres_tools()
    if tools is None:
        pytest.skip("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg")
    home = Path(tmp_path_factory.mktemp("postgres"))
    become: dict = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        name = next((name for name in ("postgres", "nobody") if _account(name)), None)
        if name is None:
            pytest.skip("PostgreSQL does not run as root, and there is no account to run it as")
        account = pwd.getpwnam(name)
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(home, account.pw_uid, account.pw_gid)
        for parent in home.parents:  # pytest keeps its directories to the owner
            with contextlib.suppress(PermissionError):
                os.chmod(parent, os.stat(parent).st_mode | 0o011)
    data, log = home / "data", home / "log"
    run = {
        "check": True,
        "capture_output": True,
        "cwd": home,
        "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"},
    } | become
    subprocess.run([tools["initdb"], "-D", data, "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-sync"], **run)
    options = f"-k {home} -c listen_addresses='' -c fsync=off -c max_connections=40"
    subprocess.run([tools["pg_ctl"], "-D", data, "-l", log, "-o", options, "-w", "start"], **run)
    yield f"postgresql+psycopg://grader@/{{name}}?host={home}"
    subprocess.run([tools["pg_ctl"], "-D", data, "-m", "immediate", "stop"], **run)


def _account(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/gradebook.db"
        return
    import psycopg

    address = request.getfixturevalue("postgres")
    name = f"course_{uuid.uuid4().hex[:8]}"
    admin = address.format(name="postgres").replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield address.format(name=name)


@pytest.fixture(scope="session")
def released(tmp_path_factory) -> Path:
    """A course whose assignment has been released, to be copied."""
    root = tmp_path_factory.mktemp("released") / "course"
    courses.write_source(root, courses.source_notebook())
    courses.release(root)
    return root


@pytest.fixture
def course(released, tmp_path) -> Path:
    """The root of a course of this test's own."""
    return Path(shutil.copytree(released, tmp_path / "course"))
