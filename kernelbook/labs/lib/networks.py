"""Writes networks.json, what the lab Architectures knows: `python kernelbook/labs/lib/networks.py`.

The networks are torchvision's, built without weights on the device "meta" and run once; LeNet-5 and MobileNetV1, which
it lacks, are kernelbook.models'; the network of 1989 is written out from its paper. Accuracy and resolution come from
the metadata of torchvision's weights. A test says when the file is stale.

A layer is a few numbers, from which the page reckons parameters, multiply-adds and activations (architectures.js):

    c K,S,C_in,C_out,O,G,flags   convolution, output O x O        flags: 1 bias, 2 batch norm, 4 layer norm
    l C_in,C_out,T,flags         linear layer on T positions
    a D,heads,T                  self-attention on T tokens of D numbers
    m K,S,C,O   v K,S,C,O        maximum or average pooling
    n C                          layer norm
    e N,name                     N parameters of their own
    x name,parameters,multiply-adds,C,O,N    a layer of another kind, counted here, N times in the depth

Between them [ begins a branch that + adds to what came in, ^ marks the shortcut's own layers, | begins the next of
parallel branches after (, and ) concatenates them. A block is `[name, kind, times, layers]`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models import get_model, get_model_weights

# Blocks that are drawn as one.
BLOCKS = {
    "BasicBlock": "basic block",
    "Bottleneck": "bottleneck",
    "Inception": "Inception",
    "InvertedResidual": "inverted residual",
    "MBConv": "MBConv",
    "CNBlock": "ConvNeXt block",
    "EncoderBlock": "encoder block",
}
# Families in the order of their years: year, source, what was new, what is often told wrongly.
FAMILIES = {
    "lecun": (
        1989,
        "LeCun et al. 1989, Neural Computation 1",
        "Shared weights trained end to end by backpropagation, on postal digits of 16 × 16 pixels.",
        "So LeNet-5 was not the first: this network is nine years older. It has strided convolutions and no pooling.",
    ),
    "lenet": (
        1998,
        "LeCun et al. 1998, Proceedings of the IEEE 86",
        "Convolution and subsampling in turn, then dense layers; it read cheques.",
        "The paper's seven layers count the two subsampling layers; all later networks count layers with "
        "weights alone. The copy that is usually built has 61,706 parameters.",
    ),
    "alexnet": (
        2012,
        "Krizhevsky et al. 2012, NeurIPS 25",
        "ReLU, dropout, augmentation and two GPUs, on a million photographs.",
        "The famous top-5 error of 15.3 % is an average of seven networks, two of them pretrained on more "
        "pictures; one alone had 18.2 % (Krizhevsky et al. 2012). torchvision's version for one GPU is a "
        "little different.",
    ),
    "vgg": (
        2014,
        "Simonyan and Zisserman 2014, arXiv 1409.1556",
        "Nothing but 3 × 3 convolutions and pooling, 16 to 19 layers deep.",
        "Small kernels save weights layer by layer; the whole network is among the largest, for its dense "
        "layers. The top-5 error of 7.3 % in 2014 is an average of seven networks; the single one of the "
        "paper's last version has 7.0 %.",
    ),
    "googlenet": (
        2014,
        "Szegedy et al. 2014, arXiv 1409.4842",
        "Kernels of several sizes side by side, made affordable by 1 × 1 reductions.",
        "22 layers: 3, two in each of nine Inception blocks, and the classifier. The top-5 error of 6.67 % is"
        " an average of seven networks and 144 crops (Szegedy et al. 2014).",
    ),
    "resnet": (
        2015,
        "He et al. 2015, arXiv 1512.03385",
        "A shortcut round every block: the layers learn what to add to their input.",
        "The answer to degradation, and not to vanishing gradients, which initialisation and batch norm had "
        "dealt with: the plain network of 34 layers converges too, only to 28.54 % error against 25.03. Depth"
        " can still hurt: on CIFAR-10 1,202 layers had 7.93 % error, 110 layers 6.43. The top-5 error of 3.57"
        " % is an average of six networks (He et al. 2015).",
    ),
    "mobilenet": (
        2017,
        "Howard et al. 2017, arXiv 1704.04861; Sandler et al. 2018, arXiv 1801.04381",
        "Convolutions split into depthwise and 1 × 1; V2 adds inverted residuals with a linear end.",
        "Against its twin with ordinary convolutions V1 needs 6.9 times fewer parameters, not ten (Howard et "
        "al. 2017).",
    ),
    "efficientnet": (
        2019,
        "Tan and Le 2019, arXiv 1905.11946",
        "Width, depth and resolution scaled up together from one searched network.",
        "B7 is 8.4 times smaller than GPipe, an image network of 557 million parameters; GPT has nothing to "
        "do with it. Its pictures have 600 pixels a side, so its multiply-adds are not those of 224 pixels. "
        "The most accurate of its year; later networks have passed it.",
    ),
    "vit": (
        2020,
        "Dosovitskiy et al. 2020, arXiv 2010.11929",
        "No convolutions after the first: a picture is a sequence of patches that attend to each other.",
        "These weights saw ImageNet-1k alone. The paper's ViTs overtook ResNets when pretrained on 14 to 300 "
        "million pictures (Dosovitskiy et al. 2020); recipes have closed most of that gap since.",
    ),
    "convnext": (
        2022,
        "Liu et al. 2022, arXiv 2201.03545",
        "A ResNet with a Transformer's design choices: patches, 7 × 7 depthwise, fewer norms and activations.",
        "Convolutions only, no attention: not a hybrid. T, S, B and L are sizes, and their 29 to 198 million "
        "parameters are no depth.",
    ),
}
# name: title, family
TORCHVISION = {
    "alexnet": ("AlexNet", "alexnet"),
    "vgg16": ("VGG-16", "vgg"),
    "vgg19": ("VGG-19", "vgg"),
    "googlenet": ("GoogLeNet", "googlenet"),
    "resnet18": ("ResNet-18", "resnet"),
    "resnet34": ("ResNet-34", "resnet"),
    "resnet50": ("ResNet-50", "resnet"),
    "resnet101": ("ResNet-101", "resnet"),
    "resnet152": ("ResNet-152", "resnet"),
    "mobilenet_v2": ("MobileNetV2", "mobilenet"),
    "efficientnet_b0": ("EfficientNet-B0", "efficientnet"),
    "efficientnet_b7": ("EfficientNet-B7", "efficientnet"),
    "convnext_tiny": ("ConvNeXt-T", "convnext"),
    "convnext_small": ("ConvNeXt-S", "convnext"),
    "convnext_base": ("ConvNeXt-B", "convnext"),
    "convnext_large": ("ConvNeXt-L", "convnext"),
    "vit_b_16": ("ViT-B/16", "vit"),
    "vit_l_16": ("ViT-L/16", "vit"),
}


def _layers(model: nn.Module, size: int) -> list[tuple[str, nn.Module, Any]]:
    """Every layer that runs, in order: name, module, output (without numbers)."""
    seen: list[tuple[str, nn.Module, Any]] = []
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
    for name, module in model.named_modules():
        inside = isinstance(model.get_submodule(name.rpartition(".")[0]), nn.MultiheadAttention)
        if isinstance(module, (*kinds, nn.MultiheadAttention)) and not inside:
            module.register_forward_hook(lambda m, _, out, name=name: seen.append((name, m, out)))
    with torch.no_grad():
        model(torch.empty(1, 3, size, size, device="meta"))
    return seen


def _code(module: nn.Module, out: Any) -> str:
    """One layer as described at the top of this file; a norm's "n" is joined to its layer by _join."""
    if isinstance(module, nn.Conv2d):
        numbers = (module.kernel_size[0], module.stride[0], module.in_channels, module.out_channels)
        return f"c{','.join(map(str, numbers))},{out.shape[-1]},{module.groups},{int(module.bias is not None)}"
    if isinstance(module, nn.Linear):
        positions = out[0].numel() // out.shape[-1]
        return f"l{module.in_features},{module.out_features},{positions},{int(module.bias is not None)}"
    if isinstance(module, nn.MultiheadAttention):
        return f"a{module.embed_dim},{module.num_heads},{out[0].shape[1]}"
    if isinstance(module, nn.LayerNorm):
        return f"n{module.normalized_shape[0]}"
    if isinstance(module, nn.BatchNorm2d):
        return "b"
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return f"v0,1,{out.shape[1]},{out.shape[-1]}"
    assert isinstance(module, nn.MaxPool2d | nn.AvgPool2d)
    kind = "m" if isinstance(module, nn.MaxPool2d) else "v"
    return f"{kind}{module.kernel_size},{module.stride},{out.shape[1]},{out.shape[-1]}"


