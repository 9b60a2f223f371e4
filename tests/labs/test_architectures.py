"""The lab Architectures: what it reckons equals torch, and what it says is what the networks are."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model, get_model_weights

from kernelbook import labs, models
from kernelbook.labs.architectures import NETWORKS, network

HERE = Path(__file__).parent
LIB = HERE.parents[1] / "kernelbook" / "labs" / "lib"
TORCHVISION = [name for name in NETWORKS if name not in ("lecun1989", "lenet5", "mobilenet_v1")]

# The book's reference numbers: parameters, and billions of multiply-adds at the resolution of the weights.
REFERENCE = {
    "lecun1989": (9_760, None),
    "lenet5": (60_000, None),
    "alexnet": (61_100_840, 0.714),
    "vgg16": (138_357_544, 15.47),
    "vgg19": (143_667_240, 19.63),
    "googlenet": (6_624_904, 1.498),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
    "mobilenet_v1": (4_231_976, 0.569),
    "mobilenet_v2": (3_504_872, 0.301),
    "efficientnet_b0": (5_288_548, 0.386),
    "efficientnet_b7": (66_347_960, 37.75),
    "convnext_tiny": (28_589_128, 4.46),
    "convnext_small": (50_223_688, 8.68),
    "convnext_base": (88_591_464, 15.36),
    "convnext_large": (197_767_336, 34.36),
    "vit_b_16": (86_567_656, 17.56),
    "vit_l_16": (304_326_632, 61.56),
}
DENSE = {"alexnet": 96, "vgg16": 89, "googlenet": 15, "resnet18": 4, "resnet34": 2, "resnet50": 8, "resnet101": 5}
DENSE |= {"resnet152": 3, "mobilenet_v1": 24, "mobilenet_v2": 37, "efficientnet_b0": 24, "efficientnet_b7": 4}
DEPTHS = {"lenet5": 5, "alexnet": 8, "vgg16": 16, "vgg19": 19, "googlenet": 22, "resnet18": 18, "resnet34": 34}
DEPTHS |= {"resnet50": 50, "resnet101": 101, "resnet152": 152}


@pytest.fixture(scope="module")
def page():
    done = subprocess.run(
        ["node", HERE / "architectures_truth.mjs"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def layers(net):
    return [(block, layer) for block in net["blocks"] for _ in range(block["times"]) for layer in block["layers"]]


def test_the_reference_numbers_come_out(page):
    assert set(page["networks"]) == set(NETWORKS) == set(REFERENCE)
    for name, (parameters, work) in REFERENCE.items():
        net = page["networks"][name]
        assert net["parameters"] == parameters, name
        if work is not None:
            assert abs(net["multiplyAdds"] / 1e9 - work) < 0.0055, name
        if name in DENSE:
            assert abs(100 * net["dense"] - DENSE[name]) <= 0.55, name
        if name in DEPTHS:
            assert net["depth"] == DEPTHS[name], name


@pytest.mark.slow
def test_every_sum_equals_torchs(page):
    for name in NETWORKS[1:]:
        net = page["networks"][name]
        with torch.device("meta"):
            if name in TORCHVISION:
                model = get_model(name, weights=None, **({"aux_logits": False} if name == "googlenet" else {}))
            else:
                model = {"lenet5": models.LeNet5, "mobilenet_v1": models.MobileNetV1}[name]()
        assert net["parameters"] == sum(p.numel() for p in model.parameters()), name
        if name == "lenet5":
            continue  # reckoned with the pairs that are wired, which no torch layer has
        total = models.summary(model, (3, net["size"], net["size"])).total
        assert net["multiplyAdds"] == total.multiply_adds, name


@pytest.mark.parametrize("name", TORCHVISION)
def test_accuracies_are_those_of_the_weights(page, name):
    found = {
        entry.name[-2:]: entry for entry in get_model_weights(name) if entry.name in ("IMAGENET1K_V1", "IMAGENET1K_V2")
    }
    shown = page["networks"][name]["weights"]
    assert [weights for weights, *_ in shown] == sorted(found)
    for weights, top1, top5, size in shown:
        metrics = found[weights].meta["_metrics"]["ImageNet-1K"]
        assert (top1, top5) == (metrics["acc@1"], metrics["acc@5"])
        assert found[weights].transforms.keywords["crop_size"] == size == page["networks"][name]["size"]
        assert found[weights].meta["num_params"] == page["networks"][name]["parameters"]


@pytest.mark.slow
def test_the_list_of_layers_is_fresh():
    spec = importlib.util.spec_from_file_location("networks_data", LIB / "networks.py")
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    fresh = data.packed()
    assert (LIB / "networks.json").read_text() == fresh, "run: python kernelbook/labs/lib/networks.py"


def test_python_reckons_as_the_page_does(page):
    for name in NETWORKS:
        ours, theirs = network(name), page["networks"][name]
        assert ours.parameters == theirs["parameters"]
        assert ours.multiplyAdds == theirs["multiplyAdds"]
        assert ours.activations == theirs["activations"]
        assert (ours.year, ours.title, ours.size) == (theirs["year"], theirs["title"], theirs["size"])
    assert labs.Architectures().state() == page["DEFAULTS"] == page["nothing"]


def test_activations_are_what_convolutions_and_linear_layers_put_out(page):
    seen = []
    with torch.device("meta"):
        model = get_model("vgg16", weights=None).eval()
    for part in model.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
            part.register_forward_hook(lambda _, __, out: seen.append(out.numel()))
    model(torch.empty(1, 3, 224, 224, device="meta"))
    assert page["networks"]["vgg16"]["activations"] == sum(seen)


def test_shapes_follow_the_known_trace(page):
    sides = []
    for block in page["networks"]["resnet50"]["blocks"][:-1]:
        side = int(block["shape"].split(" × ")[1])
        if side not in sides:
            sides.append(side)
    assert sides == [56, 28, 14, 7]
    inception = [b["shape"] for b in page["networks"]["googlenet"]["blocks"] if b["kind"] == "Inception"]
    channels = (256, 480, 512, 512, 512, 528, 832, 832, 1024)
    sides = (28, 28, 14, 14, 14, 14, 14, 7, 7)
    assert inception == [f"{c} × {s} × {s}" for c, s in zip(channels, sides, strict=True)]
    assert page["titles"]["vgg16"] == [
        *["2 convolutions, max pool"] * 2,
        *["3 convolutions, max pool"] * 3,
        "mean pool, 3 dense layers",
    ]
    assert page["titles"]["resnet50"][2] == "bottleneck × 2"


def test_the_chart_has_the_networks_with_an_accuracy(page):
    charted = {name for name, *_ in page["points"]}
    assert charted == set(NETWORKS) - {"lecun1989", "lenet5"}
    assert [x for _, x, *_ in page["points"]] == sorted(x for _, x, *_ in page["points"])
    assert "never trained on ImageNet" in page["summaries"][0]


def test_the_experiments_say_what_the_networks_are(page):
    nets, told = page["networks"], {e["title"]: e for e in page["EXPERIMENTS"]}
    assert len(told) == len(page["EXPERIMENTS"]) == 10
    for experiment in told.values():
        assert labs.Architectures(**experiment["state"]).still().svg
        assert experiment["state"]["block"] < len(nets[experiment["state"]["net"]]["blocks"])

    vgg = [layer for _, layer in layers(nets["vgg16"]) if layer["kind"] == "l"]
    assert vgg[0]["parameters"] - 4096 == 102_760_448
    assert round(100 * nets["vgg16"]["dense"]) == 89

    assert nets["alexnet"]["parameters"] > 2 * nets["resnet50"]["parameters"]
    assert nets["alexnet"]["multiplyAdds"] < nets["resnet50"]["multiplyAdds"]

    assert [f"{top1:.2f}" for _, top1, *_ in nets["resnet50"]["weights"]] == ["76.13", "80.86"]
    kernels = [layer["kernel"] for _, layer in layers(nets["resnet50"]) if layer["kernel"]]
    assert (len(kernels), kernels.count(1), kernels.count(3)) == (53, 36, 16)

    assert sum(layer["kind"] == "c" for _, layer in layers(nets["googlenet"])) == 57
    assert nets["googlenet"]["depth"] == 3 + 9 * 2 + 1

    assert (nets["lenet5"]["year"], nets["lecun1989"]["year"]) == (1998, 1989)
    assert "9,760 to 304 million" in told["1989"]["text"]
    assert "no pooling" in network_note("lecun")
    assert not any(layer["kind"] in "mv" for _, layer in layers(nets["lecun1989"]) if layer["kind"])

    one = sum(layer["multiplyAdds"] for _, layer in layers(nets["mobilenet_v1"]) if layer["kernel"] == 1)
    assert round(100 * one / nets["mobilenet_v1"]["multiplyAdds"]) == 95
    twin = sum(p.numel() for p in models.MobileNetV1(split=False).parameters())
    assert round(twin / nets["mobilenet_v1"]["parameters"], 1) == 6.9
    assert "6.9 times" in network_note("mobilenet")

    b0, b7 = nets["efficientnet_b0"], nets["efficientnet_b7"]
    assert round(b7["parameters"] / b0["parameters"], 1) == 12.5
    assert round(b7["multiplyAdds"] / b0["multiplyAdds"]) == 98
    assert round(b7["weights"][0][1] - b0["weights"][0][1], 1) == 6.4
    assert round(557e6 / b7["parameters"], 1) == 8.4

    assert not any(layer["kind"] == "a" for _, layer in layers(nets["convnext_tiny"]))
    assert any(layer["kind"] == "a" for _, layer in layers(nets["vit_b_16"]))
    small, large = nets["vit_b_16"], nets["vit_l_16"]
    assert round(large["parameters"] / small["parameters"], 1) == 3.5
    assert [f"{net['weights'][0][1]:.2f}" for net in (large, small)] == ["79.66", "81.07"]


def network_note(family):
    """The note of a family, as the page prints it."""
    return json.loads((LIB / "networks.json").read_text())["families"][family][3]


@pytest.mark.browser
def test_the_arrow_keys_go_from_network_to_network(lab_page, page):
    view = lab_page(labs.Architectures())
    summary = view.locator(".lab-summary")
    assert summary.inner_text().startswith("ResNet-50, 2015: 25,557,032 parameters")
    order = list(dict.fromkeys(name for name, *_ in page["points"]))
    view.get_by_role("application", name="Chart of the networks").focus()
    for key, name in (("Home", order[0]), ("ArrowRight", order[1]), ("ArrowLeft", order[0]), ("End", order[-1])):
        view.keyboard.press(key)
        assert summary.inner_text().startswith(f"{network(name).title}, ")
        assert view.get_by_label("Network", exact=True).first.input_value() == name
    view.get_by_role("button", name="2014 VGG").click()
    assert "138,357,544" in summary.inner_text()
    view.get_by_label("Block", exact=True).select_option("5")
    boxes = view.locator(".lab-diagram").inner_text()
    assert "103 M parameters" in boxes
    view.get_by_text("All networks as a table").click()
    rows = view.get_by_role("group", name="All networks").locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == len(NETWORKS)
    assert rows.filter(has_text="LeNet-5").inner_text().split("\t")[2] == "60,000"
