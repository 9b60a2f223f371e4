"""The lab DenseVsConv: its counts are those of PyTorch's layers, and its experiments name the right numbers."""

import random

import pytest
import torch
from counts import computed, experiments
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import conv_flop_count, mm_flop

from kernelbook import labs

CASES = 10_000
ROWS = ("units", "maps", "local", "conv")


def random_state(rng: random.Random) -> dict:
    """Small and huge ones: the dense layer to whole maps has up to 10 to the 19 weights."""

    huge = rng.random() < 0.1

    def number(least, most):
        if huge:
            return rng.randint(most // 4, most)
        return rng.choice([rng.randint(least, min(most, 12)), round(least * (most / least) ** rng.random())])

    return {
        "size": number(1, 1024),
        "channels": number(1, 2048),
        "maps": number(1, 2048),
        "kernel": rng.randint(1, 15),
        "units": number(1, 16384),
        "bias": rng.random() < 0.5,
        "batch": number(1, 1024),
        "quantity": rng.choice(["parameters", "multiply_adds", "memory"]),
    }


def torchs_counts(s: dict) -> dict[str, dict[str, int]]:
    """Parameters from shapes of layers that PyTorch makes (on no device), multiply-adds from its own FLOP counter."""
    pixels, window = s["size"] ** 2, s["kernel"] ** 2 * s["channels"]
    with torch.device("meta"):
        conv = nn.utils.skip_init(
            nn.Conv2d, s["channels"], s["maps"], s["kernel"], padding="same", bias=s["bias"], device="meta"
        )
        units = nn.utils.skip_init(nn.Linear, pixels * s["channels"], s["units"], bias=s["bias"], device="meta")
        x = torch.empty(1, s["channels"], s["size"], s["size"])
        y = torch.empty(1, s["maps"], s["size"], s["size"])
    weights = {
        "units": units.weight.shape,
        "maps": (pixels * s["maps"], pixels * s["channels"]),  # nn.Linear's; PyTorch cannot hold the largest ones
        "local": (pixels, s["maps"], window),  # one matrix for every position of F.unfold
        "conv": conv.weight.shape,
    }
    outputs = {"units": s["units"], "maps": y.numel(), "local": y.numel(), "conv": y.numel()}
    flops = {
        "units": mm_flop((1, x.numel()), (x.numel(), s["units"])),
        "maps": mm_flop((1, x.numel()), (x.numel(), y.numel())),
        "local": pixels * mm_flop((1, window), (window, s["maps"])),
        "conv": conv_flop_count(x.shape, conv.weight.shape, y.shape),
    }
    result = {}
    for row, shape in weights.items():
        count = 1
        for side in shape:
            count *= side
        biases = (conv.bias.numel() if row == "conv" else outputs[row]) if s["bias"] else 0
        activations = 4 * s["batch"] * (x.numel() + outputs[row])
        result[row] = {
            "outputs": outputs[row],
            "weights": count,
            "biases": biases,
            "parameters": count + biases,
            "multiplyAdds": flops[row] // 2,
            "activationBytes": activations,
            "weightBytes": 4 * (count + biases),
            "gradientBytes": 4 * (count + biases),
            "adamBytes": 8 * (count + biases),
            "memory": 16 * (count + biases) + activations,
        }
    return result


@pytest.mark.slow
def test_the_counts_are_pytorchs_to_the_last_digit():
    rng = random.Random(3)
    states = [random_state(rng) for _ in range(CASES)]
    beyond = 0
    for state, got in zip(states, computed("dense_vs_conv", states), strict=True):
        wanted = torchs_counts(state)
        assert {row: {k: int(v) for k, v in cost.items()} for row, cost in got.items()} == wanted, state
        beyond += wanted["maps"]["weights"] > 2**53
    assert beyond > 200, "numbers that a double cannot hold"


def test_python_counts_the_same():
    rng = random.Random(4)
    for state in [random_state(rng) for _ in range(300)]:
        lab = labs.DenseVsConv(**state)
        wanted = torchs_counts(state)
        for row, cost in lab.costs().items():
            names = {"outputs": "outputs", "weights": "weights", "biases": "biases", "parameters": "parameters"}
            names |= {"multiply_adds": "multiplyAdds", "activation_bytes": "activationBytes", "memory": "memory"}
            for mine, theirs in names.items():
                assert getattr(cost, mine) == wanted[row][theirs], (row, mine, state)
        lab.close()


def test_bytes_are_those_that_adam_keeps():
    """A training step on a real layer: parameters, gradients and Adam's two states, counted in the tensors."""
    state = {"size": 6, "channels": 2, "maps": 3, "kernel": 3, "bias": True, "batch": 5}
    layer = nn.Conv2d(2, 3, 3, padding="same")
    adam = torch.optim.Adam(layer.parameters())
    x = torch.randn(5, 2, 6, 6)
    y = layer(x)
    y.sum().backward()
    adam.step()
    kept = [p for p in layer.parameters()] + [p.grad for p in layer.parameters()]
    kept += [adam.state[p][name] for p in layer.parameters() for name in ("exp_avg", "exp_avg_sq")]
    assert sum(t.nbytes for t in [*kept, x, y]) == labs.DenseVsConv(**state).costs()["conv"].memory


def test_the_layers_do_the_same_job():
    """Dense and locally connected layers hold the convolution as a special case; to a few numbers it is a large one."""
    torch.manual_seed(0)
    x, conv = torch.randn(2, 3, 5, 5, dtype=torch.double), nn.Conv2d(3, 4, 3, padding=1, bias=False).double()
    columns = F.unfold(x, 3, padding=1)
    shared = conv.weight.reshape(4, -1).expand(25, 4, 27)  # one matrix for each of 25 positions, here all alike
    assert shared.shape.numel() == labs.DenseVsConv(size=5, maps=4).costs()["local"].weights
    local = torch.einsum("pok,nkp->nop", shared, columns).reshape(2, 4, 5, 5)
    torch.testing.assert_close(local, conv(x))
    units, large = nn.Linear(75, 7, bias=False).double(), nn.Conv2d(3, 7, 5, bias=False).double()
    large.weight.data = units.weight.data.reshape(7, 3, 5, 5)
    torch.testing.assert_close(units(x.flatten(1)), large(x).flatten(1))
    assert large.weight.numel() == labs.DenseVsConv(size=5, units=7).costs()["units"].weights


def test_the_experiments_name_the_right_numbers():
    found = experiments("dense_vs_conv")

    def costs(title, **changes):
        return labs.DenseVsConv(**found[title]["state"] | changes).costs()

    same = costs("The same job")
    # Errata E3 and E6: 154,140,672 / 896 compares 1,024 numbers with 1,605,632, and weights with parameters.
    assert (same["units"].outputs, same["conv"].outputs) == (1024, 1_605_632)
    assert (same["units"].weights, same["maps"].weights) == (154_140_672, 241_692_573_696)
    assert same["maps"].weights / same["conv"].weights == pytest.approx(279_736_775, rel=1e-8)
    fewer = costs("172,000 times fewer?")
    assert (fewer["conv"].weights, fewer["conv"].parameters) == (864, 896)
    assert fewer["units"].weights / fewer["conv"].parameters == 172_032
    assert fewer["local"].weights // fewer["conv"].weights == 50_176
    assert round(fewer["maps"].weights / fewer["local"].weights) == 5575

    # Errata E4 and E5: three values for one quotient, of layers that do different jobs.
    kernel = costs("Dense is one large kernel")
    assert (kernel["units"].weights, kernel["conv"].weights) == (9_633_792, 1728)
    assert round(kernel["units"].weights / kernel["conv"].weights, 1) == 5575.1
    assert kernel["units"].weights / kernel["conv"].weights == 224**2 / 3**2
    assert kernel["maps"].weights == 483_385_147_392
    assert costs("Dense is one large kernel", kernel=7)["conv"].weights * 1024 == 9_633_792
    assert costs("Dense is one large kernel", bias=True)["conv"].parameters * 5376 == 9_633_792

    # Erratum E20: three baselines.
    steps = costs("First locality, then sharing")
    assert round(steps["maps"].weights / steps["local"].weights) == 114
    assert steps["local"].weights == 1024 * steps["conv"].weights
    one = costs("First locality, then sharing", kernel=1)
    assert one["maps"].weights // one["local"].weights == one["local"].weights // one["conv"].weights == 1024

    work = costs("Sharing saves no work")
    assert work["local"].multiply_adds == work["conv"].multiply_adds
    twice, once = costs("Twice the picture", size=448), costs("Twice the picture")
    assert [twice[row].parameters // once[row].parameters for row in ROWS] == [4, 16, 4, 1]

    memory = costs("What training keeps in memory")
    assert round(memory["units"].memory / 1e9, 2) == 2.47
    assert memory["conv"].activation_bytes / memory["conv"].memory > 0.99
    cheap = costs("Where dense is cheap")
    assert (cheap["units"].multiply_adds, cheap["conv"].multiply_adds) == (640, 5760)
    larger = costs("Where dense is cheap", size=100)
    assert 9 * larger["units"].multiply_adds == larger["conv"].multiply_adds
    assert costs("Where dense is cheap", units=90)["units"].multiply_adds == 5760


@pytest.mark.browser
@pytest.mark.xdist_group("lab-DenseVsConv")
def test_the_bars_follow_the_sliders(lab_page):
    page = lab_page(labs.DenseVsConv())
    row = page.locator(".lab-bar-row", has_text="Dense, to whole maps")
    assert "241,692,573,696" in row.inner_text()
    assert "279,736,775 × the convolution" in row.inner_text()
    before = row.locator(".lab-bar").bounding_box()["width"]
    page.get_by_label("Image size H = W").focus()
    page.keyboard.press("Home")
    assert page.get_by_label("Image size H = W").get_attribute("aria-valuetext") == "4"
    assert "(4²)² · 3 · 32" in row.inner_text()
    assert row.locator(".lab-bar").bounding_box()["width"] < before
    page.get_by_label("Count").select_option("memory")
    assert "Memory in training with a batch of 1" in page.locator(".lab-summary").inner_text()
    page.get_by_text("All the numbers").click()
    table = page.get_by_role("table").inner_text()
    for words in ("Adam's two states", "Biases", "Multiply-adds"):
        assert words in table
    assert f"{16**2 * 3 * 32:,}" in table  # weights of the dense layer to whole maps at 4 x 4
