"""The architectures are those of the papers and of torchvision: the same counts, and the same answers."""

import copy
import warnings

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kernelbook import models
from kernelbook.models import alexnet, convnext, efficientnet, googlenet, lenet, mobilenet_v1, parts, resnet, vit

# Parameters, and multiply-adds in billions at the network's own picture size.
COUNTS = {
    "alexnet": (61_100_840, 0.714),
    "alexnet_2012": (60_965_224, 0.724),
    "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
    "mobilenet_v1": (4_231_976, 0.569),
    "mobilenet_v2": (3_504_872, 0.301),
    "efficientnet_b0": (5_288_548, 0.386),
    "efficientnet_b7": (66_347_960, 37.746),
    "convnext_tiny": (28_589_128, 4.456),
    "convnext_small": (50_223_688, 8.684),
    "convnext_base": (88_591_464, 15.355),
    "convnext_large": (197_767_336, 34.361),
    "vit_b_16": (86_567_656, 17.564),
    "vit_l_16": (304_326_632, 61.555),
}

# Ours, and options under which it is torchvision's. Large ones are compared on small pictures.
TWINS = {
    "alexnet": ({}, 95),
    "vgg11": ({}, 40),
    "googlenet": ({"large": 3}, 97),
    "resnet18": ({}, 65),
    "resnet34": ({}, 64),
    "resnet50": ({}, 65),
    "resnet101": ({}, 40),
    "mobilenet_v2": ({}, 65),
    "efficientnet_b0": ({}, 65),
    "efficientnet_b2": ({}, 48),
    "convnext_tiny": ({}, 68),
}


def theirs(name, device="cpu", **options):
    """torchvision's network with random weights; batch norm's memories too, so that every number matters."""
    with warnings.catch_warnings(), torch.device(device):
        warnings.simplefilter("ignore")
        return torchvision.models.get_model(name, weights=None, **options)


def randomise(model, seed=0):
    """Every parameter and buffer gets a number of its own, of a size that keeps the answers within bounds."""
    random = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=random)
        elif tensor.ndim > 1 and tensor[0].numel() > 1:
            tensor.normal_(0, (1.5 / tensor[0].numel()) ** 0.5, generator=random)
        else:
            tensor.uniform_(-0.2, 0.2, generator=random).add_(float(name.endswith("weight")))
    return model.double().eval()


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_the_reference_numbers(name):
    with torch.device("meta"):
        total = models.summary(models.build(name), models.input_shape(name)).total
    parameters, billions = COUNTS[name]
    assert total.parameters == parameters
    assert round(total.multiply_adds / 1e9, 3) == billions
    assert total.output == (1000,)


@pytest.mark.parametrize("name", sorted(set(COUNTS) - {"alexnet_2012", "mobilenet_v1"} | {"vgg11", "vgg13"}))
def test_counts_are_torchvisions(name):
    other = theirs(name, device="meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        side = 224  # torchvision's attention is one fused call that its counter can't see on this device
        if not name.startswith("vit"):
            other(torch.empty(1, 3, side, side, device="meta"))
    with torch.device("meta"):
        ours = models.summary(models.build(name), (3, side, side)).total
    assert ours.parameters == sum(p.numel() for p in other.parameters())
    if not name.startswith("vit"):
        assert 2 * ours.multiply_adds == counter.get_total_flops()
    recorded = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert ours.parameters == recorded["num_params"]
    if models.input_shape(name)[1] == side:
        assert ours.multiply_adds / 1e9 == pytest.approx(recorded["_ops"], abs=6e-4)


@pytest.mark.parametrize("name", TWINS)
def test_torchvisions_weights_give_torchvisions_answers(name):
    options, side = TWINS[name]
    extra = {"aux_logits": False} if name == "googlenet" else {}
    other = randomise(theirs(name, **extra))
    model = models.build(name, **options).double().eval()
    models.load_in_order(model, other.state_dict())
    x = torch.randn(2, 3, side, side + 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, answer = other(x), model(x)
    assert expected.std() > 1e-3  # the weights and the picture matter
    torch.testing.assert_close(answer, expected, rtol=1e-9, atol=1e-9)


def test_transformer_with_torchvisions_weights():
    small = vit.Size(blocks=2, width=48, hidden=80, heads=4)
    other = randomise(torchvision.models.VisionTransformer(32, 8, 2, 4, 48, 80, num_classes=7))
    model = models.VisionTransformer(small, patch=8, classes=7, side=32).double().eval()
    models.load_in_order(model, other.state_dict())
    x = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), other(x), rtol=1e-9, atol=1e-9)


