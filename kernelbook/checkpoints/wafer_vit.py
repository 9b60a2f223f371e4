"""The small vision transformer of the lab PatchTokens: `python -m kernelbook.checkpoints.wafer_vit` trains it.

It is torchvision's VisionTransformer (Dosovitskiy et al. 2021, "An image is worth 16x16 words") for one grey channel:
64 patches of 4 x 4 dies and a class token, two layers of width 24 with three heads.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import VisionTransformer

from kernelbook import checkpoints, training
from kernelbook.data import CLASSES, wafers

SIZE, PATCH = 32, 4
WIDTH, DEPTH, HEADS = 24, 2, 3
TRAIN, TEST = 20_000, 5_000  # wafers
TRAIN_SEED, TEST_SEED = 2_001, 2_002


def build() -> VisionTransformer:
    """The network without its training: x (N, 1, 32, 32) -> (N, 9) scores."""
    model = VisionTransformer(SIZE, PATCH, DEPTH, HEADS, WIDTH, 4 * WIDTH, num_classes=len(CLASSES))
    model.conv_proj = nn.Conv2d(1, WIDTH, PATCH, PATCH)
    nn.init.trunc_normal_(model.heads.head.weight, std=0.02)
    return model


@torch.no_grad()
def attention(model: VisionTransformer, x: torch.Tensor) -> torch.Tensor:
    """Attention weights (N, layers, heads, 65, 65) on x (N, 1, 32, 32): who (row) reads from whom; rows sum to 1."""
    found = []

    def ask(module: nn.MultiheadAttention, arguments: tuple[torch.Tensor, ...], _: dict) -> tuple[tuple, dict]:
        return arguments, {"need_weights": True, "average_attn_weights": False}

    def keep(module: nn.Module, arguments: tuple, result: tuple[torch.Tensor, torch.Tensor]) -> None:
        found.append(result[1])

    attentions = [block.self_attention for block in model.encoder.layers]
    hooks = [a.register_forward_pre_hook(ask, with_kwargs=True) for a in attentions]
    hooks += [a.register_forward_hook(keep) for a in attentions]
    try:
        model.eval()(x)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(found, 1)


def accuracy(model: nn.Module) -> float:
    """Fraction of the test wafers that `model` names rightly."""
    x, y = training.tensors(*wafers(TEST, SIZE, TEST_SEED))
    return (training.predict(model, x, 250) == y).float().mean().item()


def train() -> None:
    """Train, round, measure and store."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = build()
    data = training.tensors(*wafers(TRAIN, SIZE, TRAIN_SEED))
    training.fit(model, data, None, epochs=12, learning_rate=3e-3, batch_size=100, weight_decay=1e-2)
    found = accuracy(checkpoints.rounded(model))
    print(f"test accuracy on {TEST} wafers: {found:.4f}")
    checkpoints.save("wafer_vit", model, test_accuracy=round(found, 4), train_wafers=TRAIN, test_wafers=TEST)


if __name__ == "__main__":
    train()
