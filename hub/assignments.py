"""Release the course's assignments to the classroom's students, through nbgrader's own API.

    python hub/assignments.py     (run by serve.py, with CLASSROOM and JUPYTER_CONFIG_PATH set, when some are `pending`)

An assignment is generated and released when it is new, or when its files have changed and nobody has handed it in yet.
Once there are submissions, what was released stays: its tests are what these were written for. The instructor can
still release it anew, knowingly, in Formgrader.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path


def fingerprint(assignment: Path) -> str:
    """SHA-256 over the names and contents of an assignment's files."""
    digest = hashlib.sha256()
    for path in sorted(assignment.rglob("*")):
        if path.is_file() and not any(
            part.startswith((".", "__pycache__")) for part in path.relative_to(assignment).parts
        ):
            digest.update(f"{path.relative_to(assignment)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def pending(state: Path) -> dict[str, str]:
    """Assignments whose files are not those that were last released (or last reported): `{name: fingerprint}`."""
    solutions = state / "course" / "solutions"
    found = sorted(folder for folder in solutions.iterdir() if any(folder.glob("*.ipynb")))
    seen = _seen(state)
    prints = {folder.name: fingerprint(folder) for folder in found}
    return {name: digest for name, digest in prints.items() if seen.get(name) != digest}


def _seen(state: Path) -> dict[str, str]:
    try:
        return json.loads((state / "released.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _submissions(state: Path, course: str, assignment: str) -> bool:
    """Whether a student has handed this assignment in."""
    inbound = state / "exchange" / course / "inbound"
    submitted = state / "course" / "submitted"
    return any(inbound.glob(f"*+{assignment}+*")) or any(submitted.glob(f"*/{assignment}"))


def _unreadable(assignment: Path) -> str:
    """Why one of the notebooks is not a notebook, or an empty string."""
    import nbformat

    for path in sorted(assignment.glob("*.ipynb")):
        try:
            nbformat.validate(nbformat.reads(path.read_text(), as_version=4))
        except Exception as error:  # nbformat raises its own, jsonschema's, JSON's and attribute errors
            return f"{path.name} is not a valid notebook: {str(error).strip().splitlines()[0][:160]}"
    return ""


def _reason(outcome: dict) -> str:
    """The line of nbgrader's log and traceback that says what went wrong."""
    lines = [line.strip() for key in ("log", "error") for line in (outcome.get(key) or "").splitlines()]
    # The first is the cause; nbgrader's last only points to those before it.
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception): (?!Please see)", line)]
    logged = [line.partition("] ")[2] for line in lines if line.startswith(("[ERROR]", "[CRITICAL]"))]
    return (raised or logged or lines or ["nbgrader does not say why"])[0][:300]


def release(state: Path) -> int:
    """Release what is pending, print one line for each, and return how many could not be released."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.apps.baseapp import NbGrader

    app = NbGrader(raise_config_file_errors=True)
    app.load_cwd_config = False
    app.initialize([])
    app.config.ExchangeReleaseAssignment.force = True  # in the place of what was released before
    api = NbGraderAPI(coursedir=app.coursedir, parent=app)
    seen, failures = _seen(state), 0
    for name, digest in pending(state).items():
        if name in seen and _submissions(state, app.coursedir.course_id, name):
            print(
                f"solutions/{name} has changed, but students have handed it in: what they were given stays as it is. "
                "To release the change all the same: in Formgrader, unrelease it, generate it and release it."
            )
        else:
            problem = _unreadable(state / "course" / "solutions" / name)
            for step in (api.generate_assignment, api.release_assignment):
                if not problem:
                    outcome = step(name)
                    problem = "" if outcome["success"] else _reason(outcome)
            if problem:
                print(f"solutions/{name} can't be released: {problem}")
                failures += 1
                continue
            print(f"Released {name}" + (" again: its files have changed." if name in seen else "."))
        seen[name] = digest
        (state / "released.json").write_text(json.dumps(seen, indent=2))
    return failures


if __name__ == "__main__":
    sys.exit(1 if release(Path(os.environ["CLASSROOM"])) else 0)
