"""The lab Augmentation: its arithmetic is torch's and torchvision's, and its verdicts are those of the errata."""

import importlib.util
import json
import random
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms import functional as vision

from kernelbook import labs
from kernelbook.labs.augmentation import PICTURES, RANGES, affine, picture

HERE = Path(__file__).parent
LIB = HERE.parents[1] / "kernelbook" / "labs" / "lib"
BORDERS = ("zeros", "border", "reflection")


def random_box(rng, height, width):
    top, left = rng.randrange(height), rng.randrange(width)
    return {
        "top": top,
        "left": left,
        "height": rng.randint(1, height - top),
        "width": rng.randint(1, width - left),
    }


def inside(box):
    return slice(box["top"], box["top"] + box["height"]), slice(box["left"], box["left"] + box["width"])


def warped(x, theta, border):
    grid = F.affine_grid(torch.tensor([theta], dtype=torch.double), [1, 1, *x.shape], align_corners=False)
    return F.grid_sample(x[None, None], grid, padding_mode=border, align_corners=False)[0, 0]


def random_case(rng, generator, name):
    """One random picture, not square as a rule, one transform, and torch's answer."""
    height, width = rng.randint(1, 8), rng.randint(1, 8)
    x = torch.randint(0, 256, (height, width), generator=generator).double()
    if rng.random() < 0.5:
        x += torch.rand(height, width, generator=generator, dtype=torch.double)
    case = {"name": name, "shape": [height, width], "x": x.ravel().tolist()}
    other = 255 * torch.rand(height, width, generator=generator, dtype=torch.double)
    box = random_box(rng, height, width)
    if name == "flip_horizontal":
        y = x.flip(1)
    elif name == "flip_vertical":
        y = x.flip(0)
    elif name == "turns":
        case["turns"] = rng.randint(-4, 5)
        y = x.rot90(case["turns"], (0, 1))
    elif name == "warp":
        theta = affine(
            height, width, rng.uniform(-180, 180), rng.uniform(0.4, 2.5), rng.uniform(-1, 1), rng.uniform(-1, 1)
        )
        if rng.random() < 0.3:
            theta = [[rng.uniform(-2, 2) for _ in range(3)] for _ in range(2)]  # shears and mirrors too
        case |= {"theta": [*theta[0], *theta[1]], "border": rng.choice(BORDERS)}
        y = warped(x, theta, case["border"])
    elif name == "theta":
        options = {
            "degrees": rng.uniform(-180, 180),
            "zoom": rng.uniform(0.4, 2.5),
            "right": rng.random(),
            "down": rng.random(),
        }
        case["options"] = options
        y = torch.tensor(affine(height, width, **options), dtype=torch.double)
    elif name == "crop":
        case["box"] = box
        y = F.interpolate(x[None, None, *inside(box)], (height, width), mode="bilinear", align_corners=False)
    elif name in ("brightness", "contrast"):
        case["factor"] = rng.uniform(0, 3)
        adjust = getattr(vision, f"adjust_{name}")
        y = 255 * adjust(x[None] / 255, case["factor"])
    elif name == "erase":
        case["box"] = box
        y = vision.erase(x[None], box["top"], box["left"], box["height"], box["width"], torch.zeros(1))
    elif name == "blend":
        case |= {"other": other.ravel().tolist(), "lambda": rng.random()}
        y = torch.lerp(other, x, case["lambda"])
    elif name == "paste":
        case |= {"other": other.ravel().tolist(), "box": box}
        y = x.clone()
        y[inside(box)] = other[inside(box)]
    else:
        # CutMix draws lambda, then the middle's column, then its row: the same seed gives them again.
        seed, cutmix = rng.randrange(2**31), v2.CutMix(num_classes=2)
        torch.manual_seed(seed)
        made = cutmix.make_params([x[None, None]])
        torch.manual_seed(seed)
        case["lambda"] = float(cutmix._dist.sample(()))
        case["column"], case["row"] = (int(torch.randint(size, (1,))) for size in (width, height))
        y = torch.tensor([*map(float, made["box"]), made["lam_adjusted"]], dtype=torch.double)
    return {**case, "y": y.ravel().tolist()}


COUNTS = {"warp": 5000, "crop": 1200, "theta": 300, "cutmix": 1200, "brightness": 500, "contrast": 500, "blend": 400}
COUNTS |= dict.fromkeys(("flip_horizontal", "flip_vertical", "turns", "erase", "paste"), 400)


