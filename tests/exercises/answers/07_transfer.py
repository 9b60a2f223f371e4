"""Answers to assignment 7: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    freezing(to)
    adapting(to)
    standing(to)
    inputs(to)
    grouping(to)
    probing(to)
    two_phases(to)
    choosing(to)
    marking(to)
    return to


def freezing(to: Answers) -> None:
    task, alike, unknown, counted = "freezing", "test-freeze-names", "test-freeze-unknown", "test-count"
    frozen = "test-freeze"
    thaw, off = "    model.requires_grad_(True)\n", "modules[name].requires_grad_(False)"
    look = "unknown = [name for name in names if name not in modules]"
    loop = f"    for name in names:\n        {off}\n"
    last = "return sum(n for n, trains in sizes if trains), sum(n for n, _ in sizes)"
    sizes = "sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]"

    def by_name(test: str) -> tuple[str, str]:
        return (
            loop,
            f"    for name, p in model.named_parameters():\n        p.requires_grad = not any({test} for m in names)\n",
        )

    to.wrong(task, "an attribute of the module", (off, "modules[name].requires_grad = False"), [frozen, alike])
    to.wrong(task, "an attribute of the network", (loop, "    model.requires_grad = False\n"), [frozen, alike])
    to.wrong(task, "evaluation mode is not freezing", (off, "modules[name].eval()"), [frozen, alike])
    to.wrong(
        task,
        "the weights of the layer only",
        (off, "next(modules[name].parameters()).requires_grad = False"),
        [frozen, alike],
    )
    to.wrong(task, "what was frozen stays frozen", (thaw, ""), frozen)
    to.wrong(
        task,
        "the other way round",
        [(thaw, "    model.requires_grad_(False)\n"), (off, off.replace("False", "True"))],
        [frozen, alike],
    )
    to.wrong(task, "a beginning of the name", by_name("name.startswith(m)"), alike)
    to.wrong(task, "somewhere in the name", by_name("m in name"), alike)
    to.wrong(task, "the first part of the name", by_name("name.split('.')[0] == m"), [frozen, alike])
    to.wrong(task, "the whole name", by_name("name == m"), [frozen, alike])
    to.wrong(task, "only children of the network", ("model.named_modules()", "model.named_children()"), [frozen, alike])
    to.wrong(
        task,
        "norms are left out",
        (off, "[p.requires_grad_(False) for p in modules[name].parameters() if p.ndim > 1]"),
        [frozen, alike],
    )
    to.wrong(
        task,
        "new numbers",
        (off, off + "\n        [nn.init.zeros_(p) for p in modules[name].parameters()]"),
        [frozen, alike],
    )
    to.wrong(
        task,
        "uses the list up",
        (loop, "    while names:\n        modules[names.pop()].requires_grad_(False)\n"),
        [frozen, alike],
    )
    to.wrong(
        task,
        "no look at the names",
        (look, "unknown = []\n    names = [name for name in names if name in modules]"),
        unknown,
    )
    to.wrong(task, "a KeyError", (look, "unknown = []"), unknown)
    to.wrong(
        task,
        "part of a name is enough",
        (
            look,
            "unknown = [m for m in names if not any(m in name for name in modules)]\n"
            "    names = [name for name in names if name in modules]",
        ),
        unknown,
    )
    to.wrong(
        task,
        "the error comes too late",
        (
            f"    modules = dict(model.named_modules())\n    {look}",
            f"    modules = dict(model.named_modules())\n    model.requires_grad_(True)\n    {look}",
        ),
        unknown,
    )
    to.wrong(task, "it prints instead", ("raise ValueError(", "return print("), unknown)
    to.wrong(
        task, "exchanged", (last, "return sum(n for n, _ in sizes), sum(n for n, trains in sizes if trains)"), counted
    )
    to.wrong(task, "the frozen ones", (last, last.replace("if trains", "if not trains")), counted)
    to.wrong(task, "tensors, not numbers", (sizes, sizes.replace("p.numel()", "1")), counted)
    to.wrong(task, "with running statistics", (last, last + " + sum(b.numel() for b in model.buffers())"), counted)
    to.wrong(
        task,
        "tensors of one number",
        (last, "return tuple(torch.tensor(n) for n in (sum(n for n, t in sizes if t), sum(n for n, _ in sizes)))"),
        counted,
    )
    to.right(
        task,
        "by the names of the parameters, with a dot",
        """
def freeze(model, names):
    known = {name for name, _ in model.named_modules()}
    if not set(names) <= known:
        raise ValueError(set(names) - known)
    begin = tuple(f"{name}." for name in names)
    for name, p in model.named_parameters():
        p.requires_grad = not name.startswith(begin)

def count(model):
    total = np.sum([p.numel() for p in model.parameters()])
    cold = np.sum([p.numel() for p in model.parameters() if not p.requires_grad], dtype=int)
    return int(total) - int(cold), int(total)
""",
    )
    to.right(
        task,
        "get_submodule says what there is not",
        """
def freeze(model, names):
    try:
        found = [model.get_submodule(name) for name in names]
    except AttributeError as error:
        raise ValueError(str(error)) from error
    cold = {id(p) for module in found for p in module.parameters()}
    for p in model.parameters():
        p.requires_grad_(id(p) not in cold)

def count(model):
    trained = total = 0
    for p in model.parameters():
        total += p.nelement()
        if p.requires_grad:
            trained += p.nelement()
    return [trained, total]
""",
    )
    to.right(
        task,
        "module by module, with a warning",
        """
import warnings
from math import prod

def freeze(model, names):
    warnings.warn("freezing")
    wanted = set(names)
    for name, _ in model.named_modules():
        wanted.discard(name)
    if wanted:
        raise ValueError(f"unknown: {sorted(wanted)}")
    for p in model.parameters():
        p.requires_grad = True
    for name, module in model.named_modules():
        if name in names:
            for p in module.parameters():
                p.requires_grad = False
    return model

def count(model):
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    all_of_it = sum(map(prod, shapes.values()))
    return all_of_it - sum(prod(p.shape) for p in model.parameters() if not p.requires_grad), all_of_it
""",
    )


def adapting(to: Answers) -> None:
    task = "adapting"
    weights, statistics, head, names = (f"test-adapted-{part}" for part in ("weights", "statistics", "head", "names"))
    load = "model.load_state_dict(kept, strict=False)"
    kept = 'kept = {name: value for name, value in state.items() if not name.startswith("head.")}'
    fit = "if set(kept) != wanted:"
    end = "    return model\n"
    new = "model = SmallNet(classes, widths)"
    everything = "everything that fits, by name and shape"
    to.wrong(task, "loads nothing", (load, "pass"), [weights, statistics, names])
    to.wrong(
        task,
        "the head, too, where it fits",
        (
            load,
            "own = model.state_dict()\n"
            "    model.load_state_dict({n: v for n, v in state.items() if v.shape == own[n].shape}, "
            "strict=False)",
        ),
        head,
    )
    to.wrong(
        task,
        everything + ", and the rest in silence",
        """
def adapted(state, classes, widths):
    model = SmallNet(classes, widths)
    own = model.state_dict()
    fitting = {n: v for n, v in state.items() if n in own and v.shape == own[n].shape}
    model.load_state_dict(fitting, strict=False)
    return model
