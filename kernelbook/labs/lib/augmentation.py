"""Writes augmentation.json, the pictures and verdicts of Augmentation: `python kernelbook/labs/lib/augmentation.py`.

Grey levels 0 to 255, row by row, as base64; "digit", "wafer" and "photograph" of images.json are shared. A verdict is
`[picture or kind, transform, from, to, verdict, reason]`: the first that fits the picture, the transform and its
amount holds. A test says when the file is stale.
"""

import base64
import json
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from kernelbook.data import digits, image, wafers

# name: title, label, kind, partner for mixing
PICTURES = {
    "six": ("Digit 6", "6", "digit", "nine"),
    "nine": ("Digit 9", "9", "digit", "six"),
    "eight": ("Digit 8", "8", "digit", "six"),
    "edge-loc": ("Wafer, edge-loc", "edge-loc", "wafer", "center"),
    "center": ("Wafer, center", "center", "wafer", "edge-loc"),
    "photograph": ("Photograph", "pavilion", "photograph", "flower"),
    "flower": ("Flower", "flower", "photograph", "photograph"),
    "sign": ("Photograph with a sign", "TEA", "photograph", "flower"),
}
WORD = ("### ### .#.", ".#. #.. #.#", ".#. ##. ###", ".#. #.. #.#", ".#. ### #.#")

FLIP_H, FLIP_V, TURN, SHIFT, ZOOM = "flip_horizontal", "flip_vertical", "rotation", "shift", "zoom"
ANY = (0, 200)
RULES = (
    ("six", FLIP_H, *ANY, "changes", "A mirrored 6 is no digit: its bowl opens to the wrong side."),
    (
        "six",
        FLIP_V,
        *ANY,
        "changes",
        "Bowl above, tail to the left: the mirror image of a 9, and no digit. It takes half a turn to make a 9.",
    ),
    ("six", TURN, 150, 180, "changes", "Half a turn makes a 9 of a 6: a picture of a 9 with the label 6."),
    ("nine", FLIP_H, *ANY, "changes", "A mirrored 9 is no digit."),
    ("nine", FLIP_V, *ANY, "changes", "The mirror image of a 6, and no digit. It takes half a turn to make a 6."),
    ("nine", TURN, 150, 180, "changes", "Half a turn makes a 6 of a 9."),
    (
        "eight",
        FLIP_H,
        *ANY,
        "keeps",
        "An 8 is nearly its own mirror image; other digits are not.",
    ),
    ("eight", FLIP_V, *ANY, "keeps", "An 8 upside down is an 8; other digits are not so lucky."),
    ("eight", TURN, 150, 180, "keeps", "An 8 upside down is an 8."),
    ("digit", TURN, 0, 30, "keeps", "People write at such angles."),
    ("digit", TURN, 31, 180, "doubtful", "Lying on its side, a digit is hard to name."),
    ("digit", SHIFT, 0, 20, "keeps", "A digit is the same digit a little further along."),
    ("digit", SHIFT, 21, 50, "doubtful", "Part of the ink has left the picture."),
    ("digit", ZOOM, 70, 140, "keeps", "People write large and small."),
    ("digit", ZOOM, 50, 200, "doubtful", "Too small to read, or too large for the picture."),
    ("digit", "brightness", *ANY, "keeps", "Darker ink is the same digit."),
    ("digit", "contrast", 10, 200, "keeps", "Ink stays darker than paper."),
    ("digit", "contrast", 0, 9, "doubtful", "There is hardly anything left to see."),
    ("digit", "noise", 0, 25, "keeps", "Stains do not change what was written."),
    ("digit", "noise", 26, 50, "doubtful", "The strokes drown."),
    ("digit", "erase", 0, 10, "keeps", "Most of every stroke is still there."),
    (
        "digit",
        "erase",
        11,
        50,
        "doubtful",
        "Without its bowl a 6 is a 1; without its right half an 8 is a 3 turned round.",
    ),
    ("digit", "crop", 60, 100, "keeps", "The whole digit, a little larger."),
    ("digit", "crop", 10, 59, "doubtful", "A stroke of a digit is a stroke of many digits."),
    ("wafer", FLIP_H, *ANY, "keeps", "The class says how far from the centre dies fail, not on which side."),
    ("wafer", FLIP_V, *ANY, "keeps", "The class says how far from the centre dies fail, not on which side."),
    (
        "wafer",
        TURN,
        *ANY,
        "keeps",
        "The class says how far from the centre dies fail, not at which angle. Where the angle to the notch tells "
        "which machine did it, turning destroys that clue. Quarter turns keep whole dies; other angles smear them.",
    ),
    ("wafer", SHIFT, 0, 0, "keeps", "Nothing has moved."),
    (
        "wafer",
        SHIFT,
        1,
        50,
        "changes",
        "Every map is centred, and the class is a distance from the rim: moved, the rim is elsewhere. No tester makes "
        "such a map.",
    ),
    ("wafer", ZOOM, 100, 100, "keeps", "Nothing has changed."),
    ("wafer", ZOOM, 50, 200, "changes", "The rim moves, and with it what is edge and what is not."),
    (
        "wafer",
        "brightness",
        *ANY,
        "changes",
        "The grey levels are codes: 0 no die, 128 passed, 255 failed. Another level is no darker die, it is no die.",
    ),
    ("wafer", "contrast", *ANY, "changes", "The grey levels are codes: levels in between mean nothing."),
    ("wafer", "noise", *ANY, "doubtful", "A tester's error turns a passed die into a failed one; it makes no shades."),
    ("wafer", "erase", *ANY, "doubtful", "It may wipe out the failed dies: then the right label is none."),
    ("wafer", "crop", *ANY, "changes", "Without the rim in sight edge-loc and loc look alike."),
    ("sign", FLIP_H, *ANY, "changes", "Mirror writing is not the word. The label pavilion would have survived."),
    ("sign", FLIP_V, *ANY, "changes", "Upside down and mirrored is not the word."),
    ("flower", FLIP_V, *ANY, "keeps", "A flower seen from above has no top."),
    ("flower", TURN, *ANY, "keeps", "A flower seen from above has no top."),
    ("photograph", FLIP_H, *ANY, "keeps", "The scene could have been built the other way round."),
    ("photograph", FLIP_V, *ANY, "doubtful", "Pavilions do not stand on their roofs: nothing like it will be asked."),
    ("photograph", TURN, 0, 20, "keeps", "Cameras are held at such angles."),
    ("photograph", TURN, 21, 180, "doubtful", "Nothing like it will be asked; the corners are made up as well."),
    ("photograph", SHIFT, 0, 30, "keeps", "The camera could have pointed there, but for the border."),
    ("photograph", SHIFT, 31, 50, "doubtful", "What the label names may be out of the picture."),
    ("photograph", ZOOM, 60, 180, "keeps", "The camera could have stood there."),
    ("photograph", ZOOM, 50, 200, "doubtful", "What the label names may be too small or out of the picture."),
    ("photograph", "brightness", 40, 180, "keeps", "Morning and evening light."),
    ("photograph", "brightness", *ANY, "doubtful", "Black or white: what made the picture has gone."),
    ("photograph", "contrast", 20, 200, "keeps", "Haze and sunshine."),
    ("photograph", "contrast", 0, 19, "doubtful", "There is hardly anything left to see."),
    ("photograph", "noise", 0, 30, "keeps", "A cheap sensor at night."),
    ("photograph", "noise", 31, 50, "doubtful", "The picture drowns."),
    ("photograph", "erase", 0, 30, "keeps", "Something stood in front; the rest still tells."),
    ("photograph", "erase", 31, 50, "doubtful", "What the label names may be covered."),
    ("photograph", "crop", 30, 100, "keeps", "Most of the scene is still there."),
    ("photograph", "crop", 10, 29, "doubtful", "A patch of sky is a patch of sky, whatever the label says."),
    ("any", "mixup", *ANY, "mixes", "The label is blended like the picture."),
    (
        "wafer",
        "cutmix",
        *ANY,
        "mixes",
        "The label is shared by area, whether or not a failed die lies in the patch.",
    ),
    ("any", "cutmix", *ANY, "mixes", "The label is shared by area: the pixels that were really replaced."),
)


