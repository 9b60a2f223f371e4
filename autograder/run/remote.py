"""The judge's view of the student side: handles for what lives there, plain data for the rest.

A handle can be called, read, set and iterated, each time by asking the student's process, within the question's time.
It must never take part in a verdict by itself: it equals nothing but itself, has no order and turns into no number, so
that a test has to bring everything down to plain data, which the judge's own Python compares. Nothing here executes,
unpickles or imports anything that the student names.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import functools
import inspect
import io
import keyword
import pickle
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .pure import plain
from .student import PLAIN, lives, state
from .wire import LOCAL, PICKLE, REMOTE, TWIN, Channel, Closed, Decoder, Encoder, NotPlain, WireError

ITERATIONS = 1_000_000  # items that one loop over a student's object may yield
NESTING = 50  # calls from judge to student to judge …
_NO_OBJECTS = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)
_ATTRIBUTES = {"__name__", "__qualname__", "__dict__", "__annotations__", "__wrapped__"}


class Dead(Exception):
    """The student's process is gone, so what a test wanted from it cannot be had."""


class Opaque(TypeError):
    """A test needs plain data where the student's code gave an object."""


class Diverged(Exception):
    """A repetition asked for something else than what it repeats."""


class StudentError(Exception):
    """What the student's exception is called here when it has no counterpart among Python's own."""


def student_error(error: BaseException) -> tuple[str, str, str] | None:
    """Class, text and line of an exception that the student's code raised; None for the judge's own."""
    return getattr(error, "__student__", None)


def word(text: Any, default: str = "object") -> str:
    """A class name as the student claims it, fit to be shown: an identifier, or `default`."""
    return text[:60] if type(text) is str and text[:60].isascii() and text[:60].isidentifier() else default


# ---------------------------------------------------------------------------------------------------- handles


