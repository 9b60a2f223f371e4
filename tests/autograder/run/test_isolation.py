"""Attacks on everything around the verdict: stealing (rows 24 to 30), tampering (31 to 39), and the sandbox (96 to 110).

A secret is planted where the attack looks for it, and nothing of the result may hold it; what is to be destroyed is
looked at afterwards.

| rows | here | note |
|---|---|---|
| 24-27, 30 | `test_nothing_of_the_machine_can_be_read` | gradebook, solutions, other submissions, connection files |
| 28 | `test_the_environment_holds_constants` | |
| 29 | `test_no_network` | every socket family but the private one |
| 31-33, 38, 39 | `test_nothing_of_the_machine_can_be_written` | |
| 34, 35, 37 | `test_nothing_survives` | atexit, daemons, double forks |
| 36 | `test_nothing_is_left_for_the_next_student` | home, tmp, shared memory, System V, libraries |
| 96 | `test_signals_reach_nobody` | |
| 97, 98, 109 | `test_wire.py`, `test_limits.py` | |
| 99 | `test_checks.py` | `same_function` and `parameters` |
| 100 | `test_hidden.py` | |
| 101 | `test_hidden.py` | inputs drawn per submission; a rate limit and a deadline are the exchange's |
| 102 | `test_nothing_is_left_for_the_next_student`, `test_no_open_files` | |
| 103 | `test_random_numbers_cannot_be_predicted` | |
| 104 | `test_forging.py` | with the sources of tests |
| 105, 107 | `test_limits.py` | |
| 106 | `test_system_calls_are_refused` | |
| 108 | not here | names of submitted files are the intake's; the run gets them cleaned |
| 110 | `test_the_environment_has_a_name` | |
"""

import os
import socket
import sys
import time
from pathlib import Path

import pytest
from notebooks import answer, everything, given, job, only, test

from autograder.run import environment_hash, sandbox

ATTEMPT = """
import os
def attempt(code):
    try:
        exec(code, globals())
    except BaseException as e:
        return type(e).__name__
    return 'done'
"""


def ask(grader, code: str, expression: str):
    """What the student's side makes of `expression`, as text, after `code` ran there."""
    result = grader.grade(job(answer(code), test(f"assert {expression} == '?'")))
    check = only(result).checks[0]
    assert check.got is not None, everything(result)
    return check.got


@pytest.fixture
def course(tmp_path):
    """A course directory as it lies on a grader's disk, readable for all, with a secret in every file."""
    secret = f"secret-{os.urandom(6).hex()}"
    for name in (
        "gradebook.db",
        "solutions/ps1/p1.ipynb",
        "submitted/bob/ps1/p1.ipynb",
        "kernel-1.json",
        "source/x.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secret)
        path.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if os.access(folder, os.W_OK) and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o777)
    return tmp_path, secret


def test_nothing_of_the_machine_can_be_read(grader, in_sight, course, monkeypatch):
    root, secret = course
    monkeypatch.chdir(root)
    code = ATTEMPT + f"""
found = []
for path in {[str(p) for p in root.rglob("*")]!r} + ['../../../gradebook.db', '../gradebook.db', '/etc/shadow', '/root/.bashrc',
             '/proc/1/environ', '/proc/self/environ', '/proc/self/maps', '/proc/self/mem', '/sys/kernel', '/var', '/home',
             '/run', '/boot', '/opt', '/etc/hostname', '/dev/mem', '/dev/kmsg', '/dev/tty', '/old', '/new', '/bin/sh', '/usr/bin/env']:
    if os.path.exists(path) and not {in_sight}:
        found.append(path)
    for look in (lambda: open(path).read(), lambda: os.listdir(path)):
        try:
            found.append(look())
        except OSError:
            pass
import glob
print(glob.glob({str(root)!r} + '/**', recursive=True))
import sqlite3
try:
    sqlite3.connect({str(root / "gradebook.db")!r}).execute('select * from grade')
except sqlite3.Error as e:
    pass
"""  # fmt: skip
    result = grader.grade(job(answer(code), test("assert found == []\nassert 'secret' not in str(found)")))
    assert only(result).points == 10, everything(result)
    assert secret not in everything(result)


