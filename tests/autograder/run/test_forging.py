"""Attacks on the verdict, rows 1 to 23 of the attack list: each is run for real, and each must earn nothing.

A test's only way to a verdict is the judge's own Python on plain data, so most rows come down to one property; they are
kept one by one because each stands for a way in which a grader has been beaten.

| rows | here | note |
|---|---|---|
| 1 | `EQUALS` | objects that equal everything, as float, int, str, list, ndarray and tensor subclasses |
| 2-6, 9, 20, 21 | `KERNEL` | there is no IPython kernel on the student's side; what is patched is patched in vain |
| 7, 8, 22, 23 | `OUTPUT` | a verdict is never read from an output |
| 10-13 | `PATCHES` | builtins and libraries of the student's process are not the judge's |
| 14, 15 | `test_submitted_files_…` | |
| 16-18 | `test_no_test_source_…` | frames, linecache, garbage collector and the process's own memory are searched |
| 19 | `test_nothing_says_that_this_is_grading` | |
"""

import os

import pytest
from notebooks import answer, everything, given, job, only, test

from autograder.model import Limits

TESTS = "assert f(2) == 4\nassert abs(f(3) - 9) < 1e-6\nassert np.allclose(f(4), 16)\n### BEGIN HIDDEN TESTS\nassert f(11) == 121\n### END HIDDEN TESTS"
NP = given("import numpy as np")