""",
        [head, names],
    )
    to.wrong(task, "strict=False and no look", (fit, "if False:"), names)
    to.wrong(task, "only what is missing is looked at", (fit, "if wanted - set(kept):"), names)
    to.wrong(task, "only what is too many is looked at", (fit, "if set(kept) - wanted:"), names)
    to.wrong(task, "only the number of names", (fit, "if len(kept) != len(wanted):"), names)
    to.wrong(task, "an assertion", (fit, "assert set(kept) == wanted\n    if False:"), names)
    to.wrong(
        task,
        "strips module. and goes on",
        (
            kept,
            'kept = {name.removeprefix("module."): value for name, value in state.items() if not '
            'name.removeprefix("module.").startswith("head.")}',
        ),
        names,
    )
    to.wrong(
        task,
        "the state must have a head",
        (kept, kept + '\n    if "head.weight" not in state:\n        raise ValueError("no head")'),
        names,
    )
    to.wrong(
        task,
        "parameters only",
        (
            load,
            "own = dict(model.named_parameters())\n    with torch.no_grad():\n"
            "        [own[n].copy_(v) for n, v in kept.items() if n in own]",
        ),
        [statistics],
    )
    to.wrong(
        task,
        "statistics reset afterwards",
        (end, "    [m.reset_running_stats() for m in model.modules() if isinstance(m, nn.BatchNorm2d)]\n" + end),
        statistics,
    )
    to.wrong(task, "a head of zeros", (end, "    nn.init.zeros_(model.head.weight)\n" + end), head)
    to.wrong(task, "the same head each time", (new, "torch.manual_seed(0)\n    " + new), head)
    to.wrong(
        task,
        "the source's head",
        (
            load,
            load + '\n    if "head.weight" in state:\n'
            '        model.head = nn.Linear(*state["head.weight"].shape[::-1])\n'
            "        model.head.load_state_dict({n[5:]: v for n, v in state.items() if "
            'n.startswith("head.")})',
        ),
        head,
    )
    to.wrong(
        task,
        "the first rows of the source's head",
        (
            end,
            '    if "head.weight" in state:\n        rows = min(classes, len(state["head.weight"]))\n'
            '        model.head.weight.data[:rows] = state["head.weight"][:rows]\n' + end,
        ),
        head,
    )
    to.wrong(task, "no bias", (end, "    model.head = nn.Linear(widths[-1], classes, bias=False)\n" + end), head)
    to.wrong(
        task,
        "takes the head out of the state",
        (kept, 'state.pop("head.weight", 0)\n    state.pop("head.bias", 0)\n    kept = dict(state)'),
        weights,
    )
    to.wrong(task, "changes the state", (end, "    [v.zero_() for v in state.values()]\n" + end), [weights])
    to.wrong(task, "nothing returned", (end, ""))
    to.wrong(task, "returns the state", (end, "    return kept\n"))
    to.wrong(task, "strict", (load, "model.load_state_dict(state)"))
    to.right(
        task,
        "loads all into a network of the source's classes, then a new head",
        """
def adapted(state, classes, widths):
    old = {**SmallNet(2, widths).state_dict(), **{}}
    body = lambda names: sorted(n for n in names if n.split(".")[0] != "head")
    if body(old) != body(state):
        raise ValueError("another network")
    outputs = len(state["head.bias"]) if "head.bias" in state else 1
    net = SmallNet(outputs, widths)
    missing = net.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    net.head = nn.Linear(widths[-1], classes)
    return net
""",
    )
    to.right(
        task,
        "reads what load_state_dict returns",
        """
def adapted(state, classes, widths):
    net = SmallNet(classes, widths)
    stages = dict(state)
    for name in ("head.weight", "head.bias"):
        stages.pop(name, None)
    answer = net.load_state_dict(stages, strict=False)
    if answer.unexpected_keys or set(answer.missing_keys) - {"head.weight", "head.bias"}:
        raise ValueError(answer)
    return net
""",
    )
    to.right(
        task,
        "tensor by tensor, in evaluation mode",
        """
def adapted(state, classes, widths):
    net = SmallNet(classes, widths=widths, channels=1)
    own = net.state_dict()
    for name in own.keys() | state.keys():
        if name.startswith("head."):
            continue
        if name not in own or name not in state:
            raise ValueError(f"{name} is only on one side")
        own[name].copy_(state[name])
    return net.eval()
""",
    )


def standing(to: Answers) -> None:
    task, modes, passing, drift = "standing", "test-modes", "test-still", "test-drift"
    both = [modes, passing]
    train, cold = "    model.train()\n", "not any(p.requires_grad for p in module.parameters())"
    kind, off = "isinstance(module, nn.BatchNorm2d)", "module.eval()"
    law = "return batch_mean + (1 - momentum) ** batches * (mean - batch_mean)"
    to.wrong(task, "training mode, and that is it", ("            module.eval()\n", "            pass\n"), both)
    to.wrong(task, "evaluation mode for the network", (train, "    model.eval()\n"), both)
    to.wrong(task, "evaluation mode for every norm", (f" and {cold}", ""), both)
    to.wrong(
        task,
        "training mode afterwards",
        [(train, ""), ("            module.eval()\n", "            module.eval()\n    model.train()\n")],
        both,
    )
    to.wrong(task, "the other way round", (cold, cold.replace("not any", "any")), both)
    to.wrong(
        task, "one frozen parameter is enough", (cold, "not all(p.requires_grad for p in module.parameters())"), modes
    )
    to.wrong(task, "looks at the scale only", (cold, "not module.weight.requires_grad"), modes)
    to.wrong(task, "the first norm only", (off, "module.eval()\n            break"), both)
    to.wrong(task, "the network's children only", ("model.modules()", "model.children()"), both)
    to.wrong(task, "flags instead of modes", (off, "module.requires_grad_(False)"), both)
    to.wrong(task, "the momentum at zero", (off, "module.momentum = 0.0"), both)
    to.wrong(task, "statistics off", (off, "module.track_running_stats = False"), both)
    to.wrong(
        task,
        "whole stages, if anything in them is frozen",
        (
            f"        if {kind} and {cold}:\n",
            "        if isinstance(module, nn.Sequential) and not all(p.requires_grad for p in module.parameters()):\n",
        ),
        modes,
    )
    to.wrong(
        task,
        "by a frozen convolution",
        (
            f"        if {kind} and {cold}:\n",
            "        if isinstance(module, nn.Sequential) and not module[0].weight.requires_grad:\n",
        ),
        modes,
    )
    to.wrong(
        task,
        "the last stage trains, always",
        (
            f"        if {kind} and {cold}:\n",
            "        if isinstance(module, nn.BatchNorm2d) and module is not "
            "model.get_submodule(f'stage{model.stages}')[1]:\n",
        ),
        both,
    )
    to.wrong(task, "the momentum the other way round", (law, law.replace("(1 - momentum)", "momentum")), drift)
    to.wrong(task, "one batch", (law, law.replace(" ** batches", "")), drift)
    to.wrong(task, "the same amount each time", (law, "return mean + batches * momentum * (batch_mean - mean)"), drift)
    to.wrong(task, "one batch less", (law, law.replace("batches", "(batches - 1)", 1)), drift)
    to.wrong(task, "never moves", (law, "return mean"), drift)
    to.wrong(task, "a plain mean", (law, "return (mean + batches * batch_mean) / (batches + 1)"), drift)
    to.wrong(task, "a momentum of its own", (law, "momentum = 0.1\n    " + law), drift)
    to.wrong(
        task,
        "changes the array",
        (law, "mean -= batch_mean\n    mean *= (1 - momentum) ** batches\n    mean += batch_mean\n    return mean"),
        drift,
    )
    to.wrong(task, "floats only", (law, law.replace("return ", "return float(") + ")"), drift)
    to.right(
        task,
        "asks parents, and a loop",
        """
