"""The lab PatchTokens: counts are those of torchvision's VisionTransformer, attention is PyTorch's."""

import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import VisionTransformer, vit_b_16, vit_l_16

from kernelbook import checkpoints, labs
from kernelbook.checkpoints import wafer_vit
from kernelbook.data import CLASSES
from kernelbook.labs.patch_tokens import PATCHES, count, look

HERE = Path(__file__).parent
WAFERS = [(name, example) for name in CLASSES for example in range(1, 6)]


def configurations(number: int, rng: random.Random):
    """Random networks and pictures, those that torchvision refuses among them."""
    for _ in range(number):
        patch, heads = rng.choice(PATCHES), rng.randint(1, 8)
        size = patch * rng.randint(1, 9) + (rng.random() < 0.1)
        width = heads * rng.randint(1, 24) + (rng.random() < 0.1)
        yield {"size": size, "patch": patch, "width": width, "depth": rng.randint(1, 4), "heads": heads}


def counted_by_torch(size, patch, width, depth, heads):
    """Parameters and multiply-adds of a real network on the meta device; None where it is refused."""
    try:
        with torch.device("meta"):
            model = VisionTransformer(size, patch, depth, heads, width, 4 * width)
            picture = torch.empty(1, 3, size, size)
    except AssertionError:
        return None
    with FlopCounterMode(display=False) as counter:
        model(picture)
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() / 2


@pytest.fixture(scope="module")
def states():
    rng = random.Random(3)
    return [*configurations(80, rng)], [*configurations(10_000, rng)]