EQUALS = {
    "object": "class A:\n    __eq__ = __le__ = __lt__ = __ge__ = __gt__ = lambda s, o: True\n    __hash__ = None\n    __sub__ = __rsub__ = __abs__ = lambda s, *o: s\n    __bool__ = lambda s: True\n    __float__ = __array__ = lambda s, *a, **k: 0.0\n",
    **{
        kind.split("(")[0]: f"import numpy as np, torch\nclass A({base}):\n    __eq__ = __lt__ = __le__ = __ge__ = __gt__ = lambda s, o: True\n    __hash__ = {base}.__hash__\n    __ne__ = lambda s, o: False\n    __sub__ = __rsub__ = __abs__ = lambda s, *o: s\n"
        for kind, base in (("float", "float"), ("int", "int"), ("str", "str"), ("list", "list"), ("float64", "np.float64"), ("array", "np.ndarray"), ("tensor", "torch.Tensor"))
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", EQUALS)
def test_an_object_that_equals_everything(grader, kind):
    make = {"array": "np.zeros(1).view(A)", "tensor": "torch.zeros(1).as_subclass(A)"}.get(kind, "A()")
    result = grader.grade(job(NP, answer(EQUALS[kind] + f"def f(x):\n    return {make}"), test(TESTS)))
    question = only(result)
    assert question.points == 0, everything(result)
    assert not any(check.status == "passed" for check in question.checks)
    assert "not plain data" in question.checks[0].message


def test_an_object_learns_nothing_of_what_it_is_compared_with(grader):
    code = (
        "seen = []\nclass A:\n    def __getattr__(self, name):\n        raise AttributeError\n"
        + "".join(
            f"    def __{n}__(self, *o):\n        seen.append(o)\n        return 0.0\n"
            for n in (
                "eq",
                "ne",
                "lt",
                "le",
                "gt",
                "sub",
                "rsub",
                "add",
                "radd",
                "mul",
                "rmul",
                "contains",
                "abs",
                "pow",
            )
        )
        + "def f(x):\n    return A()\n"
    )
    tests = "assert f(2) == 4444\nassert 4444 in f(2)\nassert abs(f(2) - 4444) < 1\nassert 4444 - f(2) < 1\nassert f(2) < 4444\nassert f(2) != 0"
    result = grader.grade(job(answer(code), test(tests), test("assert seen == []", grade_id="q2")))
    assert [question.points for question in result.questions] == [0, 10], everything(result)


@pytest.mark.parametrize("shape", ["()", "(0,)", "(0, 2, 3)", "(2, 0)"])
@pytest.mark.parametrize("library", ["np", "torch"])
def test_an_empty_array_is_close_to_nothing(grader, shape, library):
    """NumPy and torch stretch an array without elements to any shape, and then find no difference."""
    make = f"{library}.zeros({shape if shape != '()' else '(0, 1)'})"
    tests = (
        f"want = {library}.ones((2, 3))\nassert {library}.allclose(f(), want)\nassert (f() == want).all()\n"
        f"def same(a, b):\n    assert {library}.allclose(a, b)\nsame(f(), want)\nassert {library}.allclose(want, f())"
    )
    if library == "np":
        tests += "\nnp.testing.assert_allclose(f(), 1.0)\nassert np.allclose(f(), 16)"
    result = grader.grade(job(NP, given("import torch"), answer(f"def f():\n    return {make}"), test(tests)))
    assert not any(check.status == "passed" for check in only(result).checks), everything(result)
    both = "assert np.allclose(np.zeros(0), np.zeros(0))\nassert [] == []"
    assert only(grader.grade(job(NP, test(both)))).points == 10


SHELL = (
    "try:\n    from IPython import get_ipython as g\n    ip = g() or get_ipython()\nexcept NameError:\n    ip = None\n"
)
KERNEL = {
    "ast transformers": "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return None\nip.ast_transformers.append(T())",
    "input transformers": "ip.input_transformers_cleanup.append(lambda lines: ['pass'])",
    "run_cell_async": "ip.run_cell_async = lambda *a, **k: None",
    "session.send": "ip.kernel.session.send = lambda *a, **k: None",
    "run_code": "from IPython.core.interactiveshell import InteractiveShell\nasync def quiet(*a, **k):\n    return False\nInteractiveShell.run_code = quiet",
    "clear_output": "ip.events.register('post_run_cell', lambda *a: __import__('IPython').display.clear_output())",
    "showtraceback": "ip.showtraceback = lambda *a, **k: None",
    "set_custom_exc": "ip.set_custom_exc((Exception,), lambda *a, **k: None)",
    "pre_run_cell": "ip.events.register('pre_run_cell', lambda info: exec('f = lambda x: x * x'))",
    "a shell of one's own": "from IPython.core.interactiveshell import InteractiveShell\nip = InteractiveShell.instance()\nimport ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return None\nip.ast_transformers.append(T())",
}


@pytest.mark.parametrize("name", KERNEL)
def test_there_is_no_kernel_to_patch(grader, name):
    code = f"def f(x):\n    return -1\n{SHELL}{KERNEL[name]}\n"
    assert only(grader.grade(job(NP, answer(code), test(TESTS)))).points == 0
    whole = f"def f(x):\n    return -1\n{SHELL}try:\n" + "\n".join(f"    {line}" for line in KERNEL[name].split("\n"))
    whole += "\nexcept Exception:\n    pass\n"
    assert only(grader.grade(job(NP, answer(whole), test(TESTS)))).points == 0


OUTPUT = {
    "displayhook": "def f(x):\n    import sys\n    sys.displayhook('x')\n    return -1",
    "nan": "def f(x):\n    import sys\n    sys.displayhook(float('nan'))\n    return float('nan')",
    "all tests passed": "print('All tests passed! 10/10')\ndef f(x):\n    print('10')\n    return -1",
    "result frames on stdout": "def f(x):\n    import os\n    os.write(1, b'{\"points\": 10}\\n')\n    return 10",
}


@pytest.mark.parametrize("name", OUTPUT)
def test_no_verdict_is_read_from_an_output(grader, name):
    assert only(grader.grade(job(NP, answer(OUTPUT[name]), test(TESTS)))).points == 0
    number = test("10 if f(2) == 4 else 0")
    assert only(grader.grade(job(NP, answer(OUTPUT[name]), number))).points == 0


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "1e9", "-1", "10**400", "-0.5"])
def test_points_outside_the_range_are_an_authors_error(grader, value):
    result = grader.grade(
        job(answer("def f():\n    return 1"), test(f"assert f() == 1\n{value}"), test("assert f() == 1", grade_id="q2"))
    )
    first, second = result.questions
    assert first.points == 0
    assert "tell the instructor" in first.message
    assert second.points == 10


def test_a_score_of_the_students_is_never_above_the_maximum(grader):
    result = grader.grade(job(answer("def score():\n    return 1000"), test("score()", points=3.0)))
    assert only(result).points == 0