def train_around(model):
    model.train(True)
    for name, module in model.named_modules():
        trains = [p.requires_grad for p in module.parameters()]
        if type(module).__name__.startswith("BatchNorm") and not sum(trains):
            module.train(False)
    return model

def drifted(mean, batch_mean, batches, momentum=0.1):
    for _ in range(batches):
        mean = (1 - momentum) * mean + momentum * batch_mean
    return mean
""",
    )
    to.right(
        task,
        "recursion",
        """
def train_around(model):
    own = list(model.parameters(recurse=False))
    frozen_norm = isinstance(model, nn.modules.batchnorm._BatchNorm) and all(not p.requires_grad for p in own)
    model.training = not frozen_norm
    for child in model.children():
        train_around(child)

def drifted(mean, batch_mean, batches, momentum=0.1):
    left = np.exp(batches * np.log1p(-momentum))
    return left * mean + (1 - left) * batch_mean
""",
    )
    to.right(
        task,
        "frozen stages as a whole, their norms by themselves",
        """
def train_around(model):
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        frozen = parameters and not any(p.requires_grad for p in parameters)
        if frozen and module is not model and not isinstance(module, nn.Linear):
            module.eval()

def drifted(mean, batch_mean, batches, momentum=0.1):
    weights = momentum * (1 - momentum) ** np.arange(batches)
    return (1 - weights.sum()) * mean + weights.sum() * batch_mean
""",
    )


def inputs(to: Answers) -> None:
    task = "inputs"
    colour, grey = two = ["test-prepare-colour", "test-prepare-grey"]
    kernels, bias = ["test-grey-kernels", "test-grey-bias"]
    scale = "scaled = (pictures / 255 - mean) / std"
    end = "return scaled.transpose(0, 3, 1, 2).astype(np.float32)"
    copies = "pictures = np.stack([pictures] * 3, axis=-1)"
    shift = 'bias = -np.einsum("fcij,c->f", scaled, mean)'
    over = "scaled = w / np.reshape(std, (3, 1, 1))"
    last = "return scaled.sum(1, keepdims=True), bias"
    to.wrong(task, "0 to 255", (scale, scale.replace(" / 255", "")), two)
    to.wrong(task, "over 256", (scale, scale.replace("255", "256")), two)
    to.wrong(task, "0 to 1 and no statistics", (scale, "scaled = pictures / 255"), two)
    to.wrong(task, "from -1 to 1", (scale, "scaled = pictures / 127.5 - 1"), two)
    to.wrong(
        task,
        "the target's own statistics",
        (
            scale,
            "scaled = pictures / 255\n    scaled = (scaled - scaled.mean((0, 1, 2))) / (scaled.std((0, 1, 2)) + 1e-12)",
        ),
        two,
    )
    to.wrong(task, "the mean added", (scale, scale.replace(" - mean", " + mean")), two)
    to.wrong(task, "no mean", (scale, scale.replace(" - mean", "")), two)
    to.wrong(task, "no deviation", (scale, scale.replace(" / std", "")), two)
    to.wrong(task, "times the deviation", (scale, scale.replace(" / std", " * std")), two)
    to.wrong(task, "over the variance", (scale, scale.replace("/ std", "/ np.square(std)")), two)
    to.wrong(task, "the division first", (scale, "scaled = pictures / 255 / std - mean"), two)
    to.wrong(task, "red's statistics for all", (scale, scale.replace("mean", "mean[0]").replace("std", "std[0]")), two)
    to.wrong(task, "colours in reverse", (end, end.replace("scaled.", "scaled[..., ::-1].")), two)
    to.wrong(task, "channels last", (end, end.replace(".transpose(0, 3, 1, 2)", "")), two)
    to.wrong(
        task,
        "reshape for transpose",
        (end, "return scaled.reshape(len(scaled), 3, *scaled.shape[1:3]).astype(np.float32)"),
        two,
    )
    to.wrong(task, "rows and columns exchanged", (end, end.replace("0, 3, 1, 2", "0, 3, 2, 1")), two)
    to.wrong(task, "float64", (end, end.replace(".astype(np.float32)", "")), two)
    to.wrong(
        task,
        "computes in uint8",
        (scale, "scaled = ((pictures - (255 * np.array(mean)).astype(np.uint8)) / 255) / std"),
        two,
    )
    to.wrong(task, "NaN", (end, end + " * np.nan"), two)
    to.wrong(task, "changes the pictures", (scale, scale + "\n    pictures[:] = 0"), [colour])
    to.wrong(
        task,
        "one channel stays one",
        (copies, "pictures = pictures[..., None]\n        mean, std = mean[0], std[0]"),
        grey,
    )
    to.wrong(
        task, "copies along the rows", (copies, "pictures = np.concatenate([pictures] * 3, axis=1)[..., None]"), grey
    )
    to.wrong(
        task,
        "three columns are colours",
        (
            "if pictures.ndim == 3:",
            "if pictures.ndim == 3 and pictures.shape[-1] == 3:\n        pictures = pictures[None]\n"
            "    elif pictures.ndim == 3:",
        ),
        grey,
    )
    to.wrong(task, "the sum of the plain kernels", (over, "scaled = w"), [kernels, bias])
    to.wrong(task, "the mean of the kernels", (last, last.replace("sum(1", "mean(1")), kernels)
    to.wrong(task, "the red kernel", (last, "return scaled[:, :1], bias"), kernels)
    to.wrong(task, "no channel axis", (last, last.replace(", keepdims=True", "")), kernels)
    to.wrong(task, "times the deviation in the kernels", (over, over.replace("w /", "w *")), [kernels, bias])
    to.wrong(task, "no bias", (shift, "bias = np.zeros(len(w))"), bias)
    to.wrong(task, "the sign of the bias", (shift, shift.replace("-np", "np")), bias)
    to.wrong(task, "plain means in the bias", (shift, shift.replace("scaled", "w")), bias)
    to.wrong(task, "the mean over the window", (shift, shift + " / w[0, 0].size"), bias)
    to.wrong(task, "one bias for all", (shift, shift + "\n    bias = np.full(len(w), bias.sum())"), bias)
    to.wrong(task, "changes the filters", (last, "w *= 0\n    " + last), [kernels, bias])
    to.wrong(task, "only kernels", (last, "return scaled.sum(1, keepdims=True)"), [kernels, bias])
    to.wrong(
        task,
        "PyTorch",
        """
import torch
from torch.nn import functional as F

def prepare(pictures, mean, std):
    x = torch.tensor(pictures).float() / 255
    x = x[..., None].expand(*x.shape, 3) if x.ndim == 3 else x
    return ((x - torch.tensor(mean).float()) / torch.tensor(std).float()).permute(0, 3, 1, 2).numpy()

def grey_layer(w, mean, std):
    w = torch.tensor(w) / torch.tensor(std).reshape(3, 1, 1)
    return w.sum(1, keepdim=True).numpy(), -(w * torch.tensor(mean).reshape(3, 1, 1)).sum((1, 2, 3)).numpy()
""",
        [colour, kernels],
    )
    to.right(
        task,
        "channel by channel",
        """
def prepare(pictures, mean, std):
    grey = pictures.ndim == 3
    out = np.empty((len(pictures), 3, *pictures.shape[1:3]), dtype=np.float32)
    for c in range(3):
        shade = (pictures if grey else pictures[..., c]).astype(np.float64) / 255.0
        out[:, c] = (shade - mean[c]) / std[c]
    return out