class Handle:
    """An object of the student's process. See the module."""

    __slots__ = ("__weakref__", "_kbk_about", "_kbk_made_here", "_kbk_number", "_kbk_side")
    _kbk_about: About
    _kbk_made_here: bool  # by the test itself, from a class of the student's: it expects an object
    _kbk_number: int
    _kbk_side: Remote

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_kbk_") or (name.startswith("__") and name.endswith("__") and name not in _ATTRIBUTES):
            if name == "__signature__" and "c" in self._kbk_about.can:
                return _signature(self)
            if name == "__bases__" and "t" in self._kbk_about.can:
                return self._kbk_about.bases
            raise AttributeError(name)
        return self._kbk_side.request("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._kbk_side.request("set", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._kbk_side.request("delete", self, name)

    def __dir__(self) -> list[str]:
        names = self._kbk_side.request("dir", self)
        return [name for name in names if type(name) is str] if type(names) is list else []

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override,misc]
        return self._kbk_about.stands_for or type(self)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        text = self._kbk_side.request("get", self, "__doc__")
        return text if type(text) is str else None

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if other is None:
            return False
        raise Opaque(f"not plain data: {self._kbk_about.article} cannot be compared by the test")

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        if "b" in self._kbk_about.can or "l" in self._kbk_about.can:
            return _exact(self._kbk_side.request("true", self), bool)
        return True

    def __str__(self) -> str:
        return _exact(self._kbk_side.request("str", self), str)

    def __repr__(self) -> str:
        return _exact(self._kbk_side.request("repr", self), str)

    def __format__(self, how: str) -> str:
        return _exact(self._kbk_side.request("format", self, how), str)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Handle) and _exact(self._kbk_side.request("isinstance", value, self), bool)

    def __subclasscheck__(self, value: object) -> bool:
        return isinstance(value, Handle) and _exact(self._kbk_side.request("issubclass", value, self), bool)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise Opaque(f"not plain data: {self._kbk_about.article} is no array")

    def __reduce__(self) -> Any:
        raise pickle.PicklingError("a student's object stays where it is")

    def __copy__(self) -> Any:
        return self._kbk_side.request("copy", self, False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._kbk_side.request("copy", self, True)


def _exact(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise Opaque(f"not plain data: {kind.__name__} was expected")
    return value


def _call(self: Handle, /, *args: Any, **kwargs: Any) -> Any:
    out = self._kbk_side.request("call", self, args, kwargs)
    if isinstance(out, Handle) and "t" in self._kbk_about.can:
        object.__setattr__(out, "_kbk_made_here", True)
    return out


def _length(self: Handle) -> int:
    length = _exact(self._kbk_side.request("len", self), int)
    if not 0 <= length <= sys.maxsize:
        raise Opaque("not plain data: a length that is no length")
    return length


def _next(self: Handle) -> Any:
    answer = self._kbk_side.request("next", self)
    if type(answer) is not tuple or len(answer) != 2 or type(answer[0]) is not bool:
        raise WireError("a malformed step of an iteration")
    if answer[0]:
        raise StopIteration
    return answer[1]


def _iterate(self: Handle) -> Iterator[Any]:
    """A loop over the student's object, of bounded length."""
    steps = self._kbk_side.request("iter", self)  # of an iterator too: its `__iter__` may begin anew
    if not isinstance(steps, Handle):
        raise Opaque("not plain data: an iterator that is none")
    for _ in range(ITERATIONS):
        try:
            yield _next(steps)
        except StopIteration:
            return
    raise Opaque(f"the iteration did not end after {ITERATIONS:,} items")


def _exit(self: Handle, kind: type | None, error: BaseException | None, trace: Any) -> bool:
    name = None if kind is None else next((k.__name__ for k in kind.__mro__ if k.__module__ == "builtins"), "Exception")
    return _exact(self._kbk_side.request("exit", self, name), bool)


def _operation(name: str, reflected: bool = False) -> Callable[..., Any]:
    def operate(self: Handle, *others: Any) -> Any:
        if not self._kbk_made_here and not any(isinstance(o, Handle) and o._kbk_made_here for o in others):
            raise Opaque(f"not plain data: {self._kbk_about.article} cannot be calculated with by the test")
        out = self._kbk_side.request("operation", name, *((*others, self) if reflected else (self, *others)))
        if not isinstance(out, Handle):
            raise Opaque("not plain data: the operator of an object gave a plain value")
        object.__setattr__(out, "_kbk_made_here", True)
        return out

    return operate


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_METHODS: dict[str, dict[str, Any]] = {
    "c": {"__call__": _call},
    "l": {"__len__": _length},
    "i": {"__iter__": _iterate},
    "n": {"__next__": _next},
    "g": {
        "__getitem__": lambda self, key: self._kbk_side.request("item", self, key),
        "__setitem__": lambda self, key, value: self._kbk_side.request("put", self, key, value),
        "__delitem__": lambda self, key: self._kbk_side.request("drop", self, key),
    },
    "w": {"__enter__": lambda self: self._kbk_side.request("enter", self), "__exit__": _exit},
    "o": {f"__{name}__": _operation(name) for name in (*_BINARY, "neg", "pos", "abs")}
    | {f"__r{name}__": _operation(name, reflected=True) for name in _BINARY},
}


class About:
    """What the student side claims about an object, checked for form. One per class, shared by its handles."""

    def __init__(self, name: Any, ancestors: Any, can: Any, own: Any) -> None:
        if type(ancestors) is not list or type(can) is not str or len(can) > 20 or len(ancestors) > 60:
            raise WireError("a malformed description")
        self.name = word(name)
        self.can = can
        known = [k for k in map(library_class, ancestors) if k is not None and k not in PLAIN]
        # Ancestors of ancestors are implied; leaving them out makes a class that Python can build.
        self.bases = tuple(k for k in known if not any(k in other.__mro__[1:] for other in known))
        self.own = library_class(own) if own else None
        self.stands_for = None if "t" in can else _stand_in(self.name, self.bases)
        if "f" in can:
            self.article = "a function"
        elif "t" in can:
            self.article = f"the class {self.name}"
        else:
            self.article = f"an object of class {self.name}"
        methods: dict[str, Any] = {"__slots__": (), "__module__": "__main__", "__doc__": Handle.__dict__["__doc__"]}
        for letter in can:
            methods |= _METHODS.get(letter, {})
        if "i" not in can and "g" not in can:
            methods["__iter__"] = None  # not iterable, says Python
        self.handle_class = type(self.name, (Handle,), methods)


def _stand_in(name: str, bases: tuple[type, ...]) -> type | None:
    """A class for `isinstance(handle, …)` to look at; it is never instantiated."""
    if len(bases) <= 1:
        return bases[0] if bases else None
    try:
        return types.new_class(name, bases)
    except TypeError:
        return bases[0]


@functools.lru_cache(4096)
def library_class(full: Any) -> type | None:
    """The judge's own class of that full name, if a library that the judge has loaded defines it."""
    if type(full) is not str:
        return None
    module, _, path = full.partition(":")
    value: Any = sys.modules.get(module)
    if value is None or module in ("__main__", "builtins") or module.split(".")[0] == "autograder":
        value = getattr(builtins, path, None) if module == "builtins" else None
        return value if isinstance(value, type) else None
    for part in path.split("."):
        value = vars(value).get(part) if isinstance(value, types.ModuleType | type) else None
    return value if isinstance(value, type) and f"{value.__module__}:{value.__qualname__}" == full else None


def _signature(handle: Handle) -> inspect.Signature:
    parameters = []
    kinds: Any = type(inspect.Parameter.POSITIONAL_ONLY)
    for name, kind, has_default, default in handle._kbk_side.request("signature", handle):
        if type(name) is not str or not name.isidentifier() or keyword.iskeyword(name):
            raise WireError("a malformed signature")
        value = default if has_default else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, kinds(kind), default=value))
    return inspect.Signature(parameters)


