"""What may cross between the student side and the judge: frames of bounded size that hold plain data of exact types.

The other side of this wire is hostile. Bytes that come over it can turn into numbers, text, containers and arrays, or
into the number of an object that stays where it is; never into code, never into an instance of a class the sender
chose, and never (from the student) into a pickle. Whoever forges a frame has forged data, which a student's function
could have returned anyway; it cannot forge a verdict.

A frame is a header (sequence number, two lengths), a msgpack structure and the raw bytes of its arrays. The structure
holds scalars as themselves and everything else as a list that starts with a tag. Nothing here knows what the messages
mean: `student` and `remote` do.
"""

from __future__ import annotations

import collections
import contextlib
import fractions
import math
import re
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from keyword import iskeyword
from typing import Any

import msgpack
import numpy as np

# Caps. A frame that passes one of them ends the conversation; a value that would is refused before it is sent.
STRUCTURE_BYTES = 8 << 20
ARRAY_BYTES = 256 << 20
ITEMS = 1_000_000  # scalars and containers in one frame
DEPTH = 60  # containers inside containers
DIGITS = 20_000  # hexadecimal digits of an integer
NAME = 200  # characters of a class or attribute name

(LIST, SCALARS, TUPLE, DICT, SET, FROZENSET, BIGINT, COMPLEX, SLICE, RANGE, ARRAY, TENSOR, SCALAR, REMOTE, LOCAL, NAMED,
 ARGUMENT, PICKLE, NAMEDTUPLE, ORDERED, DEFAULT, COUNTER, DEQUE, SIZE, FRACTION, DECIMAL, SINGLETON, BYTEARRAY,
 TWIN) = range(29)  # fmt: skip

_NATIVE = frozenset({type(None), bool, float, str, bytes})
_IN_A_ROW = _NATIVE | {int}  # a list of nothing but these needs no structure
_SINGLETONS: dict[str, Any] = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}
_HEADER = struct.Struct(">QII")
_NOTICE = struct.Struct(">id")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}\Z")

# Tensors travel as the bytes of the NumPy type beside them.
TENSOR_TYPES = {
    "float64": "float64", "float32": "float32", "float16": "float16", "bfloat16": "int16", "int64": "int64",
    "int32": "int32", "int16": "int16", "int8": "int8", "uint8": "uint8", "bool": "bool", "complex64": "complex64",
    "complex128": "complex128",
}  # fmt: skip


class WireError(Exception):
    """The other side broke the rules of the wire; nothing it says can be used any more."""


class NotPlain(Exception):
    """A value that cannot cross: too large, nested too deeply or of a type that has no plain form."""


class Closed(Exception):
    """The other side is gone."""


class OutOfTime(BaseException):
    """The time for this question is over. Not an Exception, so that `except Exception` in a test does not catch it."""


# ---------------------------------------------------------------------------------------------------- values


def _torch() -> Any:
    return sys.modules.get("torch")