def grey_layer(w, mean, std):
    kernels, bias = np.zeros((len(w), 1, *w.shape[2:])), np.zeros(len(w))
    for c in range(3):
        kernels[:, 0] += w[:, c] / std[c]
        bias -= w[:, c].sum((1, 2)) * mean[c] / std[c]
    return kernels, bias
""",
    )
    to.right(
        task,
        "axes first, and einsum",
        """
def prepare(pictures, mean, std):
    x = np.moveaxis(pictures, -1, 1) if pictures.ndim == 4 else np.repeat(pictures[:, None], 3, axis=1)
    m, s = (np.asarray(v, dtype=float)[:, None, None] for v in (mean, std))
    return np.float32((x - 255 * m) / (255 * s))

def grey_layer(w, mean, std):
    inverse = 1 / np.asarray(std)
    return np.einsum("fchw,c->fhw", w, inverse)[:, None], -np.einsum("fchw,c,c->f", w, mean, inverse)
""",
    )
    to.right(
        task,
        "in place, on its own copy; the bias from a black map",
        """
def prepare(pictures, mean, std):
    x = np.array(pictures, dtype=float)
    if x.ndim < 4:
        x = np.tile(x[..., np.newaxis], 3)
    x /= 255
    x -= mean
    x /= std
    return np.ascontiguousarray(np.transpose(x, (0, 3, 1, 2)), dtype="float32")

def grey_layer(w, mean, std):
    black = prepare(np.zeros((1, *w.shape[2:]), np.uint8), mean, std)[0].astype(float)
    black = -np.array(mean)[:, None, None] / np.array(std)[:, None, None] + 0 * black
    kernels = sum(w[:, [c]] / std[c] for c in range(3))
    return kernels, np.array([(f * black).sum() for f in w])
""",
    )


def grouping(to: Answers) -> None:
    task = "grouping"
    rates, contents, frozen, forgotten = (
        f"test-groups-{part}" for part in ("rates", "contents", "frozen", "forgotten")
    )
    rate = "rate / shrink ** (len(names) - place - 1)"
    own = "parameters = [p for p in model.get_submodule(name).parameters() if p.requires_grad]"
    some, end = "if parameters:", "    return found\n"
    differ = "if held != sorted(id(p) for p in model.parameters() if p.requires_grad):"
    to.wrong(task, "one rate", (rate, "rate"), [rates, frozen])
    to.wrong(task, "the other way round", (rate, "rate / shrink**place"), [rates, frozen])
    to.wrong(task, "one step too many", (rate, rate.replace(" - 1", "")), [rates, frozen])
    to.wrong(task, "times instead of over", (rate, rate.replace("/", "*", 1)), [rates, frozen])
    to.wrong(
        task,
        "divided once for all but the last",
        (rate, "(rate if place == len(names) - 1 else rate / shrink)"),
        [rates, frozen],
    )
    to.wrong(
        task,
        "frozen modules lose their place",
        [
            (
                "enumerate(names)",
                "enumerate(names := [n for n in names if any(p.requires_grad for p in "
                "model.get_submodule(n).parameters())])",
            )
        ],
        frozen,
    )
    to.wrong(
        task,
        "counts groups from the front",
        [("for place, name in enumerate(names):", "for name in names:\n        place = len(found)")],
        frozen,
    )
    to.wrong(task, "groups in reverse order", (end, "    return found[::-1]\n"), [rates, contents, frozen])
    to.wrong(
        task,
        "frozen ones, too",
        [
            (own, own.replace(" if p.requires_grad", "")),
            (differ, "if held != sorted(id(p) for p in model.parameters()):"),
        ],
        frozen,
    )
    to.wrong(task, "empty groups", (some, "if True:"), frozen)
    to.wrong(
        task,
        "matrices only",
        [
            (own, own.replace("if p.requires_grad", "if p.requires_grad and p.ndim > 1")),
            (differ, differ.replace("if p.requires_grad", "if p.requires_grad and p.ndim > 1")),
        ],
        [contents, frozen, forgotten],
    )
    to.wrong(
        task,
        "everything in each group",
        [(own, "parameters = [p for p in model.parameters() if p.requires_grad]"), (differ, "if False:")],
        [contents, frozen, forgotten],
    )
    to.wrong(
        task,
        "names, not parameters",
        [
            (own, "parameters = [n for n, p in model.get_submodule(name).named_parameters() if p.requires_grad]"),
            (differ, "if False:"),
        ],
    )
    to.wrong(
        task,
        "a beginning of the name",
        [
            (
                own,
                "parameters = [p for n, p in model.named_parameters() if n.startswith(name[:5]) and p.requires_grad]",
            ),
            (differ, "if False:"),
        ],
        [contents, frozen, forgotten],
    )
    to.wrong(task, "forgets in silence", (differ, "if False:"), forgotten)
    to.wrong(
        task,
        "an error for what is forgotten only",
        (differ, "if {*held} != {id(p) for p in model.parameters() if p.requires_grad}:"),
        forgotten,
    )
    to.wrong(task, "an error for what comes twice only", (differ, "if len(set(held)) < len(held):"), forgotten)
    to.wrong(
        task,
        "compares numbers only",
        (differ, "if len(held) != sum(p.requires_grad for p in model.parameters()):"),
        forgotten,
    )
    to.wrong(task, "wants frozen ones in groups", (differ, differ.replace(" if p.requires_grad", "")), frozen)
    to.wrong(
        task,
        "adds what was forgotten",
        (
            differ,
            "spare = [p for p in model.parameters() if p.requires_grad and id(p) not in held]\n"
            "    if spare:\n        found.append({'params': spare, 'lr': rate})\n    if False:",
        ),
        forgotten,
    )
    to.wrong(task, "a KeyError", ("raise ValueError(", "raise KeyError("), forgotten)
    to.wrong(task, "None instead", ("raise ValueError(", "return print("), forgotten)
    to.wrong(
        task,
        "the optimiser itself",
        (end, "    return torch.optim.SGD(found, rate) if found else found\n"),
        [rates, contents, frozen],
    )
    to.wrong(task, "uses the names up", (end, "    names.clear()\n" + end), [rates, contents, frozen])
    to.wrong(task, "nothing returned", (end, ""), [rates, contents, frozen])
    to.right(
        task,
        "from the last to the first, with sets",
        """
def groups(model, names, rate, shrink):
    found, seen = [], []
    for name in reversed(names):
        held = list(filter(lambda p: p.requires_grad, dict(model.named_modules())[name].parameters()))
        seen += held
        if len(held) > 0:
            found = [{"params": held, "lr": rate}] + found
        rate = rate / shrink
    if len({*seen}) < len(seen) or any(p.requires_grad and p not in {*seen} for p in model.parameters()):
        raise ValueError("forgotten or twice")
    return found
""",
    )
    to.right(
        task,
        "names of parameters, and a class of its own for the error",
        """
class Forgotten(ValueError):
    pass

def groups(model, names, rate, shrink):
    open_names = [n for n, p in model.named_parameters() if p.requires_grad]
    own = dict(model.named_parameters())
    result = []
    for n, name in enumerate(names, 1):
        mine = [m for m in own if m.startswith(name + ".") and own[m].requires_grad]
        for m in mine:
            if m not in open_names:
                raise Forgotten(m + " twice")
            open_names.remove(m)
        if mine:
            result.append(dict(params=[own[m] for m in mine], lr=rate * shrink ** (n - len(names)), name=name))
    if open_names:
        raise Forgotten(open_names)
    return tuple(result)
