"""The lab LookInside: its network on the page, in NumPy and in PyTorch is one network, drawn wafers included."""

import base64
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from traitlets import TraitError

from kernelbook import checkpoints, labs
from kernelbook.checkpoints import wafer_cnn
from kernelbook.data import CLASSES, wafers
from kernelbook.labs.look_inside import STRIDES, decode, disc, encode, examples

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def network():
    return checkpoints.load("wafer_cnn").double()


def cases():
    """States: every example, 200 new wafers, 100 drawings of nothing that a factory makes."""
    random = np.random.default_rng(7)
    for name in CLASSES:
        for example in range(1, 6):
            yield {"wafer": name, "example": example}
    for image in wafers(200, 32, seed=77)[0][:, 0]:
        yield {"drawing": encode(image == 1)}
    for density in random.uniform(0, 1, 60):
        yield {"drawing": encode(random.random((32, 32)) < density)}
    for _ in range(40):
        (top, left), (height, width) = random.integers(0, 28, 2), random.integers(1, 16, 2)
        block = np.zeros((32, 32), bool)
        block[top : top + height, left : left + width] = True
        yield {"drawing": encode(block)}


@pytest.fixture(scope="module")
def page():
    states = [{**state, "target": i % 9} for i, state in enumerate(cases())]
    request = json.dumps({"cargo": labs.LookInside().cargo, "wafers": states})
    done = subprocess.run(
        ["node", HERE / "look_inside_truth.mjs"],
        input=request,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return states, json.loads(done.stdout)


@pytest.mark.xdist_group("labs-look-inside")
def test_scores_maps_activation_maps_and_gradients_are_pytorchs(page, network):
    states, answer = page
    assert len(states) == len(answer["passes"]) == 345
    for state, got in zip(states, answer["passes"], strict=True):
        target = state["target"]
        lab = labs.LookInside(**{key: value for key, value in state.items() if key != "target"})
        x = torch.tensor(lab.dies, dtype=torch.double)[None, None].requires_grad_()
        np.testing.assert_array_equal(np.array(got["input"]).reshape(32, 32), lab.dies)
        assert got["again"] == encode(lab.dies == 1)
        maps, scores, cams = network.maps(x), network(x), network.cam(x)
        scores[0, target].backward()
        near = {"rtol": 1e-9, "atol": 1e-9}
        np.testing.assert_allclose(got["scores"], scores[0].detach(), **near)
        np.testing.assert_allclose(got["shares"], scores[0].softmax(0).detach(), **near)
        for mine, theirs in zip(got["maps"], maps, strict=True):
            np.testing.assert_allclose(mine, theirs.detach().ravel(), **near)
        np.testing.assert_allclose(got["cam"], cams[0, target].detach().ravel(), **near)
        np.testing.assert_allclose(got["gradient"], x.grad.ravel(), **near)
        # The still picture's own arithmetic.
        np.testing.assert_allclose(lab.scores(), scores[0].detach(), **near)
        np.testing.assert_allclose(lab.cams(), cams[0].detach(), **near)


@pytest.mark.xdist_group("labs-look-inside")
def test_an_activation_maps_mean_plus_bias_is_the_score(page, network):
    states, answer = page
    for state, got in zip(states, answer["passes"], strict=True):
        bias = network.head.bias[state["target"]].item()
        assert abs(np.mean(got["cam"]) + bias - got["scores"][state["target"]]) < 1e-9


@pytest.mark.xdist_group("labs-look-inside")
def test_the_experiments_say_what_the_network_says(page, network):
    said = {
        title: {name: 100 * share for name, share in zip(CLASSES, shares, strict=True)}
        for title, shares in page[1]["experiments"].items()
    }
    best = {title: max(shares, key=shares.get) for title, shares in said.items()}

    def says(failed):
        x = torch.tensor(disc() * (0.5 + 0.5 * failed), dtype=torch.double)[None, None]
        return dict(zip(CLASSES, (100 * network(x).softmax(1)[0]).tolist(), strict=True))

    down, across = np.indices((32, 32))
    away = np.hypot((2 * down + 1) / 32 - 1, (2 * across + 1) / 32 - 1)
    angle = np.degrees(np.arctan2((2 * down + 1) / 32 - 1, (2 * across + 1) / 32 - 1)) + 180

    assert best["Where is the evidence?"] == "scratch"
    assert best["How much of a ring is a ring?"] == "edge-loc"
    wider = says((away > 0.85) & (angle < 150))
    assert max(wider, key=wider.get) == "edge-ring"
    assert round(said["A disc that it calls a donut"]["donut"]) == 99
    assert round(said["The perfect wafer"]["none"]) == 62
    assert round(says(examples()[0, 3])["none"]) == 99
    line = "How long is a scratch?"
    assert best[line] == "scratch"
    assert round(said[line]["scratch"]) == 43
    assert says((down == 16) & (across >= 14) & (across < 19))["scratch"] > 95
    assert best["Scratch or patch?"] == "scratch"
    block = says((down >= 8) & (down < 12) & (across >= 8) & (across < 12))
    assert max(block, key=block.get) == "loc"
    assert said["Two faults at once"]["edge-ring"] > 99.5
    assert said["A face is a donut"]["donut"] > 99.5
    for drawing in filter(None, page[1]["drawings"]):
        assert encode(decode(drawing)) == drawing


def test_the_stored_network_is_as_good_as_its_record_says():
    record = checkpoints.record("wafer_cnn")
    assert wafer_cnn.STRIDES == STRIDES
    assert wafer_cnn.accuracy(checkpoints.load("wafer_cnn")) == pytest.approx(record["test_accuracy"], abs=0.001)
    assert record["test_accuracy"] > 0.96


def test_weights_survive_packing_and_broken_ones_are_refused():
    model = checkpoints.load("wafer_cnn")
    state = model.state_dict()
    again = checkpoints.unpack(checkpoints.pack(state))
    for name, tensor in state.items():
        np.testing.assert_array_equal(again[name], tensor.numpy())
    packed = checkpoints.pack(state)
    with pytest.raises(ValueError, match="end after"):
        checkpoints.unpack({**packed, "data": packed["data"][:-4]})
    with pytest.raises(ValueError, match="their shapes ask for"):
        checkpoints.unpack({**packed, "data": base64.b64encode(base64.b64decode(packed["data"]) + b"1").decode()})
    with pytest.raises(ValueError, match="unknown network 'resnet'"):
        checkpoints.load("resnet")


def test_a_wafer_may_be_an_array_and_nonsense_is_refused():
    image = wafers(1, 32, 9)[0][0, 0]
    lab = labs.LookInside(wafer=image)
    np.testing.assert_array_equal(lab.dies, image)
    assert "drawing='" in repr(lab)
    with pytest.raises(TraitError, match=r"shape \(32, 32\), got \(8, 8\)"):
        labs.LookInside(wafer=np.zeros((8, 8)))
    for text in ("cat", "A" * 170, "!" * 171):
        with pytest.raises(TraitError, match="not the text of a wafer"):
            labs.LookInside(drawing=text)


def test_the_weights_travel_with_the_figure_and_not_with_every_page():
    lab = labs.LookInside()
    data = json.loads(lab.cargo)["data"]
    assert data in lab.figure()
    assert "cargo" not in lab.state()
    assert "cargo" not in repr(lab)
    dist = HERE.parents[1] / "kernelbook" / "labs" / "dist"
    for bundle in ("labs.js", "look_inside.mjs"):
        assert data[:60] not in (dist / bundle).read_text()


# On the page


def shown_scores(page):
    texts = page.locator(".lab-score").all_text_contents()
    return np.array([float(t.replace("−", "-")) for t in texts])


@pytest.mark.browser
@pytest.mark.xdist_group("labs-look-inside-page")
def test_drawing_with_keys_and_with_the_pointer_changes_everything(lab_page):
    page = lab_page(labs.LookInside())
    np.testing.assert_allclose(shown_scores(page), labs.LookInside().scores(), atol=0.006)
    pictures = "[...document.querySelectorAll('canvas')].map((c) => c.toDataURL())"
    before = page.evaluate(pictures)
    page.get_by_label("Pen", exact=True).select_option("1")
    board = page.get_by_role("application", name="The wafer.")
    board.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.keyboard.press(" ")
    failed = examples()[8, 0].copy()
    failed[16, 17:20] ^= True
    np.testing.assert_allclose(shown_scores(page), labs.LookInside(drawing=encode(failed)).scores(), atol=0.006)
    assert all(a != b for a, b in zip(before, page.evaluate(pictures), strict=True))

    page.get_by_role("button", name="All pass").click()
    page.get_by_label("Pen", exact=True).select_option("2")
    box = page.locator(".lab-wafer").bounding_box()
    cell = box["width"] / 32
    page.mouse.move(box["x"] + 10.5 * cell, box["y"] + 12.5 * cell)
    page.mouse.down()
    page.mouse.move(box["x"] + 20.5 * cell, box["y"] + 12.5 * cell, steps=30)
    page.mouse.up()
    failed[:] = False
    failed[12:14, 10:22] = True
    np.testing.assert_allclose(shown_scores(page), labs.LookInside(drawing=encode(failed)).scores(), atol=0.006)
    page.get_by_role("button", name="Turn 90°").click()
    turned = labs.LookInside(drawing=encode(np.rot90(failed, -1)))
    np.testing.assert_allclose(shown_scores(page), turned.scores(), atol=0.006)
    page.get_by_role("button", name="Undo").click()
    np.testing.assert_allclose(shown_scores(page), labs.LookInside().scores(), atol=0.006)


@pytest.mark.browser
@pytest.mark.xdist_group("labs-look-inside-page")
def test_the_evidence_is_that_of_the_chosen_class_and_its_numbers_are_there_as_text(lab_page):
    lab = labs.LookInside(wafer="donut", example=3)
    page = lab_page(lab)
    page.get_by_role("button", name=re.compile("^loc")).click()
    assert page.get_by_label("for the class").input_value() == "loc"
    page.get_by_text("The numbers as tables").click()
    table = page.get_by_role("table", name="Class activation map for loc").locator("tbody tr")
    table.first.wait_for()
    rows = [[float(c.replace("−", "-")) for c in row.locator("td").all_text_contents()] for row in table.all()]
    np.testing.assert_allclose(rows, lab.cams()[CLASSES.index("loc")], atol=0.006)
    # A click on a map of the strips enlarges it.
    box = page.locator("canvas").nth(2).bounding_box()
    page.mouse.click(box["x"] + box["width"] * 2.5 / 8, box["y"] + box["height"] * 0.75)
    assert page.get_by_label("Layer", exact=True).input_value() == "3"
    assert page.get_by_label("Map", exact=True).input_value() == "11"
    shown = page.get_by_role("table", name="Layer 3, map 11").locator("tbody tr").nth(2).locator("td")
    wanted = lab.maps()[2][10][2]
    np.testing.assert_allclose([float(t) for t in shown.all_text_contents()], wanted, atol=0.006)