@pytest.fixture(scope="module")
def page(states):
    lab = labs.PatchTokens()
    request = {"cargo": lab.cargo, "counts": [*states[0], *states[1]], "wafers": WAFERS}
    done = subprocess.run(
        ["node", HERE / "patch_tokens_truth.mjs"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.xdist_group("labs-patch-tokens")
def test_counts_are_those_of_a_real_network(states, page):
    refused = 0
    for state, mine in zip(states[0], page["counts"], strict=False):
        real = counted_by_torch(**state)
        if real is None:
            refused += 1
            assert mine["error"], state
            with pytest.raises(ValueError, match=r"do not fill|cannot share"):
                count(**state)
            continue
        assert not mine["error"], state
        assert sum(mine["parameters"].values()) == real[0], state
        assert sum(mine["work"].values()) == real[1], state
    assert 5 <= refused <= 40


@pytest.mark.xdist_group("labs-patch-tokens")
def test_the_page_and_python_count_alike(states, page):
    for state, mine in zip([*states[0], *states[1]], page["counts"], strict=True):
        try:
            tokens, parameters, work = count(**state)
        except ValueError:
            assert mine["error"]
            continue
        assert (mine["tokens"], mine["parameters"], mine["work"]) == (tokens, parameters, work)
        # Equal parts where the crossing says: at N = 6 d tokens.
        n = (mine["crossing"] / state["patch"]) ** 2 + 1
        assert 12 * n * state["width"] ** 2 == pytest.approx(2 * n**2 * state["width"])


@pytest.mark.xdist_group("labs-patch-tokens")
def test_the_published_networks_have_their_published_sizes(page):
    for name, build in {"base": vit_b_16, "large": vit_l_16}.items():
        with torch.device("meta"):
            model = build()
        shape = {key: page["models"][name][key] for key in ("width", "depth", "heads")}
        assert sum(count(224, 16, **shape).parameters.values()) == sum(p.numel() for p in model.parameters())
    assert page["large"] == ["1", "999", "12,345", "1.39 billion", "10.0 million", "40.0 trillion"]


@pytest.mark.xdist_group("labs-patch-tokens")
def test_erratum_94_and_the_experiments_numbers(page):
    def share(size):
        work = count(size, 16, 768, 12, 12).multiply_adds
        return 100 * work["quadratic"] / (work["quadratic"] + work["linear"])

    assert round(share(224), 1) == 4.1
    assert [round(share(size)) for size in (384, 512, 1024)] == [11, 18, 47]

    found = page["experiments"]
    first = found["How quadratic is ViT-B/16?"]
    assert round(100 * first["share"], 1) == 4.1
    larger = found["A picture of 1,024 pixels"]
    assert round(1024 / 224, 1) == 4.6
    assert round((larger["tokens"] - 1) / (first["tokens"] - 1)) == 21
    assert larger["share"] < 0.5
    meeting = found["Where the two parts meet"]
    assert round(meeting["crossing"]) == 1086
    assert meeting["share"] > 0.5 > larger["share"]
    half = found["Half the patch"]
    assert half["tokens"] - 1 == 4 * (first["tokens"] - 1)
    assert 4 < sum(half["work"].values()) / sum(first["work"].values()) < 5
    narrow = found["A narrow network"]
    assert narrow["share"] > first["share"]
    assert 6 * 192 == 1152
    heads = found["Another number of heads"]
    assert (heads["parameters"], heads["work"]) == (first["parameters"], first["work"])
    wide = found["Which parameters know the size"]
    assert 3 < sum(wide["work"].values()) / sum(first["work"].values()) < 4
    changed = [part for part in first["parameters"] if first["parameters"][part] != wide["parameters"][part]]
    assert changed == ["positions"]


@pytest.mark.xdist_group("labs-patch-tokens")
def test_attention_and_scores_are_pytorchs(page):
    model = checkpoints.load("wafer_vit").double()
    lab = labs.PatchTokens()
    for (name, example), mine in zip(WAFERS, page["passes"], strict=True):
        lab.wafer, lab.example = name, example
        x = torch.tensor(lab.dies, dtype=torch.double)[None, None]
        attention = wafer_vit.attention(model, x)[0]
        with torch.no_grad():
            scores = model(x)[0]
        np.testing.assert_allclose(np.reshape(mine["attention"], attention.shape), attention, atol=1e-9)
        np.testing.assert_allclose(mine["scores"], scores, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(mine["quick"]["scores"], scores, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(np.reshape(mine["quick"]["attention"], (3, 65)), attention[1][:, 0], atol=1e-9)
        theirs, own = look(lab.dies)
        np.testing.assert_allclose(theirs, attention, atol=1e-9)
        np.testing.assert_allclose(own, scores, rtol=1e-9, atol=1e-9)
        assert np.reshape(mine["attention"], attention.shape).sum(-1) == pytest.approx(1)


@pytest.mark.slow
def test_the_stored_network_is_as_good_as_its_record_says():
    stored = checkpoints.record("wafer_vit")["test_accuracy"]
    assert wafer_vit.accuracy(checkpoints.load("wafer_vit")) == pytest.approx(stored, abs=0.001)
    assert stored > 0.93


@pytest.mark.browser
@pytest.mark.xdist_group("labs-patch-tokens-page")
def test_the_numbers_on_the_page_follow_the_controls(lab_page):
    page = lab_page(labs.PatchTokens())
    words = page.locator(".lab-summary")
    assert words.inner_text().startswith("197 tokens, 86.6 million parameters. The quadratic part is 4.1 %")
    page.get_by_label("Size, pixels").fill("1024")
    assert "47.1 %" in words.inner_text()
    page.get_by_label("Network", exact=True).select_option("tiny")
    assert page.get_by_label("Heads").input_value() == "3"
    page.get_by_label("Heads").fill("5")
    assert "5 heads cannot share a width of 192" in words.inner_text()
    assert page.locator(".lab-error").is_visible()
    page.get_by_label("Heads").fill("6")
    page.get_by_label("Size, pixels").fill("100")
    assert "Patches of 16 do not fill 100 pixels" in words.inner_text()
    page.get_by_role("button", name="Reset").click()
    assert words.inner_text().startswith("197 tokens")

    page.get_by_label("Wafer", exact=True).select_option("donut")
    page.get_by_label("Layer", exact=True).select_option("1")
    lab = labs.PatchTokens(wafer="donut", example=2, layer=1)
    attention, _ = look(lab.dies)
    for head in range(3):
        texts = page.locator(".lab-head").nth(head).locator(".lab-numbers text").all_text_contents()
        np.testing.assert_allclose([float(t) for t in texts], 100 * attention[0][head, 0, 1:], atol=0.51)
