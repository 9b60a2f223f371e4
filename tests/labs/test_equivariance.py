"""The lab Equivariance: both ways round are PyTorch's, and its experiments say what is true."""

import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from traitlets import TraitError

from kernelbook import labs
from kernelbook.kernels import NAMED
from kernelbook.labs.equivariance import KERNELS, VIEWS

HERE = Path(__file__).parent
CASES = 2_100  # each with five layers
BORDERS = ("zeros", "reflect", "replicate", "circular")


def layer(state, view, x):
    """The layer of a view in PyTorch: x (H, W) to a map or to four means."""

    def convolve(kernel, stride):
        convolution = torch.nn.Conv2d(1, 1, 3, stride, 1, bias=False, padding_mode=state["border"]).double()
        convolution.weight.data = torch.tensor(NAMED[kernel], dtype=torch.double)[None, None]
        with torch.no_grad():
            return F.relu(convolution(x[None, None]))

    if view == "convolution":
        return convolve(state["kernel"], 1)[0, 0]
    if view == "strided":
        return convolve(state["kernel"], state["stride"])[0, 0]
    if view == "pooled":
        return F.max_pool2d(convolve(state["kernel"], 1), state["stride"])[0, 0]
    maps = [convolve(kernel, 1 if view == "mean" else state["stride"]) for kernel in KERNELS]
    return torch.stack([values.sum() / values.numel() for values in maps])[None]