def test_only_libraries_are_visible(grader, in_sight):
    if in_sight:  # what is there can be guessed, and not looked through
        places = [
            "/",
            "/home",
            "/var",
            "/tmp",
            "/dev",
            "/etc",
            "/proc",
            "/usr",
            str(Path(__file__).parents[3]),
            "../..",
        ]
        code = ATTEMPT + f"outcomes = {{attempt(f'os.listdir({{p!r}})') for p in {places!r}}} - {{'FileNotFoundError'}}"
        assert ask(grader, code, "' '.join(outcomes)") == "'PermissionError'"
        return
    tops = ask(grader, "import os\ntops = sorted(os.listdir('/'))", "tops")
    allowed = {"dev", "etc", "lib", "lib64", "proc", "sys", "tmp", "scratch", "usr"}
    allowed |= {Path(p).resolve().parts[1] for p in (sys.prefix, sys.base_prefix, __file__)}
    assert set(eval(tops)) <= allowed
    code = f"import os\nlisted = [sorted(os.listdir(p)) if os.path.exists(p) else 0 for p in {[str(Path(__file__).parents[3])]!r}]"
    assert "solutions" not in ask(grader, code, "listed")
    assert "tests" not in ask(grader, code, "listed")


def test_nothing_of_the_machine_can_be_written(grader, course, monkeypatch):
    root, secret = course
    monkeypatch.chdir(root)
    import numpy

    library = numpy.__file__
    before = Path(library).read_bytes()
    code = ATTEMPT + f"""
import numpy, shutil, sqlite3
course = {str(root)!r}
package = os.path.dirname(numpy.__file__)
outcomes = [attempt(c) for c in (
    "open(numpy.__file__, 'a').write('# changed')", "os.remove(numpy.__file__)", "os.mkdir(package + '/x')",
    "os.chmod(numpy.__file__, 0o777)", "os.rename(numpy.__file__, 'x')", "os.link(numpy.__file__, 'x')", "open('/x', 'w')",
    "os.mkdir('/x')", "open('/etc/x', 'w')", "open('/usr/lib/x', 'w')", "shutil.rmtree(course + '/submitted')",
    "open(course + '/gradebook.db', 'r+')", "open(course + '/new', 'w')", "sqlite3.connect(course + '/gradebook.db').execute('create table t(x)')",
    "os.mknod('device', 0o20666, 259)", "open('/etc/passwd', 'a')", "os.chown('/tmp', 0, 0)", "open('/proc/cpuinfo', 'w')", "open('/dev/new', 'w')",
)]
"""  # fmt: skip
    assert "done" not in ask(grader, code, "' '.join(outcomes)")
    assert Path(library).read_bytes() == before
    assert {path.read_text() for path in root.rglob("*") if path.is_file()} == {secret}
    assert not (root / "new").exists()