def _join(codes: list[str]) -> list[str]:
    """Batch norm joined to the convolution before it, as flag 2."""
    joined: list[str] = []
    for code in codes:
        if code == "b":
            head, flags = joined[-1].rsplit(",", 1)
            joined[-1] = f"{head},{int(flags) + 2}"
        else:
            joined.append(code)
    return joined


def _structure(block: nn.Module, names: list[str], codes: list[str]) -> str:
    """The layers of one block with its branches. names: of the layers, seen from the block."""
    kind = type(block).__name__
    if kind == "Inception":
        parts = [[c for n, c in zip(names, codes, strict=True) if n.startswith(f"branch{k}")] for k in (1, 2, 3, 4)]
        return "(;" + ";|;".join(";".join(_join(part)) for part in parts) + ";)"
    main = [c for n, c in zip(names, codes, strict=True) if not n.startswith("downsample")]
    shortcut = [c for n, c in zip(names, codes, strict=True) if n.startswith("downsample")]
    main, shortcut = _join(main), [f"^{c}" for c in _join(shortcut)]
    if kind == "EncoderBlock":
        at = next(i for i, code in enumerate(main) if code[0] == "a") + 1
        return ";".join(["[", *main[:at], "+", "[", *main[at:], "+"])
    if kind == "CNBlock":
        main.append(f"e{block.get_parameter('layer_scale').numel()},layer scale")
    adds = kind in ("BasicBlock", "Bottleneck", "CNBlock") or getattr(block, "use_res_connect", False)
    return ";".join(["[", *main, *shortcut, "+"] if adds else main)


