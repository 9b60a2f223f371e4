"""Start the classroom on this machine, say how to get in, and stop all of it on Ctrl-C.

    python hub/serve.py [--port 8000] [--state .classroom] [--course .] [--book _build/html]

`make serve` runs it. What the classroom is made of stands in jupyterhub_config.py; this file prepares the directory
that keeps students' work, starts JupyterHub in it, and turns everything that can go wrong into one line.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import assignments
from accounts import AccountError, Accounts

HUB = Path(__file__).resolve().parent
ROOT = HUB.parent
FIRST_ACCOUNTS = ("student", "instructor")  # name and role alike


class Refused(Exception):
    """The classroom can't start; the text says why and what to do."""


class Stop(Exception):
    """Ctrl-C, a closed terminal or a request to end."""


class Classroom:
    """One classroom: its directory, its address, and the processes that make it up while it runs.

    state: the directory that keeps accounts, students' work and grades. course: where nbgrader_config.py and solutions/
    are. book: the built HTML. port: on 127.0.0.1.
    """

    def __init__(self, state: Path, course: Path, book: Path, port: int):
        self.state, self.course, self.book, self.port = state.absolute(), course.absolute(), book.absolute(), port
        self.url = f"http://127.0.0.1:{port}/"
        self.hub: subprocess.Popen | None = None
        self._lock: IO | None = None  # held from prepare() on: the classroom is this process's alone

    # Before anything is started

    def prepare(self) -> None:
        """Check all that can be checked and lay out the directories. Raises Refused."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in ("course", "exchange", "homes/grader"):
                (self.state / part).mkdir(parents=True, exist_ok=True)
            (self.state / "exchange").chmod(0o777)  # nbgrader insists; nobody else can enter the directory above it
            lock = (self.state / "lock").open("a+")
        except OSError as error:
            raise Refused(
                f"can't write to {self.state} ({error.strerror}). Make it yours, or use --state DIRECTORY"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise Refused(f"the classroom in {self.state} is open already, at {lock.read().strip()}") from None
        lock.truncate(0)
        lock.write(self.url)
        lock.flush()
        self._lock = lock
        self._end_leftovers()  # of a run that was killed: they would hold the port

        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                raise Refused(
                    f"port {self.port} can't be used ({error.strerror}). Try: make serve PORT={self.port + 1}"
                ) from None
        for command in ("configurable-http-proxy", "alembic"):  # the Hub's proxy; nbgrader calls the other
            if not shutil.which(command, path=self.environment()["PATH"]):
                raise Refused(f"{command} is missing. Run: make setup")

        solutions = self.state / "course" / "solutions"
        if not (self.course / "solutions").is_dir():
            raise Refused(f"{self.course} has no solutions/ directory")
        if not solutions.is_symlink() or solutions.readlink() != self.course / "solutions":
            solutions.unlink(missing_ok=True)
            solutions.symlink_to(self.course / "solutions")
        config = self.state / "course" / "nbgrader_config.py"  # for `nbgrader` in a terminal in that directory
        config.unlink(missing_ok=True)
        config.symlink_to(HUB / "course" / "nbgrader_config.py")
        self.course_id = self._course_id()
        try:
            Accounts(self.state / "accounts.json").read()
        except AccountError as error:
            raise Refused(str(error)) from None

    def _course_id(self) -> str:
        from traitlets.config.loader import PyFileConfigLoader

        path = self.course / "nbgrader_config.py"
        try:
            course_id = PyFileConfigLoader(str(path)).load_config().CourseDirectory.course_id
        except Exception as error:  # whatever a configuration file may raise
            raise Refused(f"{path} is broken ({type(error).__name__}: {error})") from None
        if not isinstance(course_id, str) or not course_id:
            raise Refused(f"{path} sets no c.CourseDirectory.course_id")
        return course_id

    def environment(self) -> dict[str, str]:
        """What everything is started with: this environment's programs first, nothing of the user's own Jupyter."""
        foreign = ("JUPYTER", "CONFIGPROXY", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        path = [str(Path(sys.executable).parent), str(ROOT / "node_modules/.bin"), os.environ.get("PATH", os.defpath)]
        return kept | {
            "PATH": os.pathsep.join(path),
            "CLASSROOM": str(self.state),
            "CLASSROOM_PORT": str(self.port),
            "CLASSROOM_BOOK": str(self.book),
            "CLASSROOM_COURSE": getattr(self, "course_id", ""),
        }

    # Start, run, stop

    def start(self) -> None:
        """Start the Hub, release what is new meanwhile, and return when the classroom answers. Raises Refused."""
        command = [sys.executable, "-m", "jupyterhub", "--config", str(HUB / "jupyterhub_config.py")]
        with (self.state / "hub.log").open("w") as log:
            # A session of its own: Ctrl-C must reach this process alone, which then ends the others in order.
            self.hub = subprocess.Popen(
                command, cwd=self.state, env=self.environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        releasing = self._release()
        while (releasing and releasing.poll() is None) or not self._answers():
            self._check_hub()
            time.sleep(0.05)
        if releasing:
            said = releasing.communicate()[0]
            print(said, end="", flush=True)
            if releasing.returncode and not said:
                raise Refused(f"the assignments can't be released: {_reason(self.state / 'release.log')}")

    def _release(self) -> subprocess.Popen | None:
        """Begin to give students what they have not been given yet; None if there is nothing."""
        if not assignments.pending(self.state):
            return None
        config = {"JUPYTER_CONFIG_PATH": str(HUB / "course"), "HOME": str(self.state / "homes" / "grader")}
        with (self.state / "release.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, str(HUB / "assignments.py")], env=self.environment() | config, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def _check_hub(self) -> None:
        assert self.hub
        if self.hub.poll() is not None:
            log = self.state / "hub.log"
            raise Refused(f"JupyterHub ended: {_reason(log)}. More in {log}")

    def wait(self) -> None:
        """Wait for the Hub to end, which it should not do by itself. Raises Refused."""
        assert self.hub
        self.hub.wait()
        self._check_hub()

    def _answers(self) -> bool:
        """Whether the Hub says that it runs, and its proxy forwards to the book."""
        # The log first: each request before the Hub is up would leave a 404 in it.
        if "JupyterHub is now running" not in (self.state / "hub.log").read_text(errors="replace"):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/services/book/alive")
            return connection.getresponse().status == 204
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End the Hub, which ends what it started, and then whatever is left."""
        if self.hub is not None and self.hub.poll() is None:
            self.hub.terminate()
            try:
                self.hub.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.hub.kill()
                self.hub.wait()
        if self._lock:
            self._end_leftovers()

    def _end_leftovers(self) -> None:
        """End processes of this classroom that nobody waits for: they carry its directory in their environment."""
        import psutil

        own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
        left = []
        for process in psutil.process_iter():
            try:
                if process.pid not in own and process.environ().get("CLASSROOM") == str(self.state):
                    process.terminate()
                    left.append(process)
            except (psutil.Error, OSError):
                continue  # another account's, or gone
        for process in psutil.wait_procs(left, timeout=5)[1]:
            process.kill()

    def greeting(self) -> str:
        """How to get in. The first time this makes the accounts, so that no password is lost with a failed start."""
        accounts = Accounts(self.state / "accounts.json")
        passwords = {} if accounts.read() else {name: accounts.add(name, role=name) for name in FIRST_ACCOUNTS}
        lines = [f"Kernel by Kernel is open: {self.url}", "", f"  the book    {self.url}services/book/"]
        lines += [f"  {name:<11} password {password}" for name, password in passwords.items()]
        if passwords:
            lines += [
                "",
                "The passwords are shown this once. For a new one: .venv/bin/python hub/accounts.py reset NAME",
            ]
        else:
            lines += ["  accounts    as before. For a new password: .venv/bin/python hub/accounts.py reset NAME"]
        lines += [f"Work is kept in {self.state}. Ctrl-C closes the classroom."]
        return "\n".join(lines)


