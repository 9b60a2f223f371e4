"""Receptive fields: the arithmetic equals published values and the gradients of real networks, layer by layer."""

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kernelbook import pooling
from kernelbook import receptive_field as rf


def sizes(*layers):
    return [field.size for field in rf.fields(layers)]


def test_plain_chains_have_the_sizes_of_the_formulas():
    three = rf.Layer(3)
    assert sizes(*[three] * 5) == [3, 5, 7, 9, 11]
    assert sizes(rf.Layer(7)) == sizes(three, three, three)[-1:]
    assert sizes(*[rf.Layer(3, dilation=d) for d in (1, 2, 4, 8)]) == [3, 7, 15, 31]


def test_published_networks_as_lists_of_layers():
    conv, pool = rf.Layer(5), rf.Layer(2, 2)
    assert sizes(conv, pool, conv, pool, conv) == [5, 6, 14, 16, 32]  # LeNet-5
    conv = rf.Layer(3, padding=1)
    assert sizes(*[conv, pool] * 3) == [3, 4, 8, 10, 18, 22]
    chain = [(7, 2), (3, 2), (3, 1), (3, 1), (3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 1), (3, 2)]
    fields = rf.fields(rf.Layer(kernel, stride) for kernel, stride in chain)
    assert [field.size for field in fields] == [7, 11, 19, 27, 35, 51, 67, 99, 131, 195, 259]
    assert [field.jump for field in fields] == [2, 4, 4, 4, 8, 8, 16, 16, 32, 32, 64]


def of_torchvision(name, **how):
    with torch.device("meta"):
        model = getattr(torchvision.models, name)(**how)
    return {field.name: field for field in rf.model_fields(model)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "vgg16",
            {"features.4": 6, "features.9": 16, "features.16": 44, "features.23": 100, "features.30": 212},
        ),
        (
            "alexnet",
            {"features.0": 11, "features.3": 51, "features.6": 99, "features.8": 131, "features.10": 163}
            | {"features.12": 195},
        ),
        ("resnet18", {"conv1": 7, "maxpool": 11, "layer4.1.conv2": 435}),
        ("resnet34", {"layer4.2.conv2": 899}),
        (
            "resnet50",
            {"conv1": 7, "maxpool": 11, "layer1.2.conv3": 35, "layer2.3.conv3": 91, "layer3.5.conv3": 267}
            | {"layer4.2.conv3": 427},
        ),
        ("mobilenet_v2", {"features.18.0": 491}),
    ],
)
def test_torchvision_models_have_the_published_sizes(name, expected):
    found = of_torchvision(name)
    assert {layer: found[layer].size for layer in expected} == expected


@pytest.mark.parametrize("name", ["googlenet", "densenet121", "squeezenet1_0", "efficientnet_b0", "mobilenet_v3_small"])
def test_branches_concatenations_and_gates_are_followed(name):
    fields = of_torchvision(name, **({"init_weights": False} if name == "googlenet" else {}))
    jumps = [field.jump for field in fields.values()]
    assert jumps == sorted(jumps)
    assert jumps[-1] == (16 if name == "squeezenet1_0" else 32)


def vgg16():
    """The layers of VGG-16 that read maps, without building its dense ones."""
    return torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])


