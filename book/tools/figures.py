"""Compare two pictures as a reader would see them: by pixels, or by the geometry of an SVG.

Sizes, words and structure must be the same; a pixel or a coordinate may move by less than the eye can see, since
another processor rounds differently.
"""

import base64
import io
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
from PIL import Image

PIXEL_LEVELS = 24
"""Of 255: how far a pixel may differ in any of its channels."""

PIXEL_SHARE = 0.0002
"""The share of pixels that may differ by more than that."""

COORDINATE = 0.1
"""SVG units: how far a coordinate may move."""

RASTER = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,([A-Za-z0-9+/=\s]+)")
INLINE = re.compile(r"<svg\b.*?</svg>", re.DOTALL)

# Attributes of an SVG element that hold coordinates. All others must be the same, letter by letter.
GEOMETRY = {
    *("d", "points", "transform", "viewBox", "width", "height", "offset"),
    *("x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry"),
}
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# Names that matplotlib makes by hashing the coordinates inside an element.
HASHED_NAME = re.compile(r"\b[a-z][0-9a-f]{10}\b")


def differing(kind: str, reference: str, fresh: str) -> str | None:
    """What differs between two pictures of MIME type `kind`, in a few words; None if a reader would see no difference.

    Raster pictures are base64 text, SVG is its source.
    """
    if kind == "image/svg+xml":
        return differing_svg(reference, fresh)
    return differing_pixels(base64.b64decode(reference), base64.b64decode(fresh))


def differing_pixels(reference: bytes, fresh: bytes) -> str | None:
    """As `differing`, for the bytes of two PNG or JPEG files."""
    if reference == fresh:
        return None
    try:
        first, second = (Image.open(io.BytesIO(data)).convert("RGBA") for data in (reference, fresh))
    except OSError as error:
        return f"a picture cannot be read: {error}"
    if first.size != second.size:
        return f"the picture was {first.size[0]} × {first.size[1]} pixels and is {second.size[0]} × {second.size[1]}"
    apart = np.abs(np.asarray(first, np.int16) - np.asarray(second, np.int16)).max(axis=-1)
    count = int((apart > PIXEL_LEVELS).sum())
    if count > PIXEL_SHARE * apart.size:
        return f"{count} of {apart.size} pixels differ by more than {PIXEL_LEVELS} levels (the most by {apart.max()})"
    return None


def differing_svg(reference: str, fresh: str) -> str | None:
    """As `differing`, for the source of two SVG pictures."""
    if reference == fresh:
        return None
    try:
        first, second = (list(_walk(_parse(text))) for text in (reference, fresh))
    except ElementTree.ParseError as error:
        return f"an SVG picture cannot be read: {error}"
    if len(first) != len(second):
        return f"the SVG had {len(first)} parts and has {len(second)}"
    for (name, old), (_, new) in zip(first, second, strict=True):
        if name == "picture":
            if difference := differing("image/png", old, new):
                return difference
        elif old != new and (name not in GEOMETRY or not _near(old, new)):
            return f"the SVG's {name or 'text'} was {old.strip()[:60]!r} and is {new.strip()[:60]!r}"
    return None


def _parse(text: str) -> ElementTree.Element:
    """The picture, its comments kept (matplotlib writes the words of a figure there) and its hashed names counted."""
    names: dict[str, str] = {}
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = HASHED_NAME.sub(lambda match: names.setdefault(match[0], f"name{len(names)}"), text)
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    return ElementTree.fromstring(text, parser)


def _walk(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Every name and value of the picture, in order: tags, texts and attributes."""
    for node in element.iter():
        yield "tag", str(node.tag)
        for text in (node.text, node.tail):
            if text and text.strip():
                yield "", text.strip()
        for name, value in sorted(node.attrib.items()):
            data = RASTER.fullmatch(value.strip())
            yield ("picture", data[1]) if data else (name, value)


def _near(old: str, new: str) -> bool:
    """Whether two attribute values are the same but for small moves of their coordinates."""
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(abs(float(before) - float(after)) <= COORDINATE for before, after in pairs)


def take_out(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Separate an HTML output into its text and the pictures in it, as (MIME type, content), in order."""
    pictures: list[tuple[str, str]] = []

    def svg(match: re.Match[str]) -> str:
        pictures.append(("image/svg+xml", match[0]))
        return f"[picture {len(pictures)}]"

    def raster(match: re.Match[str]) -> str:
        pictures.append(("image/png", match[1]))
        return f"[picture {len(pictures)}]"

    return RASTER.sub(raster, INLINE.sub(svg, html)), pictures