""",
    )
    to.right(
        task,
        "counts each parameter",
        """
from collections import Counter

def groups(model, names, rate, shrink):
    times = Counter(p for name in names for p in model.get_submodule(name).parameters())
    for name, p in model.named_parameters():
        if p.requires_grad and times[p] != 1:
            raise ValueError(f"{name} is in {times[p]} groups")
    steps = range(len(names) - 1, -1, -1)
    parts = [[p for p in model.get_submodule(name).parameters() if p.requires_grad] for name in names]
    return [{"lr": float(np.float64(rate) / shrink**k), "params": part} for k, part in zip(steps, parts) if part]
""",
    )


def probing(to: Answers) -> None:
    task = "probing"
    values, same, step, large = "test-extract-values", "test-extract-still", "test-probe-step", "test-probe-large"
    copied = "still = copy.deepcopy(model).eval()"
    given = "return still.maps(x).mean((2, 3))"
    block = f"    {copied}\n    with torch.no_grad():\n        {given}\n"
    soft = "powers = np.exp(scores - scores.max(1, keepdims=True))"
    error = "error = powers / powers.sum(1, keepdims=True) - targets"
    weight = "weight = weight - rate * error.T @ features / len(features)"
    bias = "bias = bias - rate * error.mean(0)"
    both, zeros = [step, large], "weight, bias = np.zeros((classes, features.shape[1])), np.zeros(classes)"
    to.wrong(task, "as it is, in training mode", (copied, "still = model"), [values, same])
    to.wrong(task, "evaluation mode, and left there", (copied, "still = model.eval()"), same)
    to.wrong(
        task,
        "back to training mode, all of it",
        (
            block,
            "    model.eval()\n    with torch.no_grad():\n        found = model.maps(x).mean((2, 3))\n"
            "    model.train()\n    return found\n",
        ),
        same,
    )
    to.wrong(
        task,
        "one flag remembered",
        (
            block,
            "    was = model.training\n    model.eval()\n    with torch.no_grad():\n"
            "        found = model.maps(x).mean((2, 3))\n    model.train(was)\n    return found\n",
        ),
        same,
    )
    to.wrong(
        task, "with gradients", ("    with torch.no_grad():\n        return", "    if True:\n        return"), same
    )
    to.wrong(task, "a copy in training mode", (copied, "still = copy.deepcopy(model).train()"), values)
    to.wrong(task, "a shallow copy", (copied, "still = copy.copy(model).eval()"), same)
    to.wrong(task, "the head's scores", (given, "return still(x)"), values)
    to.wrong(task, "whole maps", (given, "return still.maps(x)"), values)
    to.wrong(task, "maps laid out", (given, "return still.maps(x).flatten(1)"), values)
    to.wrong(task, "the maximum", (given, "return still.maps(x).amax((2, 3))"), values)
    to.wrong(task, "the mean over the channels", (given, "return still.maps(x).mean(1).flatten(1)"), values)
    to.wrong(task, "an array", (given, given + ".numpy()"), [values, same])
    to.wrong(task, "changes the pictures", (given, "x -= x.mean()\n        " + given), [values, same])
    to.wrong(
        task,
        "the sum over the pictures",
        [(weight, weight.replace(" / len(features)", "")), (bias, bias.replace("mean(0)", "sum(0)"))],
        both,
    )
    to.wrong(
        task,
        "up instead of down",
        [(weight, weight.replace("- rate", "+ rate")), (bias, bias.replace("- rate", "+ rate"))],
        both,
    )
    to.wrong(task, "no softmax", (error, "error = scores - targets"), both)
    to.wrong(task, "a sigmoid for each class", (error, "error = 1 / (1 + np.exp(-scores)) - targets"), both)
    to.wrong(task, "softmax over the pictures", (error, error.replace("sum(1", "sum(0")), both)
    to.wrong(task, "no bias", (bias, "pass"), both)
    to.wrong(task, "one step less", ("range(steps)", "range(1, steps)"), both)
    to.wrong(
        task,
        "a random start",
        (
            zeros,
            zeros.replace(
                "np.zeros((classes, features.shape[1]))", "np.random.normal(size=(classes, features.shape[1]))"
            ),
        ),
        both,
    )
    to.wrong(
        task,
        "classes that come up only",
        (
            "targets = np.eye(classes)[labels]",
            "classes = len(set(labels.tolist()))\n"
            "    targets = np.eye(classes)[np.unique(labels, return_inverse=True)[1]]",
        ),
        step,
    )
    to.wrong(task, "overflows", (soft, "powers = np.exp(scores)"), large)
    to.wrong(task, "clips the scores", (soft, "powers = np.exp(np.clip(scores, -20, 20))"), large)
    to.wrong(task, "one number taken off for all pictures", (soft, "powers = np.exp(scores - scores.max())"), large)
    to.wrong(task, "weights transposed", ("return weight, bias", "return weight.T, bias"), both)
    to.wrong(task, "changes the features", ("return weight, bias", "features *= 0\n    return weight, bias"), both)
    to.wrong(
        task,
        "PyTorch",
        (
            "    targets = np.eye",
            "    import torch.nn.functional as F\n    F.one_hot(torch.tensor(labels), classes)\n    targets = np.eye",
        ),
        step,
    )
    to.right(
        task,
        "remembers every mode; labels by index",
        """
def extract(model, x):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    found = model.maps(x).mean(dim=(-2, -1)).detach()
    for module, mode in modes:
        module.training = mode
    return found

def fit_probe(features, labels, classes, steps, rate):
    N, F = features.shape
    V, b = np.zeros([classes, F]), np.zeros([classes])
    for _ in range(steps):
        z = features.dot(V.T) + b
        z = z - z.max(axis=1)[:, None]
        p = np.exp(z)
        p = p / p.sum(axis=1)[:, None]
        p[np.arange(N), labels] -= 1
        V -= rate / N * p.T.dot(features)
        b -= rate / N * p.sum(axis=0)
    return V, b
""",
    )
    to.right(
        task,
        "picture by picture on a copy, a column of ones for the bias",
        """
def extract(model, x):
    twin = copy.deepcopy(model)
    twin.train(False)
    twin.requires_grad_(False)
    return torch.cat([nn.functional.adaptive_avg_pool2d(twin.maps(part), 1).flatten(1) for part in x.split(1)])

def fit_probe(features, labels, classes, steps, rate):
    wide = np.hstack([features, np.ones((len(features), 1))])
    W = np.zeros((wide.shape[1], classes))
    T = (np.asarray(labels)[:, None] == np.arange(classes)) * 1.0
    for _ in range(steps):
        z = wide @ W
        log = z - z.max(1, keepdims=True)
        log -= np.log(np.exp(log).sum(1, keepdims=True))
        W = W + rate * wide.T @ (T - np.exp(log)) / len(wide)
    return W[:-1].T, W[-1]
""",
    )
    to.right(
        task,
        "a hook on the head",
        """
def extract(model, x):
    twin, heard = copy.deepcopy(model).eval(), []
    twin.head.register_forward_pre_hook(lambda module, arguments: heard.append(arguments[0]))
    with torch.inference_mode():
        twin(x)
    return heard[0].clone()

def fit_probe(features, labels, classes, steps, rate):
    V, b, targets = 0 * np.ones((classes, features.shape[1])), np.zeros(classes), np.eye(classes)[labels]
    while steps > 0:
        z = np.einsum("nf,cf->nc", features, V) + b
        e = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True)) - targets
        V, b = V - rate * np.einsum("nc,nf->cf", e, features) / len(e), b - rate * e.sum(0) / len(e)
        steps -= 1
    return [V, b]
