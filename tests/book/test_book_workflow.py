"""CI runs what the README says, and git shows notebooks readably."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from small_books import ROOT, code, write_notebook

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps() -> list[dict]:
    jobs = [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]
    return [step for job in jobs for step in job["steps"]]


def test_ci_runs_the_readmes_test_command_on_every_platform():
    commands = [step.get("run", "") for step in steps()]
    assert ".ci/run" in commands
    assert "make verify" in commands
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    assert "make test" in (ROOT / ".ci/run").read_text()
    matrix = yaml.safe_load(WORKFLOWS[0].read_text())["jobs"]["test"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos"}


def test_ci_hides_no_failure_and_pins_what_it_uses():
    for path in WORKFLOWS:
        text = path.read_text()
        assert "continue-on-error" not in text
        assert "|| true" not in text
        assert yaml.safe_load(text)["defaults"]["run"]["shell"] == "bash"
    for step in steps():
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


def test_a_changed_notebook_is_shown_cell_by_cell(tmp_path: Path):
    """With the settings that `make setup` gives git, from the Makefile itself."""
    settings = re.findall(r"git config (\S+) '([^']+)'", (ROOT / "Makefile").read_text())
    assert len(settings) == 3
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run([*git, "init", "-q"], check=True)
    for key, value in settings:
        subprocess.run([*git, "config", key, value.replace("$(BIN)", str(ROOT / ".venv/bin"))], check=True)
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    path = write_notebook(tmp_path / "a b.ipynb", code("value = 1"))
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    path.write_text(path.read_text().replace("value = 1", "value = 2"))
    shown = subprocess.run([*git, "--no-pager", "diff"], capture_output=True, text=True, check=True).stdout
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "## modified /cells/0/source" in plain
    assert re.search(r"^-\s*value = 1$", plain, re.MULTILINE)
    assert '"source"' not in plain


@pytest.mark.parametrize("target", ["book", "verify", "execute"])
def test_make_calls_the_tool_that_is_there(target):
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(rf"^{target}:.*\n\t@python (\S+)", makefile, re.MULTILINE)
    assert recipe
    assert (ROOT / recipe[1]).is_file()
