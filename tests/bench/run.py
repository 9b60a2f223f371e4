"""Benchmarks: `make bench ONLY=grading`, or all of them. Each is a file beside this one with a `main()`.

A benchmark prints what it finds, and `name: value` lines last.
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def benchmarks() -> dict[str, Path]:
    """Files of this directory, by name."""
    return {
        path.stem: path for path in sorted(HERE.glob("*.py")) if path.stem != "run" and not path.stem.startswith("_")
    }


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; the exit code is the first that is not 0."""
    known = benchmarks()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"bench: no benchmark {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    code = 0
    for name in names or list(known):
        spec = importlib.util.spec_from_file_location(f"bench_{name}", known[name])
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # workers look it up by name
        spec.loader.exec_module(module)
        code = code or module.main() or 0
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