""",
    )


def two_phases(to: Answers) -> None:
    task = "two-phases"
    head, same, second, losses = (f"test-phases-{part}" for part in ("head", "still", "second", "losses"))
    cold = "model.requires_grad_(False).eval()"
    warm = "module.requires_grad_(True).train()"
    optimiser = "        optimiser = torch.optim.SGD(groups, momentum=0.9)\n"
    plan = "trained = {model.head: rate, last: rate / shrink} if phase else {model.head: rate}"
    groups = 'groups = [{"params": list(module.parameters()), "lr": own} for module, own in trained.items()]'
    zero = "            optimiser.zero_grad()\n"
    note = "losses.append(loss.item())"
    end = "    model.eval()\n    return losses\n"
    to.wrong(
        task,
        "model.train() before each step",
        ("            loss = nn", "            model.train()\n            loss = nn"),
    )
    to.wrong(task, "everything in evaluation mode", (warm, "module.requires_grad_(True)"), [second, losses])
    to.wrong(
        task,
        "no freezing at all",
        [
            (cold, "model.eval()"),
            (groups, "groups = model.parameters()"),
            ("SGD(groups, ", "SGD(groups, rate, "),
        ],
    )
    to.wrong(task, "thaws nothing in phase 2", (plan, "trained = {model.head: rate}"), [second, losses])
    to.wrong(
        task,
        "thaws everything in phase 2",
        [
            (cold, "model.requires_grad_(phase == 1).train(phase == 1)"),
            (plan, plan.replace("last:", "nn.ModuleList(list(model.children())[:-1]):")),
        ],
        [same, second, losses],
    )
    to.wrong(
        task,
        "thaws the first stage",
        ('last = model.get_submodule(f"stage{model.stages}")', "last = model.stage1"),
        [same, second, losses],
    )
    to.wrong(task, "always the third stage", ('f"stage{model.stages}"', '"stage3"'))
    to.wrong(task, "both at once", (plan, plan.replace(" if phase else {model.head: rate}", "")))
    to.wrong(
        task,
        "only the stage in phase 2",
        (plan, plan.replace("{model.head: rate, last", "{last")),
        [second, losses],
    )
    to.wrong(task, "one rate", (plan, plan.replace(" / shrink", "")), [second, losses])
    to.wrong(
        task,
        "one small rate in phase 2",
        (plan, plan.replace("{model.head: rate,", "{model.head: rate / shrink,")),
        [second, losses],
    )
    to.wrong(
        task,
        "the rates exchanged",
        (plan, plan.replace("model.head: rate, last: rate / shrink", "last: rate, model.head: rate / shrink")),
        [second, losses],
    )
    to.wrong(
        task,
        "the optimiser of phase 1 again",
        [
            ("    losses = []\n", "    losses, optimiser = [], None\n"),
            (optimiser, "        optimiser = optimiser or torch.optim.SGD(groups, momentum=0.9)\n"),
        ],
        [second, losses],
    )
    to.wrong(
        task,
        "a group added to the optimiser of phase 1",
        [
            ("    losses = []\n", "    losses, optimiser = [], None\n"),
            (
                optimiser,
                "        if optimiser:\n            optimiser.add_param_group(groups[1])\n        else:\n"
                "            optimiser = torch.optim.SGD(groups, momentum=0.9)\n",
            ),
        ],
        [second, losses],
    )
    to.wrong(task, "no momentum", (", momentum=0.9", ""), [head, second, losses])
    to.wrong(
        task, "Adam", ("torch.optim.SGD(groups, momentum=0.9)", "torch.optim.Adam(groups)"), [head, second, losses]
    )
    to.wrong(task, "gradients pile up", (zero, ""), [head, second, losses])
    to.wrong(
        task,
        "gradients zeroed too late",
        (zero + "            loss.backward()\n", "            loss.backward()\n" + zero),
        [head, second, losses],
    )
    to.wrong(task, "no step", ("            optimiser.step()\n", ""), [head, second, losses])
    to.wrong(task, "phases exchanged", ("enumerate(steps)", "enumerate(steps[::-1])"))
    to.wrong(
        task,
        "the sum of the losses",
        ("cross_entropy(model(x), y)", 'cross_entropy(model(x), y, reduction="sum")'),
        [head, second, losses],
    )
    to.wrong(
        task,
        "softmax before the loss",
        ("cross_entropy(model(x), y)", "cross_entropy(model(x).softmax(1), y)"),
        [head, second, losses],
    )
    to.wrong(task, "the network is left in training mode", (end, "    return losses\n"), losses)
    to.wrong(task, "the losses as tensors", (note, "losses.append(loss)"), losses)
    to.wrong(task, "losses of phase 2 only", (end, end.replace("losses", "losses[steps[0]:]")), losses)
    to.wrong(task, "nothing returned", (end, "    model.eval()\n"), losses)
    to.right(
        task,
        "two loops, train_around in front of each step",
        """
def two_phases(model, x, y, steps, rate, shrink):
    def around():
        model.train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()

    def run(optimiser, number):
        for _ in range(number):
            around()
            optimiser.zero_grad(set_to_none=False)
            loss = torch.nn.CrossEntropyLoss()(model(x), y)
            loss.backward()
            optimiser.step()
            history.append(float(loss))

    history = []
    for p in model.parameters():
        p.requires_grad = False
    for p in model.head.parameters():
        p.requires_grad = True
    run(torch.optim.SGD(model.head.parameters(), lr=rate, momentum=0.9), steps[0])
    stage = getattr(model, "stage" + str(model.stages))
    for p in stage.parameters():
        p.requires_grad = True
    groups = [{"params": stage.parameters(), "lr": rate / shrink}, {"params": model.head.parameters()}]
    run(torch.optim.SGD(groups, lr=rate, momentum=0.9), steps[1])
    model.eval()
    return history
""",
    )
    to.right(
        task,
        "phase 1 on features that were computed once; momentum by hand",
        """
def two_phases(model, x, y, steps, rate, shrink):
    last = model.get_submodule(f"stage{model.stages}")
    model.eval()
    model.requires_grad_(True)
    with torch.no_grad():
        features = model.maps(x).mean((2, 3))
        below = x
        for n in range(1, model.stages):
            below = model.get_submodule(f"stage{n}")(below)

    def descend(scores, groups, number):
        speed = {p: 0.0 for group, _ in groups for p in group}
        for _ in range(number):
            loss = nn.functional.cross_entropy(scores(), y)
            found.append(loss.item())
            slopes = torch.autograd.grad(loss, list(speed))
            with torch.no_grad():
                for (p, v), slope in zip(list(speed.items()), slopes):
                    speed[p] = 0.9 * v + slope
                    p -= next(r for group, r in groups if any(p is q for q in group)) * speed[p]

    found = []
    head = list(model.head.parameters())
    descend(lambda: model.head(features), [(head, rate)], steps[0])
    last.train()
    both = [(head, rate), (list(last.parameters()), rate / shrink)]
    descend(lambda: model.head(last(below).mean((2, 3))), both, steps[1])
    last.eval()
    return tuple(found)
""",
    )
    to.right(
        task,
        "gradients everywhere, steps where they belong",
        """