def _sign(photograph: np.ndarray) -> np.ndarray:
    """The photograph with a white board on which a word is painted, letters of 3 x 5 squares of 3 pixels."""
    painted = photograph.copy()
    letters = np.kron([[cell == "#" for cell in row] for row in WORD], np.ones((3, 3))).astype(bool)
    height, width = letters.shape
    top, left = 48 - height - 6, (48 - width) // 2
    painted[top - 3 : top + height + 3, left - 3 : left + width + 3] = 255
    painted[top : top + height, left : left + width][letters] = 20
    return painted


def pictures() -> dict[str, np.ndarray]:
    """Every picture that images.json lacks, whole grey levels 0 to 255, (H, W)."""
    images, _ = digits()
    made = {}
    for name, index in (("six", 16), ("nine", 39), ("eight", 8)):
        small = Image.fromarray(np.round(images[index, 0] * 255).astype(np.uint8))
        made[name] = np.asarray(small.resize((16, 16), Image.Resampling.BILINEAR), float)
    for name, seed in (("edge-loc", 2), ("center", 3)):
        made[name] = np.round(255 * wafers(1, 32, seed=seed, classes=(name,))[0][0, 0].astype(float))
    flower = Image.fromarray(load_sample_image("flower.jpg")).convert("L").crop((190, 60, 490, 360))
    made["flower"] = np.asarray(flower.resize((48, 48), Image.Resampling.LANCZOS), float)
    made["sign"] = _sign(image("photograph"))
    return made


def packed() -> str:
    """The text of augmentation.json."""
    lines = []
    for name, pixels in pictures().items():
        data = base64.b64encode(pixels.astype(np.uint8).tobytes()).decode()
        lines.append(f'"{name}": {json.dumps({"size": len(pixels), "data": data})}')
    rules = [json.dumps(rule, ensure_ascii=False) for rule in RULES]
    about = json.dumps(PICTURES, ensure_ascii=False)
    return (
        f'{{"about": {about},\n"pictures": {{\n' + ",\n".join(lines) + '},\n"rules": [\n' + ",\n".join(rules) + "]}\n"
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(packed())