def _blocks(model: nn.Module, size: int) -> Iterator[tuple[str, str, str]]:
    """Name, kind and layers of each block of a torchvision network."""
    homes = {name: module for name, module in model.named_modules() if type(module).__name__ in BLOCKS}
    pending: list[tuple[str, str]] = []
    current = ""

    def flush() -> Iterator[tuple[str, str, str]]:
        nonlocal pending
        if not pending:
            return
        if current in homes:
            block = homes[current]
            names = [name[len(current) + 1 :] for name, _ in pending]
            yield current, BLOCKS[type(block).__name__], _structure(block, names, [code for _, code in pending])
        else:
            yield pending[0][0], "", ";".join(_join([code for _, code in pending]))
        pending = []

    for name, module, out in _layers(model, size):
        home = next((h for h in homes if name.startswith(h + ".")), "")
        # The convolutions before a pooling layer are one stage; what follows the last map is the head.
        part = home or ("head" if re.match(r"fc|classifier|heads|avgpool", name) else "trunk")
        if part != current:
            yield from flush()
            current = part
        pending.append((name, _code(module, out)))
        if not home and isinstance(module, nn.MaxPool2d):
            yield from flush()
    yield from flush()


def _merge(blocks: Iterator[tuple[str, str, str]]) -> list[list[Any]]:
    """Equal blocks in a row become one with a number of times."""
    merged: list[list[Any]] = []
    for name, kind, layers in blocks:
        if merged and kind and merged[-1][1] == kind and merged[-1][3] == layers:
            merged[-1][2] += 1
        else:
            merged.append([name, kind, 1, layers])
    return merged


def _torchvision(name: str, title: str, family: str) -> dict[str, Any]:
    """One of torchvision's networks with the metadata of its ImageNet-1k weights."""
    weights, size = [], 224
    for entry in get_model_weights(name):
        if not re.fullmatch(r"IMAGENET1K_V\d", entry.name):
            continue  # pretrained on more pictures than ImageNet-1k
        metrics = entry.meta["_metrics"]["ImageNet-1K"]
        size = entry.transforms.keywords["crop_size"]
        weights.append([entry.name[-2:], metrics["acc@1"], metrics["acc@5"], size])
    with torch.device("meta"):
        model = get_model(name, weights=None, **({"aux_logits": False} if name == "googlenet" else {}))
        model.eval()
        blocks = list(_blocks(model, size))
    if family == "vit":
        extra = sum(p.numel() for n, p in model.named_parameters() if n in ("class_token", "encoder.pos_embedding"))
        blocks[0] = (blocks[0][0], "", f"{blocks[0][2]};e{extra},class token and positions")
    return {
        "title": title,
        "family": family,
        "size": size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "weights": weights,
        "blocks": _merge(iter(blocks)),
    }