def two_phases(model, x, y, steps, rate, shrink):
    losses = []
    name = f"stage{model.stages}."
    for phase, number in enumerate(steps):
        chosen = {"head.": rate, name: rate / shrink} if phase else {"head.": rate}
        groups = []
        for begin, r in chosen.items():
            groups.append({"params": [p for n, p in model.named_parameters() if n.startswith(begin)], "lr": r})
        optimiser = torch.optim.SGD(groups, momentum=0.9, nesterov=False)
        for module_name, module in model.named_modules():
            module.training = phase == 1 and (module_name + ".").startswith(name)
        model.requires_grad_(True)
        while number:
            model.zero_grad()
            loss = nn.functional.nll_loss(model(x).log_softmax(1), y)
            loss.backward()
            optimiser.step()
            losses += [loss.item()]
            number -= 1
    for module in model.modules():
        module.eval()
    return losses
""",
    )


def choosing(to: Answers) -> None:
    task = "choosing"
    setting, numbers, edge = (f"test-choose-{part}" for part in ("setting", "numbers", "edge"))
    mean = "np.mean(accuracies, axis=0)[0]"
    out = "(setting for setting in means if not np.isnan(means[setting]))"
    rates = "rates = [other for name, other in settings if name == way]"
    inside = "edge = rate == min(rates) or rate == max(rates)"
    promised, spread = '"mean": np.mean(tests)', '"deviation": np.std(tests, ddof=1)'
    group = '(run["way"], run["rate"])'
    first = "settings = {}"
    end = '    return {"way": way'
    to.wrong(task, "by the test", (mean, "np.mean(accuracies, axis=0)[1]"), [setting, numbers])
    to.wrong(task, "the best single run", (mean, "np.max(accuracies, axis=0)[0]"), [setting, numbers])
    to.wrong(task, "the worst seed decides", (mean, "np.min(accuracies, axis=0)[0]"), setting)
    to.wrong(task, "the sum of the seeds", (mean, "np.sum(accuracies, axis=0)[0]"), setting)
    to.wrong(task, "the median", (mean, "np.median(accuracies, axis=0)[0]"), setting)
    to.wrong(task, "nan is left out of the mean", (mean, "np.nanmean(accuracies, axis=0)[0]"), [setting, edge])
    to.wrong(task, "nan counts as zero", (mean, "np.nan_to_num(accuracies).mean(0)[0]"), setting)
    to.wrong(task, "nan is not looked for", (out, "means"), [setting])
    to.wrong(
        task,
        "runs with nan are dropped",
        ("for run in runs:", 'for run in [r for r in runs if r["validation"] == r["validation"]]:'),
        [setting, edge],
    )
    to.wrong(
        task,
        "the first run is looked at for nan",
        (out, "(s for s in means if not np.isnan(settings[s][0][0]))"),
        [setting],
    )
    to.wrong(task, "of equals the last", [(out, out.replace("in means if", "in reversed(means) if"))], setting)
    to.wrong(task, "settings sorted", [(out, out.replace("in means if", "in sorted(means) if"))], setting)
    to.wrong(
        task,
        "ways only",
        [
            (
                "way, rate = max(",
                "averaged = {w: np.nanmean([means[s] for s in means if s[0] == w]) for w, _ in means}\n"
                "    way = max(averaged, key=averaged.get)\n    way, rate = max(",
            ),
            (out, "(s for s in means if s[0] == way and not np.isnan(means[s]))"),
        ],
        setting,
    )
    to.wrong(task, "rates only", (group, '("all", run["rate"])'))
    to.wrong(task, "the validation's mean", (promised, '"mean": np.mean([v for v, _ in settings[way, rate]])'), numbers)
    to.wrong(task, "the best test", (promised, '"mean": np.max(tests)'), numbers)
    to.wrong(task, "rounded", (promised, '"mean": round(float(np.mean(tests)), 2)'), numbers)
    to.wrong(task, "divided by n", (spread, '"deviation": np.std(tests)'), numbers)
    to.wrong(task, "the standard error", (spread, '"deviation": np.std(tests, ddof=1) / len(tests) ** 0.5'), numbers)
    to.wrong(task, "the variance", (spread, '"deviation": np.var(tests, ddof=1)'), numbers)
    to.wrong(task, "rates of all ways", (rates, "rates = [other for _, other in settings]"), edge)
    to.wrong(task, "only the largest", (inside, "edge = rate == max(rates)"), edge)
    to.wrong(task, "only the smallest", (inside, "edge = rate == min(rates)"), edge)
    to.wrong(task, "first or last in the list", (inside, "edge = rate in (rates[0], rates[-1])"), edge)
    to.wrong(
        task,
        "diverged rates were never tried",
        (rates, "rates = [r for w, r in settings if w == way and not np.isnan(means[w, r])]"),
        edge,
    )
    to.wrong(task, "the other way round", (inside, inside.replace("= rate", "= not (rate", 1) + ")"), edge)
    to.wrong(
        task,
        "which edge",
        (inside, "edge = 'low' if rate == min(rates) else 'high' if rate == max(rates) else None"),
        edge,
    )
    to.wrong(task, "changes the runs", (first, first + "\n    runs.sort(key=lambda run: -run['rate'])"))
    to.wrong(task, "the tests' own answer", "def choose(runs):\n    return choice_of(runs)", setting)
    to.wrong(task, "nothing returned", (end, '    {"way": way'))
    to.right(
        task,
        "statistics, and a loop",
        """
import statistics
from math import isnan

def choose(runs):
    order = []
    for run in runs:
        if (run["way"], run["rate"]) not in order:
            order.append((run["way"], run["rate"]))
    best = None
    for way, rate in order:
        mine = [run for run in runs if run["way"] == way and run["rate"] == rate]
        if any(isnan(run["validation"]) for run in mine):
            continue
        mean = statistics.fmean(run["validation"] for run in mine)
        if best is None or mean > best[0]:
            best = mean, way, rate, [run["test"] for run in mine]
    _, way, rate, tests = best
    tried = {r for w, r in order if w == way}
    lowest_or_highest = not (min(tried) < rate < max(tried))
    return dict(
        way=way, rate=rate, mean=statistics.fmean(tests), deviation=statistics.stdev(tests), edge=lowest_or_highest
    )
""",
    )
    to.right(
        task,
        "arrays, nan as minus infinity",
        """
def choose(runs):
    keys = list(dict.fromkeys((run["way"], run["rate"]) for run in runs))
    number = np.array([keys.index((run["way"], run["rate"])) for run in runs])
    validation, test = (np.array([run[name] for run in runs]) for name in ("validation", "test"))
    means = np.array([validation[number == k].mean() for k in range(len(keys))])
    best = int(np.argmax(np.where(np.isnan(means), -np.inf, means)))
    tests = test[number == best]
    rates = np.array([rate for way, rate in keys if way == keys[best][0]])
    return {
        "deviation": tests.std(ddof=1), "mean": tests.mean(), "edge": keys[best][1] in (rates.min(), rates.max()),
        "way": keys[best][0], "rate": keys[best][1], "settings": len(keys),
    }
""",
    )
    to.right(
        task,
        "by the formula for the deviation",
        """
def choose(runs):
    table = {}
    for run in runs:
        table.setdefault(run["way"], {}).setdefault(run["rate"], []).append(run)
    first = {}
    for n, run in enumerate(runs):
        first.setdefault((run["way"], run["rate"]), n)
    def merit(setting):
        way, rate = setting
        values = [run["validation"] for run in table[way][rate]]
        mean = sum(values) / len(values)
        return (mean == mean, mean if mean == mean else 0, -first[setting])
    way, rate = max(first, key=merit)
    t = [run["test"] for run in table[way][rate]]
    mean = sum(t) / len(t)
    deviation = (sum((a - mean) ** 2 for a in t) / (len(t) - 1)) ** 0.5
    ladder = sorted(table[way])
    edge = bool(ladder.index(rate) in (0, len(ladder) - 1))
    return {"way": way, "rate": rate, "mean": mean, "deviation": deviation, "edge": edge}