def test_b7s_normalisation_is_torchvisions():
    norms = [m for m in theirs("efficientnet_b7", "meta").modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.device("meta"):
        ours = [m for m in models.build("efficientnet_b7").modules() if isinstance(m, nn.BatchNorm2d)]
    assert [(n.eps, n.momentum, n.num_features) for n in ours] == [(n.eps, n.momentum, n.num_features) for n in norms]


def test_stochastic_depth_and_dropout_are_torchvisions():
    for name in ("efficientnet_b0", "efficientnet_b3", "convnext_tiny", "convnext_base", "mobilenet_v2", "googlenet"):
        with torch.device("meta"):
            ours = models.build(name)
        other = theirs(name, "meta", **({"aux_logits": False} if name == "googlenet" else {}))
        rates = [m.rate for m in ours.modules() if isinstance(m, parts.StochasticDepth)]
        expected = [m.p for m in other.modules() if isinstance(m, torchvision.ops.StochasticDepth)]
        assert rates == pytest.approx(expected)
        drops = [[m.p for m in net.modules() if isinstance(m, nn.Dropout)] for net in (ours, other)]
        assert drops[0] == drops[1]


LARGER = {f"efficientnet_b{i}" for i in range(1, 8)} | {"resnet101", "resnet152", "convnext_small", "convnext_base"}


@pytest.mark.parametrize("name", [name for name in models.BUILDERS if name not in LARGER])  # made as their sisters are
def test_classes_can_be_chosen_and_rows_add_up(name):
    options = {} if name == "lenet5" else {"classes": 9}
    with torch.device("meta"):
        model = models.build(name, **options)
    for depth in (None, 1, 2):
        costs = models.summary(model, models.input_shape(name), depth)
        assert costs.total.output == (options.get("classes", 10),)
        for column in ("parameters", "multiply_adds", "activations", "dense"):
            assert sum(getattr(row, column) for row in costs.rows) == getattr(costs.total, column), column


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(ValueError, match=r"unknown architecture 'resnet51'.*resnet50"):
        models.build("resnet51")
    with pytest.raises(ValueError, match="unknown architecture"):
        models.input_shape("vgg")
    with pytest.raises(ValueError, match=r"11, 13, 16, 19, got 12"):
        models.VGG(12)
    with pytest.raises(ValueError, match="got 20"):
        models.ResNet(20)
    with pytest.raises(ValueError, match="got 'b8'"):
        models.EfficientNet("b8")
    with pytest.raises(ValueError, match="got 'huge'"):
        models.ConvNeXt("huge")
    with pytest.raises(ValueError, match="don't fill"):
        models.VisionTransformer("b", patch=15)
    with pytest.raises(ValueError, match="got -1"):
        models.MobileNetV1(width=-1)
    with pytest.raises(ValueError, match="got 'last'"):
        resnet.Bottleneck(64, 64, stride_at="last")


def test_weights_that_do_not_fit_are_refused():
    model = models.build("lenet5_modern")
    state = model.state_dict()
    with pytest.raises(ValueError, match="10 tensors, but 9 came"):
        models.load_in_order(model, dict(list(state.items())[:-1]))
    with pytest.raises(ValueError, match=r"0.weight has shape \(6, 1, 5, 5\), but 0.weight has \(1, 6, 5, 5\)"):
        models.load_in_order(model, {**state, "0.weight": state["0.weight"].transpose(0, 1)})


# LeNet-5


def test_lenet_of_1998_has_the_papers_layers():
    costs = models.summary(models.LeNet5(), (1, 32, 32))
    assert [(row.name, row.output, row.parameters) for row in costs.rows] == [
        ("c1", (6, 28, 28), 156),
        ("s2", (6, 14, 14), 12),
        ("c3", (16, 10, 10), 1_516),
        ("s4", (16, 5, 5), 32),
        ("c5", (120, 1, 1), 48_120),
        ("f6", (84,), 10_164),
    ]
    assert costs.total.parameters == 60_000
    assert models.summary(models.LeNet5Modern(), (1, 32, 32)).total.parameters == 61_706


def test_c3_is_wired_by_the_table():
    layer = models.LeNet5().c3
    x = torch.randn(1, 6, 14, 14, requires_grad=True)
    for f, wired in enumerate(lenet.CONNECTIONS):
        (slope,) = torch.autograd.grad(layer(x)[0, f].sum(), x)
        assert tuple(slope.abs().sum((0, 2, 3)).nonzero().flatten().tolist()) == wired
    assert sum(map(len, lenet.CONNECTIONS)) == 60
    assert [len(wired) for wired in lenet.CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert all(sum(c in wired for wired in lenet.CONNECTIONS) == 10 for c in range(6))  # table I, row by row
    layer(x).sum().backward()
    assert layer.weight.grad.abs().sum((1, 2)).min() > 0  # every kernel learns
    with pytest.raises(ValueError, match="reads map 6"):
        lenet.PartialConvolution(6, ((0, 6),), 5)


def test_c3_with_a_full_table_is_an_ordinary_convolution():
    layer, full = lenet.PartialConvolution(3, ((0, 1, 2),) * 4, 5), nn.Conv2d(3, 4, 5)
    with torch.no_grad():
        full.weight.copy_(layer.weight.reshape(4, 3, 5, 5))
        full.bias.copy_(layer.bias.normal_())
        x = torch.randn(2, 3, 9, 11)
        torch.testing.assert_close(layer(x), full(x))


def test_subsampling_weighs_the_sum_of_each_block():
    layer = lenet.Subsampling(2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, -0.5]))
        layer.bias.copy_(torch.tensor([0.0, 3.0]))
        answer = layer(torch.arange(16.0).reshape(1, 2, 2, 4))
    assert answer.tolist() == [[[[0 + 1 + 4 + 5, 2 + 3 + 6 + 7]], [[3 - 21, 3 - 25]]]]


