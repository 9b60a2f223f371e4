"""The lab OutputSize: sizes and read columns are those of PyTorch's layers, windows that hang over the end included."""

import random

import numpy as np
import pytest
import torch
from counts import computed, experiments
from torch import nn
from torch.nn import functional as F
from traitlets import TraitError

from kernelbook import labs
from kernelbook.labs.output_size import step

CASES = 10_000
CONV, POOL, CEIL, SAME = range(4)


def random_layer(rng: random.Random) -> list[int]:
    kind = rng.choice([CONV, POOL, CEIL, CEIL, SAME])
    kernel = rng.randint(1, 6)
    stride = 1 if kind == SAME and rng.random() < 0.9 else rng.randint(1, 4)
    padding = rng.randint(0, kernel // 2 + (rng.random() < 0.2)) if kind in (POOL, CEIL) else rng.randint(0, 4)
    return [kind, kernel, stride, padding, rng.randint(1, 3)]


def torchs_windows(size: int, layer: list[int]) -> np.ndarray | None:
    """(O, W) booleans: which columns each window reads, found by sending one lit column at a time; None if refused."""
    kind, kernel, stride, padding, dilation = layer
    lit = torch.eye(size)[:, None, None]
    try:
        if kind in (CONV, SAME):
            weight = torch.ones(1, 1, 1, kernel)
            pad = "same" if kind == SAME else (0, padding)
            y = F.conv2d(lit, weight, stride=(1, stride), padding=pad, dilation=(1, dilation))
        else:
            # A pooling of one row: its own padding of that row must be allowed too, so the window is (1, K).
            y = F.max_pool2d(lit, (1, kernel), (1, stride), (0, padding), (1, dilation), ceil_mode=kind == CEIL)
    except (RuntimeError, ValueError):
        return None
    return (y[:, 0, 0] > 0).numpy().T


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_every_window_reads_the_columns_that_pytorch_reads():
    rng = random.Random(8)
    states = [
        {"size": rng.randint(1, 20), "layers": [random_layer(rng)], "layer": 1, "window": 0} for _ in range(CASES)
    ]
    late = hanging = dropped = refused = 0
    for state, got in zip(states, computed("output_size", states), strict=True):
        (layer,) = state["layers"]
        wanted = torchs_windows(state["size"], layer)
        if wanted is None:
            assert got["shown"] is None, state
            assert got["error"].startswith("Layer 1: "), state
            with pytest.raises(ValueError, match=r"."):
                step(state["size"], layer)
            refused += 1
            continue
        assert got["shown"], (state, got["error"])
        assert got["shown"]["output"] == len(wanted), state
        assert got["windows"] == [np.flatnonzero(row).tolist() for row in wanted], state
        assert got["seen"] == wanted.any(axis=0).tolist(), state
        mine = step(state["size"], layer)
        assert mine.output == len(wanted), state
        assert mine.unread() == np.flatnonzero(~wanted.any(axis=0)).tolist(), state
        late += got["shown"]["rounded"] > got["shown"]["output"]
        hanging += mine.end > mine.size + mine.after
        dropped += bool(mine.unread())
    assert min(late, hanging, dropped, refused) > 300, (late, hanging, dropped, refused)


def test_chains_end_at_the_size_that_pytorch_gives():
    rng = random.Random(9)
    states = [
        {"size": rng.randint(30, 256), "layers": [random_layer(rng) for _ in range(rng.randint(2, 6))], "layer": 1}
        for _ in range(300)
    ]
    for state in states:
        state["window"] = 0
    fitting = 0
    for state, got in zip(states, computed("output_size", states), strict=True):
        x = torch.empty(1, 1, state["size"], state["size"], device="meta")
        sizes = []
        for kind, kernel, stride, padding, dilation in state["layers"]:
            try:
                with torch.device("meta"):
                    layer = (
                        nn.Conv2d(1, 1, kernel, stride, "same" if kind == SAME else padding, dilation)
                        if kind in (CONV, SAME)
                        else nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=kind == CEIL)
                    )
                    x = layer(x)
            except (RuntimeError, ValueError):
                break
            sizes.append(x.shape[-1])
        assert [s["output"] for s in got["steps"]] == sizes, state
        assert bool(got["error"]) == (len(sizes) < len(state["layers"])), state
        lab = labs.OutputSize(**state)
        assert [s.output for s in lab.steps()[0]] == sizes
        lab.close()
        fitting += len(sizes) == len(state["layers"])
    assert 100 < fitting < 300


