"""The lab Channels: counts and connections are those of PyTorch's layers, and the sentences name the right numbers."""

import random

import pytest
import torch
from counts import computed, experiments
from torch import nn
from torch.utils.flop_counter import conv_flop_count

from kernelbook import labs

CASES = 10_000


def random_state(rng: random.Random) -> dict:
    groups = rng.choice([1, 2, 3, 4, 8, 32, rng.randint(1, 2048)])
    c_in, c_out = (
        groups * rng.randint(1, max(1, 2048 // groups)) if rng.random() < 0.5 else rng.choice([2, 6, 30, 2048])
        for _ in range(2)
    )
    if rng.random() < 0.3:
        c_out = min(2048 // c_in, rng.randint(1, 4)) * c_in  # a depthwise layer that is possible
    return {
        "c_in": c_in,
        "c_out": c_out,
        "kernel": rng.randint(1, 11),
        "groups": groups,
        "size": rng.randint(1, 512),
        "layer": rng.choice(["standard", "grouped", "depthwise", "pointwise", "separable"]),
        "output": rng.randrange(c_out),
        "quantity": rng.choice(["parameters", "multiply_adds"]),
    }


def torchs_layer(c_in: int, c_out: int, kernel: int, groups: int) -> nn.Conv2d | None:
    try:
        return nn.utils.skip_init(nn.Conv2d, c_in, c_out, kernel, groups=groups, bias=False, device="meta")
    except ValueError:
        return None


def torchs_counts(s: dict) -> dict[str, tuple[int, int] | None]:
    c_in, c_out, kernel, size = s["c_in"], s["c_out"], s["kernel"], s["size"]

    def cost(layer: nn.Conv2d | None) -> tuple[int, int] | None:
        if layer is None:
            return None
        x, y = ((1, channels, size, size) for channels in (layer.in_channels, layer.out_channels))
        return layer.weight.numel(), conv_flop_count(x, layer.weight.shape, y) // 2

    first, second = cost(torchs_layer(c_in, c_in, kernel, c_in)), cost(torchs_layer(c_in, c_out, 1, 1))
    assert first
    assert second
    return {
        "standard": cost(torchs_layer(c_in, c_out, kernel, 1)),
        "grouped": cost(torchs_layer(c_in, c_out, kernel, s["groups"])),
        "depthwise": cost(torchs_layer(c_in, c_out, kernel, c_in)),
        "pointwise": second,
        "separable": (first[0] + second[0], first[1] + second[1]),
    }


@pytest.mark.slow
def test_the_counts_are_pytorchs():
    rng = random.Random(5)
    states = [random_state(rng) for _ in range(CASES)]
    refused = allowed = 0
    for index, (state, got) in enumerate(zip(states, computed("channels", states), strict=True)):
        wanted = torchs_counts(state)
        for name, cost in got["costs"].items():
            mine = None if cost["error"] else (cost["parameters"], cost["multiplyAdds"])
            assert mine == wanted[name], (name, state)
        ratio = wanted["standard"][0] / wanted["separable"][0]
        assert got["saving"] == pytest.approx(ratio, rel=1e-12)
        refused += wanted["grouped"] is None or wanted["depthwise"] is None
        allowed += wanted["depthwise"] is not None and wanted["depthwise"][0] > state["c_in"] * state["kernel"] ** 2
        if index < 300:
            lab = labs.Channels(**state)
            assert lab.costs() == wanted
            assert lab.saving == pytest.approx(ratio, rel=1e-12)
            lab.close()
    assert min(refused, allowed) > 500, (refused, allowed)


def test_a_map_reads_the_channels_that_its_gradient_reaches():
    rng = random.Random(6)
    states = []
    while len(states) < 400:
        groups = rng.randint(1, 4)
        state = {"c_in": groups * rng.randint(1, 4), "c_out": groups * rng.randint(1, 4), "kernel": rng.randint(1, 3)}
        state |= {"groups": groups, "size": 4, "layer": rng.choice(["standard", "grouped", "depthwise", "pointwise"])}
        state |= {"output": rng.randrange(state["c_out"]), "quantity": "parameters"}
        states.append(state)
    for state, got in zip(states, computed("channels", states), strict=True):
        groups = {"grouped": state["groups"], "depthwise": state["c_in"]}.get(state["layer"], 1)
        try:
            layer = nn.Conv2d(state["c_in"], state["c_out"], state["kernel"], groups=groups, bias=False)
        except ValueError:
            assert got["costs"][state["layer"]]["error"].startswith("PyTorch refuses it"), state
            assert got["reads"] == []
            continue
        nn.init.ones_(layer.weight)
        x = torch.ones(1, state["c_in"], 3, 3, requires_grad=True)
        layer(x)[0, state["output"]].sum().backward()
        assert got["reads"] == torch.nonzero(x.grad.amax(dim=(0, 2, 3))).flatten().tolist(), state


def test_the_experiments_name_the_right_numbers():
    found = experiments("channels")

    def weights(title, kind, **changes):
        cost = labs.Channels(**found[title]["state"] | changes).costs()[kind]
        return cost and cost[0]

    def saving(title, **changes):
        return labs.Channels(**found[title]["state"] | changes).saving

    first = "First space, then channels"
    assert [weights(first, kind) for kind in ("standard", "pointwise", "separable")] == [73_728, 8_192, 8_768]
    # Erratum E38: 1/C_out + 1/K^2 is what is left; the saving is its inverse, and 9 is a limit.
    left = "What is left, and what is saved"
    assert round(1 / 128 + 1 / 9, 3) == 0.119
    assert round(weights(left, "separable") / weights(left, "standard"), 3) == 0.119
    assert round(saving(left), 1) == 8.4
    assert round(saving(left, c_out=512), 1) == 8.8
    assert saving(left, c_out=2048) < 9
    # Erratum E39: eight times needs 72 maps.
    eight = "From where on is it eight times?"
    assert (round(saving(eight), 1), round(saving(eight, c_out=32), 1)) == (7.9, 7.0)
    assert saving(eight, c_out=71) < 8
    assert saving(eight, c_out=72) == pytest.approx(8, rel=1e-12)
    assert round(saving("A larger kernel"), 1) == 20.9
    # Erratum E36: any multiple of the input channels will do.
    groups = [weights("Groups divide", "grouped", groups=g) for g in (1, 2, 4, 32, 64)]
    assert groups == [73_728, 36_864, 18_432, 2_304, 1_152]
    assert weights("Two maps for each channel", "depthwise") == 1152
    assert weights("A layer that PyTorch refuses", "depthwise") is None
    assert [c for c in range(64, 257) if weights("A layer that PyTorch refuses", "depthwise", c_out=c)] == [
        64,
        128,
        192,
        256,
    ]
    (reads,) = computed("channels", [labs.Channels(**found["Which channels does it read?"]["state"]).state()])
    assert reads["reads"] == [4, 5]
    work = labs.Channels(**found["Where the work is"]["state"]).costs()
    assert 0.9 < work["pointwise"][1] / work["separable"][1] < 0.95
    assert weights("Nothing to split", "separable") == weights("Nothing to split", "standard") + 64


@pytest.mark.browser
@pytest.mark.xdist_group("lab-Channels")
def test_the_page_says_what_a_map_reads_and_why_a_layer_is_refused(lab_page):
    page = lab_page(labs.Channels(c_in=8, c_out=8, layer="grouped"))
    summary = page.locator(".lab-summary")
    assert summary.inner_text().startswith("A pixel of map 0 reads input channels 0 to 3 through 4 kernels of 3 × 3.")
    page.get_by_label("Marked map").focus()
    page.keyboard.press("End")
    assert summary.inner_text().startswith("A pixel of map 7 reads input channels 4 to 7")
    page.get_by_label("Layer", exact=True).select_option("separable")
    assert "64 + 72" not in page.locator(".lab-formula").inner_text()
    assert "9 · 8 + 8 · 8 = 136" in page.locator(".lab-formula").inner_text()
    page.get_by_label("Groups G").focus()
    page.keyboard.press("ArrowRight")  # from 2 to 3
    assert "8 input channels can’t be divided into 3 equal groups" in page.locator(".lab-error").inner_text()
    assert "not possible" in page.locator(".lab-bar-row", has_text="Grouped").inner_text()
