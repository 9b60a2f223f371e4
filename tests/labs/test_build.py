"""The bundles: what the published page and Jupyter load."""

import base64
import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernelbook.data import image
from kernelbook.labs.pictures import pictures

ROOT = Path(__file__).parents[2]
LABS = ROOT / "kernelbook" / "labs"
DIST = LABS / "dist"


def build():
    subprocess.run(["node", LABS / "build.mjs"], check=True, timeout=60)


@pytest.mark.parametrize("file", sorted(DIST.glob("*.js")), ids=lambda path: path.stem)
def test_a_pages_script_is_classic_without_globals_or_addresses(tmp_path, file):
    script = file.read_text()
    assert not re.search(r"\bimport\(", script)
    # A module would be refused over file:; a classic script parses outside one, where import and export do not.
    (tmp_path / "labs.cjs").write_text(f"new Function({json.dumps(script)})")
    subprocess.run(["node", tmp_path / "labs.cjs"], check=True, timeout=60)
    assert re.match(r'^(?:"use strict";)?\(\(\)=>\{.*\}\)\(\);\s*$', script, re.S)
    assert set(re.findall(r"https?://[^\"'`\s)]+", script)) <= {"http://www.w3.org/2000/svg"}


def test_the_bundle_is_light():
    """All labs with their pictures; the trained network of LookInside is data of its own and counts apart."""
    weights = [path.read_bytes() for path in (LABS / "lib").glob("*weights*.json")]
    script = len(gzip.compress((DIST / "labs.js").read_bytes(), 9))
    assert script - sum(len(gzip.compress(data, 9)) for data in weights) < 120_000


@pytest.mark.parametrize("script", sorted(DIST.glob("lab-*.js")), ids=lambda path: path.stem)
def test_a_page_with_one_lab_loads_little(script):
    assert len(gzip.compress(script.read_bytes(), 9)) < 32_000


@pytest.mark.parametrize("module", sorted(DIST.glob("*.mjs")), ids=lambda path: path.stem)
def test_each_lab_is_a_module_for_jupyter(module):
    script = module.read_text()
    assert re.search(r"export\s*\{.*\bdefault\b", script)
    assert "import" not in re.findall(r"^\s*import\b", script, re.M)


def test_a_fresh_build_is_left_alone_and_a_missing_file_is_made():
    build()
    before = (DIST / "labs.js").stat().st_mtime_ns
    build()
    assert (DIST / "labs.js").stat().st_mtime_ns == before


def test_no_lab_styles_what_another_lab_has_named():
    """All sheets reach the page together. A class is shared (labs.css) or one lab's own."""
    sheets = {path.stem: set(re.findall(r"\.(lab-[\w-]+)", path.read_text())) for path in LABS.glob("*.css")}
    shared = sheets.pop("labs")
    twice = {
        (one, other, name)
        for one, names in sheets.items()
        for other, others in sheets.items()
        if one < other
        for name in (names & others) - shared
    }
    assert twice == set()


def test_importing_a_lab_that_is_not_built_says_what_to_run(tmp_path):
    copy = tmp_path / "kernelbook"
    subprocess.run(["cp", "-r", ROOT / "kernelbook", copy], check=True)
    for path in (copy / "labs" / "dist").iterdir():
        path.unlink()
    done = subprocess.run(
        [sys.executable, "-c", "from kernelbook import labs"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError")
    assert "make labs" in last


def test_the_page_carries_the_books_pictures():
    spec = importlib.util.spec_from_file_location("images", LABS / "lib" / "images.py")
    images = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(images)
    text = (LABS / "lib" / "images.json").read_text()
    assert text == images.packed(), "run: python kernelbook/labs/lib/images.py"
    for name, picture in json.loads(text).items():
        pixels = np.frombuffer(base64.b64decode(picture["data"]), np.uint8)
        np.testing.assert_array_equal(pixels.reshape(picture["height"], picture["width"]), image(name))


def test_the_address_keeps_a_labs_state():
    done = subprocess.run(
        ["node", "--test", Path(__file__).with_name("hash.test.mjs")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["ramp", "step"])
def test_the_small_pictures_are_the_books_too(name):
    np.testing.assert_array_equal(pictures()[name], image(name))