def _reason(log: Path) -> str:
    """The last line of a log that names an error, or else its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    return (errors or lines or ["no message"])[-1].rpartition("] ")[2].rstrip(".")[:300]


def build_book() -> None:
    """Build the book if a chapter is newer than its page. Raises Refused."""
    command = [sys.executable, str(ROOT / "book" / "tools" / "build.py"), "--if-stale"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
    if done.returncode:
        raise Refused("the book can't be built, see above")


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Start the classroom: JupyterHub with the book and the course, on 127.0.0.1."
    )
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    parser.add_argument("--state", type=Path, default=ROOT / ".classroom", help="where work is kept (.classroom)")
    parser.add_argument("--course", type=Path, default=ROOT, help="where nbgrader_config.py and solutions/ are")
    parser.add_argument("--book", type=Path, help="the built book; by default built when stale, in _build/html")
    options = parser.parse_args()

    def stop(number, frame):
        raise Stop

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks for it to be ignored
        signal.signal(signal.SIGHUP, stop)
    classroom = Classroom(options.state, options.course, options.book or ROOT / "_build" / "html", options.port)
    try:
        classroom.prepare()
        if options.book is None:
            build_book()
        classroom.start()
        if os.geteuid() == 0:
            print("Note: started as root, so every notebook runs as root. Better: an ordinary account.")
        print(classroom.greeting(), flush=True)
        classroom.wait()
        return 0
    except Refused as refusal:
        print(f"serve: {refusal}.", file=sys.stderr)
        return 1
    except Stop:
        print("\nClosing the classroom …", flush=True)
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        classroom.stop()


if __name__ == "__main__":
    sys.exit(main())