def test_the_environment_holds_constants(grader, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-token")
    names = ask(grader, "import os, ctypes\nnames = sorted(os.environ)", "' '.join(names)")
    assert "TOKEN" not in names
    assert "SECRET" not in names
    assert "USER" not in names
    assert "PATH" not in names.replace("PYTHONPATH", "")
    assert (
        only(
            grader.grade(
                job(answer("import os\nv = sorted(os.environ.values())"), test("assert 'secret' not in str(v)"))
            )
        ).points
        == 10
    )


def test_no_network(grader):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = ATTEMPT + f"""
import socket, urllib.request
outcomes = [attempt(c) for c in (
    'socket.create_connection(("127.0.0.1", {port}), 2)', 'socket.socket()', 'socket.socket(socket.AF_INET6)',
    'socket.socket(socket.AF_INET, socket.SOCK_DGRAM)', 'socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)', 'socket.socket(socket.AF_PACKET, socket.SOCK_RAW)',
    'socket.socket(socket.AF_VSOCK)', 'socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)', 'urllib.request.urlopen("http://127.0.0.1:{port}/", timeout=2)',
    'socket.getaddrinfo("example.org", 80)',
)]
"""  # fmt: skip
        outcomes = ask(grader, code, "' '.join(outcomes)")
        assert "done" not in outcomes
        assert "PermissionError" in outcomes
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    pair = (
        ATTEMPT
        + 'outcome = attempt(\'import socket; a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"\')'
    )
    assert "done" in ask(grader, pair, "outcome")  # what asyncio and multiprocessing need


def test_no_open_files(grader):
    """Nothing of the warm parent's or the grader's is inherited: the standard three and the line to the judge."""
    secret = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        code = (
            "import os, stat\nopened = {}\nfor n in range(2000):\n    try:\n        opened[n] = stat.filemode(os.fstat(n).st_mode)[0]\n"
            "    except OSError:\n        pass\n"
        )
        kinds = eval(ask(grader, code, "opened"))
    finally:
        os.close(secret)
    assert len(kinds) == 4
    assert [kinds[n] for n in (0, 1, 2)] == ["c", "p", "p"]
    assert sorted(kinds.values()) == ["c", "p", "p", "s"]


def test_own_user_session_and_namespaces(grader, in_sight):
    code = (
        "import os\nfacts = [os.getpid(), os.getppid(), os.getuid(), os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()]\n"
        "groups = os.getgroups()\nimport socket\nname = socket.gethostname()\nwho = os.stat('/tmp' if os.path.isdir('/tmp') else '/scratch').st_uid\n"
    )
    if in_sight:
        facts = eval(ask(grader, code, "facts"))
        assert facts[3:] == [True, True]
        assert facts[0] != os.getpid()
        return
    assert ask(grader, code, "facts") == "[1, 0, 1000, True, True]"


def test_as_root_the_user_outside_is_nobodys(grader, in_sight):
    if os.geteuid() != 0:
        pytest.skip("not root: the user outside is the grader's own")
    result_owner = []
    seen = set()

    def look(pid: int) -> None:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("Uid:", "NoNewPrivs:", "Seccomp:", "CapEff:", "CapBnd:", "CapPrm:")):
                seen.add(tuple(line.split()))
        result_owner.append(pid)

    import autograder.run as run

    original = run._Attempt.hand_over

    def hand_over(self):
        original(self)
        self.facts = self.student

    watched = []

    def why(self):
        return original_why(self)

    original_why = run._Attempt.why
    ending = run._Attempt.end_student

    def end_student(self):
        if self.student is not None and (pid := run.host_pid(self.student.handle)):
            look(pid)
        watched.append(1)
        ending(self)

    run._Attempt.end_student = end_student
    try:
        grader.grade(job(answer("def f(x):\n    return x"), test("assert f(1) == 1")))
    finally:
        run._Attempt.end_student = ending
    facts = {name: rest for name, *rest in seen}
    assert facts["NoNewPrivs:"] == ["1"]
    assert facts["Seccomp:"] == ["2"]
    assert facts["CapEff:"] == facts["CapPrm:"] == ["0" * 16]
    assert len(set(facts["Uid:"])) == 1
    if in_sight:  # root all the same, without its powers, where no other user could load the libraries
        private = not all(sandbox._for_everybody(path) for path in sandbox.visible_paths())
        assert (facts["Uid:"][0] == "0") == private
        return
    assert facts["CapBnd:"] == ["0" * 16]
    assert int(facts["Uid:"][0]) > 60_000


@pytest.mark.parametrize(
    "kill",
    [
        "os.kill(0, 9)", "os.kill(-1, 9)", "os.kill(os.getppid(), 9)", "os.killpg(0, 9)", "os.kill(1, 9)",
        "[os.kill(p, 9) for p in range(2, 3000) if not attempt(f'os.kill({p}, 0)').startswith('P')]", "os.abort()",
        "os.kill(os.getpid(), 9)", "import ctypes; ctypes.string_at(0)", "os._exit(0)",
    ],
)  # fmt: skip
def test_signals_reach_nobody(grader, kill):
    """Rows 42 and 96: what a student's process does to 'everybody' reaches its own processes at most."""
    before = grader.process.pid
    code = ATTEMPT + f"def f(x):\n    {kill}\n    return -1\ndef g(x):\n    return x"
    result = grader.grade(job(answer(code), test("assert f(1) == 1"), test("assert g(1) == 1", grade_id="q2")))
    assert [question.points for question in result.questions] == [0, 10], everything(result)
    assert grader.process.pid == before
    assert grader.process.poll() is None