class Encoder:
    """Turns one message's values into a structure and raw buffers.

    refer: gets what has no plain form and returns a tagged list for it, or raises NotPlain.
    tracked: if given, every list, dict, set, array and tensor met is appended, and met again it is sent as a reference;
    that keeps aliases, and lets the receiver report changes by position.
    """

    def __init__(self, refer: Callable[[Any], list[Any]], tracked: list[Any] | None = None, deep: bool = False) -> None:
        self.refer = refer
        self.tracked = tracked
        self.memo: dict[int, int] = {}
        self.buffers: list[bytes | memoryview] = []
        self.bytes = 0
        self.items = 0
        self.bare = False  # for subclasses: spell arrays out, whatever the receiver knows of them
        self.deep = deep  # what is nested too deeply goes through `refer` instead of being refused

    def buffer(self, data: bytes | memoryview) -> list[int]:
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        start, self.bytes = self.bytes, self.bytes + size
        if self.bytes > ARRAY_BYTES:
            raise NotPlain(f"arrays of more than {ARRAY_BYTES >> 20} MB in one message")
        self.buffers.append(data)
        return [start, size]

    def _met(self, value: Any) -> list[int] | None:
        index = self.memo.get(id(value))
        if index is not None:
            return [ARGUMENT, index]
        if self.tracked is None:
            return None
        self.memo[id(value)] = len(self.tracked)
        self.tracked.append(value)
        return None

    def value(self, value: Any, depth: int = 0) -> Any:
        """`value` as a structure. Raises NotPlain."""
        kind = type(value)
        if kind in _NATIVE:
            return value
        self.items += 1
        if self.items > ITEMS:
            raise NotPlain(f"more than {ITEMS:,} values in one message")
        if kind is int:
            if -(1 << 63) <= value < 1 << 63:
                return value
            if value.bit_length() > 4 * DIGITS:
                raise NotPlain(f"an integer of {value.bit_length():,} bits")
            return [BIGINT, hex(value)]
        method = _ENCODE.get(kind)
        if method is not None:
            if depth >= DEPTH:
                if self.deep:
                    return self.refer(value)
                raise NotPlain(f"containers nested more than {DEPTH} deep")
            return method(self, value, depth + 1)
        if kind is np.ndarray:
            return self.array(value)
        if issubclass(kind, np.generic):
            if kind.__module__ == "numpy" and value.dtype.kind in "biufc" and value.dtype.itemsize <= 16:
                return [SCALAR, value.dtype.str, value.tobytes()]
            return self.refer(value)
        torch = _torch()
        if torch is not None:
            if kind is torch.Tensor or kind is torch.nn.Parameter:
                return self.tensor(value)
            if kind is torch.Size:
                return [SIZE, [int(n) for n in value]]
            if kind is torch.dtype:
                return [NAMED, "dtype", str(value)]
            if kind is torch.device and value.type == "cpu":
                return [NAMED, "device", "cpu"]
        if isinstance(value, np.dtype):
            return [NAMED, "numpy.dtype", value.str] if value.kind in "biufcSU" else self.refer(value)
        if issubclass(kind, tuple) and _is_namedtuple(kind):
            fields = list(kind._fields)  # type: ignore[attr-defined]
            self.items += len(fields)
            return [NAMEDTUPLE, kind.__name__, fields, [self.value(item, depth + 1) for item in tuple.__iter__(value)]]
        return self.refer(value)

    def fresh(self, value: Any) -> Any:
        """`value` spelled out at the top level, even where `value` itself is known to the receiver."""
        index = self.memo.pop(id(value), None)
        tracked, self.tracked = self.tracked, None
        try:
            return self.value(value)
        finally:
            self.tracked = tracked
            if index is not None:
                self.memo[id(value)] = index

    def content(self, value: Any) -> Any:
        """What an array or container holds, spelled out for a receiver that has the object itself."""
        self.bare = True
        try:
            return self.fresh(value)
        finally:
            self.bare = False

    # containers

    def _items(self, values: Iterable[Any], depth: int) -> list[Any]:
        return [self.value(item, depth) for item in values]

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        if (met := self._met(value)) is not None:
            return met
        kinds = set(map(type, value))
        if kinds <= _IN_A_ROW and not (int in kinds and any(type(n) is int and n.bit_length() > 63 for n in value)):
            self.items += len(value)
            if self.items > ITEMS:
                raise NotPlain(f"more than {ITEMS:,} values in one message")
            return [SCALARS, value]
        return [LIST, *self._items(value, depth)]

    def _tuple(self, value: tuple[Any, ...], depth: int) -> list[Any]:
        return [TUPLE, *self._items(value, depth)]

    def _pairs(self, value: Any, depth: int) -> list[Any]:
        out: list[Any] = []
        for key, item in list(dict.items(value)):
            out += (self.value(key, depth), self.value(item, depth))
        return out

    def _dict(self, value: dict[Any, Any], depth: int) -> list[Any]:
        return self._met(value) or [_MAPPINGS[type(value)], *self._pairs(value, depth)]

    def _set(self, value: set[Any], depth: int) -> list[Any]:
        return self._met(value) or [SET, *self._items(value, depth)]

    def _frozenset(self, value: frozenset[Any], depth: int) -> list[Any]:
        return [FROZENSET, *self._items(value, depth)]

    def _deque(self, value: collections.deque[Any], depth: int) -> list[Any]:
        return [DEQUE, *self._items(value, depth)]

    def _slice(self, value: slice, depth: int) -> list[Any]:
        return [SLICE, *self._items((value.start, value.stop, value.step), depth)]

    def _range(self, value: range, depth: int) -> list[Any]:
        return [RANGE, *self._items((value.start, value.stop, value.step), depth)]

    def _complex(self, value: complex, depth: int) -> list[Any]:
        return [COMPLEX, value.real, value.imag]

    def _fraction(self, value: fractions.Fraction, depth: int) -> list[Any]:
        return [FRACTION, self.value(value.numerator, depth), self.value(value.denominator, depth)]

    def _decimal(self, value: Decimal, depth: int) -> list[Any]:
        return [DECIMAL, str(value)]

    def _singleton(self, value: Any, depth: int) -> list[Any]:
        return [SINGLETON, repr(value)]

    def _bytearray(self, value: bytearray, depth: int) -> list[Any]:
        return [BYTEARRAY, bytes(value)]

    # arrays

    def array(self, value: np.ndarray) -> list[Any]:
        """An array of plain numbers, truth values or fixed-width text; any shape, strides or byte order."""
        if value.dtype.kind not in "biufcSU" or not 0 < value.dtype.itemsize <= (1 << 16):
            return self.refer(value)
        if (met := self._met(value)) is not None:
            return met
        plain = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
        return [ARRAY, plain.dtype.str, list(value.shape), *self.buffer(plain.tobytes()), bool(value.flags.writeable)]

    def tensor(self, value: Any) -> list[Any]:
        """A dense tensor on the CPU, with its gradient if it has one."""
        torch = _torch()
        name = str(value.dtype).removeprefix("torch.")
        if name not in TENSOR_TYPES or value.layout is not torch.strided or value.device.type != "cpu":
            return self.refer(value)
        if (met := self._met(value)) is not None:
            return met
        flags = int(value.requires_grad) | 2 * (type(value) is torch.nn.Parameter)
        gradient = value.grad if value.is_leaf else None
        return [
            TENSOR, name, list(value.shape), *self.buffer(tensor_bytes(value)), flags,
            None if gradient is None or gradient.layout is not torch.strided else Encoder.tensor(self, gradient),
            self.link(value) if value.requires_grad and not value.is_leaf else None,
        ]  # fmt: skip

    def link(self, value: Any) -> int | None:
        """The number under which the receiver may ask for gradients through `value`; None if it may not."""
        return None