# ---------------------------------------------------------------------------------------------------- the wire


class _Decoder(Decoder):
    """What comes from the student: data, handles, and numbers of the judge's own objects."""

    def __init__(self, side: Remote, raw: memoryview, tracked: list[Any], leaves: list[tuple[Any, int]]) -> None:
        super().__init__(raw)
        self.side = side
        self.arguments = tracked
        self.leaves = leaves

    def argument(self, index: int) -> Any:
        if not 0 <= index < len(self.arguments):
            raise WireError("a reference to an argument that there is not")
        return self.arguments[index]

    def remote(self, number: int, about: Any) -> Any:
        return self.side.handle(number, about)

    def local(self, number: int) -> Any:
        if number not in self.side.exports:
            raise WireError("a reference to an object that there is not")
        return self.side.exports[number]

    def named(self, kind: str, name: str) -> Any:
        if kind == "module":
            return StudentModule(name)
        return super().named(kind, name)

    def twin(self, number: int, structure: Any, depth: int) -> Any:
        return self.side.twin(number, self.value(structure, depth))

    def linked(self, tensor: Any, number: int) -> Any:
        return self.side.across(tensor, number, self.leaves)


class StudentModule:
    """A module that the student's namespace holds, by its name. The judge uses its own, or none."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Encoder(Encoder):
    """What goes to the student: data, library objects, and numbers of the judge's other objects."""

    def __init__(self, side: Remote, tracked: list[Any] | None) -> None:
        super().__init__(lambda value: side.refer(value, self), tracked)
        self.side = side

    def array(self, value: np.ndarray) -> list[Any]:
        number = None if self.bare else self.side.twin_numbers.get(id(value))
        return super().array(value) if number is None else [LOCAL, number]

    def tensor(self, value: Any) -> list[Any]:
        number = None if self.bare else self.side.twin_numbers.get(id(value))
        return super().tensor(value) if number is None else [LOCAL, number]


