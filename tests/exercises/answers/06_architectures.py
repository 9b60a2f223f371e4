"""Answers to assignment 6: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    lenet(to)
    count(to)
    vgg_inception(to)
    basic_block(to)
    excite(to)
    mbconv(to)
    bottleneck(to)
    repair(to)
    return to


def lenet(to: Answers) -> None:
    task, outputs = "lenet", "test-lenet-outputs"
    first, last = "nn.Conv2d(1, 6, 5)", "return self.head(self.maps(x).flatten(1))"
    to.wrong(task, "padding as for 28 × 28", (first, "nn.Conv2d(1, 6, 5, padding=2)"), outputs)
    to.wrong(task, "3 × 3 kernels", [(first, "nn.Conv2d(1, 6, 3)"), ("6, 16, 5", "6, 16, 3"), ("400", "576")])
    to.wrong(task, "three colours", (first, "nn.Conv2d(3, 6, 5)"))
    to.wrong(task, "256 inputs to the first dense layer", ("400", "256"))
    to.wrong(task, "16 inputs, one for each map", ("400", "16"))
    to.wrong(task, "without biases", (first, "nn.Conv2d(1, 6, 5, bias=False)"))
    to.wrong(task, "more filters", [(first, "nn.Conv2d(1, 8, 5)"), ("nn.Conv2d(6, 16", "nn.Conv2d(8, 16")])
    to.wrong(task, "no layer of 84", ("nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)", "nn.Linear(120, 10)"))
    to.wrong(task, "nine classes", ("nn.Linear(84, 10)", "nn.Linear(84, 9)"))
    to.wrong(task, "ReLU", ("nn.Tanh()", "nn.ReLU()"), outputs)
    to.wrong(task, "the logistic function", ("nn.Tanh()", "nn.Sigmoid()"), outputs)
    to.wrong(task, "max pooling", ("nn.AvgPool2d", "nn.MaxPool2d"), outputs)
    to.wrong(
        task, "no activation between the dense layers", ("nn.Linear(120, 84), nn.Tanh()", "nn.Linear(120, 84)"), outputs
    )
    to.wrong(task, "tanh at the end", ("nn.Linear(84, 10)", "nn.Linear(84, 10), nn.Tanh()"), outputs)
    to.wrong(task, "softmax at the end", ("nn.Linear(84, 10)", "nn.Linear(84, 10), nn.Softmax(1)"), outputs)
    to.wrong(task, "one picture only", (last, "return self.head(self.maps(x)[:1].flatten(1))"), outputs)
    to.wrong(
        task, "the batch in one row", (last, "return self.head(self.maps(x).flatten().reshape(-1, 400))[0]"), outputs
    )
    to.wrong(
        task, "transposed before it is laid out", (last, last.replace(".flatten", ".transpose(2, 3).flatten")), outputs
    )
    to.wrong(task, "zeros", (last, last + " * 0"), outputs)
    to.wrong(task, "NaN", (last, last + " * torch.nan"), outputs)
    to.wrong(task, "nothing returned", (last, "pass"), outputs)
    to.wrong(task, "an array", (last, last + ".detach().numpy()"), outputs)
    to.right(
        task,
        "layers of its own names, functions in forward",
        """
class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c3 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.f5, self.f6, self.out = nn.Linear(16 * 5 * 5, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = nn.functional.avg_pool2d(torch.tanh(self.c1(x)), 2)
        x = nn.functional.avg_pool2d(torch.tanh(self.c3(x)), 2)
        x = x.reshape(len(x), -1)
        return self.out(torch.tanh(self.f6(torch.tanh(self.f5(x)))))
""",
    )
    to.right(
        task,
        "one sequence",
        """
class LeNet5(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 6, kernel_size=5), nn.Tanh(), nn.AvgPool2d(2, 2),
            nn.Conv2d(6, 16, kernel_size=5), nn.Tanh(), nn.AvgPool2d(2, 2), nn.Flatten(),
            nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
        )
""",
    )
    to.right(
        task,
        "the layer of 120 as a convolution; layers made in reverse order",
        """
class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(84, 10)
        self.f6 = nn.Linear(120, 84)
        self.c5 = nn.Linear(400, 120)
        self.c3 = nn.Conv2d(6, 16, (5, 5))
        self.c1 = nn.Conv2d(1, 6, (5, 5))
        self.pool, self.act = nn.AvgPool2d(2), nn.Tanh()

    def forward(self, x):
        for layer in (self.c1, self.c3):
            x = self.pool(self.act(layer(x)))
        x = torch.flatten(x, start_dim=1)
        for layer in (self.c5, self.f6):
            x = self.act(layer(x))
        return self.last(x)
