"""`make serve`: how it starts, what it keeps, what it says when it can't, and that nothing is left of it."""

import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest
import serve
from served_classroom import ROOT, Served, processes_of

# A busy machine starts a Hub in minutes rather than seconds.
pytestmark = [pytest.mark.xdist_group("hub"), pytest.mark.timeout(900)]


def get(served: Served, path: str) -> http.client.HTTPResponse:
    """The answer to a visitor without an account."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", path)
    return connection.getresponse()


def one_line(said: str) -> str:
    """The only line of what serve.py said."""
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("serve: ")
    return lines[0]


@pytest.mark.slow
def test_a_second_start_keeps_work_and_accounts_and_ctrl_c_leaves_nothing(small):
    small.start()
    assert "Released 01-tiny." in small.output
    assert small.passwords.keys() == {"student", "instructor"}
    assert get(small, "/services/book/").status == 200
    assert get(small, "/hub/login").status == 200
    work = small.state / "homes" / "student" / "notes.txt"
    work.parent.mkdir()
    work.write_text("mine")
    accounts = (small.state / "accounts.json").read_text()
    assert not any(password in accounts for password in small.passwords.values())
    assert stat.S_IMODE((small.state / "accounts.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(small.state.stat().st_mode) == 0o700

    # A second one beside it is refused, and leaves the first alone.
    beside = Served(small.state, small.course, small.book)
    assert f"open already, at {small.url}/" in one_line(beside.refused())
    other = Served(small.state.with_name("other"), small.course, small.book, port=small.port)
    assert f"port {small.port} can't be used" in one_line(other.refused())
    assert f"PORT={small.port + 1}" in other.output
    assert get(small, "/services/book/").status == 200

    assert len(processes_of(small.state)) >= 4  # the Hub, its proxy, the book, Formgrader
    assert small.stop(signal.SIGINT) == 0
    assert not processes_of(small.state)

    small.start()
    assert "Released" not in small.output
    assert not small.passwords
    assert work.read_text() == "mine"
    assert (small.state / "accounts.json").read_text() == accounts
    # A terminal that is killed can end nothing. The next start ends what was left, and takes over the port.
    small.process.kill()
    small.process.wait()
    assert processes_of(small.state)
    small.start()
    assert "is open" in small.output
    # Closing the terminal window.
    assert small.stop(signal.SIGHUP) == 0
    assert not processes_of(small.state)


# Seen from inside, a process of the account `daemon`, which owns nothing but what root owns outside.
AS_DAEMON = ("unshare", "--user", "--map-user=1", "--map-group=1")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here runs as an ordinary account already")
def test_an_ordinary_account_can_open_a_classroom(small):
    if not shutil.which("unshare") or subprocess.run([*AS_DAEMON, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let root become another account that can read this directory")
    small.start(*AS_DAEMON)
    assert "is open" in small.output
    assert "as root" not in small.output
    assert small.stop() == 0
    assert not processes_of(small.state)


def test_a_broken_configuration_is_named(small):
    (small.course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = \n")
    assert "nbgrader_config.py is broken (SyntaxError: invalid syntax" in one_line(small.refused())
    (small.course / "nbgrader_config.py").write_text("c = get_config()\n")
    assert "sets no c.CourseDirectory.course_id" in one_line(small.refused())


def test_damaged_accounts_are_named_and_stay_as_they_are(small):
    small.state.mkdir()
    (small.state / "accounts.json").write_text('{"student": {"role": "king"}}')
    assert "accounts.json is damaged" in one_line(small.refused())
    assert "king" in (small.state / "accounts.json").read_text()


def test_a_place_that_cannot_be_written_is_named(small):
    small.state.write_text("a file where the directory should be")
    assert f"can't write to {small.state}" in one_line(small.refused())


def test_a_missing_proxy_is_named(small, monkeypatch, tmp_path):
    monkeypatch.setattr(serve, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    classroom = serve.Classroom(small.state, small.course, small.book, small.port)
    with pytest.raises(serve.Refused, match=r"configurable-http-proxy is missing\. Run: make setup"):
        classroom.prepare()


@pytest.mark.slow
def test_a_hub_that_cannot_start_says_why_in_one_line(small):
    small.state.mkdir()
    (small.state / "jupyterhub.sqlite").write_text("not a database")
    said = one_line(small.refused())
    assert "JupyterHub ended: " in said
    assert "file is not a database" in said
    assert str(small.state / "hub.log") in said
    assert not processes_of(small.state)


def test_the_port_is_only_open_on_this_machine(small):
    # Bound to another address of this machine, the port is not the classroom's business.
    with socket.create_server(("127.0.0.2", small.port)):
        serve.Classroom(small.state, small.course, small.book, small.port).prepare()


def test_serving_loads_nothing_that_only_grading_or_the_book_needs():
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'hub')!r}); import serve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"nbgrader", "nbconvert", "jupyterhub", "numpy", "torch", "kernelbook", "autograder"} & set(loaded)