class _Pickler(pickle.Pickler):
    """A library object for the student, by reference to the library's classes. What is the judge's own stays here."""

    def __init__(self, file: io.BytesIO, side: Remote, encoder: _Encoder) -> None:
        super().__init__(file, protocol=5)
        self.side = side
        self.encoder = encoder

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, type):
            if issubclass(value, BaseException) and "__student__" in vars(value):
                return "value", self.encoder.value(value)
            if value.__module__ == "__main__" and value.__qualname__.split(".")[0] in self.side.shared:
                return "name", value.__qualname__
            return None
        kind = type(value)
        if issubclass(kind, Handle):
            return "value", self.encoder.value(value)
        if lives(value):
            return "value", self.side.share(value, self.encoder)
        if kind is types.FunctionType:
            home = sys.modules.get(value.__module__)
            if value.__module__ == "__main__" or getattr(home, value.__qualname__, None) is not value:
                return "value", self.side.export(value)
        elif kind.__module__ == "__main__" and kind.__qualname__.split(".")[0] not in self.side.shared:
            return "value", self.side.export(value)
        return None


class Mutation:
    """An object of the judge's that a student's function changed in place, with what it held before and after."""

    def __init__(self, value: Any, new: Any) -> None:
        self.value = value
        self.before = _copy(value)
        self.after = new

    def undo(self) -> None:
        assign(self.value, self.before)

    def redo(self) -> None:
        assign(self.value, self.after)


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | dict | set):
        return value.copy()
    out = value.detach().clone()
    out.grad = None if value.grad is None else value.grad.clone()
    return out


def assign(value: Any, new: Any) -> None:
    """Make `value` hold what `new` holds, in place. Raises WireError if it cannot."""
    if type(value) is not type(new) and not (hasattr(value, "requires_grad") and hasattr(new, "requires_grad")):
        raise WireError("an argument that became something else")
    if isinstance(value, list):
        value[:] = new
    elif isinstance(value, dict | set):
        value.clear()
        value.update(new)
    elif isinstance(value, np.ndarray):
        if value.shape != new.shape or not value.flags.writeable:
            raise WireError("an array that changed its shape in place")
        np.copyto(value, new, casting="unsafe")
    else:
        if value.shape != new.shape:
            raise WireError("a tensor that changed its shape in place")
        value.data.copy_(new.data)
        if value.is_leaf:
            value.grad = new.grad


@dataclass
class Exchange:
    """One request and everything that came back, to be gone through again without the student's process."""

    operation: str
    structure: list[Any]
    raw: memoryview
    asked: list[tuple[list[Any], memoryview]]


