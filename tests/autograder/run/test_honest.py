"""Right answers in every style get full marks, and wrong ones do not, with tests written for stock nbgrader."""

import textwrap

import pytest
from notebooks import answer, everything, given, job, only, statuses, test

SQUARE = "assert square(2) == 4\nassert square(-3) == 9\n### BEGIN HIDDEN TESTS\nassert square(11) == 121\n### END HIDDEN TESTS"
CONV = """
x = np.arange(30.0).reshape(5, 6)
k = np.array([[1.0, 2.0], [0.0, -1.0]])
before = x.copy()
want = np.array([[(x[i:i+2, j:j+2] * k).sum() for j in range(5)] for i in range(4)])
got = conv(x, k)
assert isinstance(got, np.ndarray), "return an array"
assert got.shape == (4, 5), f"shape {got.shape}"
np.testing.assert_allclose(got, want, rtol=1e-6)
assert (x == before).all(), "the input was changed"
"""
LOOPS = """
def conv(x, k):
    h, w = k.shape
    out = np.zeros((x.shape[0] - h + 1, x.shape[1] - w + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (x[i:i+h, j:j+w] * k).sum()
    return out
"""
NET = """
class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, padding=1)
        self.head = nn.Linear(width * 64, 3)
    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).flatten(1))
"""
TORCH = "import numpy as np\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\n"

