"""The lab Residual: its networks equal torch's autograd, and its sentences' numbers are the lab's."""

import itertools
import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kernelbook import labs
from kernelbook.labs import seeded
from kernelbook.labs.plot import scientific

HERE = Path(__file__).parent
KINDS, NORMS, GAINS = ("plain", "post", "pre"), ("none", "batch", "layer"), (1.0, 0.25, 0.0)
NETS = 100  # of one shape at a time


def normalise(z, norm):
    """torch's own batch and layer norm on (nets, batch, width), without scale and shift."""
    if norm == "batch":
        nets, batch, width = z.shape
        flat = z.transpose(0, 1).reshape(batch, nets * width)
        return F.batch_norm(flat, None, None, training=True).reshape(batch, nets, width).transpose(0, 1)
    return F.layer_norm(z, z.shape[-1:]) if norm == "layer" else z


def run(kind, norm, gain, x, weights):
    """The input and the output of every block; weights: (blocks, 2, nets, width, width)."""
    signals = [x.requires_grad_()]
    for w1, w2 in weights:
        h = signals[-1]
        if kind == "pre":
            a = F.relu(normalise(h, norm))
            b = F.relu(normalise(torch.bmm(a, w1.mT), norm))
            out = h + gain * torch.bmm(b, w2.mT)
        else:
            b = F.relu(normalise(torch.bmm(h, w1.mT), norm))
            branch = normalise(torch.bmm(b, w2.mT), norm)
            out = F.relu(branch) if kind == "plain" else F.relu(h + gain * branch)
        out.retain_grad()
        signals.append(out)
    return signals


def differentiate(kind, norm, gain, x, weights, d):
    """The signals of `run`, with the gradients of the sum of d times the last one."""
    signals = run(kind, norm, gain, x, weights)
    (signals[-1] * d).sum().backward()
    return signals


def random_group(rng, generator, kind, norm, gain):
    """A hundred nets of one random shape, as a description and their numbers in the order in which Node reads them."""
    # A norm over one or two numbers gives 0 or plus and minus 1 whatever they are: no gradient, but rounding.
    width, batch = rng.randint(3 if norm == "layer" else 1, 6), rng.randint(3 if norm == "batch" else 2, 6)
    blocks = rng.randint(1, 5)
    scale = rng.choice([0.3, 1.0, 3.0])
    weights = scale * torch.randn(blocks, 2, NETS, width, width, generator=generator, dtype=torch.double)
    weights.requires_grad_()
    x = torch.randn(NETS, batch, width, generator=generator, dtype=torch.double)
    d = torch.randn(NETS, batch, width, generator=generator, dtype=torch.double)
    signals = differentiate(kind, norm, gain, x, weights, d)
    gradients = [h.grad for h in signals]
    # Where a norm divides by nearly nothing, no double can hold the gradient: a ten-trillionth more or less in the
    # numbers changes it by more than a hundred-millionth. Such networks are left out.
    shaken = [
        t.detach() * (1 + 1e-13 * torch.randn(t.shape, generator=generator, dtype=torch.double)) for t in (x, weights)
    ]
    again = differentiate(kind, norm, gain, shaken[0], shaken[1].requires_grad_(), d)
    pairs = [(h.grad, g.grad) for h, g in zip(signals, again, strict=True)]
    pairs += zip(weights.grad.unbind(0), shaken[1].grad.unbind(0), strict=True)
    sure = torch.ones(NETS, dtype=torch.bool)
    for one, other in pairs:
        one, other = (t.movedim(1 if t.dim() == 4 else 0, 0).reshape(NETS, -1) for t in (one, other))
        sure &= (one - other).abs().amax(1) <= 1e-8 * one.abs().amax(1)
    parts = [
        weights.detach().permute(2, 0, 1, 3, 4).reshape(NETS, -1),
        *(t.detach().reshape(NETS, -1) for t in (x, d, *signals[1:], *gradients)),
        weights.grad.permute(2, 0, 1, 3, 4).reshape(NETS, -1),
    ]
    case = {"kind": kind, "norm": norm, "gain": gain, "width": width, "batch": batch, "blocks": blocks}
    return {**case, "nets": int(sure.sum())}, torch.cat(parts, 1)[sure].numpy().ravel()


