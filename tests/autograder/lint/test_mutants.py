"""The mutants of a cell: each one runs, differs, names what it changed, and stays where it may."""

import ast
import random
from pathlib import Path

import pytest

from autograder.mutants import mutants

SAMPLE = '''%matplotlib inline
def mean_square(x, y=2, *, root=False):
    """Mean of 1 + 1 squares."""
    total, n = 0.0, len(x)
    for i in range(n):
        total += x[i] ** y  # élan: a wide character before the next edit
    if n < 1 or not root:
        raise ValueError(f"n is {n + 1}")
    x = sorted(x, reverse=True)
    print("a", 1)
    window = x[1:n - 1]
    return (total - 1) / (n + 2), window
'''


def descriptions(source, **options):
    return [mutant.description for mutant in mutants(source, **options)]


def test_every_mutant_is_python_and_differs_from_the_cell_and_from_the_others():
    sources = [mutant.source for mutant in mutants(SAMPLE)]
    dumps = {ast.dump(ast.parse(source.replace("%matplotlib", "#"))) for source in sources}
    assert len(dumps) == len(sources) > 40
    assert ast.dump(ast.parse(SAMPLE.replace("%matplotlib", "#"))) not in dumps


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = a < b", "comparison: `y = a < b` → `y = a <= b`"),
        ("y = a not in b", "comparison: `y = a not in b` → `y = a in b`"),
        ("y = a + b", "operator: `y = a + b` → `y = a - b`"),
        ("y = a @ b", "swapped operands: `y = a @ b` → `y = b @ a`"),
        ("y = (a - b) / c", "swapped operands: `y = (a - b) / c` → `y = c / (a - b)`"),
        ("y = a - b - c", "swapped operands: `y = a - b - c` → `y = c - (a - b)`"),
        ("y = (H, W)", "swapped items: `y = (H, W)` → `y = (W, H)`"),
        ("y = f(a, b=1)", "forgotten keyword: `y = f(a, b=1)` → `y = f(a)`"),
        ("y = f(b=1, c=2)", "forgotten keyword: `y = f(b=1, c=2)` → `y = f(c=2)`"),
        ("y = f(a, b)", "swapped arguments: `y = f(a, b)` → `y = f(b, a)`"),
        ("y = x[i]", "index: `y = x[i]` → `y = x[i + 1]`"),
        ("y = x[a:b]", "slice: `y = x[a:b]` → `y = x[a:]`"),
        ("y = x[::s]", "slice: `y = x[::s]` → `y = x[::]`"),
        ("y = x[0]", "constant: `y = x[0]` → `y = x[-1]`"),
        ("y = 0.5", "constant: `y = 0.5` → `y = 1.0`"),
        ("y = -x", "sign: `y = -x` → `y = x`"),
        ("y = a and b", "boolean: `y = a and b` → `y = a or b`"),
        ("y = mode == 'same'", "constant: `y = mode == 'same'` → `y = mode == 'same?'`"),
        ("x += 1", "operator: `x += 1` → `x = 1`"),
        ("x += 1", "dropped statement: `x += 1` → `pass`"),
        ("x = x.copy()", "dropped statement: `x = x.copy()` → `pass`"),
        ("for i in range(n): f()", "range: `for i in range(n): f()` → `for i in range(n - 1): f()`"),
        ("def f():\n    return a", "returned value: `return a` → `return None`"),
        ("y = a if b else c", "swapped branches: `y = a if b else c` → `y = c if b else a`"),
        ("y = [a for a in b if a]", "condition: `y = [a for a in b if a]` → `y = [a for a in b if True]`"),
        ("if ready(): f()", "condition: `if ready(): f()` → `if not ready(): f()`"),
        ("é = 'ü'; y = a < b", "comparison: `é = 'ü'; y = a < b` → `é = 'ü'; y = a <= b`"),
    ],
)
def test_the_mistakes_it_makes(source, expected):
    assert expected in descriptions(source)


def test_messages_docstrings_and_annotations_are_left_alone():
    source = '''def f(x: "a[1]" = None) -> "b[2]":
    """1 + 1"""
    print("three", 3)
    warnings.warn("four" + str(4))
    assert x, "five" + str(5)
    raise ValueError("six" + str(6))
'''
    changed = "".join(mutant.description.split("→")[1] for mutant in mutants(source))
    assert changed == " `pass` `pass`"


def test_only_the_marked_solution_is_changed():
    source = "a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\nc = 3\n"
    assert {mutant.line for mutant in mutants(source)} == {3}
    assert {mutant.line for mutant in mutants(source, everywhere=True)} == {1, 3, 5}


def test_form_feeds_and_foreign_line_ends_do_not_shift_the_place():
    assert "comparison: `z = a < b` → `z = a <= b`" in descriptions("x = 'a\x0cb'\r\ny = '\u2028'\rz = a < b")


def test_equal_lines_are_told_apart_and_a_description_survives_an_edit_above():
    twice = descriptions("x = 1\nx = 1\n")
    assert len(set(twice)) == len(twice)
    assert any(name.endswith("#2") for name in twice)
    assert set(descriptions("x = 1")) <= set(descriptions("import os\n\nx = 1"))


def test_magic_lines_stay_and_code_that_is_not_python_is_refused():
    assert all(mutant.source.startswith("%matplotlib inline\n") for mutant in mutants(SAMPLE))
    with pytest.raises(ValueError, match="not valid Python"):
        list(mutants("def f(:"))


def test_it_holds_on_the_standard_library_and_on_this_package():
    """Whatever Python people write: nothing raises, everything parses, at most one place differs."""
    import argparse
    import statistics
    import textwrap

    import autograder.mutants as own

    generator = random.Random(0)
    for module in (argparse, statistics, textwrap, own):
        source = Path(module.__file__).read_text()
        tree = ast.parse(source)
        functions = [ast.get_source_segment(source, node) for node in tree.body if isinstance(node, ast.FunctionDef)]
        for function in generator.sample(functions, min(4, len(functions))):
            for mutant in mutants(function, everywhere=True):
                ast.parse(mutant.source)
                assert mutant.source != function
                assert 1 <= mutant.line <= function.count("\n") + 1