def test_digits_are_pictures_and_the_nearest_wins():
    codes = lenet.digit_codes()
    assert codes.shape == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    distance = (codes[:, None] != codes).sum(2)
    assert (distance + 84 * torch.eye(10)).min() >= 5  # no two look alike
    assert (lenet.Distances(codes)(codes + 0.3).argmax(1) == torch.arange(10)).all()
    assert lenet.Distances(codes)(codes)[3, 5] == -4 * distance[3, 5]
    assert lenet.ScaledTanh()(torch.tensor([1.0, -1.0])).tolist() == pytest.approx([1, -1], abs=1e-3)


# AlexNet


def test_alexnet_of_2012_keeps_its_halves_apart():
    with torch.device("meta"):
        rows = models.summary(models.build("alexnet_2012"), (3, 224, 224)).rows
    assert [row.parameters for row in rows if row.parameters] == [
        *(34_944, 307_456, 885_120, 663_936, 442_624),
        *(37_752_832, 16_781_312, 4_097_000),
    ]
    assert [row.output[1] for row in rows if len(row.output) == 3 and row.parameters] == [55, 27, 13, 13, 13]
    features = alexnet.AlexNet2012(classes=2).features
    second = next(m for m in features if isinstance(m, nn.Conv2d) and m.in_channels == 96)
    x = torch.randn(1, 96, 7, 7, requires_grad=True)
    (slope,) = torch.autograd.grad(second(x)[0, :128].sum(), x)
    assert slope[0, :48].abs().min() > 0
    assert slope[0, 48:].abs().max() == 0


def test_response_normalisation_is_the_papers_formula():
    layer = next(m for m in alexnet.AlexNet2012(classes=2).features if isinstance(m, nn.LocalResponseNorm))
    a = 30 * torch.rand(1, 9, 1, 1, dtype=torch.float64)
    for i in range(9):
        near = a[0, max(0, i - 2) : i + 3].square().sum()
        assert layer(a)[0, i].item() == pytest.approx((a[0, i] / (2 + 1e-4 * near) ** 0.75).item(), rel=1e-9)


# GoogLeNet


def test_auxiliary_heads_answer_while_training_and_are_torchvisions():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = torchvision.models.GoogLeNet(num_classes=5, init_weights=False, dropout=0.0, dropout_aux=0.0)
    other = randomise(other).train()
    model = models.GoogLeNet(5, auxiliary=True, large=3, dropout=0.0, dropout_aux=0.0).double()
    models.load_in_order(model, other.state_dict())
    x = torch.randn(3, 3, 64, 96, dtype=torch.float64)
    for answer, expected in zip(model(x), (lambda o: (o.logits, o.aux_logits1, o.aux_logits2))(other(x)), strict=True):
        torch.testing.assert_close(answer, expected, rtol=1e-7, atol=1e-8)
    assert model.eval()(x).shape == (3, 5)


