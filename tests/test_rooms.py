"""The rooms of the house and who may import whom."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = set(sys.stdlib_module_names)

# What each room may import beyond the standard library and itself.
ALLOWED = {
    "kernelbook": """
        numpy torch torchvision matplotlib ipywidgets anywidget traitlets sklearn IPython PIL tqdm onnx onnxruntime
    """,
    "autograder": """
        nbgrader nbformat nbconvert jupyter_core traitlets sqlalchemy numpy torch msgpack nh3 jsonschema pyseccomp
        distributed dask tqdm jinja2 matplotlib IPython
    """,
}


def imports(path: Path) -> set[str]:
    """Top-level names of the modules that a Python file imports, relative imports left out."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_it_may(room):
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        foreign = imports(path) - STANDARD - set(ALLOWED[room].split()) - {room}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}, which {room} may not"


def test_hub_knows_the_autograder_only_by_its_command_line_and_configuration():
    for path in (ROOT / "hub").rglob("*.py"):
        found = imports(path) & {"autograder", "kernelbook"}
        if path.name == "nbgrader_config.py" and "autograder" in found:  # where every course plugs it in, by one call
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
            used = {node.attr for node in calls if isinstance(node.value, ast.Name) and node.value.id == "autograder"}
            assert used == {"configure"}, path
            found -= {"autograder"}
        assert not found, path


@pytest.mark.parametrize(
    "name", ["_config.yml", "_toc.yml", "requirements.txt", "book", "exercises", "solutions", "autograder"]
)
def test_the_fixed_names_stand_at_the_top_level(name):
    assert (ROOT / name).exists()


def test_no_two_test_files_share_a_name():
    """pytest takes the second for the first, and then neither is run."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.xdist_group("rooms")
def test_groups_of_tests_stay_together(request):
    """A pytest that hides the groups from xdist would have every worker start its own servers, without a word."""
    if not request.config.getoption("loadgroup", False):
        pytest.skip("the tests are not distributed by groups")
    assert request.node.nodeid.endswith("@rooms")