PATCHES = {
    "shadowed builtins": "float = int = abs = max = len = all = sum = isinstance = lambda *a, **k: True\nnp = None\n",
    "builtins": "import builtins\nbuiltins.abs = builtins.float = lambda *a: 0.0\nbuiltins.all = builtins.isinstance = lambda *a: True\n",
    "numpy": "import numpy as np\nnp.allclose = np.isclose = lambda *a, **k: True\nnp.testing.assert_allclose = lambda *a, **k: None\nimport numpy.testing\n",
    "torch": "import torch\ntorch.allclose = torch.equal = lambda *a, **k: True\ntorch.testing.assert_close = lambda *a, **k: None\n",
    "statistics": "import statistics\nstatistics.mean = lambda x: 3\n",
    "again and again": "import threading, time, numpy as np\ndef patch():\n    while True:\n        np.allclose = lambda *a, **k: True\n        np.testing.assert_allclose = lambda *a, **k: None\n        time.sleep(1e-3)\nthreading.Thread(target=patch, daemon=True).start()\n",
    "sys.modules": "import sys, types\nfake = types.ModuleType('numpy')\nfake.allclose = lambda *a, **k: True\nsys.modules['numpy'] = np = fake\n",
    "assert itself": "AssertionError = KeyError\n__checks__ = None\n",
    "import": "import builtins\nreal = builtins.__import__\nbuiltins.__import__ = lambda name, *a, **k: real('math', *a, **k)\n",
}
LIBRARY_TESTS = (
    "import statistics\nimport torch\nassert np.allclose(f(2), 4)\nassert statistics.mean([f(1), f(1)]) == 1\n"
    "assert torch.allclose(torch.tensor(float(f(2))), torch.tensor(4.0))\nnp.testing.assert_allclose(f(3), 9)\nassert abs(f(5) - 25) < 1\n"
    "assert all([f(2) == 4])\nassert isinstance(f(2), str)"
)


@pytest.mark.parametrize("name", PATCHES)
@pytest.mark.parametrize("imported", [True, False], ids=["imported", "by convention"])
def test_the_judge_has_its_own_builtins_and_libraries(grader, name, imported):
    cells = ([NP] if imported else []) + [answer(PATCHES[name] + "def f(x):\n    return -1"), test(LIBRARY_TESTS)]
    result = grader.grade(job(*cells))
    assert only(result).points == 0
    assert not any(check.status == "passed" for check in only(result).checks), everything(result)


def test_library_names_of_an_answer_cell_are_the_judges(grader):
    """`imports` and `provides` of a cell: what the instructor's own version of it brings in."""
    from autograder.run import declarations

    own = "from numpy import allclose\nimport numpy.linalg as la\ndef f(x):\n    return x * x\nW = 3\n"
    imports, provides = declarations(own)
    assert imports == ("from numpy import allclose", "import numpy.linalg as la")
    assert provides == ("W", "f")
    tests = "assert allclose(f(2), 4)\nassert la.norm([f(2), 0]) == 4\nassert W == 3"
    fields = {"imports": imports, "provides": provides}
    before = given("W = None")
    assert only(grader.grade(job(before, answer(own, **fields), test(tests)))).points == 10
    fake = (
        "allclose = lambda *a: True\nclass la:\n    norm = staticmethod(lambda v: 4)\ndef f(x):\n    return -1\nW = 3\n"
    )
    result = grader.grade(job(before, answer(fake, **fields), test(tests)))
    assert [check.status for check in only(result).checks] == ["failed", "failed", "passed"], everything(result)


FILES = {
    "numpy.py": b"def allclose(*a, **k):\n    return True\n",
    "yaml.py": b"raise SystemExit\n",
    "statistics.py": b"def mean(x):\n    return 4\n",
    "sitecustomize.py": b"import builtins\nbuiltins.abs = lambda x: 0\n",
    "numpy/__init__.py": b"def allclose(*a, **k):\n    return True\n",
}


@pytest.mark.parametrize("name", FILES)
def test_submitted_files_never_become_modules_of_the_judge(grader, name):
    tests = "import statistics\nimport yaml\nassert np.allclose(f(2), 4)\nassert statistics.mean([f(1)]) == 1\nassert abs(f(1) - 1) < 1"
    path = "import sys, os\nsys.path.insert(0, os.getcwd())\nsys.modules.pop('statistics', None)\nimport statistics\n"
    code = path + "def f(x):\n    return -1"
    result = grader.grade(job(NP, answer(code), test(tests), student_files={name: FILES[name]}))
    question = only(result)
    assert question.points == 0
    assert not any(check.status == "passed" for check in question.checks)