def random_state(rng):
    transform = rng.choice(list(RANGES))
    low, high = RANGES[transform]
    return {
        "picture": rng.choice(PICTURES),
        "transform": transform,
        "amount": rng.choice([rng.randint(low, high), rng.randint(-180, 200), 90 * rng.randint(-2, 2)]),
        "other": rng.randint(-50, 50),
        "border": rng.choice(BORDERS),
        "seed": rng.randint(0, 999),
        "row": rng.randint(0, 63),
        "column": rng.randint(0, 63),
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    rng, generator = random.Random(5), torch.Generator().manual_seed(5)
    cases = [random_case(rng, generator, name) for name, count in COUNTS.items() for _ in range(count)]
    states = [random_state(rng) for _ in range(250)]
    path = tmp_path_factory.mktemp("augmentation") / "cases.json"
    path.write_text(json.dumps({"cases": cases, "states": states}))
    done = subprocess.run(
        ["node", HERE / "augmentation_truth.mjs", path], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "states": states}


@pytest.mark.slow
def test_every_transform_equals_torch(report):
    assert report["wrong"] == 0, report["examples"]
    assert report["right"] == COUNTS
    assert sum(COUNTS.values()) >= 10_000


def test_the_still_pictures_are_the_pages(report):
    seen = set()
    for state, page in zip(report["states"], report["labs"], strict=True):
        assert not page["changed"]
        lab = labs.Augmentation(**state)
        np.testing.assert_allclose(lab.output().ravel(), page["data"], atol=1e-6)
        assert [name for name, _ in lab.labels()] == [name for name, _ in page["labels"]]
        np.testing.assert_allclose([s for _, s in lab.labels()], [s for _, s in page["labels"]], atol=1e-12)
        box = lab.box()
        assert (box and box._asdict()) == page["box"]
        assert list(lab.verdict()) == [page["verdict"]["verdict"], page["verdict"]["why"]]
        assert page["verdict"]["why"]
        seen.add((state["transform"], page["verdict"]["verdict"]))
        for value, text in page["traces"]:
            assert float(re.findall(r"−?[\d.]+", text)[-1].replace("−", "-")) == pytest.approx(value, abs=0.006) or (
                "cut off" in text
            )
            assert not re.search("NaN|undefined|-", text)
        assert not re.search("NaN|undefined", json.dumps([page["formulas"], page["draws"]]))
    assert {transform for transform, _ in seen} == set(RANGES)
    assert {verdict for _, verdict in seen} == {"keeps", "changes", "doubtful", "mixes"}


def test_draws_follow_from_the_state_alone(report, tmp_path):
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": [], "states": report["states"][:60]}))
    done = subprocess.run(
        ["node", HERE / "augmentation_truth.mjs", path], capture_output=True, text=True, timeout=60, check=True
    )
    assert [lab["draws"] for lab in json.loads(done.stdout)["labs"]] == [lab["draws"] for lab in report["labs"][:60]]
    noisy = [labs.Augmentation(transform="noise", amount=20, seed=seed).output() for seed in (1, 1, 2)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])


@pytest.mark.parametrize("degrees", [-170, -45, 12, 90, 130])
def test_a_turn_is_torchvisions_turn(degrees):
    x = torch.tensor(picture("photograph"))[None]
    theirs = vision.rotate(x, degrees, InterpolationMode.BILINEAR)[0]
    ours = labs.Augmentation(picture="photograph", transform="rotation", amount=degrees).output()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_mixup_is_torchvisions():
    torch.manual_seed(0)
    x = torch.rand(2, 1, 6, 5)
    mixup = v2.MixUp(num_classes=2)
    torch.manual_seed(3)
    mixed, labels = mixup(x, torch.tensor([0, 1]))
    torch.manual_seed(3)
    share = float(mixup._dist.sample(()))
    torch.testing.assert_close(mixed, share * x + (1 - share) * x.roll(1, 0))
    torch.testing.assert_close(labels, torch.tensor([[share, 1 - share], [1 - share, share]]))


