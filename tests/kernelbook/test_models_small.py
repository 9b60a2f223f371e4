"""The small networks of chapter 6 differ in their bodies only, and comparing them is fair."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import models
from kernelbook.models import resnet, small


def test_a_pair_with_its_shortcut_is_resnets_block():
    ours, theirs = small.Pair(4).double(), resnet.Basic(4, 4).double()
    models.load_in_order(ours, theirs.state_dict())
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    assert torch.equal(ours(x), theirs(x))
    plain = small.Pair(4, shortcut=False).double()
    plain.load_state_dict(ours.state_dict())
    assert torch.equal(plain.eval()(x), F.relu(ours.eval().residual(x)))


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("norm", [True, False])
def test_a_shortcut_adds_no_parameter(blocks, norm):
    nets = [small.chain(blocks, shortcut, norm) for shortcut in (False, True)]
    counts = [[p.numel() for p in net.parameters()] for net in nets]
    assert counts[0] == counts[1]
    weighty = [m for m in nets[0].modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighty) == 2 * blocks + 2
    assert nets[0](torch.zeros(2, 1, 16, 16, dtype=torch.float64)).shape == (2, 9)


@pytest.mark.parametrize("step", range(5))
def test_every_step_towards_convnext_keeps_shape_and_about_the_work(step):
    costs = [models.summary(small.modernised(s), (1, 16, 16)).total for s in (0, step)]
    assert costs[1].output == (9,)
    assert costs[1].multiply_adds == pytest.approx(costs[0].multiply_adds, rel=0.25)
    with pytest.raises(ValueError, match="0 to 4, got 5"):
        small.modernised(5)


def test_gradient_norms_are_those_of_the_loss():
    torch.manual_seed(0)
    model, (x, y) = small.chain(2, True), small.wafers(8, 0)
    norms = small.gradient_norms(model, x, y)
    assert len(norms) == len(model)
    first = model[0](x).detach().requires_grad_()
    F.cross_entropy(model[1:](first), y).backward()
    assert norms[0] == pytest.approx(first.grad.norm().item())
    assert all(p.grad is None for p in model[0].parameters())


def test_around_adds_what_goes_in():
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(small.Around(nn.ReLU())(x), x + x.relu())
    assert torch.equal(small.Around(nn.ReLU(), after=nn.ReLU)(x), (x + x.relu()).relu())


def test_compare_is_fair_and_repeats_itself():
    def build():
        return small.network(nn.Identity())

    quick = {"seeds": (3, 4), "number": 48, "epochs": 1}
    runs = small.compare({"one": build, "same": build}, **quick)
    assert runs["one"].train == runs["same"].train  # same seed, same design, same maps in the same order
    assert runs["one"].test.values == small.compare({"again": build}, **quick)["again"].test.values
    assert runs["one"].models[0][0][0].weight[0].sum() != runs["one"].models[1][0][0].weight[0].sum()
    x, y = small.wafers(48, 3)
    wrong = (runs["one"].models[0].eval()(x).argmax(1) != y).double().mean().item()
    assert runs["one"].train.values[0] == wrong