RIGHT = {
    "plain": ("", "def square(x):\n    return x * x", SQUARE),
    "lambda": ("", "square = lambda x: x ** 2", SQUARE),
    "warning": ("", "import warnings\ndef square(x):\n    warnings.warn('slow')\n    return x * x", SQUARE),
    "stderr": ("", "import sys\ndef square(x):\n    print('!', file=sys.stderr)\n    return x * x", SQUARE),
    "prints": ("", "def square(x):\n    print('computing', x)\n    return x * x", SQUARE),
    "tqdm": ("", "from tqdm import tqdm\ndef square(x):\n    return sum(x for _ in tqdm(range(abs(x)))) * (1 if x > 0 else -1)", SQUARE),
    "numpy scalar": ("", "import numpy as np\ndef square(x):\n    return np.int64(x) ** 2", SQUARE),
    "float": ("", "def square(x):\n    return float(x) * x", SQUARE),
    "tensor scalar": ("", "import torch\ndef square(x):\n    return torch.tensor(x) ** 2", SQUARE),
    "own helper and reordered imports": ("import math", "def helper(a, b):\n    return a * b\nimport operator, math\ndef square(x):\n    return helper(x, x)", SQUARE),
    "magics": ("%matplotlib inline", "%%time\n%load_ext autoreload\n!ls\ndef square(x):\n    return x * x", SQUARE),
    "callable object": ("", "class Squarer:\n    def __call__(self, x):\n        return x * x\nsquare = Squarer()", SQUARE),
    "decorated": ("", "import functools\n@functools.lru_cache\ndef square(x):\n    return x * x", SQUARE),
    "recursion": ("", "def square(x):\n    x = abs(x)\n    return 0 if x == 0 else square(x - 1) + 2 * x - 1", SQUARE),
    "partial": ("", "from functools import partial\ndef power(n, x):\n    return x ** n\nsquare = partial(power, 2)", SQUARE),
    "loops": ("import numpy as np", LOOPS, CONV),
    "windows": ("import numpy as np", "def conv(x, k):\n    v = np.lib.stride_tricks.sliding_window_view(x, k.shape)\n    return np.einsum('ijkl,kl->ij', v, k)", CONV),
    "other dtype": ("import numpy as np", LOOPS.replace("return out", "return out.astype(np.float32)"), CONV),
    "fortran order": ("import numpy as np", LOOPS.replace("return out", "return np.asfortranarray(out)"), CONV),
    "big endian": ("import numpy as np", LOOPS.replace("return out", "return out.astype('>f8')"), CONV),
    "torch inside": ("import numpy as np", "import torch\ndef conv(x, k):\n    t = torch.nn.functional.conv2d(torch.tensor(x)[None, None], torch.tensor(k)[None, None])\n    return t[0, 0].numpy()", CONV),
    "exceptions are expected": (
        "",
        "def root(x):\n    if x < 0:\n        raise ValueError(f'negative: {x}')\n    return x ** 0.5",
        "try:\n    root(-1)\nexcept ValueError as e:\n    assert 'negative' in str(e)\nelse:\n    assert False, 'no error'\nassert root(4) == 2",
    ),
    "own exception class": (
        "",
        "class Bad(ValueError):\n    pass\ndef f(x):\n    raise Bad('no')",
        "try:\n    f(1)\n    assert False\nexcept Bad:\n    pass\ntry:\n    f(1)\nexcept ValueError as e:\n    message = str(e)\nassert message == 'no'\nassert issubclass(Bad, ValueError)",
    ),
    "numpy's raises": (
        "import numpy as np",
        "def f(x):\n    raise TypeError('no')",
        "with np.testing.assert_raises(TypeError):\n    f(1)\nnp.testing.assert_raises(TypeError, f, 1)",
    ),
    "containers": (
        "import numpy as np",
        "from collections import Counter, OrderedDict, defaultdict, namedtuple, deque\nP = namedtuple('P', 'x y')\n"
        "def f():\n    return {'a': [1, (2, 3)], 'n': None, 's': {1, 2}, 'c': 1+2j, 'b': b'x', 'l': 2**100, 'p': P(1, 2.5)}\n"
        "def g():\n    return Counter('aab'), OrderedDict(a=1), defaultdict(list, a=[1]), deque([1, 2]), range(3), slice(1, 2), ...",
        "r = f()\nassert r['a'] == [1, (2, 3)] and r['s'] == {1, 2} and r['c'] == 1+2j and r['l'] == 2**100\n"
        "assert r['p'].x == 1 and r['p'] == (1, 2.5)\nc, o, d, q, n, s, e = g()\n"
        "assert c['a'] == 2 and o == {'a': 1} and d['a'] == [1] and list(q) == [1, 2] and list(n) == [0, 1, 2]\n"
        "assert s == slice(1, 2) and e is ...\nassert sorted(r) == ['a', 'b', 'c', 'l', 'n', 'p', 's']",
    ),
    "generators": (
        "",
        "def evens():\n    n = 0\n    while True:\n        yield n\n        n += 2\ndef pairs(xs):\n    return zip(xs, xs[1:])",
        "import itertools\nassert list(itertools.islice(evens(), 4)) == [0, 2, 4, 6]\ng = evens()\nassert next(g) == 0 and next(g) == 2\n"
        "assert list(pairs([1, 2, 3])) == [(1, 2), (2, 3)]",
    ),
    "classes": (
        "",
        "class Stack:\n    'A stack.'\n    limit = 3\n    def __init__(self):\n        self.items = []\n    def push(self, x):\n"
        "        self.items.append(x)\n        return self\n    def pop(self):\n        return self.items.pop()\n"
        "    def __len__(self):\n        return len(self.items)\n    def __iter__(self):\n        return iter(self.items)\n"
        "    def __getitem__(self, i):\n        return self.items[i]\n    def __repr__(self):\n        return f'Stack({self.items})'\n"
        "    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        self.items.clear()\n"
        "    @property\n    def top(self):\n        return self.items[-1]\n",
        "s = Stack()\nassert not s\ns.push(1).push(2)\nassert len(s) == 2 and list(s) == [1, 2] and s[0] == 1 and s[-1] == 2\n"
        "assert s.top == 2 and s.pop() == 2 and Stack.limit == 3\nassert isinstance(s, Stack)\nassert repr(s) == 'Stack([1])'\n"
        "assert hasattr(s, 'push') and not hasattr(s, 'nothing')\ns.limit = 9\nassert s.limit == 9\n"
        "with s as t:\n    assert len(t) == 1\nassert len(s) == 0\nassert Stack.__doc__ == 'A stack.' and Stack.__name__ == 'Stack'\n"
        "import inspect\nassert list(inspect.signature(Stack.push).parameters) == ['self', 'x']\nassert callable(s.push)",
    ),
    "operators of a class": (
        "",
        "class V:\n    def __init__(self, a):\n        self.a = a\n    def __add__(self, o):\n        return V(self.a + (o.a if isinstance(o, V) else o))\n"
        "    __radd__ = __add__\n    def __mul__(self, o):\n        return V(self.a * o.a)\n    def __neg__(self):\n        return V(-self.a)\n",
        "x, y = V(2.0), V(3.0)\nassert (x * y + x).a == 8.0\nassert (1 + -x).a == -1.0",
    ),
    "sorts in place": ("", "def sort(xs):\n    xs.sort()", "xs = [3, 1, 2]\nsort(xs)\nassert xs == [1, 2, 3]"),
    "updates parameters in place": (
        "import numpy as np",
        "def step(p, g, lr):\n    for k in p:\n        p[k] -= lr * g[k]",
        "p = {'w': np.ones(3), 'b': np.zeros(2)}\nw = p['w']\nstep(p, {'w': np.ones(3), 'b': np.ones(2)}, 0.5)\n"
        "assert np.allclose(p['w'], 0.5) and np.allclose(w, 0.5)\nassert np.allclose(p['b'], -0.5)",
    ),
    "callbacks": (
        "import numpy as np",
        "def gradient(f, x, h=1e-5):\n    g = np.zeros_like(x)\n    for i in np.ndindex(x.shape):\n        e = np.zeros_like(x)\n        e[i] = h\n"
        "        g[i] = (f(x + e) - f(x - e)) / (2 * h)\n    return g\ndef apply(fs, x):\n    return [f(x) for f in fs]",
        "x = np.array([1.0, 2.0, 3.0])\ncalls = 0\ndef count(v):\n    global calls\n    calls += 1\n    return (v ** 2).sum()\n"
        "np.testing.assert_allclose(gradient(lambda v: (v ** 3).sum(), x), 3 * x ** 2, rtol=1e-4)\n"
        "assert np.allclose(gradient(count, x), 2 * x, atol=1e-4)\nassert calls == 6\n"
        "assert apply([np.sin, abs, lambda v: v + 1], -1.0) == [np.sin(-1.0), 1.0, 0.0]",
    ),
    "iterators of the test": ("", "def total(xs):\n    return sum(xs)", "assert total(x * x for x in range(4)) == 14\nassert total(iter([1, 2])) == 3"),
    "module": (
        TORCH,
        NET,
        "torch.manual_seed(0)\nnet = Net()\nassert isinstance(net, nn.Module) and isinstance(net.conv, nn.Conv2d)\n"
        "x = torch.randn(2, 1, 8, 8)\ny = net(x)\nassert y.shape == (2, 3)\nassert isinstance(y, torch.Tensor) and y.requires_grad\n"
        "assert sum(p.numel() for p in net.parameters()) == 4 * 9 + 4 + 256 * 3 + 3\n"
        "sd = net.state_dict()\nassert list(sd) == ['conv.weight', 'conv.bias', 'head.weight', 'head.bias']\n"
        "assert tuple(sd['conv.weight'].shape) == (4, 1, 3, 3)\n"
        "want = F.linear(torch.relu(F.conv2d(x, sd['conv.weight'], sd['conv.bias'], padding=1)).flatten(1), sd['head.weight'], sd['head.bias'])\n"
        "torch.testing.assert_close(y, want)\nassert [type(m).__name__ for m in net.children()] == ['Conv2d', 'Linear'] or True\n"
        "assert net.conv.kernel_size == (3, 3) and net.conv.weight.shape == torch.Size([4, 1, 3, 3])\n"
        "net.eval()\nassert not net.training\nwith torch.no_grad():\n    assert not net(x).requires_grad or True\n"
        "assert Net(width=2).conv.out_channels == 2",
    ),
    "weights set by the test": (
        TORCH,
        NET,
        "net = Net()\nwith torch.no_grad():\n    net.conv.weight.fill_(0.0)\n    net.conv.bias.zero_()\n    net.head.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))\n"
        "assert torch.allclose(net(torch.ones(1, 1, 8, 8)), torch.tensor([[1.0, 2.0, 3.0]]))\n"
        "net.head.bias.data.fill_(5.0)\nassert net(torch.ones(1, 1, 8, 8))[0, 0] == 5\n"
        "net.load_state_dict({k: torch.zeros_like(v) for k, v in net.state_dict().items()})\nassert (net(torch.ones(1, 1, 8, 8)) == 0).all()",
    ),
    "gradients across": (
        TORCH,
        "def f(x, w):\n    return (x @ w).tanh()\n" + NET,
        "x = torch.randn(4, 3, dtype=torch.double, requires_grad=True)\nw = torch.randn(3, 2, dtype=torch.double, requires_grad=True)\n"
        "f(x, w).sum().backward()\ng = x.grad.clone()\nx.grad = None\n(x @ w).tanh().sum().backward()\nassert torch.allclose(g, x.grad)\n"
        "assert torch.autograd.gradcheck(f, (x, w))\n(gx,) = torch.autograd.grad(f(x * 2, w).sum(), x)\nassert gx.shape == x.shape\n"
        "net = Net()\nF.cross_entropy(net(torch.ones(2, 1, 8, 8)), torch.tensor([0, 1])).backward()\n"
        "assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())",
    ),
    "the test trains the student's net": (
        TORCH,
        NET,
        "torch.manual_seed(0)\nnet = Net()\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\nx, t = torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2] * 2)\n"
        "losses = []\nfor _ in range(15):\n    loss = F.cross_entropy(net(x), t)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n    losses.append(loss.item())\n"
        "assert losses[-1] < 0.5 * losses[0]",
    ),
    "the student trains the test's net": (
        TORCH,
        "def train_step(model, opt, x, t):\n    model.train()\n    loss = F.cross_entropy(model(x), t)\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n    return loss.item()\n",
        "torch.manual_seed(0)\nm = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))\nopt = torch.optim.Adam(m.parameters(), lr=0.05)\n"
        "x, t = torch.randn(12, 4), torch.tensor([0, 1, 2] * 4)\nbefore = m[0].weight.detach().clone()\nl = [train_step(m, opt, x, t) for _ in range(20)]\n"
        "assert l[-1] < l[0]\nassert not torch.equal(before, m[0].weight)\nassert F.cross_entropy(m(x), t).item() < l[0]",
    ),
    "the student trains their own": (
        TORCH,
        NET + "def train(net, x, t, steps):\n    opt = torch.optim.SGD(net.parameters(), lr=0.2)\n    out = []\n    for _ in range(steps):\n"
        "        loss = F.cross_entropy(net(x), t)\n        opt.zero_grad()\n        loss.backward()\n        opt.step()\n        out.append(loss.item())\n    return out\n",
        "torch.manual_seed(0)\nnet = Net()\nx, t = torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2] * 2)\nw = net.head.weight.detach().clone()\nl = train(net, x, t, 15)\n"
        "assert len(l) == 15 and l[-1] < l[0]\nassert not torch.equal(w, net.head.weight)\nassert (net(x).argmax(1) == t).float().mean() > 0.8",
    ),
    "data loaders": (
        TORCH,
        "from torch.utils.data import DataLoader, TensorDataset, Dataset\nclass D(Dataset):\n    def __len__(self):\n        return 10\n"
        "    def __getitem__(self, i):\n        return torch.full((2,), float(i)), i % 2\nloader = DataLoader(D(), batch_size=4)\n",
        "n = 0\nfor xb, yb in loader:\n    n += len(xb)\n    assert xb.shape[1:] == (2,) and yb.dtype == torch.int64\nassert n == 10 and len(loader) == 3\n"
        "x0, y0 = loader.dataset[3]\nassert x0[0] == 3 and y0 == 1",
    ),
    "an iterator that begins anew": (
        "",
        "class Batches:\n    def __init__(self, n):\n        self.n = n\n    def __iter__(self):\n        self.at = 0\n        return self\n"
        "    def __next__(self):\n        if self.at == self.n:\n            raise StopIteration\n        self.at += 1\n        return self.at",
        "batches = Batches(3)\nassert [list(batches), list(batches)] == [[1, 2, 3], [1, 2, 3]]\n"
        "steps = iter(batches)\nassert next(steps) == 1\nassert list(zip(range(2), Batches(5))) == [(0, 1), (1, 2)]",
    ),
    "optimiser returned": (
        TORCH,
        "def make(model):\n    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)",
        "opt = make(nn.Linear(2, 1))\nassert isinstance(opt, torch.optim.Optimizer)\nassert opt.param_groups[0]['lr'] == 0.05 and opt.param_groups[0]['momentum'] == 0.9",
    ),
    "figure": (
        "import numpy as np\nimport matplotlib.pyplot as plt",
        "def draw(x):\n    fig, ax = plt.subplots()\n    ax.plot(x, x ** 2, label='square')\n    ax.set_title('squares')\n    ax.legend()\n    return fig",
        "import matplotlib.figure\nfig = draw(np.arange(4.0))\nassert isinstance(fig, matplotlib.figure.Figure)\nax = fig.axes[0]\nassert ax.get_title() == 'squares'\n"
        "line = ax.get_lines()[0]\nnp.testing.assert_allclose(line.get_ydata(), [0, 1, 4, 9])",
    ),
    "values and names": (
        "import numpy as np",
        "learning_rate = 0.1\nW = np.eye(3)\nnames = ['a', 'b']\nhistory = {'loss': [3.0, 2.0]}\n",
        "assert learning_rate == 0.1 and names == ['a', 'b']\nassert np.array_equal(W, np.eye(3)) and W.dtype == float\nassert history['loss'][-1] < history['loss'][0]",
    ),
    "array of an object": (
        "import numpy as np",
        "class Layer:\n    def __init__(self):\n        self.W = np.zeros((2, 2))\n    def forward(self, x):\n        return x @ self.W\n    def step(self):\n        self.W += 1\n",
        "l = Layer()\nl.W[...] = 2.0\nassert np.allclose(l.forward(np.ones((1, 2))), 4.0)\nW = l.W\nbefore = W.copy()\nl.step()\nassert np.allclose(W, before + 1)\n"
        "l.W = np.eye(2)\nassert np.allclose(l.forward(np.ones((1, 2))), 1.0)",
    ),
    "instructor's helpers use the student's code": (
        "import numpy as np\ndef error(n):\n    return abs(area(n) - n * n)\nside = 3\n",
        "def area(n):\n    return n * n",
        "assert error(5) == 0\nassert area(side) == 9",
    ),
    "partial credit": ("", "def f(x):\n    return x", "score = 0\nif f(1) == 1:\n    score += 4\nif f(2) == 2:\n    score += 6\nscore"),
    "asserts in helpers and tries": (
        "",
        "def f(x):\n    return x + 1",
        "def check(n):\n    assert f(n) == n + 1\nfor n in range(5):\n    check(n)\ntry:\n    assert f(0) == 5\nexcept AssertionError:\n    wrong = True\nassert wrong",
    ),
    "random numbers of the test": ("import numpy as np", "def double(x):\n    return 2 * x", "rng = np.random.default_rng(0)\nx = rng.normal(size=5)\nassert np.allclose(double(x), 2 * x)\ny = np.random.rand(3)\nassert np.allclose(double(y), y + y)"),
    "a generator of random numbers is passed": ("import numpy as np", "def drop(x, p, rng):\n    return x * (rng.random(x.shape) > p)", "x = np.ones(1000)\nr = np.random.default_rng(1)\na, b = drop(x, 0.5, r), drop(x, 0.5, r)\nassert 400 < a.sum() < 600 and not np.array_equal(a, b)\nassert np.array_equal(drop(x, 0.5, np.random.default_rng(7)), x * (np.random.default_rng(7).random(1000) > 0.5))"),
    "files": ("import numpy as np", "data = np.loadtxt('data.csv')\nnp.save('out.npy', data * 2)\ndef load():\n    return np.load('out.npy')", "assert np.allclose(load(), [2, 4])\nassert np.allclose(np.loadtxt('data.csv'), [1, 2])"),
    "processes and threads": ("", "import multiprocessing, threading\ndef f(x):\n    with multiprocessing.Pool(2) as p:\n        return p.map(abs, x)\ndef g():\n    out = []\n    t = threading.Thread(target=out.append, args=(1,))\n    t.start(); t.join()\n    return out", "assert f([-1, 2]) == [1, 2]\nassert g() == [1]"),
    "source is inspected": ("import inspect", "def f(x):\n    # a comment\n    return x", "assert 'for ' not in inspect.getsource(f)"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_gets_full_marks(grader, in_sight, name):
    if in_sight and "processes" in name:
        pytest.skip("without namespaces a student's code may start no process: `doctor` says so")
    setup, code, tests = (textwrap.dedent(part) for part in RIGHT[name])
    result = grader.grade(job(given(setup), answer(code), test(tests), files={"data.csv": b"1\n2\n"}))
    question = only(result)
    assert question.points == 10, everything(result)
    assert set(statuses(question)) <= {"passed"}
