"""One call for every data set: drawn here, bundled, or real and downloaded once.

Nothing but `load` ever touches a network, and only for a real set that isn't on this computer yet. The files are
torchvision's own, in the folder that `cache_folder` names, so that a folder prepared elsewhere works as it is.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernelbook.data.images import PHOTOGRAPHS, digits, photographs
from kernelbook.data.textures import TEXTURED_SHAPES, textures
from kernelbook.data.wafers import CLASSES, wafers

if TYPE_CHECKING:
    from torchvision import datasets  # imported where it is needed, since it takes seconds and most pages need none

SPLITS = ("train", "test")
HERE = ("digits", "photographs", "textures", "wafers")
"""Drawn by this package or bundled with scikit-learn: never a download."""
REAL = ("cifar10", "cifar100", "fashion-mnist", "imagenette", "mnist")
"""torchvision's: found in the cache folder, or downloaded into it."""

_PATIENCE = 20.0  # seconds without an answer before a server counts as out of reach
_TEST_SEED = 1_000_000  # added to the seed of drawn pictures, so that no test picture is a training picture


class Pictures(NamedTuple):
    """A data set in memory."""

    images: NDArray[np.float32]  # (N, C, H, W) from 0 to 1
    labels: NDArray[np.int64]  # (N,) indices into classes
    classes: tuple[str, ...]


class DataUnavailable(Exception):
    """A data set is not on this computer and couldn't be fetched: one sentence, without a traceback in a notebook."""

    def __init__(self, name: str, looked_for: Path, reason: str) -> None:
        self.name, self.looked_for, self.reason = name, looked_for, reason
        super().__init__(
            f"{name} is {'damaged' if looked_for.exists() else 'not on this computer'} (looked for {looked_for}), "
            f"and {reason}: "
            f"call data.load({name!r}) once where there is a network, or copy that folder here from a computer that "
            f"has it, or take one that needs no download ({', '.join(HERE)})."
        )

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]