_MAPPINGS: dict[type, int] = {
    dict: DICT,
    collections.OrderedDict: ORDERED,
    collections.defaultdict: DEFAULT,
    collections.Counter: COUNTER,
}
_ENCODE: dict[type, Callable[[Encoder, Any, int], Any]] = {
    list: Encoder._list, tuple: Encoder._tuple, dict: Encoder._dict, collections.OrderedDict: Encoder._dict,
    collections.defaultdict: Encoder._dict, collections.Counter: Encoder._dict, set: Encoder._set,
    frozenset: Encoder._frozenset, collections.deque: Encoder._deque, slice: Encoder._slice, range: Encoder._range,
    complex: Encoder._complex, fractions.Fraction: Encoder._fraction, Decimal: Encoder._decimal,
    type(Ellipsis): Encoder._singleton, type(NotImplemented): Encoder._singleton, bytearray: Encoder._bytearray,
}  # fmt: skip


def _is_namedtuple(kind: type) -> bool:
    fields = getattr(kind, "_fields", None)
    return (
        kind.__bases__ == (tuple,)
        and type(fields) is tuple
        and len(fields) <= 100
        and all(type(field) is str and _WORD.match(field) for field in fields)
    )


def tensor_bytes(value: Any) -> bytes:
    """The elements of a dense CPU tensor in row-major order."""
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    name = str(plain.dtype).removeprefix("torch.")
    if name == "bfloat16":
        plain = plain.view(_torch().int16)
    return bytes(plain.numpy().tobytes())