SURVIVORS = {
    "atexit": "import atexit\natexit.register(beat)",
    "daemon": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        beat()\n    os._exit(0)",
    "thread": "import threading\nthreading.Thread(target=beat).start()",
    "signals ignored": "import os, signal\nif os.fork() == 0:\n    for s in range(1, 65):\n        try:\n            signal.signal(s, signal.SIG_IGN)\n        except (OSError, ValueError):\n            pass\n    beat()",
}  # fmt: skip


@pytest.mark.parametrize("name", SURVIVORS)
def test_nothing_survives(grader, in_sight, name):
    """Processes that detach themselves are gone when the verdict is there."""
    import psutil

    def students() -> set[int]:
        group = psutil.Process(grader.process.pid).children(recursive=True)
        return {p.pid for p in group if p.status() != psutil.STATUS_ZOMBIE} - {first for first in family}

    family = {p.pid for p in psutil.Process(grader.process.pid).children(recursive=True)[:1]}
    code = (
        "def beat():\n    import time\n    while True:\n        time.sleep(0.05)\n"
        + SURVIVORS[name]
        + "\ndef f(x):\n    return x\n"
    )
    started = grader.grade(job(answer(code), test("assert f(1) == 1")))
    assert only(started).points == (0 if in_sight and "fork" in code else 10), everything(started)
    grader.discard()  # the two that were made ahead for the next submission
    grader.bury()
    assert students() == set()


def test_nothing_is_left_for_the_next_student(grader, in_sight):
    """Rows 36 and 102: files, shared memory, System V objects, abstract sockets and changed libraries."""
    poison = (
        ATTEMPT
        + """
import ctypes, socket, sys, threading, _posixshmem
libc = ctypes.CDLL(None, use_errno=True)
open('poison.py', 'w').write('poisoned = True')
import tempfile
open(tempfile.gettempdir() + '/poison', 'w').write('x')
os.makedirs(os.path.expanduser('~/.ipython/profile_default/startup'), exist_ok=True)
open(os.path.expanduser('~/.ipython/profile_default/startup/00.py'), 'w').write('import os; os._exit(1)')
# What multiprocessing.shared_memory calls, without the helper process that it would start and that may not start here.
os.ftruncate(_posixshmem.shm_open('/poison', os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600), 64)
segment = libc.shmget(0x5EED, 4096, 0o1666)
queue = libc.msgget(0x5EED, 0o1666)
server = socket.socket(socket.AF_UNIX)
server.bind('\\0poison')
server.listen()
import numpy, torch, math
numpy.poisoned = torch.poisoned = math.poisoned = os.poisoned = True
numpy.allclose = lambda *a: True
gone = [attempt('ctypes.c_char.from_address(id(math.pi) + 16).value = b"!"')]
made = [segment >= 0, queue >= 0]
"""
    )
    check = (
        ATTEMPT
        + """
import ctypes, socket, sys, tempfile, math, numpy, torch, _posixshmem
libc = ctypes.CDLL(None, use_errno=True)
found = []
for path in ('poison.py', tempfile.gettempdir() + '/poison', os.path.expanduser('~/.ipython')):
    if os.path.exists(path):
        found.append(path)
if attempt("_posixshmem.shm_open('/poison', os.O_RDWR, mode=0o600)") == 'done':
    found.append('shm')
if libc.shmget(0x5EED, 4096, 0) >= 0 or libc.msgget(0x5EED, 0) >= 0:
    found.append('sysv')
s = socket.socket(socket.AF_UNIX)
if attempt("s.connect('\\\\0poison')") == 'done':
    found.append('abstract socket')
for module in (numpy, torch, math, os):
    if hasattr(module, 'poisoned'):
        found.append(module.__name__)
if abs(math.pi - 3.14159265358979) > 1e-9:
    found.append('pi')
"""
    )
    if in_sight:  # shared memory, queues and sockets cannot even be made: each line by itself, whatever the others do
        poison = poison.split("made = ")[0].replace("\nimport numpy, torch, math\n", "\n")
        lines = ["import os, numpy, torch, math", *poison.split(ATTEMPT)[1].strip().split("\n")]
        poison = ATTEMPT + "\n".join(
            f"try:\n    {line}\nexcept Exception: pass" for line in lines if not line.startswith("#")
        ) + "\nmade = [True, True]\n"  # fmt: skip
    first = grader.grade(job(answer(poison), test("assert made == [True, True]")))
    assert only(first).points == 10, everything(first)
    second = grader.grade(job(answer(check), test("assert found == []")))
    assert only(second).points == 10, everything(second)