def _mobilenet_v1() -> dict[str, Any]:
    """kernelbook.models' MobileNetV1; accuracy is the paper's own, table 4."""
    from kernelbook.models import MobileNetV1

    with torch.device("meta"):
        model = MobileNetV1().eval()
        seen = _layers(model, 224)
    groups: dict[str, list[str]] = {}
    for name, module, out in seen:
        parts = name.split(".")
        groups.setdefault(".".join(parts[:2]) if parts[0] == "blocks" else parts[0], []).append(_code(module, out))
    kinds = ((name, "separable" if name.startswith("blocks") else "", ";".join(_join(c))) for name, c in groups.items())
    return {
        "title": "MobileNetV1",
        "family": "mobilenet",
        "size": 224,
        "parameters": sum(p.numel() for p in model.parameters()),
        "weights": [["paper", 70.6, None, 224]],
        "blocks": _merge(kinds),
    }


def _lenet5() -> dict[str, Any]:
    """LeNet-5 as published in 1998: parameters from kernelbook.models, multiply-adds of the pairs that are wired."""
    from kernelbook.models import LeNet5

    model = LeNet5()
    count = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    wired = len(model.c3.pairs)
    layers = [
        "c5,1,1,6,28,1,1",
        f"x2 × 2 subsampling with weights,{count['s2']},{6 * 14 * 14},6,14,0",
        f"x5 × 5 convolution of {wired} wired pairs,{count['c3']},{wired * 25 * 10 * 10},16,10,1",
        f"x2 × 2 subsampling with weights,{count['s4']},{16 * 5 * 5},16,5,0",
        "c5,1,16,120,1,1,1",
        "l120,84,1,1",
        f"xdistances to ten fixed pictures,0,{84 * 10},10,1,1",
    ]
    names = ("C1, S2", "C3, S4", "C5", "F6, output")
    cuts = (layers[:2], layers[2:4], layers[4:5], layers[5:])
    return {
        "title": "LeNet-5",
        "family": "lenet",
        "size": 32,
        "parameters": sum(count.values()),
        "weights": [],
        "blocks": [[name, "", 1, ";".join(cut)] for name, cut in zip(names, cuts, strict=True)],
    }


def _lecun_1989() -> dict[str, Any]:
    """The network of LeCun et al. 1989, section 3: a bias for each unit, H2's maps read 8 of H1's 12 maps."""
    h1, h2 = (12 * 25 + 12 * 64, 12 * 64 * 25), (12 * 8 * 25 + 12 * 16, 12 * 16 * 8 * 25)
    layers = (
        ("H1", f"x5 × 5 convolution with stride 2,{h1[0]},{h1[1]},12,8,1"),
        ("H2", f"x5 × 5 convolution with stride 2 of 8 maps,{h2[0]},{h2[1]},12,4,1"),
        ("H3, output", "l192,30,1,1;l30,10,1,1"),
    )
    return {
        "title": "Network of 1989",
        "family": "lecun",
        "size": 16,
        "parameters": h1[0] + h2[0] + 192 * 30 + 30 + 30 * 10 + 10,
        "weights": [],
        "blocks": [[name, "", 1, code] for name, code in layers],
    }


def _alexnet_2012() -> int:
    """Parameters of the AlexNet of 2012, whose layers 2, 4 and 5 are split over two GPUs (Krizhevsky et al. 2012)."""
    layers = [(3, 96, 11, 1), (96, 256, 5, 2), (256, 384, 3, 1), (384, 384, 3, 2), (384, 256, 3, 2)]
    dense = [(256 * 6 * 6, 4096), (4096, 4096), (4096, 1000)]
    return sum(k * k * i // g * o + o for i, o, k, g in layers) + sum(i * o + o for i, o in dense)


def packed() -> str:
    """The text of networks.json."""
    nets = {"lecun1989": _lecun_1989(), "lenet5": _lenet5()}
    for name, (title, family) in TORCHVISION.items():
        if name == "mobilenet_v2":
            nets["mobilenet_v1"] = _mobilenet_v1()
        nets[name] = _torchvision(name, title, family)
    nets["mobilenet_v2"]["year"] = 2018
    head = {"torchvision": torchvision.__version__.split("+")[0], "alexnet2012": _alexnet_2012()}
    lines = [f'"{name}": {json.dumps(net, ensure_ascii=False, separators=(",", ":"))}' for name, net in nets.items()]
    families = [f'"{name}": {json.dumps(family, ensure_ascii=False)}' for name, family in FAMILIES.items()]
    parts = (f'"about": {json.dumps(head)}', _table("families", families), _table("nets", lines))
    return "{" + ",\n".join(parts) + "}\n"


def _table(name: str, lines: list[str]) -> str:
    return f'"{name}": {{\n' + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(packed())
