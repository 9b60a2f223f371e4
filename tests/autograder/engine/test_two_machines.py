"""Two Dask workers on two machines, as far as a network can tell: each in a network namespace of its own.

A third namespace holds the scheduler and the engine. The three are joined by a bridge and veth pairs, made inside
namespaces that end with their processes, so that nothing is left behind. Needs root and iproute2.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from courses import RIGHT, WRONG, submit
from test_dask_pool import says
from test_engine import scores

pytestmark = [pytest.mark.xdist_group("dask"), pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent


def obstacle() -> str:
    """Why this cannot be done here; "" if it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    for program in ("ip", "nsenter", "unshare"):
        if shutil.which(program) is None:
            return f"no {program} here (Debian: apt-get install iproute2 util-linux)"
    if os.geteuid() != 0:
        return "making network namespaces with links between them needs root"
    done = subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "name", "probe", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"this machine's kernel refuses: {done.stderr.strip()}"


class Machines:
    """A head and two workers, each a network namespace, in one small network of their own."""

    def __init__(self, directory):
        self.directory = directory  # where its processes run
        self.processes = []
        self.spaces = {}
        for name in ("head", "one", "two"):
            self.spaces[name] = self.start(["unshare", "--net", "sh", "-c", "echo ready >&2; exec sleep 3600"])
            says(self.spaces[name], "ready")
        self.head("ip link add name bridge type bridge")
        self.head("ip addr add 10.0.0.1/24 dev bridge")
        self.head("ip link set bridge up")
        self.head("ip link set lo up")
        for number, name in enumerate(("one", "two"), 2):
            self.head(f"ip link add {name} type veth peer name wire netns {self.spaces[name].pid}")
            self.head(f"ip link set {name} master bridge up")
            self.inside(name, f"ip addr add 10.0.0.{number}/24 dev wire")
            self.inside(name, "ip link set wire up")
            self.inside(name, "ip link set lo up")

    def start(self, command, **environment):
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, HERE.parent))), **environment},
            start_new_session=True,
            cwd=self.directory,
        )
        self.processes.append(process)
        return process

    def command(self, name, words):
        return ["nsenter", "--net", f"--target={self.spaces[name].pid}", "--", *words]

    def inside(self, name, line):
        return subprocess.run(self.command(name, line.split()), check=True, capture_output=True, text=True).stdout

    def head(self, line):
        return self.inside("head", line)

    def close(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    if why := obstacle():
        pytest.skip(f"two machines cannot be set up: {why}")
    made = Machines(tmp_path_factory.mktemp("machines"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def cluster(machines):
    """The address of a scheduler on the head, with a worker on each of the other two."""
    scheduler = machines.start(
        machines.command("head", [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "10.0.0.1",
                                  "--port", "8786", "--no-dashboard"])
    )  # fmt: skip
    says(scheduler, "Scheduler at:")
    for name in ("one", "two"):
        worker = machines.start(
            machines.command(name, [sys.executable, "-m", "distributed.cli.dask_worker", "tcp://10.0.0.1:8786",
                                    "--nthreads", "1", "--no-dashboard", "--name", name])
        )  # fmt: skip
        says(worker, "Registered to")
    return "tcp://10.0.0.1:8786"


def grade(root, machines=None, *words):
    """`python -m autograder grade`, on the head or here; every verdict, without the time it took."""
    command = [sys.executable, "-m", "autograder", "grade", "ps1", "--force", "--json", str(root / "told"), *words]
    done = subprocess.run(
        machines.command("head", command) if machines else command,
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, HERE.parent)))},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = {}
    for path in sorted((root / "told").glob("*/p1.json")):
        verdict = json.loads(path.read_text())
        verdict.pop("seconds")
        for question in verdict["questions"]:
            question.pop("seconds")
        told[path.parent.name] = verdict
    return told


def shares(machines, cluster):
    """Ask the scheduler which worker ran how many of the engine's batches."""
    script = """
import json, sys
from distributed import Client
client = Client(sys.argv[1])
print(json.dumps(client.run(lambda dask_worker: len(dask_worker.state.tasks) + dask_worker.state.transition_counter)))
"""
    done = subprocess.run(
        machines.command("head", [sys.executable, "-c", script, cluster]), capture_output=True, text=True, check=True
    )
    counts = json.loads(done.stdout)
    assert {address.split(":")[1].removeprefix("//") for address in counts} == {"10.0.0.2", "10.0.0.3"}
    return counts


def test_the_namespaces_are_separate_machines_to_a_network(machines):
    seen = {name: machines.inside(name, "ip -o -4 addr show").split() for name in ("head", "one", "two")}
    assert "10.0.0.2/24" in seen["one"]
    assert "10.0.0.2/24" not in seen["two"]
    assert len({os.stat(f"/proc/{space.pid}/ns/net").st_ino for space in machines.spaces.values()}) == 3


def test_two_machines_give_the_same_grades_as_this_one(course, machines, cluster):
    (course / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "course"\nc.Engine.warm = []\n'
    )
    answers = [
        RIGHT,
        WRONG,
        ("def square(x):\n    return x * x", WRONG[1]),
        ("def square(x):\n    raise KeyError(x)", RIGHT[1]),
    ]
    for number in range(24):
        submit(course, f"student{number:02}", *answers[number % 4])
    (submit(course, "student24", *RIGHT) / "p1.ipynb").write_bytes(b"{")
    one = grade(course, None, "--workers", "1")
    here = scores(course)
    two = grade(course, None, "--workers", "2")
    far = grade(course, machines, "--scheduler", cluster)
    assert len(one) == 25
    assert one == two == far
    assert scores(course) == here
    assert {sum(filter(None, points.values())) for points in here.values()} == {0.0, 2.0, 3.0, 5.0}
    assert all(shares(machines, cluster).values())
