"""Images for the book, made or bundled on this machine: nothing here touches a network.

`wafers` is the running example, `digits` are real handwriting, and `image` gives the five pictures that the chapters
and labs on single images share.
"""

from kernelbook.data.images import IMAGE_NAMES, digits, image
from kernelbook.data.wafers import CLASSES, wafers

__all__ = ["CLASSES", "IMAGE_NAMES", "digits", "image", "wafers"]
