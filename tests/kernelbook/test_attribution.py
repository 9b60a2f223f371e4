"""Every map equals an independent computation: finite differences, a loop, a formula of the paper, or scipy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from kernelbook import attribution, checkpoints, data, models
from kernelbook.checkpoints.texture_cnn import StagedCNN

SIZES = st.integers(5, 11)


def network(channels=2, classes=3, seed=0):
    """conv - ReLU - conv - ReLU - GAP - linear, float64, with weights of both signs."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, classes),
    ).double()


def pictures(number=2, channels=2, height=7, width=9, seed=0):
    return torch.randn(number, channels, height, width, generator=torch.Generator().manual_seed(seed)).double()


@settings(max_examples=15, deadline=None)
@given(height=SIZES, width=SIZES, seed=st.integers(0, 99))
def test_the_gradient_is_that_of_finite_differences(height, width, seed):
    model, x = network(seed=seed), pictures(2, 2, height, width, seed)
    target = torch.tensor([2, 0])
    found = attribution.gradient(model, x, target)
    assert found.shape == x.shape
    step = 1e-6
    for n, c, i, j in [(0, 0, 0, 0), (1, 1, height - 1, width - 1), (0, 1, height // 2, 1)]:
        moved = torch.zeros_like(x)
        moved[n, c, i, j] = step
        scores = [model(x + sign * moved)[n, target[n]].item() for sign in (1, -1)]
        assert found[n, c, i, j].item() == pytest.approx((scores[0] - scores[1]) / (2 * step), abs=1e-6)


def test_saliency_and_gradient_times_input_are_made_of_the_gradient():
    model, x = network(), pictures()
    slope = attribution.gradient(model, x, 1).numpy()
    np.testing.assert_array_equal(attribution.saliency(model, x, 1), np.abs(slope).max(1))
    np.testing.assert_allclose(attribution.gradient_times_input(model, x, 1), (slope * x.numpy()).sum(1))


def test_nothing_is_left_behind_in_the_network():
    model, x = network(), pictures()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    attribution.gradient(model, x, 0)
    attribution.guided_backprop(model, x, 0)
    attribution.grad_cam(model, model[3], x, 0)
    attribution.maximise_activation(lambda z: model(z)[:, 0], x, steps=2)
    attribution.randomised(model)
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model[3]._forward_hooks
    assert not x.requires_grad


def test_integrated_gradients_share_out_the_whole_change():
    model, x = network(), pictures()
    for baseline in (0.3, torch.full((2, 7, 9), -0.1, dtype=torch.float64)):
        found = attribution.integrated_gradients(model, x, 1, baseline, steps=100)
        start = torch.zeros_like(x) + baseline
        change = (model(x) - model(start))[:, 1]
        torch.testing.assert_close(found.sum((1, 2)), change, rtol=1e-2, atol=1e-3)


def test_integrated_gradients_of_a_linear_network_are_gradient_times_input_exactly():
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 7 * 9, 3)).double()
    x = pictures()
    found = attribution.integrated_gradients(model, x, 2, steps=3)
    torch.testing.assert_close(found, attribution.gradient_times_input(model, x, 2))


def test_integrated_gradients_of_a_square_are_exact_with_any_number_of_midpoints():
    x = pictures()
    for steps in (1, 3):
        found = attribution.integrated_gradients(lambda z: z.square().sum((1, 2, 3))[:, None], x, 0, 0.5, steps)
        torch.testing.assert_close(found, (x.square() - 0.25).sum(1))


def chain(x, first, second, rule):
    """Both rules for relu(first x), relu(second .), sum, backwards by hand with matrices."""
    a = first @ x
    b = second @ np.maximum(a, 0)
    up = np.ones_like(b)
    up = np.maximum(up, 0) * (b > 0) if rule == "guided" else np.maximum(up, 0)
    down = second.T @ up
    down = np.maximum(down, 0) * (a > 0) if rule == "guided" else np.maximum(down, 0)
    return np.abs(first.T @ down)


@pytest.mark.parametrize("functional", [True, False])
@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_the_other_relus_are_those_of_the_papers(rule, functional):
    random = np.random.default_rng(3)
    first, second, x = random.normal(size=(6, 4)), random.normal(size=(5, 6)), random.normal(size=4)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, z):
            rectify = torch.relu if functional else self.relu
            a = rectify(z.flatten(1) @ torch.tensor(first).T)
            return rectify(a @ torch.tensor(second).T).sum(1, keepdim=True)

    method = attribution.guided_backprop if rule == "guided" else attribution.deconvnet
    found = method(Model(), torch.tensor(x).reshape(1, 1, 2, 2), 0)
    np.testing.assert_allclose(found[0].ravel(), chain(x, first, second, rule))
    plain = attribution.saliency(Model(), torch.tensor(x).reshape(1, 1, 2, 2), 0)
    assert not torch.allclose(plain, found)  # and the rule is switched off again