def test_the_judge_cannot_be_seen_or_reached(grader, in_sight):
    code = (
        ATTEMPT
        + """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
visible = [p for p in range(1, 40000) if p != os.getpid() and attempt(f'os.kill({p}, 0)') != 'ProcessLookupError']
"""
    )
    if in_sight:  # no signal is allowed, so none tells anything
        code += "kinds = {attempt(f'os.kill({p}, 0)') for p in range(1, 40000)}\n"
        assert ask(grader, code, "' '.join(kinds)") == "'PermissionError'"
        return
    assert ask(grader, code, "visible") == "[]"


CALLS = {
    "unshare": "libc.unshare(0x10000000)", "mount namespace": "libc.unshare(0x20000)", "setns": "libc.setns(0, 0)",
    "clone": "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)" if sys.platform == "linux" and os.uname().machine == "x86_64" else "libc.unshare(0x10000000)",
    "clone3": "libc.syscall(435, 0, 0)", "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)", "umount": "libc.umount2(b'/tmp', 2)",
    "pivot_root": "libc.syscall(155, b'.', b'.')", "chroot": "libc.chroot(b'.')", "ptrace": "libc.ptrace(0, 0, 0, 0)",
    "process_vm_readv": "libc.process_vm_readv(1, None, 0, None, 0, 0)", "io_uring": "libc.syscall(425, 8, 0)", "bpf": "libc.syscall(321, 0, 0, 0)",
    "keyctl": "libc.syscall(250, 0, 0, 0, 0, 0)", "add_key": "libc.syscall(248, b'user', b'x', b'y', 1, -3)", "perf_event_open": "libc.syscall(298, 0, 0, -1, -1, 0)",
    "userfaultfd": "libc.syscall(323, 0)", "open_by_handle_at": "libc.syscall(304, 0, 0, 0)", "init_module": "libc.syscall(175, 0, 0, 0)",
    "kexec_load": "libc.syscall(246, 0, 0, 0, 0)", "reboot": "libc.syscall(169, 0, 0, 0, 0)", "settimeofday": "libc.syscall(164, 0, 0)",
    "sethostname": "libc.sethostname(b'x', 1)", "execve": "libc.execve(b'/usr/bin/env', None, None)", "open_tree": "libc.syscall(428, -100, b'/', 1)",
    "fsopen": "libc.syscall(430, b'tmpfs', 0)", "move_mount": "libc.syscall(429, -1, b'', -1, b'', 0)", "mount_setattr": "libc.syscall(442, -100, b'/', 0, 0, 0)",
    "pidfd_getfd": "libc.syscall(438, 0, 0, 0)", "personality": "libc.personality(0x0040000)", "swapon": "libc.swapon(b'x', 0)",
    "quotactl": "libc.syscall(179, 0, 0, 0, 0)", "terminal input": "libc.ioctl(0, 0x5412, b'x')", "terminal input, high bits": "libc.ioctl(0, ctypes.c_ulong(0xF00005412), b'x')",
}  # fmt: skip


def test_system_calls_are_refused(grader):
    """Row 106. x86-64 numbers; elsewhere the calls that the C library names."""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86-64")
    code = (
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nallowed = {}\n"
        + "".join(
            f"ctypes.set_errno(0)\nif ({call}) != -1 or ctypes.get_errno() not in (1, 38):\n    allowed[{name!r}] = ctypes.get_errno()\n"
            for name, call in CALLS.items()
        )
        + "import subprocess\ntry:\n    subprocess.run(['/usr/bin/env'])\n    allowed['subprocess'] = 0\nexcept OSError:\n    pass\n"
        "if os.system('true') == 0:\n    allowed['system'] = 0\n"
    )
    result = grader.grade(job(answer(code), test("assert allowed == {}")))
    assert only(result).points == 10, everything(result)