""",
    )


def marking(to: Answers) -> None:
    task, marker, one, several = "marking", "test-marker", "test-iou", "test-iou-all"
    both = [one, several]
    keep = "self.backbone = backbone"
    conv = "self.scores = nn.Conv2d(width, classes, 1)"
    coarse = "coarse = self.scores(self.backbone.maps(x))"
    grow = 'return nn.functional.interpolate(coarse, size=x.shape[2:], mode="nearest")'
    union = "union = (one | other).sum()"
    share = "found[c] = (one & other).sum() / union"
    end = "    return found\n"
    to.wrong(task, "as coarse as the maps", (grow, "return coarse"), marker)
    to.wrong(
        task,
        "twice for each halving",
        (grow, grow.replace("size=x.shape[2:]", "scale_factor=2 ** (self.backbone.stages - 1)")),
        marker,
    )
    to.wrong(task, "square pictures only", (grow, grow.replace("x.shape[2:]", "(x.shape[2], x.shape[2])")), marker)
    to.wrong(task, "rows and columns exchanged", (grow, grow.replace("x.shape[2:]", "x.shape[:1:-1]")), marker)
    to.wrong(task, "bilinear", (grow, grow.replace('"nearest"', '"bilinear"')), marker)
    to.wrong(task, "a 3 × 3 convolution", (conv, "self.scores = nn.Conv2d(width, classes, 3, padding=1)"), marker)
    to.wrong(task, "no bias", (conv, "self.scores = nn.Conv2d(width, classes, 1, bias=False)"), marker)
    to.wrong(task, "the backbone's head", (coarse, "coarse = self.backbone(x)[:, :, None, None]"), marker)
    to.wrong(
        task,
        "the mean over all places",
        (coarse, coarse.replace("maps(x)", "maps(x).mean((2, 3), keepdim=True)")),
        marker,
    )
    to.wrong(
        task, "a ReLU on the scores", (grow, grow.replace("interpolate(coarse", "interpolate(coarse.relu()")), marker
    )
    to.wrong(task, "a sigmoid", (grow, grow + ".sigmoid()"), marker)
    to.wrong(task, "the best class", (grow, grow + ".argmax(1)"), marker)
    to.wrong(
        task,
        "the backbone hidden in a list",
        [(keep, "self.backbone = [backbone]"), ("self.backbone.maps", "self.backbone[0].maps")],
        marker,
    )
    to.wrong(
        task,
        "a new backbone",
        (
            keep,
            "self.backbone = type(backbone)(7, [s[0].out_channels for s in backbone.children() if "
            "isinstance(s, nn.Sequential)], backbone.stage1[0].in_channels)",
        ),
        marker,
    )
    to.wrong(task, "nothing returned by forward", (grow, "pass"), marker)
    to.wrong(task, "the Dice score", (share, "found[c] = 2 * (one & other).sum() / (one.sum() + other.sum())"), both)
    to.wrong(task, "what both cover is counted twice", (union, "union = one.sum() + other.sum()"), both)
    to.wrong(task, "recall", (share, "found[c] = (one & other).sum() / other.sum() if other.any() else 0.0"), both)
    to.wrong(task, "over all places", (union, "union = one.size"), both)
    to.wrong(
        task,
        "the mean over the maps",
        (
            share,
            "found[c] = np.nanmean([(a & b).sum() / max(1, (a | b).sum()) if (a | b).any() else np.nan for "
            "a, b in zip(one, other)])",
        ),
        several,
    )
    to.wrong(
        task,
        "the first map only",
        ("one, other = marked == c, truth == c", "one, other = marked[0] == c, truth[0] == c"),
        several,
    )
    to.wrong(task, "0 for a class that is not there", ("np.full(classes, np.nan)", "np.zeros(classes)"), several)
    to.wrong(task, "1 for a class that is not there", ("np.full(classes, np.nan)", "np.ones(classes)"), several)
    to.wrong(task, "nan where the truth has none", ("if union:", "if other.any():"), several)
    to.wrong(task, "classes that come up only", (end, "    return found[~np.isnan(found)]\n"), several)
    to.wrong(task, "the mean IoU", (end, "    return np.nanmean(found)\n"), both)
    to.wrong(task, "classes from 1 on", ("marked == c, truth == c", "marked == c + 1, truth == c + 1"), both)
    to.wrong(task, "the tests' own counts", (end, "    return ious(marked, truth, classes)\n"), one)
    to.wrong(task, "changes the maps", (end, "    marked[:] = 0\n" + end), both)
    to.wrong(
        task,
        "PyTorch",
        (
            "    found = np.full",
            "    import torch\n"
            "    marked, truth = torch.tensor(marked).numpy(), torch.tensor(truth).numpy()\n"
            "    found = np.full",
        ),
        one,
    )
    to.right(
        task,
        "a linear layer over the channels, and a table of pairs",
        """
class Marker(nn.Module):
    def __init__(self, backbone, width, classes):
        super().__init__()
        self.body = backbone
        self.end = nn.Linear(width, classes)

    def forward(self, x):
        scores = self.end(self.body.maps(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return nn.functional.interpolate(scores, tuple(x.shape[-2:]))

def iou(marked, truth, classes):
    pairs = np.bincount((classes * truth + marked).ravel(), minlength=classes**2).reshape(classes, classes)
    both = np.diag(pairs).astype(float)
    either = pairs.sum(0) + pairs.sum(1) - np.diag(pairs)
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)
""",
    )
    to.right(
        task,
        "enlarged first, scored then; nan by division, with its warning",
        """
class Marker(nn.Module):
    def __init__(self, backbone, width, classes):
        super().__init__()
        self.parts = nn.ModuleDict({"net": backbone, "head": nn.Conv2d(width, classes, (1, 1))})

    def forward(self, x):
        up = nn.Upsample(size=(x.shape[2], x.shape[3]))
        return self.parts["head"](up(self.parts["net"].maps(x)))

def iou(marked, truth, classes):
    kinds = np.arange(classes)[:, None]
    one, other = marked.reshape(1, -1) == kinds, truth.reshape(1, -1) == kinds
    return np.logical_and(one, other).sum(1) / np.logical_or(one, other).sum(1)
""",
    )
    to.right(
        task,
        "rows and columns picked by index; counts by hand",
        """
class Marker(nn.Module):
    def __init__(self, backbone, width, classes):
        super().__init__()
        self.score = nn.Conv2d(width, classes, kernel_size=1)
        self.backbone = backbone

    def forward(self, x):
        grid = self.score(self.backbone.maps(x))
        rows = torch.arange(x.shape[2]) * grid.shape[2] // x.shape[2]
        columns = torch.arange(x.shape[3]) * grid.shape[3] // x.shape[3]
        return grid[:, :, rows][..., columns]

def iou(marked, truth, classes):
    both, either = [0] * classes, [0] * classes
    for a, b in zip(marked.ravel().tolist(), truth.ravel().tolist()):
        both[a] += a == b
        either[a] += 1
        either[b] += a != b
    return np.array([n / of if of else float("nan") for n, of in zip(both, either)])
""",
    )