def random_state(rng):
    return {
        "blocks": rng.randint(1, 32),
        "shortcut": rng.choice(["post", "pre"]),
        "branch": rng.choice(["one", "root", "zero"]),
        "initialisation": rng.choice(["he", "xavier", "small", "large"]),
        "normalisation": rng.choice(NORMS),
        "width": rng.choice([16, 32]),
        "seed": rng.randint(0, 999),
        "gradient": rng.choice(["signal", "weights"]),
        "layer": 0,
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("residual")
    rng, generator = random.Random(3), torch.Generator().manual_seed(3)
    groups = [
        random_group(rng, generator, *choice) for choice in itertools.product(KINDS, NORMS, GAINS) for _ in range(5)
    ]
    (folder / "cases.json").write_text(json.dumps([case for case, _ in groups]))
    np.concatenate([numbers for _, numbers in groups]).tofile(folder / "data.bin")
    states = [random_state(rng) for _ in range(40)]
    (folder / "labs.json").write_text(json.dumps(states))
    done = subprocess.run(
        ["node", HERE / "residual_truth.mjs", folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "states": states, "nets": sum(case["nets"] for case, _ in groups)}


@pytest.mark.slow
def test_the_networks_equal_autograd(report):
    assert report["wrong"] == 0, report["examples"]
    assert report["right"] == report["nets"] >= 10_000
    assert report["worst"] < 1e-6


def test_python_draws_the_same_numbers(report):
    assert [int(seeded.bits(i * 37, i * i)) for i in range(50)] == report["bits"]
    np.testing.assert_allclose(seeded.normals(5, 101), report["normals"], rtol=1e-12)
    many = seeded.normals(1, 200_000)
    assert abs(many.mean()) < 0.01
    assert abs(many.std() - 1) < 0.01
    assert abs(np.corrcoef(many[:-1], many[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(many, seeded.normals(2, 200_000))[0, 1]) < 0.01


def test_the_still_pictures_curves_are_the_pages(report):
    for state, page in zip(report["states"], report["labs"], strict=True):
        assert not page["changed"]
        lab = labs.Residual(**state)
        for kind, theirs in (("plain", page["plain"]), (lab.shortcut, page["residual"])):
            ours = lab.curves(kind)
            np.testing.assert_allclose(ours.signal, theirs["signal"], rtol=1e-6)
            np.testing.assert_allclose(ours.gradient, theirs["gradient"], rtol=1e-6)
            likeness = np.array(theirs["likeness"], float)  # None, for no number, becomes nan
            np.testing.assert_allclose(ours.likeness, likeness, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", NORMS)
def test_the_curves_are_those_of_torch(kind, norm):
    lab = labs.Residual(blocks=7, normalisation=norm, branch="root")
    x, r, w = (torch.tensor(part) for part in lab.numbers())
    signals = run(kind, norm, 7**-0.5, x[None], w[:, :, None])
    (signals[-1] * r).sum().backward()
    curves = lab.curves(kind)
    np.testing.assert_allclose(curves.gradient, [h.grad.norm().item() for h in signals], rtol=1e-9)
    np.testing.assert_allclose(curves.signal, [h.detach().square().mean().sqrt().item() for h in signals], rtol=1e-9)
    for h, likeness in zip(signals, curves.likeness, strict=True):
        alike = F.cosine_similarity(h[0].detach()[:, None], h[0].detach()[None], dim=-1)
        assert likeness == pytest.approx((alike.sum().item() - 16) / 240, abs=1e-9)


def test_the_experiments_say_what_the_networks_do(report):
    assert labs.Residual().state() == report["DEFAULTS"]
    curves = {}
    for experiment in report["EXPERIMENTS"]:
        lab = labs.Residual(**experiment["state"])
        curves[experiment["title"]] = lab, lab.curves("plain"), lab.curves(lab.shortcut)
    assert len(curves) == len(report["EXPERIMENTS"]) >= 8

    _, plain, other = curves["Does it vanish?"]
    assert round(plain.gradient[0], 2) == 0.04
    assert float(f"{other.gradient[0]:.2g}") == 230_000

    _, small, _ = curves["How to make it vanish"]
    assert round((2 / 32) ** 0.5 / 0.01) == 25
    assert small.gradient[0] < 1e-90
    assert np.float32(small.gradient[0]) == 0 == np.float32(small.signal[-1])

    _, glorot, _ = curves["Half the variance a layer"]
    assert glorot.gradient[0] == pytest.approx(plain.gradient[0] * 2.0**-32, rel=1e-12)
    assert glorot.signal[-1] == pytest.approx(plain.signal[-1] * 2.0**-32, rel=1e-12)

    _, plain_batch, other_batch = curves["Batch norm turns it round"]
    assert 3.5e6 < plain_batch.gradient[0] < 4.5e6
    assert 45 < other_batch.gradient[0] < 55
    assert 0.5 < plain_batch.signal[-1] < 1

    _, revived, _ = curves["Normalised, any initialisation will do"]
    assert 0.5 < revived.signal[-1] < 1

    _, _, sums = curves["A sum in every block"]
    assert 10_000 < sums.signal[-1] / sums.signal[0] < 2**16
    _, _, root = curves["The branch divided by √blocks"]
    assert abs((1 + 1 / 32) ** 32 - np.e) < 0.05
    assert 1.3 < root.signal[-1] / root.signal[0] < 2

    lab, _, relu = curves["The ReLU after the sum"]
    assert relu.signal[1] < 0.75 * relu.signal[0]
    np.testing.assert_array_equal(relu.signal[1:], relu.signal[1])
    assert relu.gradient[0] < 0.75
    lab.shortcut = "pre"
    np.testing.assert_allclose(lab.curves("pre").gradient, 1, rtol=1e-12)

    _, plain_layer, other_layer = curves["Healthy sizes, one direction"]
    assert round(plain_layer.likeness[-1], 3) == 0.998
    assert f"{other_layer.likeness[-1]:.2f}" == "0.60"
    assert min(plain_layer.gradient[0], other_layer.gradient[0]) > 0.1


@pytest.mark.browser
def test_the_page_prints_what_python_computes(lab_page):
    lab = labs.Residual(blocks=8, normalisation="batch", layer=3)
    page = lab_page(lab)
    page.get_by_text("The curves as a table").click()
    rows = page.get_by_role("group", name="The curves as a table").locator("tbody tr")
    rows.first.wait_for()
    plain, other = lab.curves("plain"), lab.curves("post")
    for i, row in enumerate(rows.all()):
        shown = row.locator("td").all_text_contents()
        wanted = [curves[i] for pair in zip(plain, other, strict=True) for curves in pair]
        assert shown == [scientific(value) for value in wanted]
    assert rows.count() == 9
    assert page.locator(".lab-summary").inner_text().startswith("After block 3 of 8 (6 weight layers)")
    page.get_by_label("Look after block").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".lab-summary").inner_text().startswith("After block 4 of 8")