HUNT = r"""
import ctypes, gc, itertools, linecache, os, re, sys
PATTERN = re.compile(b'needle-[0-9a-f]{12}')  # does not match itself
found = set()
def look(where, value):
    if isinstance(value, str):
        value = value.encode('utf-8', 'replace')
    if isinstance(value, (bytes, bytearray)) and PATTERN.search(value):
        found.add(where)
def hunt():
    for obj in gc.get_objects():
        values = list(obj.values()) if type(obj) is dict else obj if type(obj) in (list, tuple) else ()
        for value in values:
            look('objects', value)
    for frame in sys._current_frames().values():
        while frame is not None:
            for value in [*frame.f_locals.values(), *frame.f_code.co_consts]:
                look('frames', value)
            frame = frame.f_back
    for entry in list(linecache.cache.values()):
        look('linecache', ''.join(entry[2]) if len(entry) > 2 else '')
    for value in os.environ.values():
        look('environment', value)
    for top, folders, files in itertools.chain(os.walk('/'), os.walk('.')):
        look('names', ' '.join(files))
        folders[:] = [f for f in folders if not (top + f).startswith(('/usr', '/lib')) and f not in ('lib', 'lib64')]
        for file in files:
            try:
                with open(os.path.join(top, file), 'rb') as opened:
                    look('files', opened.read(1 << 20) if '/dev' not in top else b'')
            except OSError:
                pass
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = ctypes.c_void_p
    end = libc.sbrk(0)
    regions = {end - n * (1 << 20) for n in range(1, 160)} | {id(o) >> 20 << 20 for o in gc.get_objects()}
    r, w = os.pipe()
    for start in regions:
        data = b''
        for page in range(start, start + (1 << 20), 4096):
            # write() refuses memory that is not mapped, where reading it would end the process
            if libc.write(w, ctypes.c_void_p(page), 4096) == 4096:
                data += os.read(r, 4096)
        look('memory', data)
    os.close(r); os.close(w)
def f(x):
    hunt()
    return x * x
"""


def test_no_test_source_is_on_the_students_side(grader):
    """Rows 16 to 18, 24 and 104: hidden source, hints and names are nowhere that the student's process can look."""
    needle = f"needle-{os.urandom(6).hex()}"
    tests = (
        f"unused = '{needle}'\nassert f(2) == 4, '{needle}'\nassert sorted(found) == []\n### BEGIN HIDDEN TESTS\n"
        f"assert f(11) == 121, '{needle}'\nsecret = '{needle}'\nassert f(3) == 9\nassert sorted(found) == []\n### END HIDDEN TESTS"
    )
    fields = {"hint": needle, "link": needle, "grade_id": needle}
    generous = Limits(question_seconds=60, submission_seconds=120, memory_mb=512)
    result = grader.grade(
        job(answer(HUNT), test(tests, **fields), limits=generous, notebook=needle, files={"data.csv": b"1"})
    )
    assert only(result).points == 10, [(c.status, c.message, c.got) for c in only(result).checks]


@pytest.mark.parametrize("where", ["objects", "memory", "files"])
def test_the_hunter_finds_what_is_there(grader, where):
    needle = f"needle-{os.urandom(6).hex()}"
    plant = {
        "objects": f"kept = ['{needle}']",
        "memory": f"import ctypes\nkept = ctypes.create_string_buffer(b'{needle}' * 10)\nspread = [('{needle}' + str(i)) for i in range(100)]",
        "files": "open('note.txt', 'w').write('needle-' + 'ab' * 6)",
    }[where]  # fmt: skip
    generous = Limits(question_seconds=60, submission_seconds=120, memory_mb=512)
    tests = f"assert f(2) == 4\nassert '{where}' in found"
    result = grader.grade(job(answer(HUNT), answer(plant), test(tests), limits=generous))
    assert only(result).points == 10, everything(result)


def test_nothing_says_that_this_is_grading(grader):
    code = "import os, sys\nenvironment = sorted(os.environ)\narguments = sys.argv\nhere = os.getcwd()"
    result = grader.grade(job(answer(code), test("assert environment == 0\nassert here == 0")))
    shown = everything(result).lower()
    for marker in ("nbgrader", "autograde", "jupyter", "submitted", "pytest"):
        assert marker not in shown, marker


