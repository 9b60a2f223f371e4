"""Libraries' code in large pages: the same code, at the same place, and children need not map it anew."""

import json
import subprocess
import sys

import pytest

from autograder.run import sandbox

linux = pytest.mark.skipif(not sandbox.LINUX, reason="large pages as Linux has them")

# Does what its argument says, and tells what became of the code of numpy and its BLAS.
ABOUT = r"""
import ctypes, hashlib, json, os, resource, sys
import numpy as np
from autograder.run import sandbox

SIZE = 2 << 20
blocks = [block for start, end in sandbox._regions("r-xp", lambda name: "numpy" in name) for block in range(start, end, SIZE)]

def hashes():
    return [hashlib.sha256(ctypes.string_at(block, SIZE)).hexdigest() for block in blocks]

def files():  # addresses of code, by whether it comes from a file
    out = {True: [], False: []}
    for line in open("/proc/self/maps"):
        span, mode, _, _, _, *path = line.split()
        if mode == "r-xp" and not path[0:1] == ["[vdso]"]:
            start, end = (int(number, 16) for number in span.split("-"))
            out[bool(path)].append((start, end))
    return out

def large():
    text = open("/proc/self/smaps").read().split("VmFlags")
    return sum(int(part.split("AnonHugePages:")[1].split()[0]) for part in text if " r-xp " in part and "AnonHugePages" in part)

def use():
    a = np.random.default_rng(0).normal(size=(300, 300))
    return float(np.linalg.svd(a @ a.T, compute_uv=False)[0]), float(np.sort(a.ravel())[7]), a[:4, :4].round(3).tolist()

def in_a_child():
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        value = use()
        os.write(write, json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, value]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return json.loads(os.read(read, 10_000))

def children():
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True

use()
before = hashes(), files(), [in_a_child() for _ in range(3)][-1]
done = eval(sys.argv[1])
after = hashes(), files(), [in_a_child() for _ in range(3)][-1]
print(json.dumps({
    "done": done, "same code": before[0] == after[0], "same files": before[1][True] == after[1][True],
    "without a file": sum(end - start for start, end in after[1][False]), "large": large() << 10,
    "faults": [before[2][0], after[2][0]], "values": [before[2][1], after[2][1], list(use())],
    "children": children(),
}))
"""


def about(what):
    done = subprocess.run([sys.executable, "-c", ABOUT, what], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["same code"]
    assert not told["children"]
    first, *others = map(json.dumps, told["values"])
    assert [first] * 2 == others
    return told


@linux
def test_code_that_is_used_is_copied_to_where_it_was():
    told = about("sandbox.large_code(use)")
    assert told["done"] > 0
    assert told["without a file"] == told["large"] == told["done"] * (2 << 20)
    assert told["faults"][1] < told["faults"][0]


@linux
def test_what_has_been_copied_is_not_copied_again():
    assert about("[sandbox.large_code(use), sandbox.large_code(use)]")["done"][1] == 0


@linux
@pytest.mark.parametrize(
    "what",
    [
        "sandbox.large_code(lambda: None)",  # nothing of numpy is run
        "sandbox.large_code(lambda: 1 / 0)",
        "sandbox.large_code(lambda: os._exit(3))",
        "[setattr(sandbox, '_MADV_COLLAPSE', 999), sandbox.large_code(use)][1]",  # a kernel without it
        "[setattr(sandbox, '_MREMAP_TO', 999), sandbox.large_code(use)][1]",
        "[setattr(sandbox.mmap, 'PROT_EXEC', 999), sandbox.large_code(use)][1]",  # where memory may not become code
        "[setattr(sandbox, 'LINUX', False), sandbox.large_code(use)][1]",
    ],
)
def test_where_it_cannot_be_everything_stays(what):
    told = about(what)
    assert (told["done"], told["without a file"]) == (0, 0)
    assert told["same files"]
