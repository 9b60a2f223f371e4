"""The lab ReceptiveField: fields and gradients are those of real networks in PyTorch, and so are its experiments."""

import functools
import importlib.util
import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from traitlets import TraitError

from kernelbook import labs, models, receptive_field
from kernelbook.labs.receptive_field import architectures

HERE = Path(__file__).parent
LABS = HERE.parents[1] / "kernelbook" / "labs"
LINES, MAPS = 11_500, 900
E47 = [7, 11, 19, 27, 35, 51, 67, 99, 131, 195, 259]


def network(layers, dimensions):
    """Rows [kind, K, S, P, D], or a pair of them for two axes, as torch layers: every weight 1, poolings averaging."""
    modules = []
    for rows in layers:
        windows = [rows] * dimensions if isinstance(rows[0], int) else rows
        kind = windows[0][0]
        kernel, stride, padding, dilation = (tuple(w[i] for w in windows) for i in range(1, 5))
        if kind == 1 and set(dilation) == {1}:
            modules.append((nn.AvgPool1d, nn.AvgPool2d)[dimensions - 1](kernel, stride, padding))
            continue
        convolution = (nn.Conv1d, nn.Conv2d)[dimensions - 1]
        layer = convolution(1, 1, kernel, stride, padding, dilation, bias=False).double()
        nn.init.ones_(layer.weight)
        modules.append(layer)
    return nn.Sequential(*modules)


def gradient(layers, sizes, unit):
    """Gradient of one unit at a picture of this size, each average pooling counted as a sum."""
    x = torch.zeros(1, 1, *sizes, dtype=torch.double, requires_grad=True)
    y = network(layers, len(sizes))(x)
    (found,) = torch.autograd.grad(y[(0, 0, *unit)], x)
    return found[0, 0]