@settings(max_examples=15, deadline=None)
@given(height=SIZES, width=SIZES, seed=st.integers(0, 99))
def test_grad_cam_equals_the_class_activation_map_of_a_network_with_global_pooling(height, width, seed):
    model, x = network(seed=seed), pictures(3, 2, height, width, seed)
    target = torch.tensor([0, 2, 1])
    maps = attribution.activations(model, model[3], x)
    cam = attribution.class_activation_map(maps, model[6].weight.detach(), target)
    found = attribution.grad_cam(model, model[3], x, target, rectify=False)
    cells = maps.shape[2] * maps.shape[3]
    torch.testing.assert_close(found * cells, cam)
    torch.testing.assert_close(attribution.grad_cam(model, model[3], x, target) * cells, cam.clamp(min=0))
    scores = model(x).gather(1, target[:, None])[:, 0]
    torch.testing.assert_close(cam.mean((1, 2)) + model[6].bias[target], scores)


def test_grad_cam_of_an_earlier_layer_is_the_papers_formula():
    model, x = network(seed=4), pictures(2)
    maps = model[:2](x).detach().requires_grad_()  # slopes differ from place to place here
    (slope,) = torch.autograd.grad(model[2:](maps)[:, 1].sum(), maps)
    weights, values = slope.numpy().mean((2, 3)), maps.detach().numpy()
    expected = np.einsum("nk,nkij->nij", weights, values)
    np.testing.assert_allclose(attribution.grad_cam(model, model[1], x, 1, rectify=False), expected)
    assert slope.std((2, 3)).max() > 0.001


def test_the_stored_networks_have_layers_for_grad_cam():
    wafer, texture = checkpoints.load("wafer_cnn"), checkpoints.load("texture_cnn")
    x = torch.from_numpy(data.wafers(3, 32, 5)[0])
    torch.testing.assert_close(
        attribution.grad_cam(wafer, wafer.relus[-1], x, 4, rectify=False) * 64, wafer.cam(x)[:, 4].detach()
    )
    assert isinstance(texture, StagedCNN)
    maps = nn.Sequential(*texture.stages)(x)
    cam = attribution.class_activation_map(maps, texture.head.weight, 2).detach()
    torch.testing.assert_close(attribution.grad_cam(texture, texture.stages[-1], x, 2, rectify=False) * 16, cam)


@settings(max_examples=20, deadline=None)
@given(
    height=SIZES,
    width=SIZES,
    window=st.integers(1, 5),
    stride=st.integers(1, 4),
    fill=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 99),
)
def test_occlusion_covers_one_square_at_a_time(height, width, window, stride, fill, seed):
    model, x = network(seed=seed), pictures(2, 2, height, width, seed)
    found = attribution.occlusion(model, x, 1, window, stride, fill)
    rows, columns = (1 + (side - window) // stride for side in (height, width))
    assert found.shape == (2, rows, columns)
    random = np.random.default_rng(seed)
    for _ in range(3):
        n, i, j = random.integers(2), random.integers(rows), random.integers(columns)
        mask = torch.zeros(height, width, dtype=torch.bool)
        mask[i * stride : i * stride + window, j * stride : j * stride + window] = True
        alone = torch.where(mask, fill, x[n : n + 1])  # one picture, masked in another way
        expected = (model(x[n : n + 1]) - model(alone))[0, 1].item()
        assert found[n, i, j].item() == pytest.approx(expected, abs=1e-12)
    spread = attribution.per_pixel(found, (height, width), window, stride)
    sums, counts = np.zeros((2, height, width)), np.zeros((height, width))
    for i in range(rows):
        for j in range(columns):
            square = (slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
            sums[:, *square] += found[:, i, j, None, None].numpy()
            counts[square] += 1
    np.testing.assert_allclose(spread, sums / np.maximum(counts, 1), atol=1e-12)


def test_occlusion_of_a_sum_is_what_lies_under_the_window():
    x = torch.arange(20.0).reshape(1, 1, 4, 5).double()
    found = attribution.occlusion(lambda z: z.sum((1, 2, 3))[:, None], x, 0, 2)
    torch.testing.assert_close(found, 4 * F.avg_pool2d(x, 2, 1)[:, 0])


def test_attention_rollout_follows_the_ways_by_hand():
    random = np.random.default_rng(0)
    heads = random.random((2, 3, 4, 10, 10))
    heads /= heads.sum(-1, keepdims=True)
    found = attribution.attention_rollout(torch.tensor(heads))
    for n in range(2):
        flow = np.eye(10)
        for layer in heads[n].mean(1):
            flow = (0.5 * layer + 0.5 * np.eye(10)) @ flow
        np.testing.assert_allclose(found[n], flow[0, 1:].reshape(3, 3))
        assert flow.sum(1) == pytest.approx(1)


def test_activation_maximisation_finds_the_known_best_picture():
    filter_ = torch.randn(1, 1, 5, 4, generator=torch.Generator().manual_seed(1)).double()
    best = (filter_ > 0).double()  # a linear unit wants 1 where its weight is positive and 0 elsewhere
    start = torch.full((1, 1, 5, 4), 0.5, dtype=torch.float64)
    found = attribution.maximise_activation(lambda z: (z * filter_).sum((1, 2, 3)), start, steps=400)
    torch.testing.assert_close(found, best)


def test_activation_maximisation_raises_the_score_and_stays_within_limits():
    model = checkpoints.load("wafer_cnn")
    start = torch.full((9, 1, 32, 32), 0.5)
    classes = torch.arange(9)

    def unit(z):
        return model(z).gather(1, classes[:, None])[:, 0]

    for smooth in (0.0, 0.5):
        found = attribution.maximise_activation(unit, start, steps=30, rate=0.2, smooth=smooth)
        assert (unit(found) > unit(start)).all()
        assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "efficientnet_b0", "alexnet"])
