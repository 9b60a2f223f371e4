"""Asking a lab's JavaScript for what it computes, for the labs that count."""

import json
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
LABS = HERE.parents[1] / "kernelbook" / "labs"


def computed(module: str, states: list[dict]) -> list[dict]:
    """What compute() in kernelbook/labs/<module>.js returns for each state; BigInts come as text."""
    done = subprocess.run(
        ["node", HERE / "counts_truth.mjs", (LABS / f"{module}.js").as_uri()],
        input=json.dumps(states),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def experiments(module: str) -> dict[str, dict]:
    """The experiments of a lab by title."""
    script = (
        "const { EXPERIMENTS } = await import(process.argv[1]);"
        "process.stdout.write(JSON.stringify(Object.fromEntries(EXPERIMENTS.map((e) => [e.title, e]))))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, (LABS / f"{module}.js").as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)
