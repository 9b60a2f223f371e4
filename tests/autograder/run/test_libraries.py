"""Which packages are libraries: the installed ones, and those that are used where they are developed."""

import contextlib
import gc
import sys

import pytest

from autograder import run
from autograder.run import parent

SOURCES = {
    # What pip and uv write; uv leaves the spaces out.
    "pip": '{"dir_info": {"editable": true}, "url": "file:///somewhere"}',
    "uv": '{"url":"file:///somewhere","dir_info":{"editable":true}}',
}


@pytest.fixture
def developed(tmp_path, monkeypatch):
    """Install a package from where it is developed: how, what the installer wrote, and by which of the two ways."""

    def install(direct_url: str | None, by: str = "path") -> str:
        package, site = tmp_path / "work" / "homemade", tmp_path / "site"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        about = site / "homemade-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: homemade\nVersion: 1.0\n")
        if direct_url is not None:
            (about / "direct_url.json").write_text(direct_url)
        if by == "path":
            name, text = "__editable__.homemade-1.0.pth", f"{package.parent}\n"
        else:
            name, text = "__editable___homemade_1_0_finder.py", f"MAPPING = {{'homemade': {str(package)!r}}}\n"
        (site / name).write_text(text)
        (about / "RECORD").write_text(f"{name},,\n")
        monkeypatch.setattr(sys, "path", [str(site), *sys.path])
        monkeypatch.delenv("PYTHONPATH", raising=False)
        monkeypatch.delitem(sys.modules, "__editable___homemade_1_0_finder", raising=False)
        run.library.cache_clear()
        return str(package)

    yield install
    run.library.cache_clear()


@pytest.mark.parametrize("by", ["path", "finder"])
@pytest.mark.parametrize("installer", SOURCES)
def test_a_package_that_is_used_where_it_is_developed_is_a_library(developed, installer, by):
    package = developed(SOURCES[installer], by)
    assert run.library("homemade") == package


@pytest.mark.parametrize(
    "direct_url",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        '{"dir_info": null}',
        '{"dir_info": {"editable": false}}',
        '{"url": "editable: true"}',
    ],
)
def test_another_is_not(developed, direct_url):
    developed(direct_url)
    assert run.library("homemade") is None


def test_a_directory_on_pythonpath_has_libraries_and_the_working_directory_has_none(tmp_path, monkeypatch):
    (tmp_path / "homemade").mkdir()
    (tmp_path / "homemade" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    run.library.cache_clear()
    assert run.library("homemade") is None
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run.library.cache_clear()
    assert run.library("homemade") == str(tmp_path / "homemade")
    run.library.cache_clear()


@pytest.mark.parametrize("how", ["loads", "raises", "interrupts"])
def test_no_garbage_is_looked_for_while_libraries_load_and_it_is_again_afterwards(monkeypatch, how):
    seen = []

    def load(name):
        seen.append(gc.isenabled())
        if how != "loads":
            raise {"raises": ImportError, "interrupts": KeyboardInterrupt}[how]

    monkeypatch.setattr(parent.importlib, "import_module", load)
    monkeypatch.setattr(parent, "exercise", lambda names: seen.append(gc.isenabled()))
    with contextlib.suppress(KeyboardInterrupt):
        parent.warm(["homemade"])
    assert not any(seen)
    assert gc.isenabled()