class Decoder:
    """Turns a structure and its raw bytes back into values. What a subclass does not allow raises WireError."""

    keep_read_only = False

    def __init__(self, raw: memoryview, tracked: list[Any] | None = None) -> None:
        self.raw = raw
        self.items = 0
        self.tracked = tracked

    # what only some receivers allow

    def remote(self, number: int, about: Any) -> Any:
        raise WireError("an object of the other side where none may be")

    def local(self, number: int) -> Any:
        raise WireError("a reference to an object where none may be")

    def named(self, kind: str, name: str) -> Any:
        return named(kind, name)

    def argument(self, index: int) -> Any:
        if self.tracked is None or not 0 <= index < len(self.tracked):
            raise WireError("a reference to an argument that there is not")
        return self.tracked[index]

    def pickle(self, number: int, data: bytes) -> Any:
        raise WireError("a pickle")

    def twin(self, number: int, structure: Any, depth: int) -> Any:
        raise WireError("a shared array where none may be")

    # what all allow

    def _track(self, value: Any) -> Any:
        if self.tracked is not None:
            self.tracked.append(value)
        return value

    def value(self, structure: Any, depth: int = 0) -> Any:
        """The value that `structure` stands for. Raises WireError."""
        kind = type(structure)
        if kind in _NATIVE or kind is int:
            return structure
        if kind is not list or not structure or type(structure[0]) is not int:
            raise WireError("a structure without a tag")
        if depth > DEPTH + 3:
            raise WireError(f"containers nested more than {DEPTH} deep")
        self.items += len(structure)
        if self.items > 2 * ITEMS:
            raise WireError(f"more than {ITEMS:,} values in one message")
        tag, body = structure[0], structure[1:]
        method = _DECODE.get(tag)
        if method is None:
            raise WireError(f"an unknown tag, {tag}")
        try:
            return method(self, body, depth + 1)
        except (TypeError, ValueError, IndexError, KeyError, OverflowError, AttributeError, ArithmeticError) as error:
            raise WireError(f"a malformed value ({type(error).__name__})") from error

    def _items(self, body: list[Any], depth: int) -> list[Any]:
        return [self.value(item, depth) for item in body]

    def _list(self, body: list[Any], depth: int) -> list[Any]:
        out: list[Any] = self._track([])
        out.extend(self._items(body, depth))
        return out

    def _scalars(self, body: list[Any], depth: int) -> list[Any]:
        (items,) = body
        if type(items) is not list:
            raise WireError("a malformed list")
        self.items += len(items)
        if not set(map(type, items)) <= _IN_A_ROW or self.items > 2 * ITEMS:
            raise WireError("a malformed list")
        return self._track(items)

    def _tuple(self, body: list[Any], depth: int) -> tuple[Any, ...]:
        return tuple(self._items(body, depth))

    def _fill(self, out: Any, body: list[Any], depth: int) -> Any:
        if len(body) % 2:
            raise WireError("a mapping with a key and no value")
        for i in range(0, len(body), 2):
            out[self.value(body[i], depth)] = self.value(body[i + 1], depth)
        return out

    def _dict(self, body: list[Any], depth: int) -> dict[Any, Any]:
        return self._fill(self._track({}), body, depth)

    def _ordered(self, body: list[Any], depth: int) -> dict[Any, Any]:
        return self._fill(self._track(collections.OrderedDict()), body, depth)

    def _default(self, body: list[Any], depth: int) -> dict[Any, Any]:
        return self._fill(self._track(collections.defaultdict()), body, depth)

    def _counter(self, body: list[Any], depth: int) -> dict[Any, Any]:
        return self._fill(self._track(collections.Counter()), body, depth)

    def _set(self, body: list[Any], depth: int) -> set[Any]:
        out: set[Any] = self._track(set())
        out.update(self._items(body, depth))
        return out

    def _frozenset(self, body: list[Any], depth: int) -> frozenset[Any]:
        return frozenset(self._items(body, depth))

    def _deque(self, body: list[Any], depth: int) -> collections.deque[Any]:
        return collections.deque(self._items(body, depth))

    def _bigint(self, body: list[Any], depth: int) -> int:
        (text,) = body
        if len(text) > DIGITS + 3:
            raise WireError("an integer of too many digits")
        return int(text, 16)

    def _complex(self, body: list[Any], depth: int) -> complex:
        real, imaginary = body
        if type(real) is not float or type(imaginary) is not float:
            raise WireError("a malformed complex number")
        return complex(real, imaginary)

    def _slice(self, body: list[Any], depth: int) -> slice:
        start, stop, step = self._items(body, depth)
        return slice(start, stop, step)

    def _range(self, body: list[Any], depth: int) -> range:
        start, stop, step = self._items(body, depth)
        return range(start, stop, step)

    def _fraction(self, body: list[Any], depth: int) -> fractions.Fraction:
        above, below = self._items(body, depth)
        return fractions.Fraction(above, below)

    def _decimal(self, body: list[Any], depth: int) -> Decimal:
        (text,) = body
        if type(text) is not str or len(text) > DIGITS:
            raise WireError("a malformed decimal")
        return Decimal(text)

    def _singleton(self, body: list[Any], depth: int) -> Any:
        (name,) = body
        return _SINGLETONS[name]

    def _bytearray(self, body: list[Any], depth: int) -> bytearray:
        (data,) = body
        if type(data) is not bytes:
            raise WireError("malformed bytes")
        return bytearray(data)

    def _namedtuple(self, body: list[Any], depth: int) -> Any:
        name, fields, items = body
        if not _WORD.match(name) or len(fields) != len(items) or len(fields) > 100 or len(set(fields)) != len(fields):
            raise WireError("a malformed named tuple")
        for field in fields:
            if not _WORD.match(field) or iskeyword(field):
                raise WireError("a malformed named tuple")
        return collections.namedtuple(name, fields)(*self._items(items, depth))  # type: ignore[misc]

    def _size(self, body: list[Any], depth: int) -> Any:
        import torch

        (shape,) = body
        return torch.Size(_shape(shape))

    def _slab(self, start: Any, size: Any) -> memoryview:
        if type(start) is not int or type(size) is not int or start < 0 or size < 0 or start + size > len(self.raw):
            raise WireError("array bytes that are not there")
        return self.raw[start : start + size]

    def _numbers(self, dtype: np.dtype, shape: list[int], start: Any, size: Any) -> np.ndarray:
        if dtype.kind not in "biufcSU" or not 0 < dtype.itemsize <= 1 << 20 or dtype.hasobject:
            raise WireError(f"an array of {dtype}")
        if math.prod(shape) * dtype.itemsize != size:
            raise WireError("an array whose bytes do not fill its shape")
        out = np.frombuffer(self._slab(start, size), dtype=np.uint8).copy()
        if dtype.kind == "b":
            return (out != 0).reshape(shape)
        if dtype.kind == "U" and size and out.view(np.uint32).max() > 0x10FFFF:
            raise WireError("text that is no Unicode")
        return out.view(dtype).reshape(shape) if size else np.empty(shape, dtype)

    def _array(self, body: list[Any], depth: int) -> np.ndarray:
        name, shape, start, size, writeable = body
        out = self._numbers(_dtype(name), _shape(shape), start, size)
        out.flags.writeable = writeable or not self.keep_read_only
        return self._track(out)

    def _scalar(self, body: list[Any], depth: int) -> Any:
        name, data = body
        dtype = _dtype(name)
        if dtype.kind not in "biufc" or type(data) is not bytes or len(data) != dtype.itemsize or len(data) > 16:
            raise WireError("a malformed number")
        if dtype.kind == "b":
            return np.bool_(data != b"\0")
        return np.frombuffer(data, dtype)[0]

    def _tensor(self, body: list[Any], depth: int) -> Any:
        import torch

        name, shape, start, size, flags, gradient, link = body
        numbers = self._numbers(np.dtype(TENSOR_TYPES[name]), _shape(shape), start, size)
        out = torch.from_numpy(numbers)
        if name == "bfloat16":
            out = out.view(torch.bfloat16)
        if flags & 2:
            out = torch.nn.Parameter(out, requires_grad=bool(flags & 1))
        elif flags & 1:
            out.requires_grad_()
        self._track(out)
        if gradient is not None:
            if gradient[0] == ARGUMENT:
                grad = self.argument(*gradient[1:])
            elif gradient[0] == TENSOR:
                grad = self._tensor(gradient[1:], depth)
            else:
                raise WireError("a malformed gradient")
            out.grad = grad
        return out if link is None else self.linked(out, _number(link))

    def linked(self, tensor: Any, number: int) -> Any:
        """`tensor`, whose history is an object of the other side."""
        return tensor

    def _remote(self, body: list[Any], depth: int) -> Any:
        number, about = body
        return self.remote(_number(number), about)

    def _local(self, body: list[Any], depth: int) -> Any:
        (number,) = body
        return self.local(_number(number))

    def _named(self, body: list[Any], depth: int) -> Any:
        kind, name = body
        if type(kind) is not str or type(name) is not str or len(name) > NAME:
            raise WireError("a malformed name")
        return self.named(kind, name)

    def _argument(self, body: list[Any], depth: int) -> Any:
        (index,) = body
        return self.argument(_number(index))

    def _pickle(self, body: list[Any], depth: int) -> Any:
        number, start, size = body
        return self.pickle(_number(number), bytes(self._slab(start, size)))

    def _twin(self, body: list[Any], depth: int) -> Any:
        number, structure = body
        return self.twin(_number(number), structure, depth)