def test_the_verdicts_are_those_of_the_errata():
    six = picture("six")
    half = labs.Augmentation(picture="six", transform="rotation", amount=180)
    np.testing.assert_array_equal(half.output(), six[::-1, ::-1])
    assert "makes a 9" in half.verdict()[1]
    flip = labs.Augmentation(picture="six", transform="flip_vertical")
    np.testing.assert_array_equal(flip.output(), six[::-1])
    found, why = flip.verdict()
    assert found == "changes"
    assert "mirror image of a 9" in why

    def likeness(a, b):
        a, b = a - a.mean(), b - b.mean()
        return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())

    # The bowl of a 9 is above and its tail on the right; a flipped 6 has the tail on the left.
    assert likeness(half.output(), picture("nine")) > likeness(flip.output(), picture("nine"))
    for picture_name, transform, verdict in (
        ("edge-loc", "rotation", "keeps"),
        ("edge-loc", "flip_horizontal", "keeps"),
        ("edge-loc", "shift", "changes"),
        ("sign", "flip_horizontal", "changes"),
        ("photograph", "flip_horizontal", "keeps"),
        ("eight", "flip_vertical", "keeps"),
    ):
        lab = labs.Augmentation(picture=picture_name, transform=transform, amount=20)
        assert lab.verdict()[0] == verdict, (picture_name, transform)


def test_every_strength_has_a_verdict():
    for name in PICTURES:
        for transform, (low, high) in RANGES.items():
            for amount in range(low, high + 1, 5):
                assert labs.Augmentation(picture=name, transform=transform, amount=amount).verdict()[1]


def test_the_experiments_say_what_the_pictures_show(report):
    told = {e["title"]: labs.Augmentation(**e["state"]) for e in report["EXPERIMENTS"]}
    assert len(told) == len(report["EXPERIMENTS"]) >= 8
    assert {name: (t["low"], t["high"]) for name, t in report["TRANSFORMS"].items()} == RANGES
    assert labs.Augmentation().state() == report["DEFAULTS"]
    assert told["Is a 6 upside down a 9?"].verdict()[0] == "changes"
    assert told["Half a turn"].verdict()[0] == "changes"
    assert told["An 8 does not mind"].verdict()[0] == "keeps"
    assert told["Turn the wafer"].verdict()[0] == "keeps"
    assert not set(np.unique(told["Turn the wafer"].output())) <= {0, 128, 255}
    assert set(np.unique(picture("edge-loc"))) == {0, 128, 255}
    assert set(np.unique(told["Levels that are codes"].output())) == {0, 192, 255}
    assert told["Blend two pictures"].labels() == [("pavilion", 0.7), ("flower", pytest.approx(0.3))]
    paste = told["Paste a patch"]
    assert f"{paste.labels()[0][1]:.2f}" == "0.89"
    box = paste.box()
    assert paste.labels()[0][1] == 1 - box.height * box.width / 48**2
    assert box.left == 0 or box.top == 0 or box.left + box.width == 48 or box.top + box.height == 48
    assert told["Out of nothing"].output()[0, 0] == 0


def test_the_pictures_are_fresh():
    spec = importlib.util.spec_from_file_location("augmentation_data", LIB / "augmentation.py")
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    assert (LIB / "augmentation.json").read_text() == data.packed(), "run: python kernelbook/labs/lib/augmentation.py"


@pytest.mark.browser
def test_the_keys_trace_pixel_after_pixel(lab_page):
    lab = labs.Augmentation(picture="six", transform="rotation", amount=180, row=0, column=0)
    page = lab_page(lab)
    page.get_by_role("application", name="Picture after the transform").focus()
    for key, row, column in (("ArrowDown", 1, 0), ("ArrowRight", 1, 1), ("ArrowUp", 0, 1), ("ArrowUp", 0, 1)):
        page.keyboard.press(key)
        value = int(lab.output()[row, column])
        wanted = f"Pixel row {row}, column {column} is the input's row {15 - row}, column {15 - column}: {value}."
        assert page.locator(".lab-summary").inner_text().endswith(wanted)
    page.locator("select").nth(2).select_option("cutmix")
    page.locator("select").nth(1).select_option("photograph")
    mixed = labs.Augmentation(picture="photograph", transform="cutmix", amount=70)
    assert f"Label for training: {mixed.labels()[0][1]:.2f} pavilion" in page.locator(".lab-aug-verdict").inner_text()
    before = page.locator(".lab-aug-draws").inner_text()
    page.get_by_role("button", name="Draw again").click()
    assert page.locator(".lab-aug-draws").inner_text() != before
    page.get_by_role("button", name="Reset").click()
    page.get_by_text("Which transform keeps which label").click()
    cells = page.get_by_role("group", name="Which transform keeps which label").locator("tbody td")
    cells.first.wait_for()
    assert cells.count() == 12 * 5