@pytest.mark.parametrize(
    ("build", "side", "layers"),
    [
        (lambda: torchvision.models.alexnet().features, 227, ["0", "2", "5", "6", "12"]),
        (vgg16, 225, ["4", "16", "30"]),
        (torchvision.models.resnet18, 449, ["maxpool", "layer1.1.conv2", "layer2.1.conv2", "layer4.1.conv2"]),
        (torchvision.models.resnet50, 449, ["layer1.2.conv3", "layer3.5.conv3", "layer4.2.conv3"]),
        (
            lambda: torchvision.models.googlenet(init_weights=False),
            449,
            ["inception3a.branch4.1.conv", "inception5a.branch1.conv"],
        ),
    ],
    ids=["alexnet", "vgg16", "resnet18", "resnet50", "googlenet"],
)
def test_the_gradient_of_a_real_network_reaches_exactly_as_far(build, side, layers):
    torch.manual_seed(0)
    model = build().double()
    theory = {field.name: field for field in rf.model_fields(model)}
    x = torch.randn(1, 3, side, side, dtype=torch.float64)
    for layer in layers:
        shape = []
        hook = model.get_submodule(layer).register_forward_hook(lambda m, i, out, to=shape: to.append(out.shape))
        rows, columns = rf.measured_field(model, x, layer=layer)
        hook.remove()
        assert rows == theory[layer].pixels(shape[0][2] // 2, side)
        assert columns == theory[layer].pixels(shape[0][3] // 2, side)


@st.composite
def networks(draw):
    """A random chain of convolutions and poolings with strides, paddings and dilations, different along the axes."""

    def pair(low, high):
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    modules = []
    for _ in range(draw(st.integers(1, 4))):
        kernel, stride = pair(1, 3), pair(1, 2)
        kind = draw(st.sampled_from(["conv", "conv", "max", "average", "blur", "same"]))
        if kind == "conv":
            modules += [nn.Conv2d(2, 2, kernel, stride, pair(0, 2), pair(1, 3)), nn.ReLU()]
        elif kind == "same":
            modules += [nn.Conv2d(2, 2, kernel, padding="same", dilation=pair(1, 2)), nn.BatchNorm2d(2)]
        elif kind == "blur":
            modules.append(pooling.BlurPool2d(draw(st.integers(1, 4)), stride[0]))
        else:
            padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
            modules.append(pool(kernel, stride, padding))
    return nn.Sequential(*modules)


def reached(model, height, width, axis):
    """For each row (column) of pixels set to not-a-number, which rows (columns) of units become so: (H, O_h)."""
    length = (height, width)[axis]
    x = torch.ones(length, 2, height, width, dtype=torch.float64)
    for place in range(length):
        x[place, :].select(1 + axis, place).fill_(torch.nan)
    return model(x).isnan().any(dim=1).any(dim=2 - axis).numpy()


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(networks(), st.integers(24, 30), st.integers(24, 30))
def test_theory_holds_for_every_unit_of_random_networks(model, height, width):
    """Independent of gradients, ties and dead units: poison a row or a column and see which units it spoils."""
    model = model.double().eval()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    with torch.no_grad():
        for axis, length in enumerate((height, width)):
            try:
                spoilt = reached(model, height, width, axis)
            except RuntimeError:  # the maps became too small for the next layer
                return
            field = rf.model_fields(model, axis)[-1]
            whole = [unit for unit in range(spoilt.shape[1]) if field.pixels(unit) == field.pixels(unit, length)]
            for unit in whole:
                pixels = np.flatnonzero(spoilt[:, unit])
                assert (pixels[0], pixels[-1]) == (field.pixels(unit)[0], field.pixels(unit)[-1])


def test_a_unit_sees_from_its_start_on_and_pictures_end():
    field = rf.fields([rf.Layer(3, 2, 1)] * 2)[-1]
    assert field == rf.Field(size=7, jump=4, start=-3)
    assert field.centre == 0
    assert field.pixels(0) == range(-3, 4)
    assert field.pixels(0, 6) == range(4)
    assert field.pixels(1, 6) == range(1, 6)


def test_rectangular_windows_have_a_field_per_axis():
    layers = [rf.Layer((1, 7), (1, 2), (0, 3)), rf.Layer((7, 1), 1, (3, 0))]
    assert [field.size for field in rf.fields(layers, axis=0)] == [1, 7]
    assert [field.size for field in rf.fields(layers, axis=1)] == [7, 7]
    assert rf.fields(layers, axis=1)[-1].jump == 2


def test_where_branches_meet_the_field_is_the_union():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow, self.last = nn.Conv2d(1, 1, 5, padding=2), nn.Conv2d(1, 1, 1), nn.Conv2d(2, 1, 3)

        def forward(self, x):
            return self.last(torch.cat([self.narrow(x), self.wide(x)], 1))

    assert [(f.name, f.size, f.start) for f in rf.model_fields(Branches())] == [
        ("narrow", 1, 0),
        ("wide", 5, -2),
        ("last", 7, -2),
    ]


def test_reckoning_stops_where_a_layer_reads_the_whole_map():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 9))
    assert [field.size for field in rf.model_fields(model)] == [3]


def test_a_gradient_map_is_the_hand_computed_one_and_leaves_the_model_alone():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Dropout(0.5)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(-4.0, 5.0).reshape(1, 1, 3, 3))
    x = torch.randn(2, 1, 5, 6, dtype=torch.float64)
    weights = rf.gradient_map(model, x, unit=(2, 1))
    expected = np.zeros((5, 6))
    expected[1:4, 0:3] = abs(np.arange(-4, 5)).reshape(3, 3)
    assert weights == pytest.approx(expected)
    assert rf.extent(weights) == (range(1, 4), range(3))
    assert model.training
    assert model[1].training
    assert x.grad is None
    assert model[0].weight.grad is None


def test_the_effective_field_of_linear_layers_with_equal_weights_is_the_binomial():
    """Luo et al. 2016, section 2: the weights of n stacked box filters are those of n dice."""

    def build():
        layers = [nn.Conv2d(1, 1, 3, bias=False) for _ in range(4)]
        for layer in layers:
            nn.init.ones_(layer.weight)
        return nn.Sequential(*layers)

    row = np.ones(1)
    for _ in range(4):
        row = np.convolve(row, np.ones(3))
    weights = rf.mean_gradient_map(build, (1, 9, 9), seeds=range(2))
    assert weights == pytest.approx(np.outer(row, row), rel=1e-12)
    share = (row[2:7].sum() / row.sum()) ** 2
    assert rf.side_holding(weights, share) == 5
    assert rf.side_holding(weights, share + 1e-6) == 7
    assert rf.side_holding(weights, 1) == 9


def test_a_square_about_a_half_pixel_has_an_even_side():
    assert rf.side_holding(np.ones((4, 4)), 0.25) == 2
    assert rf.side_holding(np.ones((4, 4)), 0.26) == 4
    assert rf.side_holding(np.eye(5), 1, centre=(0, 0)) == 9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rf.Layer(0), "kernel must be at least 1, got 0"),
        (lambda: rf.Layer(3, padding=-1), "padding must be at least 0, got -1"),
        (lambda: rf.layer_of(nn.Upsample(scale_factor=2), "up"), r"don't know what Upsample \(up\) does"),
        (lambda: rf.model_fields(nn.Sequential(nn.Upsample(scale_factor=2))), "don't know what|cannot follow"),
        (lambda: rf.gradient_map(nn.Flatten(), torch.zeros(1, 1, 3, 3)), r"got shape \(1, 9\)"),
        (
            lambda: rf.gradient_map(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 3, 3), (3, 0)),
            r"unit \(3, 0\) is not on a map",
        ),
        (lambda: rf.extent(np.zeros((3, 3))), "nothing moves this unit"),
        (lambda: rf.side_holding(np.ones((3, 3)), 0), "share must be above 0"),
    ],
)
def test_bad_arguments_get_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_branches_that_do_not_fit_are_named():
    class Bad(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1, 2)

        def forward(self, x):
            return self.a(x) + self.b(x)

    with pytest.raises(ValueError, match=r"jumps \[1, 2\] meet at add"):
        rf.model_fields(Bad())