""",
    )


def count(to: Answers) -> None:
    task = "count"
    shapes, parameters, work, vgg = (f"test-count-{name}" for name in ("shapes", "parameters", "work", "vgg"))
    sizes = [shapes, parameters, work]
    size = "rows, columns = ((n + 2 * padding - kernel) // stride + 1 for n in (height, width))"
    weights = "weights = channels // groups * c_out * kernel**2"
    both = "parameters, work = weights + c_out * bias, weights * rows * columns"
    dense = "work = channels * height * width * numbers[0]"
    to.wrong(task, "no + 1", (size, size.replace(" + 1", "")), sizes)
    to.wrong(task, "no padding", (size, size.replace("2 * padding", "0 * padding")), sizes)
    to.wrong(task, "padding once", (size, size.replace("2 * padding", "padding")), sizes)
    to.wrong(task, "no stride", (size, size.replace("// stride", "// 1")), sizes)
    to.wrong(
        task,
        "rounded up",
        (size, "rows, columns = (-(-(n + 2 * padding - kernel) // stride) + 1 for n in (height, width))"),
        sizes,
    )
    to.wrong(task, "floats", (size, size.replace("//", "/")), sizes)
    to.wrong(task, "square pictures only", (size, size.replace("(height, width)", "(height, height)")), sizes)
    to.wrong(task, "rows and columns exchanged", (size, size.replace("(height, width)", "(width, height)")), [shapes])
    to.wrong(task, "a dense layer stays flat", ("shape = numbers[0], 1, 1", "shape = (numbers[0],)"), shapes)
    to.wrong(task, "global pooling changes nothing", ("shape = channels, 1, 1", "pass"), sizes)
    to.wrong(task, "groups ignored", (weights, weights.replace("// groups", "")), [parameters, work])
    to.wrong(task, "groups divide twice", (weights, weights.replace("c_out", "c_out // groups")), [parameters, work])
    to.wrong(task, "one side of the kernel", (weights, weights.replace("**2", "")), [parameters, work])
    to.wrong(task, "filters read one channel", (weights, "weights = c_out * kernel**2"), [parameters, work])
    to.wrong(task, "no bias", (both, both.replace(" + c_out * bias", "")), parameters)
    to.wrong(task, "a bias always", (both, both.replace("* bias", "")), parameters)
    to.wrong(task, "one bias a layer", (both, both.replace("c_out * bias", "bias")), parameters)
    to.wrong(task, "a bias for each channel read", (both, both.replace("c_out * bias", "channels * bias")), parameters)
    to.wrong(task, "normalisation for free", ("parameters = 2 * channels", "pass"), parameters)
    to.wrong(
        task,
        "normalisation with its statistics",
        ("parameters = 2 * channels", "parameters = 4 * channels"),
        parameters,
    )
    to.wrong(task, "dense without bias", ("parameters = work + numbers[0]", "parameters = work"), parameters)
    to.wrong(task, "FLOPs", (both, both.replace("rows * columns", "rows * columns * 2")), work)
    to.wrong(task, "biases are work", (both, both + "\n            work += c_out * bias * rows * columns"), work)
    to.wrong(task, "places of the input", (both, both.replace("rows * columns", "height * width")), work)
    to.wrong(task, "each weight once", (both, both.replace(" * rows * columns", "")), work)
    to.wrong(
        task,
        "normalisation is work",
        ("parameters = 2 * channels", "parameters, work = 2 * channels, channels * height * width"),
        work,
    )
    to.wrong(task, "dense reads the channels only", (dense, dense.replace(" * height * width", "")), [parameters, work])
    to.wrong(
        task,
        "dense: exchanged",
        ("parameters = work + numbers[0]", "parameters, work = work, work + numbers[0]"),
        [parameters, work],
    )
    to.wrong(
        task,
        "totals instead of layers",
        ("    return found\n", "    return [(shape, sum(f[1] for f in found), sum(f[2] for f in found))]\n"),
        sizes,
    )
    to.wrong(task, "the list is used up", ("    return found\n", "    layers.clear()\n    return found\n"), sizes)
    to.wrong(task, "nothing returned", [("    return found\n", "    pass\n"), ("return [*layers,", "[*layers,")])
    to.wrong(
        task,
        "VGG-11",
        ("[(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]", "[(64, 1), (128, 1), (256, 2), (512, 2), (512, 2)]"),
        vgg,
    )
    to.wrong(task, "VGG-19", ("(256, 3), (512, 3), (512, 3)", "(256, 4), (512, 4), (512, 4)"), vgg)
    to.wrong(task, "without biases", ("1, 1, 1, True)]", "1, 1, 1, False)]"), vgg)
    to.wrong(task, "without padding", ("3, 1, 1, 1, True)]", "3, 1, 0, 1, True)]"), vgg)
    to.wrong(task, "the last pooling missing", ("return [*layers,", "return [*layers[:-1],"), vgg)
    to.wrong(task, "a global mean instead", ("return [*layers,", 'return [*layers, ("global",),'), vgg)
    to.right(
        task,
        "one function for each kind",
        """
def place(n, K, S, P):
    return 1 + (n - K + P + P) // S

def count(layers, shape):
    rows = []
    for layer in layers:
        C, H, W = shape
        if layer[0] == "conv":
            _, F, K, S, P, G, bias = layer
            shape = (F, place(H, K, S, P), place(W, K, S, P))
            each = K * K * (C // G)
            rows.append([shape, F * each + (F if bias else 0), F * each * shape[1] * shape[2]])
        elif layer[0] == "pool":
            shape = (C, place(H, *layer[1:]), place(W, *layer[1:]))
            rows.append([shape, 0, 0])
        elif layer[0] == "dense":
            n = layer[1]
            shape = (n, 1, 1)
            rows.append([shape, (C * H * W + 1) * n, C * H * W * n])
        elif layer[0] == "global":
            shape = (C, 1, 1)
            rows.append([shape, 0, 0])
        else:
            rows.append([shape, C + C, 0])
    return tuple(rows)

def vgg16():
    conv = lambda n: ["conv", n, 3, 1, 1, 1, True]
    pool = ["pool", 2, 2, 0]
    plan = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]
    return [conv(n) if n else pool for n in plan] + [["dense", 4096], ["dense", 4096], ["dense", 1000]]
""",
    )
    to.right(
        task,
        "built on the device meta after all",
        """
def count(layers, shape):
    found = []
    for kind, *n in layers:
        C = shape[0]
        if kind == "conv":
            c_out, K, S, P, G, bias = n
            layer = nn.Conv2d(C, c_out, K, S, P, groups=G, bias=bias)
        else:
            layer = {"norm": lambda: nn.BatchNorm2d(C), "pool": lambda: nn.MaxPool2d(n[0], n[1], n[2]),
                     "global": lambda: nn.AdaptiveAvgPool2d(1),
                     "dense": lambda: nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(shape).numel(), n[0]))}[kind]()
        with torch.no_grad():
            out = layer.eval()(torch.zeros(1, *shape))
        shape = tuple(out.shape[1:]) if kind != "dense" else (n[0], 1, 1)
        parameters = sum(p.numel() for p in layer.parameters())
        work = 0
        if kind == "conv":
            work = layer.weight.numel() * shape[1] * shape[2]
        if kind == "dense":
            work = layer[1].weight.numel()
        found.append((shape, parameters, work))
    return found

def vgg16():
    layers = []
    for n in ("64 64 . 128 128 . 256 256 256 . 512 512 512 . 512 512 512 .").split():
        layers.append(("pool", 2, 2, 0) if n == "." else ("conv", int(n), 3, 1, 1, 1, True))
    for n in (4096, 4096, 1000):
        layers.append(("dense", n))
    return layers
""",
    )
    to.right(
        task,
        "match, and NumPy's integers",
        """
import numpy as np

