"""Writes images.json, the pictures that labs carry to the page: `python kernelbook/labs/lib/images.py`.

Grey levels 0 to 255, row by row, as base64. Run it when kernelbook.data.image changes; a test says so.
"""

import base64
import json
from pathlib import Path

import numpy as np

from kernelbook.data import image

NAMES = ("digit", "photograph", "wafer")


def packed() -> str:
    """The text of images.json."""
    pictures = {}
    for name in NAMES:
        pixels = image(name)
        height, width = pixels.shape
        pictures[name] = {
            "height": height,
            "width": width,
            "data": base64.b64encode(pixels.astype(np.uint8).tobytes()).decode(),
        }
    return json.dumps(pictures, indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(packed())
