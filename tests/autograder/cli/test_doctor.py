"""doctor: every line is right or says what to do; what is broken on purpose is named."""

import contextlib
import http.server
import json
import os
import sqlite3
import threading
from typing import ClassVar

import pytest

from autograder import doctor


def lines(check, **patient):
    return [str(line) for line in doctor._examine(check, doctor.Patient(**patient))]


def app(root):
    from autograder.__main__ import open_course

    # nbgrader reads the current directory's configuration too, which here is the repository's.
    with contextlib.chdir(root):
        return open_course(None, [])


def mended(found):
    return [line for line in found if line.startswith("mend")]


def test_a_course_in_order(course, autograder):
    (course / "nbgrader_config.py").write_text(
        'import autograder\nc = get_config()\nc.CourseDirectory.course_id = "course"\nautograder.configure(c)\n'
    )
    done = autograder("doctor", cwd=course)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stderr
    for words in (
        "ok    nbgrader 0.9.6",
        "ok    alembic is on PATH",
        "a trial submission was graded in isolation (namespaces) in",
        "ok    course 'course'",
        "Formgrader's Autograde use this engine",
        "ok    the gradebook answers (sqlite:///",
        "its schema is this nbgrader's",
        '"scopes": ["access:services!service=course", "list:services", "read:services!service=course"]',
        "Nothing to mend.",
    ):
        assert words in done.stdout, words


def test_what_is_not_in_order_says_what_to_do(tmp_path, autograder):
    done = autograder("doctor", cwd=tmp_path)
    assert done.returncode == 1
    for words in (
        "mend  no nbgrader_config.py in",
        'c.CourseDirectory.course_id = "…"',
        "import autograder; autograder.configure(c)",
        "set c.CourseDirectory.source_directory",
        "note  no gradebook yet at",
        "Lines that begin with mend say what to do.",
    ):
        assert words in done.stdout, words
    (tmp_path / "nbgrader_config.py").write_text("c = ")
    done = autograder("doctor", cwd=tmp_path)
    assert "mend  nbgrader_config.py cannot be read: SyntaxError" in done.stdout


def test_alembic_that_is_not_on_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert any(
        "nbgrader calls alembic, which is not on PATH: export PATH=" in line for line in lines(doctor._environment)
    )


def test_isolation_that_is_not_to_be_had(monkeypatch):
    from autograder.run import sandbox

    monkeypatch.setattr(sandbox, "LINUX", False)
    (line,) = mended(lines(doctor._isolation))
    assert "cannot be isolated here" in line
    assert "--trust" in line


def test_a_damaged_gradebook_and_one_of_another_version(course):
    path = course / "gradebook.db"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ancient'")
    assert any("nbgrader db upgrade" in line for line in mended(lines(doctor._gradebook, app=app(course))))
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 12] = os.urandom(4096 * 11)
    path.write_bytes(data)
    found = mended(lines(doctor._gradebook, app=app(course)))
    assert any("damaged" in line or "cannot be opened" in line or "malformed" in line for line in found), found


def test_a_password_in_the_databases_address_is_not_shown(course):
    patient = app(course)
    patient.coursedir.db_url = "postgresql+psycopg://grader:secret-word@127.0.0.1:1/course"
    (line,) = mended(lines(doctor._gradebook, app=patient))
    assert "cannot be opened" in line
    assert "secret-word" not in line


def test_directories_of_the_same_name_and_names_that_nbgrader_refuses(course):
    (course / "source" / "ps1").rename(course / "source" / "ps+1")
    patient = app(course)
    patient.coursedir.solution_directory = "source"
    found = mended(lines(doctor._configuration, app=patient))
    assert any("source_directory and solution_directory are both 'source'" in line for line in found)
    assert any("'ps+1': rename it without the +" in line for line in found)


def test_runs_that_were_killed_are_told_from_live_ones(course):
    import sqlalchemy as sa

    from autograder import leases

    database = leases.connect(f"sqlite:///{course}/gradebook.db")
    leases.Ledger(database, "ps1")
    assert any("a run on ps1 is under way" in line for line in lines(doctor._gradebook, app=app(course)))
    with database.begin() as connection:
        connection.execute(sa.update(leases.RUNS).values(process="1@0"))
    assert any("was killed; the next `grade` takes over" in line for line in lines(doctor._gradebook, app=app(course)))


class Hub(http.server.BaseHTTPRequestHandler):
    answers: ClassVar[dict] = {}

    def do_GET(self):
        answer = self.answers.get(self.path) if self.headers["Authorization"] == "token right" else None
        self.send_response(200 if answer is not None else 403)
        self.end_headers()
        self.wfile.write(json.dumps(answer or {}).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("JUPYTERHUB_API_URL", f"http://127.0.0.1:{server.server_port}/hub/api")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "right")
    yield
    server.shutdown()
    server.server_close()


def test_the_hubs_roles(course, hub, monkeypatch):
    scopes = ["access:services!service=course", "list:services"]
    user = {"kind": "user", "name": "ann", "groups": ["formgrade-course"], "scopes": scopes}
    Hub.answers = {"/hub/api/user": user, "/hub/api/services": {"course": {}}}
    assert mended(lines(doctor._hub, app=app(course))) == []
    user["scopes"] = []
    Hub.answers.pop("/hub/api/services")
    found = mended(lines(doctor._hub, app=app(course)))
    assert any("may not open the service 'course' (403" in line for line in found)
    assert any("list:services" in line and "403" in line for line in found)
    Hub.answers["/hub/api/services"] = {"other": {}}
    assert any("no service named 'course'" in line for line in mended(lines(doctor._hub, app=app(course))))
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "wrong")
    assert any("does not answer" in line for line in mended(lines(doctor._hub, app=app(course))))