def count(layers, shape):
    def step(shape, layer):
        C, H, W = shape
        match layer:
            case ("conv", F, K, S, P, G, bias):
                H, W = ((np.array([H, W]) + 2 * P - K) // S + 1).tolist()
                w = np.int64(F * C // G * K * K)
                return (F, H, W), w + F * int(bias), w * H * W
            case ("norm",):
                return shape, 2 * C, 0
            case ("pool", K, S, P):
                return (C, (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1), 0, 0
            case ("global",):
                return (C, 1, 1), 0, 0
            case ("dense", n):
                return (n, 1, 1), n * (C * H * W) + n, n * (C * H * W)
    found = []
    for layer in layers:
        found.append(step(tuple(shape), tuple(layer)))
        shape = found[-1][0]
    return found

def vgg16():
    blocks = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
    convolutional = [l for n, c in blocks for l in n * [("conv", c, 3, 1, 1, 1, True)] + [("pool", 2, 2, 0)]]
    return convolutional + 2 * [("dense", 4096)] + [("dense", 1000)]
""",
    )


def vgg_inception(to: Answers) -> None:
    task = "vgg-inception"
    vgg = ["test-vgg-weights", vgg_outputs := "test-vgg-outputs"]
    inception = ["test-inception-weights", outputs := "test-inception-outputs"]
    layer = "parts += [nn.Conv2d(c_in if n == 0 else c_out, c_out, 3, padding=1), nn.ReLU()]"
    end = "return nn.Sequential(*parts, nn.MaxPool2d(2))"
    join = "torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)"
    to.wrong(
        task,
        "one convolution",
        (layer, layer.replace("parts +=", "parts =").replace("c_in if n == 0 else c_out", "c_in")),
        vgg,
    )
    to.wrong(task, "one convolution too many", ("range(layers)", "range(layers + 1)"), vgg)
    to.wrong(
        task,
        "all from c_in",
        (layer, layer.replace("c_in if n == 0 else c_out, c_out", "c_in, c_out if n == layers - 1 else c_in")),
        vgg,
    )
    to.wrong(task, "5 × 5", (layer, layer.replace("3, padding=1", "5, padding=2")), vgg)
    to.wrong(task, "without biases", (layer, layer.replace("padding=1", "padding=1, bias=False")), vgg)
    to.wrong(task, "with normalisation", (layer, layer.replace("nn.ReLU()", "nn.BatchNorm2d(c_out), nn.ReLU()")), vgg)
    to.wrong(task, "no padding", (layer, layer.replace(", padding=1", "")), vgg_outputs)
    to.wrong(task, "no ReLU", (layer, layer.replace(", nn.ReLU()", "")), vgg_outputs)
    to.wrong(
        task,
        "a ReLU at the end only",
        [(layer, layer.replace(", nn.ReLU()", "")), (end, end.replace("*parts,", "*parts, nn.ReLU(),"))],
        vgg_outputs,
    )
    to.wrong(task, "no pooling", (end, "return nn.Sequential(*parts)"), vgg_outputs)
    to.wrong(task, "average pooling", (end, end.replace("Max", "Avg")), vgg_outputs)
    to.wrong(
        task,
        "pooling after each",
        [(layer, layer.replace("nn.ReLU()", "nn.ReLU(), nn.MaxPool2d(2)")), (end, "return nn.Sequential(*parts)")],
        vgg_outputs,
    )
    to.wrong(task, "pooling with stride 1", (end, end.replace("MaxPool2d(2)", "MaxPool2d(2, 1)")), vgg_outputs)
    to.wrong(
        task,
        "5 × 5 as in torchvision: 3 × 3",
        ("nn.Conv2d(r5, c5, 5, padding=2)", "nn.Conv2d(r5, c5, 3, padding=1)"),
        inception,
    )
    to.wrong(
        task,
        "no reduction before the 3 × 3",
        ("nn.Conv2d(c_in, r3, 1), nn.ReLU(), nn.Conv2d(r3, c3", "nn.Conv2d(c_in, c3"),
        inception,
    )
    to.wrong(task, "r3 and r5 exchanged", ("r3, c3, r5, c5, cp):", "r5, c3, r3, c5, cp):"), inception)
    to.wrong(task, "no convolution behind the pooling", (", nn.Conv2d(c_in, cp, 1))", ")"), inception)
    to.wrong(
        task, "Inception without biases", ("nn.Conv2d(c_in, c1, 1)", "nn.Conv2d(c_in, c1, 1, bias=False)"), inception
    )
    to.wrong(
        task,
        "branches in reverse order",
        (
            join,
            join.replace(
                "[self.one(x), self.three(x), self.five(x), self.pool(x)]",
                "[self.pool(x), self.five(x), self.three(x), self.one(x)]",
            ),
        ),
        outputs,
    )
    to.wrong(
        task, "3 × 3 first", (join, join.replace("self.one(x), self.three(x)", "self.three(x), self.one(x)")), outputs
    )
    to.wrong(task, "joined along the rows", (join, join.replace(", 1)", ", 2)")), outputs)
    to.wrong(task, "no ReLU at the end", (f"torch.relu({join})", join), outputs)
    to.wrong(task, "no ReLU inside", (", nn.ReLU(), nn.Conv2d(r", ", nn.Conv2d(r"), outputs)
    to.wrong(task, "average pooling inside", ("nn.MaxPool2d(3, 1, 1)", "nn.AvgPool2d(3, 1, 1)"), outputs)
    to.wrong(task, "no pooling inside", ("nn.MaxPool2d(3, 1, 1), ", ""), outputs)
    to.wrong(task, "pooling with its usual stride", ("nn.MaxPool2d(3, 1, 1)", "nn.MaxPool2d(3, padding=1)"), outputs)
    to.wrong(task, "no padding in the 5 × 5", (", padding=2", ""), outputs)
    to.wrong(task, "nothing returned", [(f"return torch.relu({join})", "pass")], outputs)
    to.wrong(task, "NaN", (join, join + " * torch.nan"), outputs)
    to.right(
        task,
        "classes and a list of branches",
        """
class VGG(nn.Module):
    def __init__(self, layers, c_in, c_out):
        super().__init__()
        sizes = [c_in] + [c_out] * layers
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, 1, 1) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.relu(layer(x))
        return nn.functional.max_pool2d(x, 2)

def vgg_block(layers, c_in, c_out):
    return VGG(layers, c_in, c_out)

def cr(a, b, k):
    return nn.Sequential(nn.Conv2d(a, b, k, padding=k // 2), nn.ReLU())

class Inception(nn.Module):
    def __init__(self, c_in, c1, r3, c3, r5, c5, cp):
        super().__init__()
        self.branches = nn.ModuleList([
            cr(c_in, c1, 1), nn.Sequential(cr(c_in, r3, 1), cr(r3, c3, 3)),
            nn.Sequential(cr(c_in, r5, 1), cr(r5, c5, 5)),
            nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), cr(c_in, cp, 1)),
        ])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)
""",
    )
    to.right(
        task,
        "recursion; the pooling branch declared first",
        """
def vgg_block(layers, c_in, c_out):
    if layers == 0:
        return nn.MaxPool2d(2)
    return nn.Sequential(nn.Conv2d(c_in, c_out, (3, 3), padding=(1, 1)), nn.ReLU(), vgg_block(layers - 1, c_out, c_out))

class Inception(nn.Module):
    def __init__(self, c_in, c1, r3, c3, r5, c5, cp):
        super().__init__()
        self.p = nn.Conv2d(c_in, cp, 1)
        self.b5, self.a5 = nn.Conv2d(r5, c5, 5, padding="same"), nn.Conv2d(c_in, r5, 1)
        self.b3, self.a3 = nn.Conv2d(r3, c3, 3, padding="same"), nn.Conv2d(c_in, r3, 1)
        self.a1 = nn.Conv2d(c_in, c1, 1)

    def forward(self, x):
        r = torch.relu
        pooled = nn.functional.max_pool2d(x, 3, 1, 1)
        maps = r(self.a1(x)), r(self.b3(r(self.a3(x)))), r(self.b5(r(self.a5(x)))), r(self.p(pooled))
        return torch.concatenate(maps, dim=1)
""",
    )
    to.right(
        task,
        "pooling before the last ReLU, ReLUs as clamps",
        """
def vgg_block(layers, c_in, c_out):
    parts = [nn.Conv2d(c_in, c_out, 3, padding=1)]
    for _ in range(layers - 1):
        parts.append(nn.ReLU())
        parts.append(nn.Conv2d(c_out, c_out, 3, padding=1))
    return nn.Sequential(*parts, nn.MaxPool2d(2), nn.ReLU())

class Inception(nn.Module):
    def __init__(self, c_in, c1, r3, c3, r5, c5, cp):
        super().__init__()
        self.all = nn.ModuleDict({
            "1": nn.Conv2d(c_in, c1, 1), "3r": nn.Conv2d(c_in, r3, 1), "3": nn.Conv2d(r3, c3, 3, 1, 1),
            "5r": nn.Conv2d(c_in, r5, 1), "5": nn.Conv2d(r5, c5, 5, 1, 2), "p": nn.Conv2d(c_in, cp, 1),
        })
        self.pool = nn.MaxPool2d(3, 1, 1)

    def forward(self, x):
        use = lambda name, x: self.all[name](x).clamp(min=0)
        return torch.cat(
            (use("1", x), use("3", use("3r", x)), use("5", use("5r", x)), use("p", self.pool(x))), dim=-3
        )
""",
    )


def basic_block(to: Answers) -> None:
    task, sizes, weights, outputs = "basic-block", "test-basic-sizes", "test-basic-weights", "test-basic-outputs"
    first, second = "nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)", "nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)"
    where = "if stride > 1 or c_in != c_out:"
    project = "nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))"
    last = "return torch.relu(self.main(x) + self.shortcut(x))"
    two = [weights, outputs]
    to.wrong(task, "projection for the stride only", (where, "if stride > 1:"))
    to.wrong(task, "projection for more maps only", (where, "if c_in != c_out:"))
    to.wrong(task, "projection only where both change", (where, "if stride > 1 and c_in != c_out:"))
    to.wrong(task, "projection always", (where, "if True:"), two)
    to.wrong(task, "never a projection", (where, "if False:"))
    to.wrong(task, "projection without stride", (project, project.replace("1, stride", "1")), [sizes, outputs])
    to.wrong(task, "projection of 3 × 3", (project, project.replace("1, stride,", "3, stride, 1,")), two)
    to.wrong(task, "projection with a bias", (project, project.replace(", bias=False", "")), two)
    to.wrong(task, "projection without normalisation", (project, project.replace(", nn.BatchNorm2d(c_out))", ")")), two)
    to.wrong(
        task,
        "every second pixel as a shortcut",
        [
            (
                last,
                "short = x[:, :, ::2, ::2] if x.shape[2] > self.main(x).shape[2] else x\n"
                "        return torch.relu(self.main(x) + (self.shortcut(x) if len(self.shortcut) else short))",
            ),
            (where, "if c_in != c_out:"),
        ],
        [sizes, weights, outputs],
    )
    to.wrong(task, "biases", (first, first.replace(", bias=False", "")), two)
    to.wrong(task, "the stride twice", (second, second.replace("3, 1, 1", "3, stride, 1")), [sizes, outputs])
    to.wrong(
        task,
        "the stride in the second",
        [(first, first.replace("stride", "1")), (second, second.replace("3, 1, 1", "3, stride, 1"))],
        outputs,
    )
    to.wrong(task, "no stride in the main path", (first, first.replace("stride", "1")), [sizes, outputs])
    to.wrong(task, "no padding", (first, first.replace("stride, 1,", "stride, 0,")), [sizes, outputs])
    to.wrong(task, "ReLU before the sum", (last, "return torch.relu(self.main(x)) + self.shortcut(x)"), outputs)
    to.wrong(task, "no ReLU at the end", (last, "return self.main(x) + self.shortcut(x)"), outputs)
    to.wrong(task, "no ReLU inside", ("            nn.ReLU(),\n", ""), outputs)
    to.wrong(task, "no shortcut", (last, "return torch.relu(self.main(x))"), outputs)
    to.wrong(task, "the shortcut subtracted", (last, last.replace("+", "-")), outputs)
    to.wrong(
        task, "shortcut after a ReLU", (last, last.replace("self.shortcut(x)", "self.shortcut(torch.relu(x))")), outputs
    )
    to.wrong(task, "multiplied", (last, last.replace("+", "*")), outputs)
    to.wrong(task, "no last normalisation", ("            nn.BatchNorm2d(c_out),\n        )", "        )"), two)
    to.wrong(
        task, "normalisation without weights", ("nn.BatchNorm2d(c_out),", "nn.BatchNorm2d(c_out, affine=False),"), two
    )
    to.wrong(
        task,
        "changes the input",
        (
            last,
            "out = self.main(x)\n"
            "        return x.add_(out).relu() if x.shape == out.shape else torch.relu(out + self.shortcut(x))",
        ),
        outputs,
    )
    to.wrong(task, "NaN", (last, last + " * torch.nan"), outputs)
    to.wrong(task, "zeros", (last, last + " * 0"), outputs)
    to.wrong(task, "nothing returned", (last, "pass"), [sizes, outputs])
    to.right(
        task,
        "layers by name",
        """
class BasicBlock(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            x = self.downsample(x)
        return nn.functional.relu(out + x)
""",
    )
    to.right(
        task,
        "layers declared in reverse order, in place where nobody sees it",
        """
class BasicBlock(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        same = stride == 1 and c_in == c_out
        project = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
        self.side = nn.Identity() if same else nn.Sequential(project, nn.BatchNorm2d(c_out))
        self.b = nn.Sequential(nn.Conv2d(c_out, c_out, 3, padding="same", bias=False), nn.BatchNorm2d(c_out))
        self.a = nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(True))

    def forward(self, x):
        out = self.b(self.a(x))
        out += self.side(x)
        return out.relu_()
""",
    )
    to.right(
        task,
        "the projection reads every S-th pixel",
        """
class BasicBlock(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.stride = stride
        self.convs = nn.ModuleList([
            nn.Conv2d(c_in, c_out, (3, 3), (stride, stride), (1, 1), bias=False),
            nn.Conv2d(c_out, c_out, (3, 3), (1, 1), (1, 1), bias=False),
        ])
        self.norms = nn.ModuleList([nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)])
        if (c_in, stride) != (c_out, 1):
            self.convs.append(nn.Conv2d(c_in, c_out, 1, bias=False))
            self.norms.append(nn.BatchNorm2d(c_out))

    def forward(self, x):
        y = self.norms[0](self.convs[0](x)).relu()
        y = self.norms[1](self.convs[1](y))
        if len(self.convs) == 3:
            x = self.norms[2](self.convs[2](x[:, :, :: self.stride, :: self.stride]))
        return (x + y).clamp(min=0)
""",
    )


def excite(to: Answers) -> None:
    task, outputs = "excite", "test-excite-outputs"
    means = "means = x.mean((2, 3))"
    gate = "weights = torch.sigmoid(self.excite(nn.functional.silu(self.squeeze(means))))"
    last = "return x * weights[:, :, None, None]"
    to.wrong(task, "the sizes exchanged", ("nn.Linear(channels, squeezed)", "nn.Linear(squeezed, channels)"))
    to.wrong(
        task,
        "no squeeze",
        [
            ("nn.Linear(channels, squeezed)", "nn.Linear(channels, channels)"),
            ("nn.Linear(squeezed, channels)", "nn.Linear(channels, channels)"),
        ],
    )
    to.wrong(task, "without biases", [("channels, squeezed)\n", "channels, squeezed, bias=False)\n")])
    to.wrong(
        task,
        "one dense layer",
        [
            ("self.squeeze = nn.Linear(channels, squeezed)", ""),
            ("nn.Linear(squeezed, channels)", "nn.Linear(channels, channels)"),
            (gate, "weights = torch.sigmoid(self.excite(means))"),
        ],
    )
    to.wrong(
        task,
        "with normalisation",
        ("nn.Linear(squeezed, channels)", "nn.Sequential(nn.Linear(squeezed, channels), nn.BatchNorm1d(channels))"),
    )
    to.wrong(task, "ReLU", (gate, gate.replace("nn.functional.silu", "torch.relu")), outputs)
    to.wrong(task, "no activation", (gate, gate.replace("nn.functional.silu", "")), outputs)
    to.wrong(task, "no sigmoid", (gate, gate.replace("torch.sigmoid", "")), outputs)
    to.wrong(task, "tanh", (gate, gate.replace("torch.sigmoid", "torch.tanh")), outputs)
    to.wrong(
        task,
        "softmax",
        (gate, gate.replace("torch.sigmoid(", "torch.softmax(").replace("means))))", "means))), 1)")),
        outputs,
    )
    to.wrong(task, "SiLU after both", (gate, gate.replace("torch.sigmoid", "nn.functional.silu")), outputs)
    to.wrong(task, "maxima", (means, "means = x.amax((2, 3))"), outputs)
    to.wrong(task, "sums", (means, "means = x.sum((2, 3))"), outputs)
    to.wrong(task, "means over the batch too", (means, "means = x.mean((0, 2, 3))[None].expand(len(x), -1)"), outputs)
    to.wrong(task, "added", (last, last.replace("*", "+")), outputs)
    to.wrong(task, "the weights alone", (last, "return weights[:, :, None, None].expand_as(x)"), outputs)
    to.wrong(task, "the weights as a table", (last, "return weights"))
    to.wrong(task, "x and the weighted x", (last, "return x + x * weights[:, :, None, None]"), outputs)
    to.wrong(task, "the first picture's weights", (last, last.replace("weights[:, :", "weights[:1, :")), outputs)
    to.wrong(task, "along the columns", (last, "return x * weights.mean(1)[:, None, None, None]"), outputs)
    to.wrong(task, "changes the input", (last, "return x.mul_(weights[:, :, None, None])"), outputs)
    to.wrong(task, "NaN", (last, last + " * torch.nan"), outputs)
    to.wrong(task, "zeros", (last, last + " * 0"), outputs)
    to.wrong(task, "nothing returned", (last, "pass"))
    to.right(
        task,
        "1 × 1 convolutions on one pixel",
        """
class SqueezeExcite(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), nn.SiLU(),
            nn.Conv2d(squeezed, channels, 1), nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.layers(x)
""",
    )
    to.right(
        task,
        "einsum and a SiLU by hand",
        """
class SqueezeExcite(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.up, self.down = nn.Linear(squeezed, channels), nn.Linear(channels, squeezed)

    def forward(self, x):
        z = self.down(x.flatten(2).mean(-1))
        z = z * torch.sigmoid(z)
        return torch.einsum("nc,ncij->ncij", 1 / (1 + torch.exp(-self.up(z))), x)
""",
    )
    to.right(
        task,
        "parameters of its own",
        """
class SqueezeExcite(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(channels, squeezed), nn.SiLU(), nn.Linear(squeezed, channels), nn.Sigmoid())

    def forward(self, x):
        w = self.net(nn.functional.adaptive_avg_pool2d(x, 1).reshape(x.shape[0], x.shape[1]))
        return w.reshape(*w.shape, 1, 1) * x
""",
    )


def mbconv(to: Answers) -> None:
    task = "mbconv"
    weights, sizes, outputs, shortcut = (f"test-mbconv-{n}" for n in ("weights", "sizes", "outputs", "shortcut"))
    three = [weights, outputs, shortcut]
    both = [outputs, shortcut]
    grow = "parts += [nn.Conv2d(c_in, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU()]"
    depth = "parts += [nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)]"
    weigh = "parts += [nn.BatchNorm2d(wide), nn.SiLU(), SqueezeExcite(wide, max(1, c_in // 4))]"
    shrink = "nn.Conv2d(wide, c_out, 1, bias=False), nn.BatchNorm2d(c_out))"
    add = "self.add = stride == 1 and c_in == c_out"
    last = "return self.main(x) + x if self.add else self.main(x)"
    to.wrong(task, "expands by 1 too", ("if expand > 1:", "if True:"), three)
    to.wrong(task, "never expands", [("if expand > 1:", "if False:"), ("wide = c_in * expand", "wide = c_in")], three)
    to.wrong(task, "a quarter of the wide maps", ("c_in // 4", "wide // 4"), three)
    to.wrong(task, "not at least one number", ("max(1, c_in // 4)", "c_in // 4 or 2"), [weights, outputs])
    to.wrong(task, "not depthwise", (depth, depth.replace("groups=wide, ", "")), three)
    to.wrong(task, "biases", (depth, depth.replace(", bias=False", "")), three)
    to.wrong(task, "a bias at the end", (shrink, shrink.replace(", bias=False", "")), three)
    to.wrong(task, "always 3 × 3", (depth, depth.replace("kernel, stride, kernel // 2", "3, stride, 1")), three)
    to.wrong(task, "no squeeze-and-excitation", (weigh, "parts += [nn.BatchNorm2d(wide), nn.SiLU()]"), three)
    to.wrong(task, "no normalisation in the middle", (weigh, weigh.replace("nn.BatchNorm2d(wide), ", "")), three)
    to.wrong(task, "no normalisation at the end", (shrink, "nn.Conv2d(wide, c_out, 1, bias=False))"), three)
    to.wrong(task, "padding 1", (depth, depth.replace("kernel // 2", "1")), [sizes, outputs, shortcut])
    to.wrong(task, "no stride", (depth, depth.replace("kernel, stride,", "kernel, 1,")), [sizes, outputs])
    to.wrong(
        task, "the stride in the first step too", (grow, grow.replace("wide, 1,", "wide, 1, stride,")), [sizes, outputs]
    )
    to.wrong(task, "ReLU", ("nn.SiLU()", "nn.ReLU()"), both)
    to.wrong(task, "ReLU6", ("nn.SiLU()", "nn.ReLU6()"), both)
    to.wrong(task, "no activation after the expansion", (grow, grow.replace(", nn.SiLU()", "")), both)
    to.wrong(task, "no activation in the middle", (weigh, weigh.replace("nn.SiLU(), ", "")), both)
    to.wrong(task, "an activation at the end", (shrink, shrink[:-1] + ", nn.SiLU())"), both)
    to.wrong(
        task,
        "weighs before the activation",
        (weigh, "parts += [nn.BatchNorm2d(wide), SqueezeExcite(wide, max(1, c_in // 4)), nn.SiLU()]"),
        both,
    )
    to.wrong(
        task,
        "an activation after the sum",
        (last, "return nn.functional.silu(self.main(x) + x) if self.add else self.main(x)"),
        shortcut,
    )
    to.wrong(task, "no shortcut", (last, "return self.main(x)"), shortcut)
    to.wrong(task, "shortcut for equal maps, whatever the stride", (add, "self.add = c_in == c_out"), [sizes, shortcut])
    to.wrong(task, "shortcut for stride 1, whatever the maps", (add, "self.add = stride == 1"), [sizes, outputs])
    to.wrong(
        task,
        "shortcut for one or the other",
        (add, "self.add = stride == 1 or c_in == c_out"),
        [sizes, outputs, shortcut],
    )
    to.wrong(
        task,
        "shortcut wherever shapes agree",
        (last, "y = self.main(x)\n        return y + x if y.shape == x.shape else y"),
        shortcut,
    )
    to.wrong(
        task, "changes the input", (last, "y = self.main(x)\n        return x.add_(y) if self.add else y"), shortcut
    )
    to.wrong(task, "shortcut subtracted", (last, last.replace("+ x", "- x")), shortcut)
    to.wrong(task, "NaN", (last, f"y = {last[7:]}\n        return y * torch.nan"), both)
    to.wrong(task, "nothing returned", (last, "pass"), [sizes, outputs, shortcut])
    to.right(
        task,
        "step by step, convolutions for the weights",
        """
class MBConv(nn.Module):
    def __init__(self, c_in, c_out, expand=4, kernel=3, stride=1):
        super().__init__()
        wide, few = expand * c_in, max(c_in // 4, 1)
        self.expand = nn.Identity()
        if expand != 1:
            self.expand = nn.Sequential(nn.Conv2d(c_in, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU())
        self.depth = nn.Conv2d(wide, wide, kernel, stride, padding=(kernel - 1) // 2, groups=wide, bias=False)
        self.norm = nn.BatchNorm2d(wide)
        self.down, self.up = nn.Conv2d(wide, few, 1), nn.Conv2d(few, wide, 1)
        self.shrink = nn.Sequential(nn.Conv2d(wide, c_out, 1, bias=False), nn.BatchNorm2d(c_out))
        self.skip = (c_in, 1) == (c_out, stride)

    def forward(self, x):
        silu = nn.functional.silu
        y = silu(self.norm(self.depth(self.expand(x))))
        w = self.up(silu(self.down(y.mean((2, 3), keepdim=True)))).sigmoid()
        y = self.shrink(y * w)
        return x + y if self.skip else y
""",
    )
    to.right(
        task,
        "with the class of Task 5, a list of modules",
        """
class MBConv(nn.Module):
    def __init__(self, c_in, c_out, expand=4, kernel=3, stride=1):
        super().__init__()
        inner = expand * c_in
        def unit(a, b, k, s=1, g=1):
            return [nn.Conv2d(a, b, (k, k), (s, s), k // 2, groups=g, bias=False), nn.BatchNorm2d(b)]
        steps = unit(c_in, inner, 1) + [nn.SiLU()] if expand > 1 else []
        steps += unit(inner, inner, kernel, stride, inner) + [nn.SiLU()]
        steps.append(SqueezeExcite(inner, max(1, c_in // 4)))
        self.steps = nn.ModuleList(steps + unit(inner, c_out, 1))
        self.residual = not (stride > 1 or c_in != c_out)

    def forward(self, x):
        out = x
        for step in self.steps:
            out = step(out)
        return out + self.residual * x if self.residual else out
""",
    )
    to.right(
        task,
        "inherits from Sequential",
        """
class MBConv(nn.Sequential):
    def __init__(self, c_in, c_out, expand=4, kernel=3, stride=1):
        wide = c_in * expand
        first = (nn.Conv2d(c_in, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU()) if expand > 1 else ()
        super().__init__(
            *first, nn.Conv2d(wide, wide, kernel, stride, kernel // 2, 1, wide, False), nn.BatchNorm2d(wide), nn.SiLU(),
            SqueezeExcite(wide, max(1, c_in // 4)), nn.Conv2d(wide, c_out, 1, bias=False), nn.BatchNorm2d(c_out),
        )
        self.same = stride == 1 and c_in == c_out

    def forward(self, x):
        y = super().forward(x)
        if self.same:
            y = y + x
        return y
""",
    )


def bottleneck(to: Answers) -> None:
    task = "bottleneck"
    weights, outputs, cost = (f"test-bottleneck-{name}" for name in ("weights", "outputs", "cost"))
    two = [weights, outputs]
    first = "nn.Conv2d(c_in, width, 1, bias=False)"
    middle = "nn.Conv2d(width, width, 3, stride, 1, bias=False)"
    third = "nn.Conv2d(width, 4 * width, 1, bias=False)"
    where = "if stride > 1 or c_in != 4 * width:\n            self.shortcut.append(nn.Conv2d"
    last = "return torch.relu(self.main(x) + self.shortcut(x))"
    total = "return first + rest + project + norms, first * large + (rest + project) * small"
    to.wrong(task, "3 × 3 at the end", (third, third.replace("1, bias", "3, padding=1, bias")), two)
    to.wrong(task, "3 × 3 at the beginning", (first, first.replace("1, bias", "3, padding=1, bias")), two)
    to.wrong(task, "biases", (middle, middle.replace(", bias=False", "")), two)
    to.wrong(task, "twice the width", ("4 * width", "2 * width"))
    to.wrong(
        task, "a projection always", (where, where.replace("if stride > 1 or c_in != 4 * width:", "if True:")), two
    )
    to.wrong(task, "no projection for a stride", (where, where.replace("stride > 1 or ", "")), two)
    to.wrong(task, "no projection for more maps", (where, where.replace(" or c_in != 4 * width", "")), two)
    to.wrong(task, "compares with the width", (where, where.replace("4 * width", "width")), two)
    to.wrong(
        task,
        "projection without normalisation",
        ("            self.shortcut.append(nn.BatchNorm2d(4 * width))\n", ""),
        two,
    )
    to.wrong(
        task,
        "the stride in the first layer",
        [(first, first.replace("width, 1,", "width, 1, stride,")), (middle, middle.replace("stride", "1"))],
        outputs,
    )
    to.wrong(
        task,
        "the stride in the last layer",
        [(third, third.replace("width, 1,", "width, 1, stride,")), (middle, middle.replace("stride", "1"))],
        outputs,
    )
    to.wrong(task, "no stride", (middle, middle.replace("stride", "1")), outputs)
    to.wrong(task, "no padding", (middle, middle.replace("stride, 1,", "stride, 0,")), outputs)
    to.wrong(task, "ReLU before the sum", (last, "return torch.relu(self.main(x)) + self.shortcut(x)"), outputs)
    to.wrong(task, "no ReLU at the end", (last, "return self.main(x) + self.shortcut(x)"), outputs)
    to.wrong(task, "no ReLU inside", ("            nn.ReLU(),\n", ""), outputs)
    to.wrong(task, "no shortcut", (last, "return torch.relu(self.main(x))"), outputs)
    to.wrong(task, "nothing returned", [(last, "pass"), (total, "pass")], [outputs, cost])
    to.wrong(task, "no normalisations counted", (total, total.replace(" + norms", "")), cost)
    to.wrong(task, "normalisations with statistics", (total, total.replace("norms", "2 * norms")), cost)
    to.wrong(
        task,
        "exchanged",
        (total, "return first * large + (rest + project) * small, first + rest + project + norms"),
        cost,
    )
    to.wrong(
        task,
        "FLOPs",
        (
            total,
            total.replace("first * large + (rest + project) * small", "2 * (first * large + (rest + project) * small)"),
        ),
        cost,
    )
    to.wrong(task, "no projection counted", (total, total.replace(" + project", "")), cost)
    to.wrong(task, "the first layer on the small map", (total, total.replace("large", "small")), cost)
    to.wrong(task, "everything on the large map", (total, total.replace("small", "large")), cost)
    to.wrong(
        task,
        "the small map rounded down",
        ("-(-size[0] // stride) * -(-size[1] // stride)", "(size[0] // stride) * (size[1] // stride)"),
        cost,
    )
    to.wrong(task, "square maps only", ("-(-size[1] // stride)", "-(-size[0] // stride)"), cost)
    to.wrong(task, "each weight once", (total, "return first + rest + project + norms, first + rest + project"), cost)
    to.wrong(
        task,
        "floats",
        (total, "return first + rest + project + norms, float(first * large + (rest + project) * small)"),
        cost,
    )
    to.wrong(
        task,
        "a standard 3 × 3 pair",
        ("first, rest = c_in * width, 13 * width * width", "first, rest = 9 * c_in * width, 9 * width * width"),
        cost,
    )
    to.right(
        task,
        "layers by name, costs layer by layer",
        """
class Bottleneck(nn.Module):
    def __init__(self, c_in, width, stride=1):
        super().__init__()
        c_out = width * 4
        self.conv1, self.bn1 = nn.Conv2d(c_in, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, c_out, 1, bias=False), nn.BatchNorm2d(c_out)
        if stride != 1 or c_in != c_out:
            self.down = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), nn.BatchNorm2d(c_out))
        else:
            self.down = nn.Identity()

    def forward(self, x):
        out = self.bn1(self.conv1(x)).relu()
        out = self.bn2(self.conv2(out)).relu()
        out = self.bn3(self.conv3(out))
        return (out + self.down(x)).relu()

def bottleneck_cost(c_in, width, size, stride=1):
    H, W = size
    h, w = (H - 1) // stride + 1, (W - 1) // stride + 1
    layers = [(c_in, width, 1, H * W), (width, width, 9, h * w), (width, 4 * width, 1, h * w)]
    if not (stride == 1 and c_in == 4 * width):
        layers.append((c_in, 4 * width, 1, h * w))
    parameters = sum(a * b * area + 2 * b for a, b, area, _ in layers)
    return [parameters, sum(a * b * area * places for a, b, area, places in layers)]
""",
    )
    to.right(
        task,
        "the projection on every S-th pixel, math.ceil",
        """
import math

class Bottleneck(nn.Module):
    def __init__(self, c_in, width, stride=1):
        super().__init__()
        self.stride, wide = stride, 4 * width
        self.project = nn.ModuleList()
        if stride > 1 or c_in != wide:
            self.project = nn.ModuleList([nn.Conv2d(c_in, wide, 1, bias=False), nn.BatchNorm2d(wide)])
        steps = [(c_in, width, 1, 1), (width, width, 3, stride), (width, wide, 1, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, k, s, k // 2, bias=False) for a, b, k, s in steps)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _, _ in steps)

    def forward(self, x):
        y = x
        for n, (conv, norm) in enumerate(zip(self.convs, self.norms)):
            y = norm(conv(torch.relu(y) if n else y))
        if len(self.project):
            x = x[..., :: self.stride, :: self.stride]
        for part in self.project:
            x = part(x)
        return torch.relu(x + y)

def bottleneck_cost(c_in, width, size, stride=1):
    out = math.ceil(size[0] / stride) * math.ceil(size[1] / stride)
    inside = size[0] * size[1]
    needs = stride != 1 or c_in != width * 4
    convolutions = c_in * width + 9 * width**2 + 4 * width**2 + needs * 4 * width * c_in
    norms = 2 * (width + width + 4 * width + needs * 4 * width)
    return convolutions + norms, (convolutions - c_in * width) * out + c_in * width * inside
""",
    )
    to.right(
        task,
        "counted with hooks on a real block",
        """
class Bottleneck(nn.Module):
    def __init__(self, c_in, width, stride=1):
        super().__init__()
        def unit(a, b, k, s=1):
            return nn.Sequential(nn.Conv2d(a, b, k, s, k // 2, bias=False), nn.BatchNorm2d(b))
        self.side = unit(c_in, 4 * width, 1, stride) if stride > 1 or c_in != 4 * width else nn.Sequential()
        self.way = nn.Sequential(
            unit(c_in, width, 1), nn.ReLU(), unit(width, width, 3, stride), nn.ReLU(), unit(width, 4 * width, 1)
        )

    def forward(self, x):
        return nn.functional.relu(self.way(x) + self.side(x))

def bottleneck_cost(c_in, width, size, stride=1):
    block, work = Bottleneck(c_in, width, stride).eval(), []
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, i, o: work.append(m.weight.numel() * o.shape[2] * o.shape[3]))
    block(torch.zeros(1, c_in, *size))
    return sum(p.numel() for p in block.parameters()), sum(work)
""",
    )


def repair(to: Answers) -> None:
    task, sizes, outputs, path = "repair", "test-repair-sizes", "test-repair-outputs", "test-repair-path"
    both = [sizes, outputs]
    where = "if stride > 1 or c_in != c_out:"
    second = "self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)"
    project = "self.project = nn.Conv2d(c_in, c_out, 1, stride, bias=False)"
    inner = "out = self.conv2(torch.relu(self.norm2(out)))"
    last = "return self.project(x) + out"
    to.wrong(
        task,
        "as it was",
        [
            (second, second.replace("3, 1", "3, stride")),
            (where, "if c_in != c_out:"),
            (inner, inner.replace("norm2", "norm1")),
            (
                last,
                "x += out if isinstance(self.project, nn.Sequential) else self.project(out)\n"
                "        return torch.relu(x)",
            ),
        ],
    )
    to.wrong(task, "the stride twice", (second, second.replace("3, 1", "3, stride")), both)
    to.wrong(task, "no projection for a stride", (where, "if c_in != c_out:"), both)
    to.wrong(task, "no projection for more maps", (where, "if stride > 1:"), both)
    to.wrong(task, "a projection always", (where, "if True:"))
    to.wrong(task, "the first normalisation twice", (inner, inner.replace("norm2", "norm1")), both)
    to.wrong(
        task,
        "in place",
        (
            last,
            "out += self.project(x)\n        if isinstance(self.project, nn.Sequential):\n"
            "            x += out - x\n        return out",
        ),
        [outputs, path],
    )
    to.wrong(task, "a ReLU on the path", (last, "return torch.relu(self.project(x) + out)"), [outputs, path])
    to.wrong(task, "the projection of what comes out", (last, "return self.project(out) + x"), both)
    to.wrong(task, "no stride in the projection", (project, project.replace("1, stride", "1")), both)
    to.wrong(task, "a projection with bias", (project, project.replace(", bias=False", "")), both)
    to.wrong(
        task,
        "a projection with normalisation",
        (project, "self.project = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))"),
        both,
    )
    to.wrong(
        task,
        "the shortcut after the first normalisation",
        (last, "return self.project(torch.relu(self.norm1(x))) + out"),
        [outputs, path],
    )
    to.wrong(task, "no shortcut", (last, "return out"), [outputs, path])
    to.wrong(task, "no ReLU inside", (inner, "out = self.conv2(self.norm2(out))"), outputs)
    to.wrong(task, "no ReLU in front", ("self.conv1(torch.relu(self.norm1(x)))", "self.conv1(self.norm1(x))"), outputs)
    to.wrong(task, "ReLU before the normalisation", ("torch.relu(self.norm1(x))", "self.norm1(torch.relu(x))"), outputs)
    to.wrong(
        task,
        "normalisations at the end, as before",
        [
            ("out = self.conv1(torch.relu(self.norm1(x)))", "out = torch.relu(self.norm2(self.conv1(x)))"),
            (inner, "out = self.conv2(out)"),
        ],
        outputs,
    )
    to.wrong(task, "a normalisation missing", (inner, "out = self.conv2(torch.relu(out))"), outputs)
    to.wrong(task, "no padding", (second, second.replace("1, 1,", "1, 0,")), [sizes, outputs, path])
    to.wrong(task, "half of each", (last, "return (self.project(x) + out) / 2"), [outputs, path])
    to.wrong(task, "zeros", (last, "return (self.project(x) + out) * 0"), [outputs, path])
    to.wrong(task, "NaN", (last, "return (self.project(x) + out) * torch.nan"), [outputs, path])
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(
        task,
        "adds to x itself",
        (last, "return x.add_(out) if isinstance(self.project, nn.Sequential) else self.project(x) + out"),
        [outputs, path],
    )
    to.right(
        task,
        "None instead of an empty sequence",
        """
class PreActivation(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.project = None
        if c_in != c_out or stride != 1:
            self.project = nn.Conv2d(c_in, c_out, 1, stride, bias=False)

    def forward(self, x):
        out = self.conv1(torch.relu(self.norm1(x)))
        out = self.conv2(torch.relu(self.norm2(out)))
        return out + (x if self.project is None else self.project(x))
""",
    )
    to.right(
        task,
        "a sequence",
        """
class PreActivation(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        same = stride == 1 and c_in == c_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(c_in, c_out, 1, stride, bias=False)
        self.main = nn.Sequential(
            nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(c_out), nn.ReLU(), nn.Conv2d(c_out, c_out, 3, padding="same", bias=False),
        )

    def forward(self, x):
        return self.shortcut(x) + self.main(x)
""",
    )
    to.right(
        task,
        "layers in reverse order, in place on its own tensors",
        """
class PreActivation(nn.Module):
    def __init__(self, c_in, c_out, stride=1):
        super().__init__()
        self.late = nn.ModuleList([nn.BatchNorm2d(c_out), nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)])
        self.early = nn.ModuleList([nn.BatchNorm2d(c_in), nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)])
        self.side = nn.ModuleList()
        if (c_in, stride) != (c_out, 1):
            self.side.append(nn.Conv2d(c_in, c_out, 1, stride, bias=False))

    def forward(self, x):
        out = x
        for norm, conv in (self.early, self.late):
            out = conv(norm(out).relu_())
        for layer in self.side:
            x = layer(x)
        out += x
        return out
""",
    )