_DECODE: dict[int, Callable[[Decoder, list[Any], int], Any]] = {
    LIST: Decoder._list, SCALARS: Decoder._scalars, TUPLE: Decoder._tuple, DICT: Decoder._dict, SET: Decoder._set,
    FROZENSET: Decoder._frozenset, BIGINT: Decoder._bigint, COMPLEX: Decoder._complex, SLICE: Decoder._slice,
    RANGE: Decoder._range, ARRAY: Decoder._array, TENSOR: Decoder._tensor, SCALAR: Decoder._scalar,
    REMOTE: Decoder._remote, LOCAL: Decoder._local, NAMED: Decoder._named, ARGUMENT: Decoder._argument,
    PICKLE: Decoder._pickle, NAMEDTUPLE: Decoder._namedtuple, ORDERED: Decoder._ordered, DEFAULT: Decoder._default,
    COUNTER: Decoder._counter, DEQUE: Decoder._deque, SIZE: Decoder._size, FRACTION: Decoder._fraction,
    DECIMAL: Decoder._decimal, SINGLETON: Decoder._singleton, BYTEARRAY: Decoder._bytearray, TWIN: Decoder._twin,
}  # fmt: skip


def named(kind: str, name: str) -> Any:
    """A NumPy or torch type or device, by its name."""
    if kind == "numpy.dtype":
        return _dtype(name)
    if kind in ("dtype", "device"):
        import torch

        if kind == "device" and name == "cpu":
            return torch.device("cpu")
        dtype = getattr(torch, name.removeprefix("torch."), None)
        if kind == "dtype" and isinstance(dtype, torch.dtype):
            return dtype
    raise WireError("a name of nothing known")