def test_googlenet_counts_with_and_without_heads_and_with_its_true_kernel():
    with torch.device("meta"):
        count = {
            (large, aux): models.summary(models.GoogLeNet(auxiliary=aux, large=large), (3, 224, 224)).total
            for large in (3, 5)
            for aux in (False, True)
        }
    assert count[3, False].parameters == 6_624_904
    assert round(count[3, False].multiply_adds / 1e9, 3) == 1.498
    assert count[3, True].parameters == 13_004_888
    wider = sum((25 - 9) * b.reduce_five * b.five for b in googlenet.BLOCKS.values())
    assert count[5, False].parameters == 6_624_904 + wider
    assert [b.out for b in googlenet.BLOCKS.values()] == [256, 480, 512, 512, 512, 528, 832, 832, 1024]


# ResNet


@pytest.mark.parametrize("depth", resnet.LAYERS)
def test_depth_counts_layers_with_weights_without_projections(depth):
    with torch.device("meta"):
        model = models.ResNet(depth)
    blocks = [m for m in model.modules() if isinstance(m, resnet.Basic | resnet.Bottleneck)]
    convolutions = sum(isinstance(m, nn.Conv2d) for block in blocks for m in block.residual.modules())
    assert 1 + convolutions + 1 == depth


def test_stride_of_the_paper_costs_the_papers_work():
    with torch.device("meta"):
        paper, later = (models.summary(models.ResNet(50, stride_at=at), (3, 224, 224)) for at in ("first", "middle"))
    assert paper.total.parameters == later.total.parameters
    assert round(paper.total.multiply_adds / 1e9, 1) == 3.9  # table 1 of the paper says 3.8
    assert paper.total.multiply_adds < later.total.multiply_adds
    with torch.no_grad():
        block = resnet.Bottleneck(8, 4, 2, "first").eval()
        x = torch.randn(1, 8, 8, 8)
        blind = x.clone()
        blind[..., 1::2, :] = 0
        blind[..., 1::2] = 0
        assert torch.equal(block(x), block(blind))  # three pixels in four are ignored
        block = resnet.Bottleneck(8, 4, 2, "middle").eval()
        assert not torch.equal(block(x), block(blind))


def test_a_block_whose_last_gain_is_zero_is_the_identity_on_what_a_relu_lets_through():
    model = models.ResNet(18, classes=3, zero_last=True).eval()
    block = model.stages[0][1]
    x = torch.randn(2, 64, 5, 6)
    assert torch.equal(block(x.relu()), x.relu())
    assert not torch.equal(block(x), x)  # the ReLU after the sum
    assert isinstance(block.shortcut, nn.Identity)
    for c_in, c_out, stride in ((8, 16, 1), (8, 8, 2)):  # more maps, or smaller ones
        assert not isinstance(resnet.projection(c_in, c_out, stride), nn.Identity)


# MobileNets, EfficientNet, ConvNeXt, ViT


def test_mobilenet_and_its_twin_have_the_papers_counts():
    def counts(**options):
        with torch.device("meta"):
            total = models.summary(models.MobileNetV1(**options), (3, 224, 224)).total
        return total.parameters, round(total.multiply_adds / 1e6)

    assert counts() == (4_231_976, 569)
    assert counts(split=False) == (29_294_088, 4867)  # table 4: 29.3 million, 4866
    assert [counts(width=w)[1] for w in (0.75, 0.5, 0.25)] == [325, 149, 41]  # table 6
    assert [round(counts(width=w)[0] / 1e6, 1) for w in (0.75, 0.5, 0.25)] == [2.6, 1.3, 0.5]
    assert len(mobilenet_v1.BLOCKS) == 13


def test_channels_are_rounded_as_in_torchvision():
    from torchvision.models._utils import _make_divisible

    for channels in [x / 4 for x in range(1, 4000)]:
        assert parts.divisible(channels) == _make_divisible(channels, 8)


def test_compound_scaling_doubles_the_work():
    assert efficientnet.compound(0) == (1, 1, 1, 1)
    depth, width, side, work = efficientnet.compound(1)
    assert (depth, width, side) == (1.2, 1.1, 1.15)
    assert work == pytest.approx(1.92, abs=0.005)
    assert efficientnet.compound(3)[3] == pytest.approx(work**3)


def test_stochastic_depth_drops_whole_pictures_and_keeps_the_mean():
    torch.manual_seed(0)
    layer, x = parts.StochasticDepth(0.25), torch.ones(4000, 2, 3, 3, dtype=torch.float64)
    ratio = layer.train()(x).flatten(1)
    assert (ratio == ratio[:, :1]).all()
    assert ratio.unique().tolist() == pytest.approx([0, 4 / 3])
    assert ratio.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(layer.eval()(x), x)
    assert repr(layer) == "StochasticDepth(rate=0.25)"
    with pytest.raises(ValueError, match=r"got 1\.0"):
        parts.StochasticDepth(1.0)