def both_ways(state, view, x):
    """f(T x), T f(x), and the move of the map."""
    before = layer(state, view, x)
    moved_first = layer(state, view, x.roll((state["down"], state["right"]), (0, 1)))
    step = {"convolution": 1, "strided": state["stride"], "pooled": state["stride"]}.get(view)
    if step is None:
        return moved_first, before, (0, 0)
    options = [
        (down, right)
        for down in dict.fromkeys((state["down"] // step, -(-state["down"] // step)))
        for right in dict.fromkeys((state["right"] // step, -(-state["right"] // step)))
    ]
    sums = [(before.roll(s, (0, 1)) - moved_first).abs().sum().item() for s in options]
    shift = next(
        s for s, total in zip(options, sums, strict=True) if total <= min(sums) * (1 + 1e-9)
    )  # the first of equals
    return moved_first, before.roll(shift, (0, 1)), shift


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("equivariance")
    rng, generator = random.Random(8), torch.Generator().manual_seed(8)
    cases, numbers, states = [], [], []
    for _ in range(CASES):
        exact = rng.random() < 0.75
        shape = rng.randint(4, 11), rng.randint(4, 11)
        x = torch.randint(-4, 10, shape, generator=generator).double()
        if not exact:
            x = x + torch.randn(shape, generator=generator, dtype=torch.double)
        state = {
            "image": "drawn",
            "pixels": [[int(v) if exact else v for v in row] for row in x.tolist()],
            "kernel": rng.choice(KERNELS),
            "border": rng.choice(BORDERS),
            "stride": rng.randint(1, 4),
            "down": rng.randint(-8, 8),
            "right": rng.randint(-8, 8),
            "view": rng.choice(list(VIEWS)),
        }
        views = []
        for view in VIEWS:
            moved_first, layer_first, shift = both_ways(state, view, x)
            equal = int((moved_first == layer_first).sum())
            views.append({"view": view, "size": moved_first.numel(), "shift": shift, "equal": equal})
            numbers += [moved_first.numpy().ravel(), layer_first.numpy().ravel()]
        cases.append({"state": state, "exact": exact, "views": views})
        states.append(state)
    np.concatenate(numbers).tofile(folder / "data.bin")
    (folder / "cases.json").write_text(json.dumps(cases))
    return folder, cases, numbers


@pytest.mark.slow
@pytest.mark.xdist_group("equivariance-truth")
def test_both_ways_round_on_the_page_equal_pytorch(fixtures):
    folder, cases, _ = fixtures
    done = subprocess.run(
        ["node", HERE / "equivariance_truth.mjs", folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == 0, report["examples"]
    assert report["exact"] + report["close"] == len(VIEWS) * CASES >= 10_000
    assert report["exact"] == len(VIEWS) * sum(case["exact"] for case in cases)


@pytest.mark.xdist_group("equivariance-truth")
def test_the_still_pictures_numbers_equal_pytorch(fixtures):
    _, cases, numbers = fixtures
    for index, case in enumerate(cases[:250]):
        lab = labs.Equivariance(**case["state"])
        for k, view in enumerate(case["views"]):
            got = lab.compare(view["view"])
            moved_first, layer_first = numbers[2 * (len(VIEWS) * index + k) :][:2]
            np.testing.assert_allclose(got.moved_first.ravel(), moved_first, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(got.layer_first.ravel(), layer_first, rtol=1e-9, atol=1e-9)
            assert got.shift == view["shift"]
            if case["exact"]:
                assert got.equal == view["equal"]


def ask_page(expression):
    script = (
        f"const lab = await import({json.dumps((HERE.parents[1] / 'kernelbook/labs/equivariance.js').as_uri())});"
        f"console.log(JSON.stringify({expression}))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_the_page_has_the_books_kernels():
    kernels = ask_page("lab.KERNELS")
    assert tuple(kernels) == KERNELS
    for name in KERNELS:
        assert kernels[name]["weights"] == NAMED[name].ravel().tolist()


def test_the_experiments_numbers_are_right():
    states = {e["title"]: e["state"] for e in ask_page("lab.EXPERIMENTS")}

    def run(title, **changes):
        return labs.Equivariance(**{**states[title], **changes}).compare()

    # E15: exact where the border is circular and the stride 1, for every move.
    for down, right in ((0, 3), (1, 0), (-5, 8), (7, -4)):
        shown = run("The exact case", down=down, right=right)
        assert (shown.equal, shown.largest) == (64, 0)
    far = [run("Far from the border", right=right).equal for right in range(5)]
    assert far[:4] == [64] * 4
    assert far[4] < 64
    noise = run("The border is carried along")
    differing = set(np.nonzero(noise.moved_first != noise.layer_first)[1].tolist())
    assert differing == {0, 15, 4, 5}
    # Stride 2: a move by 2 is one of 1, a move by 1 is none of all 64.
    even = run("Stride 2, a move by 2")
    assert (even.shift, even.equal) == ((0, 1), even.moved_first.size)
    odd = run("Stride 2, a move by 1")
    assert not odd.fits
    assert odd.equal < odd.moved_first.size / 2
    assert not any(
        (np.roll(odd.before, place, (0, 1)) == odd.moved_first).all() for place in np.ndindex(odd.before.shape)
    )
    pooled = run("Pooling does not mend it")
    assert pooled.equal < pooled.moved_first.size / 2
    # E16: global means are invariant with a circular border and stride 1, and only then.
    for down, right in ((2, 3), (1, 1), (-7, 5)):
        assert run("Invariant at last", down=down, right=right).equal == 4
    almost = run("Almost invariant")
    assert almost.equal == 0
    share = (np.abs(almost.moved_first - almost.layer_first) / almost.layer_first).max()
    assert 0.005 < share < 0.05
    undone = run("A stride undoes it")
    assert undone.equal == 0
    assert run("A stride undoes it", view="mean").largest == 0
    assert undone.largest > almost.largest
    wafer = run("A wafer, five dies to the right")
    assert 0.9 < wafer.equal / wafer.moved_first.size < 1


def test_the_errata_hold_for_random_networks_too():
    """E15 and E16 with random filters in PyTorch: the exact case is exact, the others are not."""
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    moved = x.roll((0, 5), (2, 3))
    for border, stride, exact in (("circular", 1, True), ("zeros", 1, False), ("circular", 2, False)):
        torch.manual_seed(2)
        f = torch.nn.Conv2d(3, 8, 3, stride, 1, padding_mode=border).double()
        with torch.no_grad():
            difference = (F.relu(f(moved)).mean((2, 3)) - F.relu(f(x)).mean((2, 3))).abs().max().item()
        assert (difference < 1e-12) is exact


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"image": np.zeros((3, 9))}, "at least 4 x 4"),
        ({"image": np.zeros((4, 40))}, "32 x 32"),
        ({"kernel": "box_blur"}, "sharpen"),
        ({"right": 9}, "right"),
        ({"view": "logits"}, "strided_mean"),
    ],
)
def test_bad_values_are_refused_with_a_reason(state, message):
    with pytest.raises(TraitError, match=message):
        labs.Equivariance(**state)


# The page


@pytest.mark.browser
@pytest.mark.xdist_group("equivariance-page")
def test_the_square_shows_both_ways_and_marks_where_they_differ(lab_page):
    page = lab_page(labs.Equivariance(kernel="laplacian"))
    summary = page.locator(".lab-summary")
    assert "All 64 values are equal" in summary.inner_text()
    page.get_by_role("application", name="The moved picture.").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    lab = labs.Equivariance(kernel="laplacian", right=4)
    shown = lab.compare()
    assert f"{shown.equal} of 64 values are equal" in summary.inner_text()
    for corner, values in ((1, shown.before), (3, shown.moved_first), (4, shown.layer_first)):
        texts = page.locator(f".lab-corner-{corner} .lab-numbers text").all_text_contents()
        assert [float(t) for t in texts] == values.ravel().tolist()
    marks = page.locator(".lab-corner-3 .lab-changed").get_attribute("d")
    assert marks.count("M") == 64 - shown.equal
    page.get_by_label("The layer's border").select_option("circular")
    assert "All 64 values are equal" in summary.inner_text()


@pytest.mark.browser
@pytest.mark.xdist_group("equivariance-page")
def test_the_table_compares_the_layers_and_chooses_one(lab_page):
    lab = labs.Equivariance("noise", border="circular", right=1)
    page = lab_page(lab)
    rows = page.locator(".lab-views tbody tr").all_inner_texts()
    for row, view in zip(rows, VIEWS, strict=True):
        shown = lab.compare(view)
        assert f"{shown.equal} of {shown.moved_first.size} " in row
    page.get_by_role("radio", name="Convolution, stride 2").check()
    assert "No move of the map fits, since S = 2 does not divide this one" in page.locator(".lab-summary").inner_text()
    page.get_by_role("radio", name="Global mean of the first").check()
    assert "invariant to this move" in page.locator(".lab-summary").inner_text()
    page.get_by_label("Stride S", exact=True).fill("3")
    assert page.get_by_role("radio", name="Convolution, stride 3").count() == 1