def test_the_experiments_name_the_right_numbers():
    found = experiments("output_size")

    def sizes(title, **changes):
        return [s.output for s in labs.OutputSize(**found[title]["state"] | changes).steps()[0]]

    def first(title, **changes):
        return labs.OutputSize(**found[title]["state"] | changes).steps()[0][0]

    assert sizes("In how many places?") == [4]
    floor = first("What the floor drops")
    assert (floor.output, floor.unread()) == (2, [5])
    assert (sizes("What the floor drops", size=7), sizes("What the floor drops", size=8)) == ([3], [3])
    ceil = first("Rounding up: ceil_mode")
    assert (ceil.output, list(ceil.taps(2))) == (3, [4, 5, 6])
    late = found["Where a window may begin"]["state"]
    assert sizes("Where a window may begin") == [3]
    assert torch.nn.functional.max_pool2d(torch.ones(1, 1, 5, 5), 2, 2, 1, ceil_mode=True).shape[-1] == 3
    assert computed("output_size", [{**late, "layer": 1, "window": 0}])[0]["shown"]["rounded"] == 4
    same = first("Same, with an even kernel")
    assert (same.output, same.before, same.after) == (6, 1, 2)
    dilated = first("Dilation 2 skips one")  # erratum E37
    assert (dilated.span, list(dilated.taps(0))) == (5, [0, 2, 4])
    assert sizes("Half, rounded up") == [13, 7, 4]
    assert sizes("Half, rounded up", size=24) == [12, 6, 3]
    assert first("A stride larger than the window").unread() == [1, 3, 5, 7]
    assert sizes("LeNet") == [28, 14, 10, 5, 1]
    assert sizes("The stem of ResNet") == [112, 56]
    assert sizes("One layer too many") == [8, 4]
    assert (len(sizes("One layer too many", size=13)), len(sizes("One layer too many", size=14))) == (2, 3)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"layers": []}, "1 to 24 rows"),
        ({"layers": [("cone", 3, 1, 0, 1)]}, "conv or pool or pool ceil or conv same"),
        ({"layers": [("conv", 3, 1, 0)]}, "layer 1 must be"),
        ({"layers": [[0, 3, 0, 0, 1]]}, "stride 1 to 8"),
        ({"size": 0}, "size"),
    ],
)
def test_bad_values_are_refused_with_a_reason(state, message):
    with pytest.raises(TraitError, match=message):
        labs.OutputSize(**state)


@pytest.mark.browser
@pytest.mark.xdist_group("lab-OutputSize")
def test_the_marked_window_walks_with_the_keys_and_a_layer_is_added(lab_page):
    page = lab_page(labs.OutputSize(size=7))
    summary = page.locator(".lab-summary")
    assert summary.inner_text().startswith("Layer 1 makes 3 out of 7 columns. Window 0 reads columns 0 to 2.")
    page.get_by_role("application", name="Ruler.").focus()
    page.keyboard.press("ArrowRight")
    assert "Window 1 reads columns 2 to 4." in summary.inner_text()
    page.keyboard.press("End")
    assert "Window 2 reads columns 4 to 6. Every column is read." in summary.inner_text()
    page.get_by_label("Layer 1: kernel K").fill("2")
    assert "No window reads column 6." in summary.inner_text()
    page.get_by_label("Layer 1: kind").select_option(label="pool ceil")
    page.keyboard.press("Tab")
    assert "Layer 1 makes 4 out of 7 columns." in summary.inner_text()
    page.get_by_role("button", name="Add pool 2 × 2").click()
    assert "The whole chain: 7 → 4 → 2." in summary.inner_text()
    page.get_by_label("Show layer 2 on the ruler").check()
    assert summary.inner_text().startswith("Layer 2 makes 2 out of 4 columns.")
    page.get_by_label("Layer 2: padding P").fill("2")
    assert "more than half a window" in page.locator(".lab-error").inner_text()
    assert summary.inner_text().startswith("Layer 1 makes 4")
