"""Helpers for the authors of tests: `from autograder.run import checks` in a test cell.

They work in two places. Where a submission is graded they are the judge's: inputs come from the job's seed, the
student's source from the submission, points and hints go into the verdict. In a notebook that somebody has open they do
the same with what is there, without points. Nothing here calls back into the objects it compares: everything is brought
down to plain numbers first. It must never import torch by itself, or print a hidden value.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "Fresh", "calls", "close", "count_parameters", "equal", "fresh", "loops", "parameters", "part", "plain", "raises",
    "rng", "same_function", "shape", "source", "student", "tree", "unchanged",
]  # fmt: skip


@dataclass
class Part:
    """Points and words for the checks inside one `with part(…)`."""

    points: float | None
    hint: str | None
    link: str | None
    failed: bool = False


@dataclass
class Context:
    """What the judge knows and a notebook does not."""

    seed: int | None = None
    sources: list[str] = field(default_factory=list)  # the student's cells, in the order they were run
    recorder: Any = None
    lookup: Callable[[str], Any] | None = None

    @functools.cached_property
    def random(self) -> np.random.Generator:
        """What inputs are drawn from. Few questions draw any, and seeding takes as long as a small check."""
        return np.random.default_rng(self.seed)


_context = Context()


def begin(context: Context) -> None:
    """The judge starts a question."""
    global _context
    _context = context


# ---------------------------------------------------------------------------------------------------- inputs


def rng() -> np.random.Generator:
    """A generator for inputs that no submission can know: seeded per submission and question where it is graded."""
    return _context.random


class Fresh:
    """Inputs drawn anew for each submission, the same in every regrading of it.

    `fresh.normal(3, 4)` and `fresh.integers(0, 9, (3, 4))` are arrays, `fresh.tensor(3, 4)` is a float32 tensor,
    `fresh.choice([3, 5, 7])` is one of the values, `fresh.size(4, 9)` is a whole number from 4 to 9.
    """

    def normal(self, *shape: int, dtype: Any = float) -> np.ndarray:
        return np.asarray(_context.random.normal(size=shape), dtype=dtype)

    def uniform(self, low: float, high: float, *shape: int) -> Any:
        return _context.random.uniform(low, high, size=shape or None)

    def integers(self, low: int, high: int, shape: int | Sequence[int] | None = None) -> Any:
        """From low to high, both included."""
        drawn = _context.random.integers(low, high, size=shape, endpoint=True)
        return int(drawn) if shape is None else drawn

    def size(self, low: int, high: int) -> int:
        return int(self.integers(low, high))

    def choice(self, values: Sequence[Any]) -> Any:
        return values[int(_context.random.integers(len(values)))]

    def tensor(self, *shape: int, requires_grad: bool = False) -> Any:
        import torch

        return torch.tensor(_context.random.normal(size=shape).astype(np.float32), requires_grad=requires_grad)


fresh = Fresh()


# ---------------------------------------------------------------------------------------------------- comparing


def plain(value: Any, what: str = "the result") -> np.ndarray:
    """`value` as an array of numbers. Raises AssertionError for anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor) and type(value).__module__.startswith("torch"):
        value = value.detach().cpu()
        value = (value.float() if value.dtype is torch.bfloat16 else value).numpy()
    if type(value) in (int, float, complex, bool, list, tuple) or isinstance(value, np.generic):
        try:
            value = np.asarray(value)
        except (ValueError, TypeError, OverflowError):
            value = None
    if type(value) is not np.ndarray or value.dtype.kind not in "biufc":
        raise AssertionError(f"{what} should be an array of numbers")
    return value


def shape(value: Any, expected: Sequence[int], what: str = "the result") -> None:
    """Assert the shape of an array or tensor."""
    got = plain(value, what).shape
    if got != tuple(expected):
        raise AssertionError(f"{what} has shape {got}, not {tuple(expected)}")


def close(value: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-6, what: str = "the result") -> None:
    """Assert that numbers, arrays or tensors are equal up to rounding; shapes have to be equal, dtypes do not."""
    got, want = plain(value, what), plain(expected, "the expected value")
    if got.shape != want.shape:
        raise AssertionError(f"{what} has shape {got.shape}, not {want.shape}")
    with np.errstate(all="ignore"):
        wrong = ~np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0]) if got.ndim else ()
        where = f" at {list(first)}" if got.ndim else ""
        raise AssertionError(
            f"{what} is wrong in {int(wrong.sum())} of {got.size} numbers; the first{where} is {got[first]:.6g}, "
            f"not {want[first]:.6g}"
        )


def equal(value: Any, expected: Any, what: str = "the result") -> None:
    """Assert that numbers, arrays or tensors are equal to the last bit."""
    close(value, expected, 0.0, 0.0, what)