def test_capabilities_do_not_come_back(grader, in_sight):
    code = ATTEMPT + (
        "outcomes = [attempt(c) for c in ('os.setuid(0)', 'os.setgid(0)', 'os.setresuid(0, 0, 0)', 'os.setgroups([0])', 'os.chroot(\"/\")',"
        " 'os.nice(-5)', 'import resource; resource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6))',"
        " 'import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))')]\n"
    )
    outcomes = ask(grader, code, "' '.join(outcomes)").strip("'").split()
    if (
        in_sight and os.geteuid() == 0
    ):  # perhaps user 0 already, without its powers: then the first three change nothing
        outcomes = outcomes[3:]
    assert "done" not in outcomes


def test_random_numbers_cannot_be_predicted(grader):
    """Row 103: what a student can compute from inherited generators is not what the judge draws."""
    tests = (
        "import random\nfrom autograder.run import checks\nassert not np.isclose(guess['numpy'], np.random.rand())\n"
        "assert not np.isclose(guess['random'], random.random())\nassert not np.isclose(guess['torch'], torch.rand(1).item())\n"
        "assert not np.isclose(guess['fresh'], checks.fresh.uniform(0, 1))"
    )
    code = (
        "import random\nguess = dict(numpy=np.random.rand(), random=random.random(), torch=torch.rand(1).item(), fresh=0.0)\n"
        "try:\n    from autograder.run import checks\n    guess['fresh'] = checks.fresh.uniform(0, 1)\nexcept ImportError:\n    pass"
    )
    given_cell = given("import numpy as np\nimport torch")
    for seed in (0, 1):
        assert only(grader.grade(job(given_cell, answer(code), test(tests), seed=seed))).points == 10
    drawn = test("from autograder.run import checks\nassert 0 == checks.fresh.uniform(0, 1)")
    results = [only(grader.grade(job(given_cell, drawn, seed=seed))).checks[0].got for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]


def test_the_environment_has_a_name(grader):
    first = grader.grade(job(answer("x = 1"), test("assert x == 1")))
    assert first.environment == environment_hash()
    assert len(first.environment) >= 16


def test_a_dead_grader_leaves_nothing(tmp_path):
    """`kill -9` of the process that grades ends its warm parent and everything that runs for it."""
    import signal
    import subprocess

    import psutil

    script = (
        "from autograder.run import Grader\nfrom autograder.model import *\ng = Grader(warm=('numpy',))\nprint(g.process.pid, flush=True)\n"
        "g.grade(Job('a', 's', 'n', (Cell('while True: pass', 'student'), Cell('assert 1', 'judge', 'q', 1.0)), limits=Limits(question_seconds=200)))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    parent = psutil.Process(int(process.stdout.readline()))
    deadline = time.monotonic() + 60
    while len(family := parent.children(recursive=True)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(family) == 3  # the warm parent, the judge and the student's process
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs([parent, *family], timeout=20)
    assert not alive


# A machine of the kind that refuses: its filter is inherited, so that what is started below it is refused too.
REFUSING = """
import errno, sys
import pyseccomp as seccomp
rules = seccomp.SyscallFilter(seccomp.ALLOW)
for call in sys.argv[1:]:
    rules.add_rule(seccomp.ERRNO(errno.EPERM), int(call) if call.isdigit() else call)
rules.load()
from autograder.model import Cell, Job
from autograder.run import Grader, Untrusted
cells = Cell("def f(x): return x", "student"), Cell("assert f(1) == 1", "judge", "q", 1.0)
try:
    with Grader(warm=()) as grader:
        print(grader.isolation, grader.grade(Job("a", "s", "n", cells)).points)
except Untrusted as refused:
    print("refused:", refused)
"""


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        ([], "namespaces 1.0"),
        (["unshare"], "landlock 1.0"),
        (["mount"], "landlock 1.0"),
        (["unshare", "444"], "Operation not permitted; Landlock"),
    ],
)
def test_where_the_kernel_refuses_the_second_choice_is_taken_or_nothing_is_run(refused, says):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", REFUSING, *refused], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert ("refused:" in done.stdout) == ("444" in refused)