class Remote:
    """One student process, as the judge sees it.

    shared: top-level names that the instructor's cells gave to both sides.
    why: says why the process ended, as far as somebody else knows.
    deadline: `time.monotonic()` at which the question's time is over; None for no limit.
    """

    def __init__(self, channel: Channel, shared: set[str], why: Callable[[], str]) -> None:
        self.channel = channel
        self.why = why
        self.shared = shared
        self.deadline: float | None = None
        self.dead = ""  # why, once it is
        self.depth = 0
        self.handles: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()
        self.errors: dict[int, type[Exception]] = {}
        self.released: dict[int, None] = {}
        self.exports: dict[int, Any] = {}
        self.export_numbers: dict[int, int] = {}
        self.next_export = -1
        self.pickled: set[int] = set()  # exports of which the student has a copy
        self.twins: dict[int, tuple[weakref.ref[Any], tuple[Any, ...]]] = {}
        self.twin_numbers: dict[int, int] = {}
        self.held: list[Any] = []  # shared arrays of this question: a test may have changed one and let go of it
        self.mutations: list[Mutation] = []  # since the journal was begun
        self.journal: list[Exchange] = []
        self.repeating: collections.deque[Exchange] | None = None
        self.takes_changes = True  # whether the statement that runs now is there for what it changes
        self.start: tuple[int, dict[int, Any], dict[int, int], set[int]] = (-1, {}, {}, set())
        self.surprised = False  # something changed in a statement that is there for its value
        # Since the journal was begun: student's names that were looked up, and whether all else that was asked was to
        # call something with plain values. See `pure`.
        self.names: set[str] = set()
        self.plain = False

    # ------------------------------------------------------------------------------------ asking

    def request(self, operation: str, *values: Any) -> Any:
        """Have the student's process do something. Raises what its code raised, Dead, Opaque, OutOfTime."""
        if self.dead:
            raise Dead(self.dead)
        if self.depth >= NESTING:
            raise RecursionError("the test and the student's code call each other too deeply")
        tracked: list[Any] = []
        encoder = _Encoder(self, tracked)
        payload = [encoder.value(value) for value in values]
        if self.repeating is not None:
            return self.repeat(operation, tracked)
        moved = []
        asked: list[tuple[list[Any], memoryview]] = []
        for number, (reference, old) in list(self.twins.items()):
            value = reference()
            if value is not None and (now := state(value)) != old:
                self.twins[number] = (reference, now)
                moved.append([number, encoder.content(value)])
        released, self.released = list(self.released), {}
        self.keep_account(operation, values, bool(moved))
        self.depth += 1
        try:
            self.channel.send(["do", operation, payload, released, moved], encoder.buffers, self.deadline)
            while True:
                structure, raw = self.channel.receive(self.deadline)
                if type(structure) is not list or not structure or type(structure[0]) is not str:
                    raise WireError("a message of no kind")
                if structure[0] in ("ok", "no") and len(structure) == 5:
                    break
                if structure[0] != "ask":
                    raise WireError("a malformed answer")
                asked.append((structure, raw))
                self.serve(structure, raw)
        except Closed:
            self.dead = self.why() or "the process that ran your code ended"
            raise Dead(self.dead) from None
        except WireError as error:
            self.dead = f"your code sent what no answer may be: {error}"
            raise Dead(self.dead) from None
        except BaseException:  # in the middle of a message, whatever it was
            self.dead = "the process that ran your code was stopped"
            raise
        finally:
            self.depth -= 1
        self.journal.append(Exchange(operation, structure, raw, asked))
        return self.understand(structure, raw, tracked)

    def keep_account(self, operation: str, values: tuple[Any, ...], moved: bool) -> None:
        if operation == "name":
            self.names.add(values[0])
        elif operation == "call":
            self.plain &= not moved and plain(values[1]) and plain(values[2])
        elif operation != "settle":
            self.plain = False

    def understand(self, structure: list[Any], raw: memoryview, tracked: list[Any]) -> Any:
        try:
            value, error = self.conclude(structure, raw, tracked)
        except WireError as error:
            raise Opaque(f"not plain data: {error}") from None
        except MemoryError:
            raise Opaque("not plain data: an answer too large to hold") from None
        if error is not None:
            raise error
        return value

    # ------------------------------------------------------------------------------------ once more, without asking

    def begin(self) -> None:
        """A run of statements begins that may have to be repeated."""
        self.journal = []
        self.mutations = []
        self.names, self.plain = set(), True
        self.start = (self.next_export, dict(self.exports), dict(self.export_numbers), set(self.pickled))

    @contextlib.contextmanager
    def repetition(self) -> Iterator[None]:
        """Inside, every request gets the answer that it got since `begin`, and nothing that came with an answer changes
        the judge's own objects, which are as they were then."""
        now = (self.next_export, self.exports, self.export_numbers, self.pickled, dict(self.twins))
        numbers = dict(self.twin_numbers)
        mutations, self.mutations = self.mutations, []
        for mutation in reversed(mutations):
            mutation.undo()
        first, exports, export_numbers, pickled = self.start
        self.next_export, self.exports = first, dict(exports)
        self.export_numbers, self.pickled = dict(export_numbers), set(pickled)
        self.repeating = collections.deque(self.journal)
        try:
            yield
        finally:
            self.repeating = None
            for mutation in reversed(self.mutations):
                mutation.undo()
            self.mutations = mutations
            self.next_export, self.exports, self.export_numbers, self.pickled, self.twins = now
            self.twin_numbers = numbers
            for mutation in mutations:
                mutation.redo()

    def repeat(self, operation: str, tracked: list[Any]) -> Any:
        if not self.repeating or self.repeating[0].operation != operation:
            raise Diverged
        exchange = self.repeating.popleft()
        for (_, number, what, values), raw in exchange.asked:
            with contextlib.suppress(Exception):
                decoder = _Decoder(self, raw, [], [])
                self.perform(self.exports[number], what, [decoder.value(value) for value in values])
        return self.understand(exchange.structure, exchange.raw, tracked)

    def settle(self) -> None:
        """A new question: what it has not met yet need not be kept alive."""
        if self.held and not self.dead:
            self.request("settle")
        self.held.clear()

    def conclude(self, structure: list[Any], raw: memoryview, tracked: list[Any]) -> tuple[Any, BaseException | None]:
        """The student's answer: a value, or an exception. Raises WireError."""
        kind, body, changed, moved, linked = structure
        leaves = [(tracked[index], number) for index, number in _pairs(linked) if 0 <= index < len(tracked)]
        leaves = [(value, number) for value, number in leaves if getattr(value, "requires_grad", False) is True]
        decoder = _Decoder(self, raw, tracked, leaves)
        for index, content in _pairs(changed):
            if not 0 <= index < len(tracked):
                raise WireError("a change to an argument that there is not")
            new = decoder.value(content)
            if self.repeating is not None and not self.takes_changes:
                tracked[index] = new  # for what the answer refers to; the judge's object stays as it is
                continue
            mutation = Mutation(tracked[index], new)
            mutation.redo()
            self.mutations.append(mutation)
            self.surprised |= not self.takes_changes
        for number, content in _pairs(moved):
            known = self.twins.get(number)
            value = known and known[0]()
            if known is not None and value is not None:
                assign(value, decoder.value(content))
                self.twins[number] = (known[0], state(value))
        if kind == "ok":
            return decoder.value(body), None
        return None, self.error(body)

    def serve(self, structure: list[Any], raw: memoryview) -> None:
        """Do what the student's process asks of an object of the judge's."""
        encoder = _Encoder(self, None)
        try:
            _, number, operation, values = structure
            target = self.exports[number]
            decoder = _Decoder(self, raw, [], [])
            arguments = [decoder.value(value) for value in values]
            answer = ["ok", encoder.value(self.perform(target, operation, arguments))]
        except (StopIteration, NotPlain) as error:
            answer = ["no", [type(error).__name__, ""]]
        except Exception as error:
            about = student_error(error)
            name = next(k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins")
            answer = ["no", [name, about[1] if about else "raised by the test"]]
        self.channel.send(answer, encoder.buffers if answer[0] == "ok" else (), self.deadline)

    def perform(self, target: Any, operation: str, arguments: list[Any]) -> Any:
        """What a student's function may do with an object of the test: call, index and iterate it, read its data."""
        if operation == "call":
            args, kwargs = arguments
            if not callable(target) or type(args) is not tuple or type(kwargs) is not dict:
                raise TypeError("not callable")
            return target(*args, **kwargs)
        if operation == "next":
            try:
                return False, next(target)
            except StopIteration:
                return True, None
        if operation == "iter":
            return iter(target)
        if operation == "len":
            return len(target)
        if operation == "item":
            return target[arguments[0]]
        (name,) = arguments
        callables = types.FunctionType | types.MethodType | types.BuiltinFunctionType | types.GeneratorType | type
        if operation != "get" or type(name) is not str or name.startswith("_") or isinstance(target, callables):
            raise AttributeError("not to be read")
        value = getattr(target, name)
        if isinstance(value, _NO_OBJECTS):
            raise AttributeError("not to be read")
        return value

    # ------------------------------------------------------------------------------------ what comes

    def handle(self, number: int, about: Any) -> Any:
        """The handle of the student's object of that number; a class of the judge's own if it is just that."""
        known = self.handles.get(number) or self.errors.get(number)
        if known is not None:
            return known
        if type(about) is not list or len(about) != 4 or not 0 < number < 1 << 60:
            raise WireError("a malformed description")
        name, ancestors, can, own = about
        if type(ancestors) is not list or not all(type(k) is str for k in (*ancestors, name, can, own)):
            raise WireError("a malformed description")
        facts = _about(name, tuple(ancestors), can, own)
        if facts.own is not None:
            self.released[number] = None
            return facts.own
        if "e" in can:
            bases = tuple(k for k in facts.bases if issubclass(k, Exception)) or (Exception,)
            self.errors[number] = type(facts.name, bases[:1], {"__student__": number, "__module__": "__main__"})
            return self.errors[number]
        handle: Handle = object.__new__(facts.handle_class)
        for slot, value in (("about", facts), ("made_here", False), ("number", number), ("side", self)):
            object.__setattr__(handle, f"_kbk_{slot}", value)
        self.handles[number] = handle
        self.released.pop(number, None)
        weakref.finalize(handle, self._release, number).atexit = False
        return handle

    def _release(self, number: int) -> None:
        if number not in self.handles:
            self.released[number] = None

    def error(self, body: Any) -> BaseException:
        """An exception of the student's as one of Python's own, by the first of its ancestors that may be raised."""
        if type(body) is not list or len(body) != 4 or type(body[0]) is not list or not body[0]:
            raise WireError("a malformed exception")
        names, text, where, described = body
        if not all(type(part) is str for part in (*names, text, where)):
            raise WireError("a malformed exception")
        if names == ["NotPlain"]:
            return Opaque(f"not plain data: {text}")
        kind: Any = None
        if described is not None:
            ((number, about),) = _pairs([described])
            kind = self.handle(number, about)
            kind = kind if isinstance(kind, type) and issubclass(kind, Exception) else None
        own = word(names[0].rpartition(":")[2], "an exception")
        if own == "MemoryError":  # which depends on what else is held
            self.plain = False
        if own == "SystemExit":
            text = "the code called exit() or quit()"
        if own == "KeyError" and len(text) > 1 and text[0] == text[-1] == "'":
            text = text[1:-1]
        candidates = [kind, *map(library_class, names)] if kind else list(map(library_class, names))
        for candidate in candidates:
            if candidate is None or not issubclass(candidate, Exception) or issubclass(candidate, StopIteration):
                continue
            try:
                error: Exception = candidate(text)
                error.__student__ = (own, text, where)  # type: ignore[attr-defined]
            except Exception:
                continue
            return error
        error = StudentError(f"{own}: {text}")
        error.__student__ = (own, text, where)  # type: ignore[attr-defined]
        return error

    def twin(self, number: int, value: Any) -> Any:
        """The judge's copy of an array of the student's that both sides keep equal."""
        known = self.twins.get(number)
        twin = known and known[0]()
        if twin is not None:
            try:
                assign(twin, value)
            except WireError:
                self.twin_numbers.pop(id(twin), None)
            else:
                self.twins[number] = (known[0], state(twin))  # type: ignore[index]
                return twin
        if lives(value):
            self._pair(number, value)
        return value

    def _pair(self, number: int, value: Any) -> None:
        self.twins[number] = (weakref.ref(value), state(value))
        self.twin_numbers[id(value)] = number
        self.held.append(value)
        self.released.pop(number, None)
        weakref.finalize(value, self._unpair, number, id(value)).atexit = False

    def _unpair(self, number: int, identity: int) -> None:
        if self.twin_numbers.get(identity) == number:
            del self.twin_numbers[identity]
        known = self.twins.get(number)
        if known is not None and known[0]() is None:
            del self.twins[number]
            self.released[number] = None

    def across(self, tensor: Any, number: int, leaves: list[tuple[Any, int]]) -> Any:
        """`tensor` as a node of the judge's graph, whose gradients flow through the student's graph."""
        import torch

        side = self
        numbers = [n for _, n in leaves]

        class Across(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, anchor: Any, *inputs: Any) -> Any:
                ctx.shapes = [value.shape for value in inputs]
                return tensor.detach().clone()

            @staticmethod
            def backward(ctx: Any, gradient: Any) -> Any:
                answer = side.request("gradients", Number(number), gradient, [Number(n) for n in numbers])
                if type(answer) is not list or len(answer) != len(numbers):
                    raise Opaque("not plain data: gradients that are none")
                for value, shape in zip(answer, ctx.shapes, strict=True):
                    if value is not None and (type(value) is not torch.Tensor or value.shape != shape):
                        raise Opaque("not plain data: a gradient of another shape")
                return None, *answer

        return Across.apply(torch.zeros((), requires_grad=True), *(value for value, _ in leaves))

    # ------------------------------------------------------------------------------------ what goes

    def refer(self, value: Any, encoder: _Encoder) -> list[Any]:
        """What has no plain form: an object of the student's by its number, a library's by reference, others stay."""
        kind = type(value)
        if kind is Number:
            return [LOCAL, value.number]
        if issubclass(kind, Handle):
            if value._kbk_side is not self:
                raise Opaque("an object of a process that has ended")
            return [LOCAL, value._kbk_number]
        if isinstance(value, type) and type(vars(value).get("__student__")) is int:
            return [LOCAL, vars(value)["__student__"]]
        if isinstance(value, StudentModule):
            raise Opaque(f"the module {word(value.name)} is not known to the test")
        if (number := self.export_numbers.get(id(value))) is not None:
            return [LOCAL if number in self.pickled else REMOTE, number, *([] if number in self.pickled else [None])]
        judge_made = kind.__module__ == "__main__" and kind.__qualname__.split(".")[0] not in self.shared
        stays = isinstance(value, types.GeneratorType | types.MethodType) or kind.__module__.startswith("autograder.")
        if not judge_made and not stays and not isinstance(value, _NO_OBJECTS):
            file = io.BytesIO()
            try:
                pickler = _Pickler(file, self, encoder)
                if pickler.persistent_id(value) is None:
                    pickler.dump(value)
                    number = self._export(value)
                    self.pickled.add(number)
                    return [PICKLE, number, *encoder.buffer(file.getvalue())]
            except (pickle.PicklingError, TypeError, AttributeError, RecursionError, RuntimeError):
                pass  # then it stays here
        return self.export(value)

    def _export(self, value: Any) -> int:
        number = self.export_numbers.get(id(value))
        if number is None:
            number, self.next_export = self.next_export, self.next_export - 1
            self.exports[number] = value
            self.export_numbers[id(value)] = number
        return number

    def export(self, value: Any) -> list[Any]:
        """An object that stays in the judge, for the student's code to call, index or iterate."""
        if isinstance(value, _NO_OBJECTS):
            raise NotPlain("a module, frame or traceback")
        return [REMOTE, self._export(value), None]

    def share(self, value: Any, encoder: _Encoder) -> list[Any]:
        """An array inside a library object: from now on both sides keep their copies of it equal."""
        number = self.twin_numbers.get(id(value))
        if number is not None:
            return [LOCAL, number]
        number, self.next_export = self.next_export, self.next_export - 1
        content = encoder.content(value)
        self._pair(number, value)
        return [TWIN, number, content]


class Number:
    """An object of the student's of which the judge knows nothing but the number."""

    def __init__(self, number: int) -> None:
        self.number = number


@functools.lru_cache(1024)
def _about(name: str, ancestors: tuple[str, ...], can: str, own: str) -> About:
    return About(name, list(ancestors), can, own)


def _pairs(value: Any) -> list[tuple[int, Any]]:
    if type(value) is not list or not all(type(p) is list and len(p) == 2 and type(p[0]) is int for p in value):
        raise WireError("a malformed answer")
    return [(first, second) for first, second in value]
