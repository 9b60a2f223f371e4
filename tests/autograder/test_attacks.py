"""The list of attacks is complete, and every row of it is tried by a test that exists, or says why it cannot be."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
ROWS = yaml.safe_load((HERE / "attacks.yml").read_text())


@cache
def parsed(file: str) -> tuple[str, dict[str, ast.FunctionDef]]:
    source = (HERE / file).read_text()
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    return source, functions


def test_the_list_is_whole():
    assert list(ROWS) == list(range(1, 111))
    assert all(set(row) <= {"what", "tests", "elsewhere"} for row in ROWS.values())
    assert all(row["what"] for row in ROWS.values())


@pytest.mark.parametrize("number", ROWS)
def test_each_attack_is_tried_or_has_a_reason(number):
    row = ROWS[number]
    assert row.get("tests") or len(row.get("elsewhere", "")) > 40
    for test in row.get("tests", ()):
        file, _, name = test.partition("::")
        function, _, parameter = name.removesuffix("]").partition("[")
        source, functions = parsed(file)
        assert functions if function == "*" else function in functions, test
        # A parameter is a key of the table that the test goes through: whole, or the number that it begins with.
        wanted = (f'"{parameter}"', f'"{parameter}:') if parameter else ("",)
        assert any(text in source for text in wanted), test
        if function != "*":
            marks = [ast.unparse(mark) for mark in functions[function].decorator_list]
            assert not any("mark.skip(" in mark or "xfail" in mark for mark in marks), test
