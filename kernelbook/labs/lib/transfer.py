"""Writes transfer.json, what the lab TransferPlan knows: `python kernelbook/labs/lib/transfer.py`.

Parameters of each stage are counted on torchvision's own networks (on the meta device) and on the book's; the measured
results are those of kernelbook.experiments.transfer. Run it when that experiment has run again; a test says so.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import resnet18, resnet50

from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.experiments.transfer import RESULTS


def stage(name: str, *modules: nn.Module) -> dict[str, Any]:
    """Name, learnable parameters, and layers of batch normalisation."""
    inner = [m for module in modules for m in module.modules()]
    count = sum(p.numel() for module in modules for p in module.parameters())
    return {"name": name, "parameters": count, "norms": sum(isinstance(m, nn.BatchNorm2d) for m in inner)}


def packed() -> str:
    """The text of transfer.json."""
    networks: dict[str, Any] = {}
    with torch.device("meta"):
        for name, title, model in (("resnet18", "ResNet-18", resnet18()), ("resnet50", "ResNet-50", resnet50())):
            layers = [stage(f"layer{i}", getattr(model, f"layer{i}")) for i in range(1, 5)]
            stages = [stage("stem", model.conv1, model.bn1), *layers]
            networks[name] = {"title": title, "stages": stages, "features": model.fc.in_features}
        book = StagedCNN(9)
        stages = [stage(f"stage {i}", module) for i, module in enumerate(book.stages, 1)]
        networks["book"] = {"title": "The book's small CNN", "stages": stages, "features": book.head.in_features}
    measured = json.loads(RESULTS.read_text())
    return json.dumps({"networks": networks, "measured": measured}, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(packed())