def random_layer(rng):
    kernel = rng.choice([1, 2, 3, 3, 4, 5])
    kind = int(rng.random() < 0.25)
    padding = rng.randint(0, kernel // 2) if kind else rng.choice([0, 0, 1, 1, 2, 3])
    return [kind, kernel, rng.choice([1, 1, 2, 3]), padding, 1 if kind else rng.choice([1, 1, 2, 3])]


def random_line(rng):
    """One axis: layers, size, and how far torch gets; the gradient of one unit where the whole chain fits."""
    layers = [random_layer(rng) for _ in range(rng.randint(1, 5))]
    size = rng.randint(4, 40)
    fields, numbers, fits = [], [], size
    theory = receptive_field.fields(receptive_field.Layer(*window) for _, *window in layers)
    for count, field in enumerate(theory, 1):
        try:
            with torch.no_grad():
                fits = network(layers[:count], 1)(torch.zeros(1, 1, size, dtype=torch.double)).shape[-1]
        except RuntimeError:
            break
        fields.append([fits, field.size, field.jump, field.start])
    case = {"layers": layers, "size": size, "fields": fields, "unit": 0, "exact": all(kind == 0 for kind, *_ in layers)}
    if len(fields) == len(layers):
        case["unit"] = rng.randrange(fits)
        scale = np.prod([float(kernel) for kind, kernel, *_ in layers if kind])
        numbers.append((gradient(layers, (size,), (case["unit"],)) * scale).numpy())
    return case, numbers


def random_map(rng):
    """Two axes with windows that need not be square: convolutions only, so that every number is whole."""
    while True:
        axes = [[[0, *random_layer(rng)[1:]] for _ in range(3)] for _ in range(2)]
        layers = list(zip(*axes, strict=True))[: rng.randint(1, 3)]
        sizes = rng.randint(4, 24), rng.randint(4, 24)
        try:
            with torch.no_grad():
                shape = network(layers, 2)(torch.zeros(1, 1, *sizes, dtype=torch.double)).shape[2:]
        except RuntimeError:
            continue
        unit = [rng.randrange(n) for n in shape]
        found = gradient(layers, sizes, unit).numpy()
        shares = [0.5, 0.95, round(rng.uniform(0.05, 1), 3)]
        case = {
            "layers": [[list(layer[axis]) for layer in layers] for axis in range(2)],
            "sizes": sizes,
            "unit": unit,
            "reached": int((found > 0).sum()),
            "shares": shares,
            "sides": [receptive_field.side_holding(found, share) if found.any() else 0 for share in shares],
        }
        return case, [found]


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("field")
    rng = random.Random(9)
    lines = [random_line(rng) for _ in range(LINES)]
    maps = [random_map(rng) for _ in range(MAPS)]
    np.concatenate([n.ravel() for _, numbers in lines + maps for n in numbers]).tofile(folder / "data.bin")
    (folder / "lines.json").write_text(json.dumps([case for case, _ in lines]))
    (folder / "maps.json").write_text(json.dumps([case for case, _ in maps]))
    return folder, [case for case, _ in lines]


@pytest.mark.slow
@pytest.mark.xdist_group("field-truth")
def test_fields_and_gradients_on_the_page_are_those_of_torch(fixtures):
    folder, lines = fixtures
    done = subprocess.run(
        ["node", HERE / "field_truth.mjs", folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == 0, report["examples"]
    refused = sum(len(case["fields"]) < len(case["layers"]) for case in lines)
    assert report["refused"] == refused >= 500
    assert report["exact"] + report["close"] == LINES - refused
    assert report["maps"] == MAPS
    assert report["exact"] + report["close"] + MAPS >= 10_000
    valid = [case for case in lines if len(case["fields"]) == len(case["layers"])]
    for position, most in ((2, 1), (3, 0), (4, 1)):  # stride, padding, dilation
        assert sum(any(layer[position] > most for layer in case["layers"]) for case in valid) >= 500
    assert sum(any(layer[1] % 2 == 0 for layer in case["layers"]) for case in valid) >= 500


def ask_page(expression):
    script = (
        f"const lab = await import({json.dumps((LABS / 'receptive_field.js').as_uri())});"
        f"console.log(JSON.stringify({expression}))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@functools.cache
def experiments():
    return ask_page("Object.fromEntries(lab.EXPERIMENTS.map((e) => [e.title, e.state]))")


def test_the_still_picture_has_the_numbers_of_the_page():
    states = [{}, *experiments().values(), {"network": "mobilenet_v1", "row": 0, "column": 6}]
    pages = ask_page(f"{json.dumps(states)}.map((state) => lab.compute(lab.clean({{ ...lab.DEFAULTS, ...state }})))")
    for state, page in zip(states, pages, strict=True):
        lab = labs.ReceptiveField(**state)
        theory = [[f["size"], f["field"], f["jump"], f["start"]] for f in page["fields"]]
        assert [list(field) for field in lab.fields()[0]] == theory
        assert lab.unit() == (page["index"], page["at"]["row"], page["at"]["column"])
        axes = [np.array([page["at"][axis][str(i)] for i in range(lab.side)], float) for axis in ("rows", "columns")]
        np.testing.assert_allclose(lab.effective(), np.outer(*axes), rtol=1e-12)


# Known networks


def test_the_known_networks_are_traced_and_not_typed():
    path = LABS / "lib" / "architectures.py"
    spec = importlib.util.spec_from_file_location("architectures", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert path.with_suffix(".json").read_text() == script.packed(), "run kernelbook/labs/lib/architectures.py"
    assert set(labs.ReceptiveField.network.values) == {"own", *architectures()}


@pytest.mark.parametrize(
    ("name", "build", "size"),
    [
        ("alexnet", torchvision.models.alexnet, 195),
        ("vgg16", torchvision.models.vgg16, 212),
        ("resnet18", torchvision.models.resnet18, 435),
        ("resnet50", torchvision.models.resnet50, 427),
        ("mobilenet_v1", models.MobileNetV1, 315),
        ("lenet5", models.LeNet5Modern, 32),
    ],
)
def test_the_known_networks_see_what_their_models_see(name, build, size):
    """By following the model's graph, branches included, and by the gradient of the chain itself."""
    with torch.device("meta"):
        followed = receptive_field.model_fields(build())
    lab = labs.ReceptiveField(name)
    fields, error = lab.fields()
    assert error == ""
    assert fields[-1][1:] == (followed[-1].size, followed[-1].jump, followed[-1].start)
    assert fields[-1][1] == size
    layers = [window for _, window in lab.chain]
    reach = 3 * size
    with torch.no_grad():
        units = network(layers, 1)(torch.zeros(1, 1, reach, dtype=torch.double)).shape[-1]
    seen = gradient(layers, (reach,), (units // 2,)).nonzero()
    assert (seen.max() - seen.min() + 1).item() == size


def test_the_table_of_the_erratum_is_put_right():
    """E47, by the recurrence and by the gradient of a real chain."""
    lab = labs.ReceptiveField(**experiments()["A table put right"])
    fields, _ = lab.fields()
    assert [f[1] for f in fields] == E47
    assert [f[2] for f in fields] == [2, 4, 4, 4, 8, 8, 16, 16, 32, 32, 64]
    layers = [window for _, window in lab.chain]
    for count, size in enumerate(E47, 1):
        with torch.no_grad():
            units = network(layers[:count], 1)(torch.zeros(1, 1, 900, dtype=torch.double)).shape[-1]
        seen = gradient(layers[:count], (900,), (units // 2,)).nonzero()
        assert (seen.max() - seen.min() + 1).item() == size
    assert all(str(size) in lab.still().words for size in E47)


def test_the_experiments_numbers_are_right():
    def sizes(title, **changes):
        return [f[1] for f in labs.ReceptiveField(**{**experiments()[title], **changes}).fields()[0]]

    def listened(lab, share=0.5):
        return receptive_field.side_holding(lab.effective(), share)

    assert sizes("Three small for one large") == [3, 5, 7]
    assert sizes("A stride acts later") == [3, 7]
    eight = labs.ReceptiveField(**experiments()["Seeing is not listening"])
    assert sizes("Seeing is not listening")[-1] == 17
    weights = eight.effective()
    seen = weights[weights > 0]
    assert seen.min() == 1
    assert seen.max() > 1e6
    assert listened(eight) == 5
    assert sizes("VGG-16, layer by layer")[-1] == 212
    assert listened(labs.ReceptiveField("vgg16")) < 212 / 3
    assert sizes("Past the border")[-1] == 427
    assert sizes("Dilation reaches far")[-1] == 15
    assert sizes("Dilation reaches far", layers=experiments()["Dilation reaches far"]["layers"][::-1])[-1] == 15
    holes = labs.ReceptiveField(**experiments()["Dilation leaves holes"])
    assert holes.fields()[0][-1][1] == 13
    assert (holes.effective() > 0).sum() == 49
    shortcut = labs.ReceptiveField(**experiments()["Pixels that nobody reads"])
    size, field, jump, _ = shortcut.fields()[0][0]
    assert (field, jump) == (1, 2)
    assert size**2 / shortcut.side**2 == 0.25


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"network": "vgg19"}, "vgg16"),
        ({"layers": []}, "1 to 64 rows"),
        ({"layers": [("conv", 3, 1, 1)]}, r"layer 1 must be \(kind, K, S, P, D\)"),
        ({"layers": [("conv", 3, 1, 1, 1), ("pool", 2, 9, 0, 1)]}, "layer 2"),
        ({"layers": [("dense", 3, 1, 1, 1)]}, "conv or pool"),
        ({"size": 3}, "size"),
        ({"row": -2}, "row"),
    ],
)
def test_bad_values_are_refused_with_a_reason(state, message):
    with pytest.raises(TraitError, match=message):
        labs.ReceptiveField(**state)


def test_a_chain_that_does_not_fit_is_said():
    lab = labs.ReceptiveField(layers=[("conv", 3, 2, 0, 1), ("conv", 15, 1, 0, 1)], size=9)
    assert "layer 2 does not fit: it spans 15 of 4 pixels" in lab.still().words
    assert "No map" in labs.ReceptiveField(layers=[("conv", 15, 1, 0, 1)], size=9).still().words


# The page


@pytest.mark.browser
@pytest.mark.xdist_group("field-page")
def test_layers_are_added_changed_reordered_and_removed_with_the_keyboard(lab_page):
    page = lab_page(labs.ReceptiveField(layers=[("conv", 3, 1, 1, 1)] * 2))
    facts = page.locator(".lab-sight-facts")
    assert "5 × 5" in facts.inner_text()
    page.get_by_role("button", name="Add stride 2").press("Enter")
    assert "7 × 7" in facts.inner_text()
    up = page.get_by_role("button", name="Move layer 3 up")
    up.press("Enter")
    up = page.get_by_role("button", name="Move layer 2 up")
    assert up.evaluate("e => e === document.activeElement"), "the focus goes with the layer"
    page.keyboard.press("Enter")
    assert "11 × 11" in facts.inner_text()  # the stride comes first now: 3, 7, 11
    page.get_by_label("Layer 1: kernel K").fill("7")
    assert "15 × 15" in facts.inner_text()
    page.get_by_label("Layer 1: kernel K").fill("")
    page.get_by_label("Layer 1: kernel K").blur()
    assert page.get_by_label("Layer 1: kernel K").input_value() == "7"
    page.get_by_label("Layer 2: kind").select_option("1")
    page.get_by_label("Layer 2: padding P").fill("2")
    assert "more than half a window" in page.locator(".lab-error").inner_text()
    page.get_by_role("button", name="Remove layer 2").press("Enter")
    assert page.locator(".lab-error").is_hidden()
    assert "11 × 11" in facts.inner_text()
    assert page.get_by_role("button", name="Remove layer 2").evaluate("e => e === document.activeElement")


@pytest.mark.browser
@pytest.mark.xdist_group("field-page")
def test_units_and_layers_are_chosen_and_said(lab_page):
    page = lab_page(labs.ReceptiveField("vgg16"))
    summary = page.locator(".lab-summary")
    assert "sees 212 × 212 pixels, rows 6 to 217" in summary.inner_text()
    page.get_by_role("application", name="Picture.").press("Home")
    assert "212 × 212 pixels, rows −90 to 121" in summary.inner_text()
    assert "122 × 122 lie on the picture" in summary.inner_text()
    page.get_by_role("button", name="Middle unit").click()
    radio = page.get_by_role("radio", name="Layer 17, features.28")
    radio.check()
    assert "sees 196 × 196 pixels" in summary.inner_text()
    page.keyboard.press("ArrowUp")
    assert "sees 164 × 164 pixels" in summary.inner_text()
    page.get_by_role("button", name="Change its layers").click()
    assert page.get_by_label("Layer 18: kind").input_value() == "1"
    assert "sees 212 × 212 pixels" in summary.inner_text()
    page.locator(".lab-sight").click(position={"x": 3, "y": 3})
    assert "unit in row 0, column 0" in summary.inner_text()
