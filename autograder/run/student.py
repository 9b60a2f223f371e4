"""The student side: a loop that runs the student's cells and answers what the judge asks about them.

Runs inside the sandbox, in the same process as the student's code, which can do anything to it that Python can. So it
decides nothing, knows no test, and is believed in nothing: what it sends is data. It must never be given a test cell,
an expected value or anything else that a student may not see.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import importlib
import inspect
import io
import operator
import os
import pickle
import random
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .cells import compile_cell, plain_python
from .wire import (
    LOCAL,
    NAME,
    NAMED,
    REMOTE,
    TWIN,
    Channel,
    Closed,
    Decoder,
    Encoder,
    NotPlain,
    tensor_bytes,
)

TEXT = 2000  # characters of an exception's message that are sent
TWIN_BYTES = 64 << 20  # arrays beyond this are sent as copies that do not follow each other
# Exact types that are data; a class among its ancestors does not make an object one of them.
PLAIN = {object, int, float, complex, str, bytes, bool, list, tuple, dict, set, frozenset, np.ndarray}
_OPERATIONS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "abs")
}


def state(value: Any) -> tuple[Any, ...]:
    """What an array, tensor or container holds now, to be compared with what it holds later. Elements by identity."""
    if type(value) is np.ndarray:
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, dict):
        return tuple((id(key), id(item)) for key, item in dict.items(value))
    if type(value) is list:
        return tuple(map(id, value))
    if type(value) is set:
        return (frozenset(map(id, value)),)
    gradient = value.grad if value.is_leaf else None
    return (
        tuple(value.shape),
        tensor_bytes(value),
        None if gradient is None or gradient.layout is not value.layout else tensor_bytes(gradient),
    )


def lives(value: Any) -> bool:
    """Whether `value` is an array or tensor that both sides can hold a copy of and keep equal."""
    if type(value) is np.ndarray:
        return value.dtype.kind in "biufc" and value.nbytes <= TWIN_BYTES
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.is_leaf
        and value.device.type == "cpu"
        and value.layout is torch.strided
        and value.nbytes <= TWIN_BYTES
    )


class Reflection:
    """An object of the judge: a function of the test, say. It can be called, read and iterated, and runs there."""

    def __init__(self, side: Side, number: int) -> None:
        self.__dict__["_side"], self.__dict__["_number"] = side, number

    def _ask(self, operation: str, *values: Any) -> Any:
        side: Side = self.__dict__["_side"]
        return side.ask(self.__dict__["_number"], operation, values)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("call", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"the test's object does not let its attributes be set ({name})")

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __len__(self) -> int:
        return self._ask("len")

    def __iter__(self) -> Any:
        return self._ask("iter")

    def __next__(self) -> Any:
        done, value = self._ask("next")
        if done:
            raise StopIteration
        return value


class _Encoder(Encoder):
    def __init__(self, side: Side, tracked: list[Any], twins: bool = False) -> None:
        super().__init__(side.refer, deep=True)
        self.side = side
        self.twins = twins  # arrays are sent as ones that both sides keep equal from now on
        self.links = False
        self.memo = {id(value): index for index, value in enumerate(tracked)}

    def array(self, value: np.ndarray) -> list[Any]:
        if self.twins and not self.bare and id(value) not in self.memo and lives(value):
            return [TWIN, self.side.twin(value), super().array(value)]
        return super().array(value)

    def tensor(self, value: Any) -> list[Any]:
        twins = self.twins or type(value) is sys.modules["torch"].nn.Parameter
        if twins and not self.bare and id(value) not in self.memo and lives(value):
            return [TWIN, self.side.twin(value), super().tensor(value)]
        return super().tensor(value)

    def link(self, value: Any) -> int | None:
        self.links = True
        return self.side.number(value)


class _Decoder(Decoder):
    keep_read_only = True

    def __init__(self, side: Side, raw: memoryview, tracked: list[Any]) -> None:
        super().__init__(raw, tracked)
        self.side = side

    def remote(self, number: int, about: Any) -> Any:
        return self.side.reflection(number)

    def local(self, number: int) -> Any:
        return self.side.objects[number]

    def pickle(self, number: int, data: bytes) -> Any:
        decoder = self

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, saved: Any) -> Any:
                kind, what = saved
                if kind == "name":
                    return functools.reduce(getattr, what.split("."), decoder.side.main)
                return decoder.value(what, 1)

        value = Unpickler(io.BytesIO(data)).load()
        self.side.know(number, value)
        return value

    def twin(self, number: int, structure: Any, depth: int) -> Any:
        tracked, self.tracked = self.tracked, None
        value = self.value(structure, depth)
        self.tracked = tracked
        self.side.know(number, value)
        self.side.twins[number] = state(value)
        return value


class Side:
    """The student's namespace and the objects of it that the judge knows by number."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.objects: dict[int, Any] = {}  # also keeps them alive, so that an id() stays theirs
        self.numbers: dict[int, int] = {}
        self.reflections: dict[int, Reflection] = {}
        self.twins: dict[int, tuple[Any, ...]] = {}
        self.next = 1
        self.thread = threading.get_ident()
        self.streams = (sys.stdout, sys.stderr)
        self.main = types.ModuleType("__main__")
        self.main.__dict__.update(__builtins__=builtins, display=display, get_ipython=lambda: None)
        sys.modules["__main__"] = self.main

    # ------------------------------------------------------------------------------------ objects

    def number(self, value: Any) -> int:
        """The number by which the judge knows `value`."""
        number = self.numbers.get(id(value))
        if number is None:
            number, self.next = self.next, self.next + 1
            self.numbers[id(value)] = number
            self.objects[number] = value
        return number

    def know(self, number: int, value: Any) -> None:
        """`value` came from the judge, which calls it by `number` (a negative one)."""
        self.objects[number] = value
        self.numbers[id(value)] = number

    def twin(self, value: Any) -> int:
        number = self.number(value)
        self.twins[number] = state(value)
        return number

    def reflection(self, number: int) -> Reflection:
        return self.reflections.setdefault(number, Reflection(self, number))

    def release(self, numbers: list[int]) -> None:
        for number in numbers:
            self.twins.pop(number, None)
            value = self.objects.pop(number, None)
            if value is not None:
                self.numbers.pop(id(value), None)

    def refer(self, value: Any) -> list[Any]:
        """What has no plain form, as a number and a description of what can be done with it."""
        if type(value) is Reflection:
            return [LOCAL, value.__dict__["_number"]]
        if type(value) is types.ModuleType:
            return [NAMED, "module", value.__name__[:NAME]]
        return [REMOTE, self.number(value), describe(value)]

    # ------------------------------------------------------------------------------------ messages

    def serve(self) -> tuple[Any, memoryview]:
        """Answer the judge's requests until it answers ours."""
        while True:
            structure, raw = self.channel.receive()
            if structure[0] != "do":
                return structure, raw
            self.answer(structure, raw)

    def answer(self, structure: list[Any], raw: memoryview) -> None:
        """Do what the judge asks and say how it went, what of its arguments changed and which shared arrays did."""
        _, operation, payload, released, moved = structure
        self.release(released)
        tracked: list[Any] = []
        before: list[tuple[Any, ...]] = []
        encoder = _Encoder(self, tracked)
        reply: list[Any]
        try:
            decoder = _Decoder(self, raw, tracked)
            for number, content in moved:
                self.follow(number, content, raw)
            values = [decoder.value(item) for item in payload]
            before = [state(value) for value in tracked]
            value = getattr(self, f"do_{operation}")(*values)
            encoder = _Encoder(self, tracked, operation in ("name", "get", "item", "next"))
            reply = ["ok", encoder.value(value)]
            del value, values
        except NotPlain as error:
            encoder = _Encoder(self, tracked)
            reply = ["no", [["NotPlain"], str(error), "", None]]
        except BaseException as error:
            encoder = _Encoder(self, tracked)
            reply = ["no", self.failure(error)]
        for stream in self.streams:
            try:
                stream.flush()
            except Exception:
                continue  # the student closed it
        try:
            changed = [
                [i, encoder.content(value)]
                for i, (value, old) in enumerate(zip(tracked, before, strict=False))
                if state(value) != old
            ]
            twins = []
            for number, old in list(self.twins.items()):
                now = state(self.objects[number])
                if now != old:
                    self.twins[number] = now
                    twins.append([number, encoder.content(self.objects[number])])
            leaves = []
            if encoder.links:
                leaves = [[i, self.number(v)] for i, v in enumerate(tracked) if getattr(v, "requires_grad", 0) is True]
            self.channel.send([*reply, changed, twins, leaves], encoder.buffers)
        except NotPlain as error:
            self.channel.send(["no", [["NotPlain"], str(error), "", None], [], [], []])

    def follow(self, number: int, structure: Any, raw: memoryview) -> None:
        """The judge changed its copy of a shared array: change ours."""
        value, new = self.objects[number], Decoder(raw).value(structure)
        if type(value) is np.ndarray:
            np.copyto(value, new)
        else:
            value.data.copy_(new.data)
            value.grad = new.grad
        self.twins[number] = state(value)

    def ask(self, number: int, operation: str, values: tuple[Any, ...]) -> Any:
        """Have the judge do something with one of its own objects, in the course of something it asked for."""
        if threading.get_ident() != self.thread:
            raise RuntimeError("the test's functions can be called from the main thread only")
        encoder = _Encoder(self, [])
        self.channel.send(["ask", number, operation, [encoder.value(value) for value in values]], encoder.buffers)
        structure, raw = self.serve()
        if structure[0] == "ok":
            return _Decoder(self, raw, []).value(structure[1])
        name, text = structure[1]
        raise getattr(builtins, name, RuntimeError)(text)

    def failure(self, error: BaseException) -> list[Any]:
        """An exception as data: the names of its class and ancestors, its text, the student's line."""
        kind = type(error)
        names = [f"{k.__module__}:{k.__qualname__}"[:NAME] for k in kind.__mro__[:50]]
        try:
            text = str(error)[:TEXT]
        except BaseException:
            text = ""
        where = ""
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith("<cell"):
                where = f"line {frame.lineno}: {(frame.line or '').strip()}"[:NAME]
        own = [self.number(kind), describe(kind)] if kind.__module__ == "__main__" else None
        return [names, text, where, own]

    # ------------------------------------------------------------------------------------ what the judge may ask for

    def do_settle(self) -> None:
        """Nothing: the message itself brought what had changed."""

    def do_file(self, name: str, data: bytes) -> None:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(data)
        importlib.invalidate_caches()

    def do_cell(self, name: str, source: str) -> None:
        code = compile_cell(plain_python(source), name, source, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(code, self.main.__dict__)
        if code.co_flags & inspect.CO_COROUTINE:  # a notebook cell may await at its left margin
            import asyncio

            asyncio.run(waiting)

    def do_name(self, name: str) -> Any:
        return self.main.__dict__[name]

    def do_assign(self, values: dict[str, Any]) -> None:
        self.main.__dict__.update(values)

    def do_call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return function(*args, **kwargs)

    def do_get(self, value: Any, name: str) -> Any:
        return getattr(value, name)

    def do_copy(self, value: Any, deep: bool) -> Any:
        return copy.deepcopy(value) if deep else copy.copy(value)

    def do_set(self, value: Any, name: str, new: Any) -> None:
        setattr(value, name, new)

    def do_delete(self, value: Any, name: str) -> None:
        delattr(value, name)

    def do_item(self, value: Any, key: Any) -> Any:
        return value[key]

    def do_put(self, value: Any, key: Any, new: Any) -> None:
        value[key] = new

    def do_drop(self, value: Any, key: Any) -> None:
        del value[key]

    def do_len(self, value: Any) -> int:
        return len(value)

    def do_true(self, value: Any) -> bool:
        return bool(value)

    def do_iter(self, value: Any) -> Any:
        return iter(value)

    def do_next(self, value: Any) -> tuple[bool, Any]:
        try:
            return False, next(value)
        except StopIteration:
            return True, None

    def do_str(self, value: Any) -> str:
        return str(value)

    def do_repr(self, value: Any) -> str:
        return repr(value)

    def do_format(self, value: Any, how: str) -> str:
        return format(value, how)

    def do_dir(self, value: Any) -> list[str]:
        return dir(value)

    def do_enter(self, value: Any) -> Any:
        return type(value).__enter__(value)

    def do_exit(self, value: Any, name: str | None) -> bool:
        error = None if name is None else getattr(builtins, name, Exception)()
        return bool(type(value).__exit__(value, None if error is None else type(error), error, None))

    def do_operation(self, name: str, *values: Any) -> Any:
        return _OPERATIONS[name](*values)

    def do_isinstance(self, value: Any, kind: Any) -> bool:
        return isinstance(value, kind)

    def do_issubclass(self, value: Any, kind: Any) -> bool:
        return issubclass(value, kind)

    def do_signature(self, value: Any) -> list[Any]:
        empty = inspect.Parameter.empty
        return [
            [p.name, int(p.kind), p.default is not empty, None if p.default is empty else p.default]
            for p in inspect.signature(value).parameters.values()
        ]

    def do_gradients(self, value: Any, gradient: Any, leaves: list[Any]) -> list[Any]:
        """Back through the student's graph from `value`; what reaches the judge's own tensors goes back to it."""
        kept = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        value.backward(gradient, retain_graph=True)
        out = [leaf.grad for leaf in leaves]
        for leaf, grad in zip(leaves, kept, strict=True):
            leaf.grad = grad
        return out


def describe(value: Any) -> list[Any]:
    """Name of the class, library classes it descends from, letters for what can be done with it; the full name of a
    library class that is itself the value. Claims, no more."""
    kind = value if isinstance(value, type) else type(value)
    mro = type.__dict__["__mro__"].__get__(kind)
    ancestors = [
        f"{k.__module__}:{k.__qualname__}"[:NAME] for k in mro[:50] if k.__module__ != "__main__" and k not in PLAIN
    ]
    can = ""
    if isinstance(value, type):
        can += "te" if issubclass(value, BaseException) else "t"
    if callable(value):
        can += "c"
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        can += "f"
    for letter, name in (("l", "__len__"), ("i", "__iter__"), ("n", "__next__"), ("g", "__getitem__"),
                         ("w", "__enter__"), ("o", "__add__"), ("b", "__bool__")):  # fmt: skip
        if hasattr(type(value), name):
            can += letter
    own = f"{kind.__module__}:{kind.__qualname__}"[:NAME] if kind is value and kind.__module__ != "__main__" else ""
    return [str(kind.__name__)[:NAME], ancestors, can, own]


def display(*values: Any, **options: Any) -> None:
    """IPython's `display`, as far as a notebook without a screen needs it."""
    for value in values:
        print(repr(value)[:10_000])


def no_input(prompt: object = "") -> str:
    """What `input` is here."""
    raise RuntimeError("input() has nobody to answer it while a notebook is graded")


def main(channel: Channel) -> None:
    """Serve until the judge hangs up. Never returns."""
    side = Side(channel)
    builtins.input = no_input
    random.seed(0)  # the same in every regrading; what the judge draws has another source
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(0)
    sys.path.insert(0, "")  # as in a notebook: modules beside it can be imported
    try:
        side.serve()
    except Closed:
        os._exit(0)
    finally:
        os._exit(1)
