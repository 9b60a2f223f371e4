"""IPython's additions become plain Python, line for line, and plain Python stays as it is."""

import ast

import pytest

from autograder.reassemble import plain_python


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%matplotlib inline\nimport math", "pass  # %matplotlib inline\nimport math"),
        ("if x:\n    %timeit f()\nelse:\n    y = 1", "if x:\n    pass  # %timeit f()\nelse:\n    y = 1"),
        ("%time y = f(2)", "y = f(2)"),
        ("y = %time f(2)", "y = f(2)"),
        ("%%time\ny = 1\ny", "# %%time\ny = 1\ny"),
        ("\n%%capture out\ny = 1", "\n# %%capture out\ny = 1"),
        ("np.zeros?", "pass  # np.zeros?"),
        ("?np.zeros\nx = 1", "pass  # ?np.zeros\nx = 1"),
        ("x.y??  \nx = 1", "pass  # x.y??  \nx = 1"),
    ],
)
def test_commands_without_an_effect_vanish_silently(source, expected):
    assert plain_python(source) == (expected, [])
    ast.parse(expected)


@pytest.mark.parametrize(
    ("source", "expected", "missed"),
    [
        ("!pip install x\ny = 1", "pass  # !pip install x\ny = 1", "!pip install x"),
        ("%cd data", "pass  # %cd data", "%cd data"),
        ("files = !ls\nfiles", "files = []  # !ls\nfiles", "!ls"),
        ("a, b = %magic x", "a, b = None  # %magic x", "%magic x"),
        ("%%bash\nrm -rf /\n", "# %%bash\n# rm -rf /\n# ", "%%bash"),
        ("%%writefile a.py\nx = (", "# %%writefile a.py\n# x = (", "%%writefile a.py"),
        ("!echo a \\\n  b\nx = 1", "pass  # !echo a \\\n#   b\nx = 1", "!echo a \\"),
    ],
)
def test_commands_with_an_effect_are_told(source, expected, missed):
    assert plain_python(source) == (expected, [missed])
    ast.parse(expected)


@pytest.mark.parametrize(
    "source",
    [
        "x = 5\ny = (7\n%x)",
        "x = 7 \\\n% 2",
        'text = """\n%matplotlib inline\n!ls\nwhat?\n"""',
        "text = '''\n%a\n''' % 3\nb = [\n'x'\n% 2]",
        'a = "%d" % 3  # what?\nprint("!")',
        "# %matplotlib inline\n# is it?",
        "a = 'it\\'s'  # \"\nb = (1\n% 2)",
        "x %= 3\ny = a != b\nz = {1:\n2,\n3:\n4 % 2}",
        "f'{x!r}'\nd = dict(a=1)\nq = d['?']",
    ],
)
def test_plain_python_stays_as_it_is(source):
    assert plain_python(source) == (source, [])


def test_what_is_no_python_either_way_does_no_harm():
    for source in ("'''\n%x", "(((((\n!ls", "\\\n%", "%", "!", "?", "%%", "%%%%\n%", "\x00%\n", "x = %", "=!", "\\"):
        plain, _ = plain_python(source)
        assert plain.count("\n") == source.count("\n")


def test_long_hostile_sources_take_linear_time():
    for source in (" " * 900_000, "= " + " " * 900_000, "?" * 900_000, "x" * 900_000 + " =", '"""' * 300_000,
                   "%a\n" * 300_000, "=%a\n" * 200_000, "(" * 900_000 + "\n%x"):  # fmt: skip
        plain_python(source)  # the suite's own time limit is the judge
