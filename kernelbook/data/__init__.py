"""Images for the book, made or bundled on this machine; only `load` can fetch more, and only if you name a real set.

`wafers` is the running example, `textures` is the task that transfer learning starts from, `digits` are real
handwriting, `photographs` are patches of real colour, and `image` gives the five pictures that the chapters and labs on
single images share. `load` has them all, and the real collections, behind one call.
"""

from kernelbook.data.images import IMAGE_NAMES, PHOTOGRAPHS, digits, image, photograph, photographs
from kernelbook.data.load import DataUnavailable, Pictures, cache_folder, load
from kernelbook.data.textures import OUTLINES, TEXTURED_SHAPES, TEXTURES, textures
from kernelbook.data.wafers import CLASSES, faults, wafers

__all__ = [
    "CLASSES",
    "IMAGE_NAMES",
    "OUTLINES",
    "PHOTOGRAPHS",
    "TEXTURED_SHAPES",
    "TEXTURES",
    "DataUnavailable",
    "Pictures",
    "cache_folder",
    "digits",
    "faults",
    "image",
    "load",
    "photograph",
    "photographs",
    "textures",
    "wafers",
]