def cache_folder() -> Path:
    """Where real data sets are kept: $KERNELBOOK_DATA if set, else `kernelbook` in the user's cache folder."""
    if chosen := os.environ.get("KERNELBOOK_DATA"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kernelbook"


def load(
    name: str | Path,
    split: str = "train",
    *,
    number: int | None = None,
    size: int | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    download: bool = True,
) -> Pictures:
    """Pictures, labels and names of the classes.

    name: "wafers", "textures" (drawn), "digits", "photographs" (bundled), "mnist", "fashion-mnist", "cifar10",
        "cifar100", "imagenette" (real), or the path of your own folder with `train` and `test` (or `val`) in it, in
        each one folder of pictures for each class.
    split: "train" or "test"; they share no picture. Where a set comes with a split, it is that one; of the digits the
        first 1,500 are for training and the last 297 for testing; photographs are cut from the left and right halves.
    number: how many; fewer than there are are drawn at random without repetition. By default all of a fixed set, and
        2,000 that are drawn or cut.
    size: height and width in pixels. By default 32 for drawn pictures and patches, 64 for imagenette and your own, and
        as they come for the others. Pictures of another shape are cut square about their middle, then scaled.
    seed: fixes what is drawn.
    folder: where real sets are kept, `cache_folder()` by default. download: fetch what isn't there, with a bar.

    Returns `Pictures(images, labels, classes)`: images (N, C, H, W) float32 from 0 to 1, C = 1 or 3.

    Raises ValueError for an unknown name or split or an impossible number, DataUnavailable where a set can't be had.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be train or test, got {split!r}")
    if number is not None and number < 0:
        raise ValueError(f"number of pictures must not be negative, got {number}")
    if isinstance(name, Path):
        return _own(name, split, number, size or 64, seed)
    if name in HERE:
        return _here(name, split, number, size, seed)
    if name not in REAL:
        raise ValueError(
            f"unknown data set {name!r}: choose from {', '.join(sorted(HERE + REAL))}, or give the Path of a folder"
        )
    root = Path(folder).expanduser() if folder is not None else cache_folder()
    available, read, classes = _open(name, root, split, download)
    return _collect(available, read, classes, number, size or (64 if name == "imagenette" else None), seed)


def _here(name: str, split: str, number: int | None, size: int | None, seed: int) -> Pictures:
    if name == "digits":
        images, labels = digits()
        part = slice(0, 1500) if split == "train" else slice(1500, None)
        images, labels = images[part], labels[part]

        def read(index: int) -> tuple[Image.Image, int]:
            return Image.fromarray(np.round(255 * images[index, 0]).astype(np.uint8)), int(labels[index])

        chosen = _choose(len(images), number, seed)
        if size is None:
            return Pictures(images[chosen], labels[chosen], tuple("0123456789"))
        return _collect(len(images), read, tuple("0123456789"), number, size, seed)
    number = 2000 if number is None else number
    size, seed = size or 32, seed + (_TEST_SEED if split == "test" else 0)
    if name == "photographs":
        part_name = "left" if split == "train" else "right"
        return Pictures(*photographs(number, size, seed, part_name), PHOTOGRAPHS)
    if name == "textures":
        return Pictures(*textures(number, size, seed), TEXTURED_SHAPES)
    return Pictures(*wafers(number, size, seed), CLASSES)


# Real sets. Each opener returns how many pictures there are, how to read one, and the names of the classes.

Reader = Callable[[int], tuple[Image.Image, int]]
Opened = tuple[int, Reader, tuple[str, ...]]


def _open(name: str, root: Path, split: str, download: bool) -> Opened:
    from torchvision import datasets

    if name in ("mnist", "fashion-mnist"):
        return _mnist(name, datasets.MNIST if name == "mnist" else datasets.FashionMNIST, root, split, download)
    if name in ("cifar10", "cifar100"):
        return _cifar(name, datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100, root, split, download)
    address = datasets.Imagenette._ARCHIVES["160px"][0]
    with _one_sentence(name, root / Path(address).stem, address, download):
        found = datasets.Imagenette(root, "train" if split == "train" else "val", "160px", download=download)
    return len(found), lambda index: found[index], tuple(names[0] for names in found.classes)


def _mnist(name: str, kind: type[datasets.MNIST], root: Path, split: str, download: bool) -> Opened:
    with _one_sentence(name, root / kind.__name__ / "raw", kind.mirrors[0], download):
        found = kind(root, train=split == "train", download=download)
    return len(found), lambda index: found[index], tuple(text.split(" - ")[-1] for text in kind.classes)


def _cifar(name: str, kind: type[datasets.CIFAR10], root: Path, split: str, download: bool) -> Opened:
    with _one_sentence(name, root / kind.base_folder, kind.url, download):
        found = kind(root, train=split == "train", download=download)
    return len(found), lambda index: found[index], tuple(found.classes)


@contextmanager
def _one_sentence(name: str, place: Path, address: str, download: bool) -> Iterator[None]:
    """Whatever goes wrong while a set is opened becomes one DataUnavailable; a silent server is not waited for."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        host = urlsplit(address).hostname or address
        reason = (
            f"downloading it from {host} failed ({_short(error)})" if download else "download=False forbids fetching it"
        )
        raise DataUnavailable(name, place, reason) from None
    finally:
        socket.setdefaulttimeout(before)


def _short(error: Exception) -> str:
    """The heart of an error on one line: `URLError` and torchvision wrap it in others."""
    inner = getattr(error, "reason", None) or error
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    text = lines[-1].removeprefix("<urlopen error ").removesuffix(">") if lines else type(inner).__name__
    return text[:200]


def _own(path: Path, split: str, number: int | None, size: int, seed: int) -> Pictures:
    from torchvision import datasets

    path = path.expanduser()
    names = ("train",) if split == "train" else ("test", "val")
    place = next((path / name for name in names if (path / name).is_dir()), None)
    if place is None:
        raise ValueError(
            f"{path} holds no folder named {' or '.join(names)}, with one folder of pictures for each class"
        )
    try:
        found = datasets.ImageFolder(str(place))
    except FileNotFoundError as error:
        raise ValueError(f"{place} must hold one folder for each class, with pictures in each: {error}") from None
    return _collect(len(found), lambda index: found[index], tuple(found.classes), number, size, seed)


def _choose(available: int, number: int | None, seed: int) -> NDArray[np.int64]:
    if number is not None and number > available:
        raise ValueError(f"there are {available} pictures, fewer than the {number} asked for")
    if number is None:
        return np.arange(available)
    return np.random.default_rng(seed).permutation(available)[:number]


def _collect(
    available: int, read: Reader, classes: tuple[str, ...], number: int | None, size: int | None, seed: int
) -> Pictures:
    """Read the chosen pictures one by one, so that memory holds no more than is asked for."""
    chosen = _choose(available, number, seed)
    labels = np.empty(len(chosen), np.int64)
    images: NDArray[np.float32] | None = None
    for place, index in enumerate(chosen):
        picture, labels[place] = read(int(index))
        pixels = np.asarray(_fit(picture, size), np.float32) / 255
        pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        if images is None:
            images = np.empty((len(chosen), *pixels.shape), np.float32)
        images[place] = pixels
    if images is None:
        images = np.empty((0, 3, size or 0, size or 0), np.float32)
    return Pictures(images, labels, classes)


def _fit(picture: Image.Image, size: int | None) -> Image.Image:
    """Square about the middle and `size` pixels a side, or as it comes."""
    if size is None or picture.size == (size, size):
        return picture
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BILINEAR)