def _dtype(name: Any) -> np.dtype:
    if type(name) is not str or not re.fullmatch(r"[<>|=]?[biufcSU]\d{1,7}", name):
        raise WireError("an array type that may not cross")
    return np.dtype(name).newbyteorder("=")


def _shape(shape: Any) -> list[int]:
    if type(shape) is not list or len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
        raise WireError("a malformed shape")
    return shape


def _number(number: Any) -> int:
    if type(number) is not int:
        raise WireError("a malformed number")
    return number


# ---------------------------------------------------------------------------------------------------- frames


class Channel:
    """Frames over one end of a socket pair. Both directions count their frames; a frame out of turn is a WireError.

    Waiting drains the file descriptors in `drains` (the student's output pipes), so that neither side can block the
    other by filling them.
    """

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.sent = 0
        self.received = 0
        self.drains: dict[int, Callable[[], None]] = {}
        self.tick: tuple[float, Callable[[], None]] | None = None  # seconds, and what to do that often while waiting
        end.setblocking(False)

    def close(self) -> None:
        self.end.close()

    def _wait(self, event: int, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(self.end, event)
        for fd in self.drains:
            poll.register(fd, select.POLLIN)
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise OutOfTime
            wait = left
            if self.tick is not None:
                wait = self.tick[0] if left is None else min(left, self.tick[0])
            ready = poll.poll(None if wait is None else math.ceil(wait * 1000))
            if not ready and self.tick is not None:
                self.tick[1]()
            for fd, _ in ready:
                if fd == self.end.fileno():
                    return
                self.drains[fd]()
                if fd not in self.drains:
                    poll.unregister(fd)

    def send(self, structure: Any, buffers: Iterable[bytes | memoryview] = (), deadline: float | None = None) -> None:
        """One frame. Raises NotPlain if it would be too large, Closed, OutOfTime."""
        try:
            body = msgpack.packb(structure, use_bin_type=True, unicode_errors="surrogatepass")
        except (OverflowError, ValueError, TypeError) as error:
            raise NotPlain(f"a value that has no plain form ({error})") from error
        raw = list(buffers)
        if len(body) > STRUCTURE_BYTES:
            raise NotPlain(f"more than {STRUCTURE_BYTES >> 20} MB of text and numbers in one message")
        size = sum(part.nbytes if isinstance(part, memoryview) else len(part) for part in raw)
        header = _HEADER.pack(self.sent, len(body), size)
        self.sent += 1
        for part in (header + body, *raw):
            view = memoryview(part).cast("B")
            while view:
                try:
                    view = view[self.end.send(view) :]
                except BlockingIOError:
                    self._wait(select.POLLOUT, deadline)
                except OSError as error:
                    raise Closed from error

    def _read(self, size: int, deadline: float | None) -> bytearray:
        out = bytearray()
        while len(out) < size:
            try:
                part = self.end.recv(min(size - len(out), 1 << 20))
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise Closed from error
            if not part:
                raise Closed
            out += part
        return out

    def receive(self, deadline: float | None = None) -> tuple[Any, memoryview]:
        """The next frame's structure and raw bytes. Raises WireError, Closed, OutOfTime."""
        sequence, length, size = _HEADER.unpack(self._read(_HEADER.size, deadline))
        if sequence != self.received:
            raise WireError("a frame out of turn")
        if length > STRUCTURE_BYTES or size > ARRAY_BYTES:
            raise WireError("a frame that is too large")
        self.received += 1
        body = self._read(length, deadline)
        raw = self._read(size, deadline)
        try:
            structure = msgpack.unpackb(
                bytes(body), raw=False, strict_map_key=True, use_list=True, unicode_errors="surrogatepass",
                ext_hook=_no_extension, max_ext_len=0,
            )  # fmt: skip
        except Exception as error:  # msgpack's own errors have no common base
            raise WireError(f"a frame that is no message ({type(error).__name__})") from error
        return structure, memoryview(raw)


def _no_extension(code: int, data: bytes) -> Any:
    raise WireError("a msgpack extension")


# ---------------------------------------------------------------------------------------------------- notices


def leave_notice(line: socket.socket, position: int, until: float) -> bool:
    """Leave word on a line at which nobody waits: a cell's number, and until when it has time. False if it is full."""
    try:
        return line.send(_NOTICE.pack(position, until), socket.MSG_DONTWAIT) == _NOTICE.size
    except BlockingIOError:
        return False
    except OSError as error:
        raise Closed from error


def last_notice(line: socket.socket) -> tuple[int, float] | None:
    """What was left on a line last, if anything was since it was looked at."""
    last = None
    with contextlib.suppress(OSError):
        while data := line.recv(_NOTICE.size * 1000, socket.MSG_DONTWAIT):
            whole = len(data) - len(data) % _NOTICE.size
            last = _NOTICE.unpack(data[whole - _NOTICE.size : whole]) if whole else last
    return last