def test_a_convnext_block_starts_nearly_as_the_identity_and_learns():
    block, x = convnext.Block(8), torch.randn(2, 8, 9, 7)
    assert (block(x) - x).abs().max() < 1e-4
    block(x).sum().backward()
    assert block.scale.grad.abs().min() > 0


def test_attention_is_torchs_own():
    layer, x = vit.SelfAttention(24, 3).double(), torch.randn(2, 5, 24, dtype=torch.float64)
    theirs = nn.MultiheadAttention(24, 3, batch_first=True, dtype=torch.float64)
    models.load_in_order(theirs, layer.state_dict())
    torch.testing.assert_close(layer(x), theirs(x, x, x)[0])
    with pytest.raises(ValueError, match="5 heads can't share 24"):
        vit.SelfAttention(24, 5)
    with pytest.raises(ValueError, match=r"expected pictures of 32 x 32 pixels, got \(32, 40\)"):
        models.VisionTransformer(vit.Size(1, 8, 8, 2), 8, side=32)(torch.zeros(1, 3, 32, 40))


@pytest.mark.parametrize("name", ["lenet5", "lenet5_modern", "mobilenet_v1", "efficientnet_b0"])
def test_every_parameter_learns(name):
    torch.manual_seed(0)
    model = models.build(name).train()
    c, side, _ = models.input_shape(name)
    model(torch.randn(4, c, min(side, 64), min(side, 64))).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


# Summary


def test_single_layers_cost_what_the_formulas_say():
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from kernelbook import ops

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.tuples(*[st.integers(1, 4)] * 2), st.data())
    def check(groups, a, b, kernel, draw):
        c_in, c_out = groups * a, groups * b
        stride, padding = draw.draw(st.integers(1, 3)), draw.draw(st.integers(0, 2))
        height, width = draw.draw(st.integers(5, 12)), draw.draw(st.integers(5, 12))
        layer = nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups)
        total = models.summary(layer, (c_in, height, width)).total
        o_h, o_w = layer(torch.zeros(1, c_in, height, width)).shape[2:]
        assert total.output == (c_out, o_h, o_w)
        assert total.parameters == ops.parameters(c_in, c_out, kernel, groups)
        assert total.multiply_adds == ops.multiply_adds(c_in, c_out, kernel, (o_h, o_w), groups)
        assert total.activations == c_out * o_h * o_w

    check()
    dense = models.summary(nn.Linear(7, 5), (7,)).total
    assert (dense.parameters, dense.multiply_adds, dense.activations, dense.dense) == (40, 35, 5, 40)


def test_summary_leaves_the_model_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    before = copy.deepcopy(model.state_dict())
    models.summary(model, (1, 5, 5))
    assert model.training
    assert not model[0]._forward_hooks
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))
    assert next(model.parameters()).device.type == "cpu"


def test_summary_as_a_table():
    text = str(models.summary(models.LeNet5Modern(), (1, 32, 32)))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "answer", "parameters", "multiply-adds"]
    assert lines[1].split() == ["0", "6", "×", "28", "×", "28", "156", "117,600"]
    assert lines[-1].split() == ["total", "10", "61,706", "416,520"]
    assert len({len(line) for line in lines}) == 1
    parts_only = models.summary(models.ResNet(18), (3, 64, 64), depth=1)
    assert [row.name for row in parts_only.rows] == ["stem", "stages", "head"]


def test_summary_takes_the_models_own_precision():
    costs = [
        models.summary(models.LeNet5Modern().to(precision), (1, 32, 32)) for precision in (torch.float64, torch.half)
    ]
    assert costs[0] == costs[1]


def test_summary_refuses_what_it_cannot_measure():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        models.summary(nn.Linear(2, 2), (2,), depth=0)
    with pytest.raises(ValueError, match=r"doesn't take inputs of shape \(1, 2, 8, 8\)"):
        models.summary(nn.Conv2d(3, 4, 3), (2, 8, 8))


def test_attention_has_a_row_for_its_own_products():
    model = models.VisionTransformer(vit.Size(1, 48, 96, 4), 8, side=32)
    rows = {row.name: row for row in models.summary(model, (3, 32, 32)).rows}
    tokens = 4 * 4 + 1
    assert rows["encoder.blocks.0.attention"].multiply_adds == 2 * tokens**2 * 48
    assert rows["encoder.blocks.0.attention.qkv"].multiply_adds == 3 * tokens * 48**2
    assert rows["encoder"].parameters == tokens * 48