# What a student's process may write on the line to the judge: it has the file, and this engine's own code to use it.
FRAMES = {
    "noise": "os.write(line, os.urandom(100_000))",
    "a length of gigabytes": "os.write(line, struct.pack('>QII', sequence(), 0xFFFFFFFF, 0xFFFFFFFF))",
    "a length within the cap, and nothing after it": "os.write(line, struct.pack('>QII', sequence(), 8 << 20, 0))\n    while True: pass",
    "half a frame": "os.write(line, struct.pack('>QII', sequence(), 100, 0) + b'x' * 50)\n    os._exit(0)",
    "a frame out of turn": "os.write(line, struct.pack('>QII', 10**9, 1, 0) + b'\\xc0')",
    "a verdict": "send(['result', {'questions': [{'grade_id': 'q1', 'points': 10.0, 'max_points': 10.0, 'checks': []}], 'outputs': []}])",
    "the grader's messages": "send(['cell', 0, 10**9])\n    send(['why'])\n    send(['broken', 'x'])",
    "nested lists": "send_bytes(b'\\x91' * 200_000 + b'\\xc0')",
    "an extension type": "send_bytes(b'\\xc7\\x05\\x01cposix')",
    "a pickle": "import pickle\n    send([17, pickle.dumps(A())])",
    "a hundred frames": "for _ in range(100):\n        send(['value', 121])",
    "answers in advance": "for _ in range(100):\n        send(['ok', 121, [], [], []])",
}
FRAME_TOOLS = """
import gc, msgpack, os, stat, struct
line = next(n for n in range(3, 100) if is_socket(n))
def sequence():
    from autograder.run.wire import Channel
    channel = next(o for o in gc.get_objects() if type(o) is Channel)
    channel.sent += 1
    return channel.sent - 1
def send_bytes(body):
    os.write(line, struct.pack('>QII', sequence(), len(body), 0) + body)
def send(message):
    send_bytes(msgpack.packb(message))
class A:
    def __reduce__(self):
        return (print, ('unpickled',))
"""
IS_SOCKET = """
def is_socket(n):
    import os, stat
    try:
        return stat.S_ISSOCK(os.fstat(n).st_mode)
    except OSError:
        return False
"""


@pytest.mark.parametrize("name", FRAMES)
def test_forged_messages_are_data_at_most(grader, name):
    """Row 97: the question loses its points, the process is replaced, and the judge goes on."""
    code = f"{IS_SOCKET}{FRAME_TOOLS}\ndef f(x):\n    {FRAMES[name]}\n    return -1\ndef g(x):\n    return x + 1\n"
    tests = (test("assert g(1) == 2", 10.0, "q0"), test(TESTS), test("assert g(2) == 3", 10.0, "q2"))
    result = grader.grade(job(NP, answer(code), *tests, limits=Limits(question_seconds=2, submission_seconds=30)))
    assert result.status == "graded", everything(result)
    # Well-formed answers to questions that nobody has asked yet are answers, and wrong ones: whoever sends them loses more.
    after = 0 if name == "answers in advance" else 10
    assert [question.points for question in result.questions] == [10, 0, after], everything(result)
    assert "unpickled" not in everything(result)


LIARS = {
    "parameters() of others": "class Net(nn.Linear):\n    def parameters(self, *a, **k):\n        return iter([torch.zeros(4, 3), torch.zeros(4)])\nnet = Net(1, 1)",
    "state_dict() of others": "class Net(nn.Module):\n    def state_dict(self, *a, **k):\n        return {'weight': torch.zeros(4, 3), 'bias': torch.zeros(4)}\n    def forward(self, x):\n        return x\nnet = Net()",
    "right weights, another function": "class Net(nn.Linear):\n    def forward(self, x):\n        return super().forward(x).abs()\nnet = Net(3, 4)",
    "no tensors": "class P:\n    shape = (4, 3)\n    def numel(self):\n        return 12\nclass Net(nn.Linear):\n    def parameters(self, *a, **k):\n        return [P(), P()]\nnet = Net(1, 1)",
    "a class that claims to be another": "class Net:\n    __class__ = nn.Linear\n    in_features, out_features = 3, 4\n    def __call__(self, x):\n        return x\nnet = Net()",
    "numel() that lies": "class T(torch.Tensor):\n    def numel(self):\n        return 16\n    shape = (4, 3)\nnet = nn.Linear(1, 1)\nnet.weight = nn.Parameter(torch.zeros(1, 1).as_subclass(T))",
}  # fmt: skip


@pytest.mark.parametrize("name", LIARS)
def test_a_module_that_lies_is_judged_by_its_data(grader, name):
    """Row 99: shapes come from the tensors themselves, and an architecture is what it computes."""
    tests = (
        "checks.same_function(net, nn.Linear(3, 4), torch.randn(5, 3))\n"
        "assert checks.parameters(net) == {'weight': (4, 3), 'bias': (4,)} and net(torch.ones(2, 3)).shape == (2, 4) and net(-torch.ones(9, 3)).min() < 0"
    )
    given_cell = given("import torch\nfrom torch import nn\nfrom autograder.run import checks")
    result = grader.grade(job(given_cell, answer(LIARS[name]), test(tests)))
    assert only(result).points == 0, everything(result)
    assert only(result).checks[0].status != "passed", everything(result)
    honest = grader.grade(job(given_cell, answer("torch.manual_seed(0)\nnet = nn.Linear(3, 4)"), test(tests)))
    assert only(honest).points == 10, everything(honest)