@contextlib.contextmanager
def unchanged(*arrays: Any) -> Iterator[None]:
    """Assert that the statements inside leave these arrays or tensors as they were."""
    before = [plain(array, "an input").copy() for array in arrays]
    yield
    for number, (array, old) in enumerate(zip(arrays, before, strict=True), 1):
        now = plain(array, "an input")
        if now.shape != old.shape or not np.array_equal(now, old, equal_nan=now.dtype.kind in "fc"):
            raise AssertionError(f"input {number} was changed; work on a copy")


@contextlib.contextmanager
def raises(kind: type[BaseException] | tuple[type[BaseException], ...], says: str = "") -> Iterator[None]:
    """Assert that the statements inside raise an exception of this kind, whose text holds `says`."""
    names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
    try:
        yield
    except kind as error:
        if says and says not in str(error):
            raise AssertionError(f"the {type(error).__name__} does not say {says!r}") from None
    else:
        raise AssertionError(f"no {names} was raised")


# ---------------------------------------------------------------------------------------------------- models


def parameters(model: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of a module's parameters and buffers by name, from its `state_dict`; that is data, and not its word."""
    state = model.state_dict()
    if not isinstance(state, dict):
        raise AssertionError("state_dict() of the model is no dictionary")
    return {str(name): plain(value, f"{name} of the model").shape for name, value in state.items()}


def count_parameters(model: Any) -> int:
    """How many numbers a module learns. Raises AssertionError if its parameters are no tensors."""
    return sum(plain(value, "a parameter of the model").size for value in model.parameters())


def same_function(model: Any, reference: Any, *inputs: Any, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Assert that a module computes what `reference`, a module of the test's own, computes with the same weights.

    The weights are matched in order, by shape: names are the student's. This is how an architecture is checked: a
    module can claim to have any layers, but not compute as if it had.
    """
    import torch

    state = [(name, plain(value, name)) for name, value in model.state_dict().items()]
    own = reference.state_dict()
    if [value.shape for _, value in state] != [tuple(value.shape) for value in own.values()]:
        raise AssertionError("the model's weights have other shapes than expected, or come in another order")
    reference.load_state_dict({name: torch.as_tensor(value) for name, (_, value) in zip(own, state, strict=True)})
    reference.eval()
    model.eval()
    with torch.no_grad():
        close(model(*inputs), reference(*inputs), rtol, atol, "the model's output")


# ---------------------------------------------------------------------------------------------------- source


def source(what: Any) -> str:
    """The student's source of a function or class, by name or by the object. Raises AssertionError if there is none."""
    name = what if isinstance(what, str) else getattr(what, "__name__", None)
    if _context.lookup is None:
        import inspect

        try:
            return inspect.getsource(vars(sys.modules["__main__"])[what] if isinstance(what, str) else what)
        except (KeyError, OSError, TypeError):
            raise AssertionError(f"there is no source of {name}") from None
    for text in reversed(_context.sources):
        try:
            body = ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in reversed(body):
            found = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name
            lambdas = isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == name for t in node.targets
            )
            if found or lambdas:
                return ast.get_source_segment(text, node) or ast.unparse(node)
    raise AssertionError(f"{name} is not defined in the notebook as a function or class of its own")


def tree(what: Any) -> ast.Module:
    """The syntax tree of `source(what)`: comments and strings cannot be mistaken for code in it."""
    import textwrap

    return ast.parse(textwrap.dedent(source(what)))


def loops(what: Any) -> int:
    """How many loops and comprehensions the function has."""
    kinds = (ast.For, ast.While, ast.AsyncFor, ast.comprehension)
    return sum(isinstance(node, kinds) for node in ast.walk(tree(what)))


def calls(what: Any) -> set[str]:
    """Names of what the function calls, as written: {"np.dot", "range"}; `a @ b` counts as "@"."""
    found: set[str] = set()
    for node in ast.walk(tree(what)):
        if isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
        elif isinstance(node, ast.MatMult):
            found.add("@")
    return found


def student(name: str) -> Any:
    """What the student's notebook calls `name`, even where Python or the instructor's cells have that name too."""
    if _context.lookup is None:
        try:
            return vars(sys.modules["__main__"])[name]
        except KeyError:
            raise NameError(f"name '{name}' is not defined") from None
    return _context.lookup(name)


# ---------------------------------------------------------------------------------------------------- points


@contextlib.contextmanager
def part(points: float | None = None, hint: str | None = None, link: str | None = None) -> Iterator[None]:
    """Checks that belong together: `with checks.part(points=2, hint="Mind the last row"):`.

    The points are given if at least one check inside was reached and all of them passed. What the parts of a test cell
    leave of its points is given if everything outside them passed.
    """
    if points is not None and not (math.isfinite(points) and points >= 0):
        raise ValueError(f"a part is worth 0 points or more, not {points}")
    recorder = _context.recorder
    if recorder is None:
        yield
        return
    line = sys._getframe(2).f_lineno
    mine = recorder.open_part(line, Part(points, hint, link))
    try:
        yield
    except BaseException:
        mine.failed = True
        raise
    finally:
        recorder.close_part()