def test_the_first_convolution_is_found_whatever_its_name(name):
    with torch.device("meta"):
        found = attribution.first_convolution(models.build(name))
    assert found.in_channels == 3
    with pytest.raises(ValueError, match="Linear has no two-dimensional convolution"):
        attribution.first_convolution(nn.Linear(2, 2))


def test_filters_are_scaled_each_by_itself_or_all_together():
    weights = torch.stack([torch.linspace(-1, 1, 12), torch.linspace(0, 0.1, 12), torch.full((12,), 0.5)])
    weights = weights.reshape(3, 1, 3, 4)
    each, together = (attribution.to_unit_range(weights, choice) for choice in (True, False))
    assert each[:2].amin((1, 2, 3)).tolist() == [0, 0]
    assert each[:2].amax((1, 2, 3)).tolist() == [1, 1]
    assert each[2].abs().max() == 0
    torch.testing.assert_close(together, (weights + 1) / 2)


def test_randomising_takes_the_last_layers_first():
    model = checkpoints.load("wafer_cnn")
    for layers in range(6):
        other = attribution.randomised(model, layers, seed=3)
        changed = [
            not torch.equal(one.weight, two.weight)
            for one, two in zip([*model.convs, model.head], [*other.convs, other.head], strict=True)
        ]
        assert changed == [place >= 5 - layers for place in range(5)]
    again, another = (attribution.randomised(model, seed=seed) for seed in (3, 4))
    assert torch.equal(other.head.weight, again.head.weight)
    assert not torch.equal(other.head.weight, another.head.weight)
    with pytest.raises(ValueError, match="has 5 layers with weights, asked for 6"):
        attribution.randomised(model, 6)


def test_randomising_reaches_every_weight_and_leaves_torchs_own_randomness_alone():
    for name in ("wafer_vit", "texture_cnn"):
        model = checkpoints.load(name)
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        other = attribution.randomised(model)
        assert torch.equal(torch.rand(3), expected)
        kept = {
            key for key, value in model.named_parameters() if torch.equal(value, dict(other.named_parameters())[key])
        }
        assert kept <= {"class_token", "encoder.pos_embedding"}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), levels=st.integers(2, 50))
def test_rank_correlation_is_scipys_with_ties(seed, levels):
    random = np.random.default_rng(seed)
    one, other = random.integers(0, levels, (2, 3, 5, 4)).astype(float)
    found = attribution.rank_correlation(torch.tensor(one), torch.tensor(other))
    for n in range(3):
        if len(np.unique(one[n])) > 1 and len(np.unique(other[n])) > 1:
            assert found[n].item() == pytest.approx(spearmanr(one[n].ravel(), other[n].ravel()).statistic)


def test_rank_correlation_knows_equal_opposite_and_flat_maps():
    x = pictures(3, 1)[:, 0]
    assert attribution.rank_correlation(x, x.exp()).tolist() == pytest.approx([1] * 3)
    assert attribution.rank_correlation(x, -x).tolist() == pytest.approx([-1] * 3)
    assert attribution.rank_correlation(x, torch.zeros_like(x)).tolist() == [0] * 3


def test_mass_counts_what_is_positive():
    maps = torch.tensor([[[1.0, 3], [-7, 0]], [[-1, -1], [-1, -1]], [[2, 2], [2, 2]]])
    places = torch.tensor([[[0, 1], [1, 0]]] * 3).bool()
    assert attribution.mass_on(maps, places).tolist() == [0.75, 0, 0.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: attribution.occlusion(m, x, 0, 8), "window of 8 does not fit into 7 x 9"),
        (lambda m, x: attribution.grad_cam(m, m[5], x, 0), r"answers \(N, C, h, w\), got \(2, 5\)"),
        (lambda m, x: attribution.grad_cam(m, nn.ReLU(), x, 0), "took no part"),
        (lambda m, x: attribution.gradient(m[:4], x, 0), r"scores \(N, classes\), got \(2, 5, 4, 5\)"),
        (lambda m, x: attribution.class_activation_map(x, m[6].weight, 0), r"got \(2, 2, 7, 9\) and \(3, 5\)"),
        (lambda m, x: attribution.attention_rollout(torch.ones(1, 1, 1, 6, 6)), "side²"),
        (lambda m, x: attribution.rank_correlation(x[:, 0], x[:, 0, 1:]), "two maps"),
        (lambda m, x: attribution.mass_on(x[:, 0], x[:, 0, 1:]), "maps and places"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call(network(), pictures())
