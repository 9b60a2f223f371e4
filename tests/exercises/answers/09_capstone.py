"""Answers to the capstone: wrong ones that its tests must notice, right ones in other styles that they must not."""

# ruff: noqa: E501 - an edit of one line of an answer reads best on one line

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    split(to)
    count(to)
    predict(to)
    moved(to)
    augmented(to)
    within(to)
    recipe(to)
    steady(to)
    recalls(to)
    confused(to)
    decide(to)
    return to


def split(to: Answers) -> None:
    task, plain, seeded = "split", "test-split", "test-split-seed"
    chosen = "chosen = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]"
    held, last = "held = np.isin(lots, chosen)", "return np.flatnonzero(~held), np.flatnonzero(held)"
    by_map = "held = np.random.default_rng(seed).random(len(lots)) < share"
    to.wrong(task, "divides maps, not lots", (held, by_map), plain)
    to.wrong(task, "the two parts exchanged", (last, "return np.flatnonzero(held), np.flatnonzero(~held)"), plain)
    to.wrong(task, "masks instead of numbers", (last, "return ~held, held"))
    to.wrong(task, "rounds down", (chosen, chosen.replace("round(", "int(")), plain)
    to.wrong(
        task,
        "perhaps none",
        (chosen, chosen.replace("max(1, round(share * len(names)))", "round(share * len(names))")),
        plain,
    )
    to.wrong(task, "a share of the maps", (chosen, chosen.replace("share * len(names)", "share * len(lots)")), plain)
    to.wrong(task, "the seed ignored", (chosen, chosen.replace("default_rng(seed)", "default_rng()")), seeded)
    to.wrong(task, "always the same", (chosen, chosen.replace("default_rng(seed)", "default_rng(0)")), seeded)
    to.wrong(task, "the first lots", (chosen, "chosen = names[: max(1, round(share * len(names)))]"), seeded)
    to.wrong(
        task, "never the last lot", (chosen, chosen.replace("permutation(names)", "permutation(names[:-1])")), seeded
    )
    to.wrong(
        task, "validation maps in training as well", (last, "return np.arange(len(lots)), np.flatnonzero(held)"), plain
    )
    to.wrong(task, "lots instead of maps", (last, "return np.setdiff1d(names, chosen), chosen"))
    to.wrong(task, "the lots of the maps", (last, "return lots[~held], lots[held]"))
    to.wrong(task, "sorts the lots in place", (held, "lots.sort()\n    " + held), plain)
    to.wrong(
        task,
        "lots drawn with repetition",
        (chosen, "chosen = np.random.default_rng(seed).choice(names, max(1, round(share * len(names))))"),
        plain,
    )
    to.wrong(task, "nothing returned", (last, ""))
    to.wrong(task, "lists", (last, "return np.flatnonzero(~held).tolist(), np.flatnonzero(held).tolist()"), plain)
    to.right(
        task,
        "sets and lists",
        """
import random

def split(lots, share, seed):
    names = sorted(set(lots.tolist()))
    n = max(round(share * len(names)), 1)
    held = set(random.Random(seed).sample(names, n))
    where = [lot in held for lot in lots.tolist()]
    parts = [[i for i, h in enumerate(where) if h == side] for side in (False, True)]
    return np.array(parts[0], int), np.array(parts[1], int)
""",
    )
    to.right(
        task,
        "shuffled, and torch's generator",
        """
def split(lots, share, seed):
    names, which = np.unique(lots, return_inverse=True)
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).numpy()
    count = max(1, round(share * len(names)))
    rank = np.argsort(order)[which]
    return np.where(rank >= count)[0], np.where(rank < count)[0]
""",
    )
    to.right(
        task,
        "choice, in another order",
        """
def split(lots, share, seed):
    r = np.random.RandomState(seed)
    names = np.unique(lots)
    held = r.choice(names, max(1, round(share * names.size)), replace=False)
    numbers = r.permutation(len(lots))
    print(held)
    return [numbers[~np.isin(lots[numbers], held)], numbers[np.isin(lots[numbers], held)]]
""",
    )


def count(to: Answers) -> None:
    task, plain, shared = "count", "test-count", "test-count-shared"
    all_of = "return sum(parameter.numel() for parameter in model.parameters())"

    def wrong(what: str, text: str, loses: str | None = None) -> None:
        to.wrong(task, what, (all_of, text), loses)

    wrong("counts tensors", "return len(list(model.parameters()))")
    wrong("running statistics too", "return sum(v.numel() for v in model.state_dict().values())")
    named = "return sum(v.numel() for n, v in model.state_dict().items() if 'running' not in n and 'num' not in n)"
    wrong("a layer used twice counts twice", named, shared)
    wrong("frozen ones left out", all_of.replace("parameters())", "parameters() if parameter.requires_grad)"), shared)
    wrong("biases left out", all_of.replace("parameters())", "parameters() if parameter.ndim > 1)"))
    wrong(
        "the biases forgotten by name",
        "return sum(p.numel() for n, p in model.named_parameters() if n.endswith('weight'))",
    )
    wrong("bytes", all_of.replace("sum(", "4 * sum("))
    wrong(
        "modules within modules counted again", "return sum(p.numel() for m in model.modules() for p in m.parameters())"
    )
    wrong(
        "only modules at the top, not their children",
        "return sum(p.numel() for m in model.children() for p in m.parameters(recurse=False))",
        plain,
    )
    wrong(
        "convolutions only",
        "return sum(p.numel() for m in model.modules() if isinstance(m, nn.Conv2d) for p in m.parameters())",
        plain,
    )
    wrong("rows only", all_of.replace("numel()", "shape[0]"))
    wrong("sizes added up, not multiplied", all_of.replace("parameter.numel()", "sum(parameter.shape)"))
    wrong("a tensor", "return torch.tensor(sum(p.numel() for p in model.parameters()))")
    wrong("a float", all_of.replace("sum(", "1.0 * sum("))
    wrong("in thousands", all_of.replace("sum(", "round(sum(").replace("())", "()) / 1000)"))
    wrong(
        "shared ones by name",
        "return sum(p.numel() for _, p in model.named_parameters(remove_duplicate=False))",
        shared,
    )
    wrong("nothing returned", all_of.replace("return ", ""))
    to.right(
        task,
        "module by module, each once",
        """
def parameter_count(model):
    seen, total = set(), 0
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                total += int(np.prod(parameter.shape))
    return total
""",
    )
    to.right(
        task,
        "flattened and joined",
        (all_of, "return len(nn.utils.parameters_to_vector(p.detach() for p in model.parameters()))"),
    )
    to.right(
        task, "NumPy's whole number", (all_of, "return np.sum([p.nelement() for _, p in model.named_parameters()])")
    )


def predict(to: Answers) -> None:
    task, plain, batch, mode = "predict", "test-predict", "test-predict-batch", "test-predict-mode"
    guess = "classes = torch.cat([model(part).argmax(1) for part in x.split(batch)])"
    switch, back = "    model.eval()\n", "    model.train(was_training)\n"
    whole = f"    with torch.no_grad():\n        {guess}\n"
    last = "return classes"
    to.wrong(task, "mode not set", (switch, ""), [plain, mode])
    to.wrong(task, "training mode", (switch, "    model.train()\n"), [plain, batch, mode])
    to.wrong(task, "mode not put back", (back, ""), mode)
    to.wrong(task, "always back to training", (back, "    model.train()\n"), mode)
    to.wrong(task, "all maps at once", (guess, "classes = model(x).argmax(1)"), batch)
    to.wrong(task, "gradients kept", (whole, f"    {guess}\n"), batch)
    to.wrong(
        task,
        "the last, smaller batch left out",
        (
            guess,
            "classes = torch.cat([model(x[n : n + batch]).argmax(1) for n in range(0, len(x) - batch + 1, batch)])",
        ),
        [plain, batch, mode],
    )
    to.wrong(task, "always 64 at a time", ("x.split(batch)", "x.split(64)"), batch)
    to.wrong(task, "so many batches, not batches so large", ("x.split(batch)", "x.tensor_split(batch)"), [batch])
    to.wrong(
        task,
        "normalised by the company",
        (guess, guess.replace("model(part)", "model((part - part.mean()) / part.std())")),
        [plain, batch],
    )
    to.wrong(task, "scores", (".argmax(1)", ""), [plain, batch])
    to.wrong(task, "the highest scores themselves", (".argmax(1)", ".amax(1)"), [plain, batch])
    to.wrong(task, "the lowest score", (".argmax(1)", ".argmin(1)"), [plain, batch])
    to.wrong(task, "over the maps", (".argmax(1)", ".argmax(0)"), [plain, batch])
    to.wrong(task, "a list", (last, "return classes.tolist()"), [plain, batch])
    to.wrong(task, "an array", (last, "return classes.numpy()"), [plain, batch])
    to.wrong(task, "whole numbers of 32 bits", (last, "return classes.int()"), [plain, batch])
    to.wrong(task, "maps scaled in place", (switch, switch + "    x *= 2\n"), [plain, batch])
    to.wrong(task, "one class for all", (last, "return 0 * classes"), [plain, batch])
    to.wrong(task, "nothing returned", (last, ""), [plain, batch])
    to.right(
        task,
        "filled in, part by part",
        """
@torch.inference_mode()
def predict(model, x, batch=64):
    mode = model.training
    model.train(False)
    out = torch.empty(len(x), dtype=torch.long)
    for start in range(0, len(x), batch):
        out[start : start + batch] = model(x[start : start + batch]).max(dim=1).indices
    model.train(mode)
    return out.clone()
""",
    )
    to.right(
        task,
        "one map at a time, by probability, with try and finally",
        """
def predict(model, x, batch=64):
    before = model.training
    try:
        model.eval()
        with torch.no_grad():
            rows = [torch.softmax(model(x[i : i + 1]), dim=-1) for i in range(x.shape[0])]
    finally:
        model.train(mode=before)
    return torch.vstack(rows).topk(1).indices.flatten()
""",
    )
    to.right(
        task,
        "a loader",
        """
def predict(model, x, batch=64):
    trained = model.training
    model.eval()
    answers = []
    with torch.no_grad():
        for (part,) in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=batch):
            answers += model(part).argmax(dim=1).tolist()
    if trained:
        model.train()
    return torch.tensor(answers)
""",
    )


def moved(to: Answers) -> None:
    task = "moved"
    pad = "return nn.functional.pad(x, (right, -right, down, -down))"

    def wrong(what: str, text: str) -> None:
        to.wrong(task, what, (pad, text))

    wrong("rolled", "return torch.roll(x, (down, right), (2, 3))")
    wrong("up and left instead", "return nn.functional.pad(x, (-right, right, -down, down))")
    wrong("down and right exchanged", "return nn.functional.pad(x, (down, -down, right, -right))")
    wrong(
        "the edge repeated",
        "return nn.functional.pad(x, (right, 0, down, 0), mode='replicate')[:, :, : x.shape[2], : x.shape[3]] if min(right, down) >= 0 else nn.functional.pad(x, (right, -right, down, -down))",
    )
    wrong("the map grows", "return nn.functional.pad(x, (max(right, 0), max(-right, 0), max(down, 0), max(-down, 0)))")
    wrong(
        "down and right only",
        "out = torch.zeros_like(x)\n    out[:, :, down:, right:] = x[:, :, : x.shape[2] - down, : x.shape[3] - right]\n    return out",
    )
    wrong(
        "slices that fail at 0",
        "out = torch.zeros_like(x)\n    out[:, :, down:, right:] = x[:, :, :-down, :-right]\n    return out",
    )
    wrong("what is new has passed", "return nn.functional.pad(x, (right, -right, down, -down), value=0.5)")
    wrong("what is new has failed", "return nn.functional.pad(x, (right, -right, down, -down), value=1.0)")
    wrong(
        "rolled, and only the rows cleared",
        "out = torch.roll(x, (down, right), (2, 3))\n    if down > 0:\n        out[:, :, :down] = 0\n    if down < 0:\n        out[:, :, down:] = 0\n    return out",
    )
    wrong("in place", "x[:] = nn.functional.pad(x, (right, -right, down, -down))\n    return x")
    wrong("one die too far", "return nn.functional.pad(x, (right + 1, -right - 1, down, -down))")
    wrong("one direction only", "return nn.functional.pad(x, (0, 0, down, -down))")
    wrong(
        "only what is left",
        "return x[:, :, max(-down, 0) : x.shape[2] - max(down, 0), max(-right, 0) : x.shape[3] - max(right, 0)]",
    )
    wrong("an array", pad + ".numpy()")
    wrong("float64", pad + ".double()")
    wrong("nothing returned", pad.replace("return ", ""))
    to.right(
        task,
        "slices",
        """
def moved(x, down, right):
    out = torch.zeros_like(x)
    h, w = x.shape[-2:]
    out[..., max(0, down) : h + min(0, down), max(0, right) : w + min(0, right)] = x[
        ..., max(0, -down) : h + min(0, -down), max(0, -right) : w + min(0, -right)
    ]
    return out
""",
    )
    to.right(
        task,
        "rolled and cleared",
        """
def moved(x, down, right):
    out = x.roll((down, right), (-2, -1)).clone()
    rows, columns = torch.arange(x.shape[2]) - down, torch.arange(x.shape[3]) - right
    out[:, :, (rows < 0) | (rows >= x.shape[2])] = 0
    out[:, :, :, (columns < 0) | (columns >= x.shape[3])] = 0
    return out
""",
    )
    to.right(
        task,
        "framed, then cut out",
        """
def moved(x, down, right):
    n, _, height, width = x.shape
    frame = torch.zeros(n, 1, 3 * height, 3 * width)
    frame[:, :, height : 2 * height, width : 2 * width] = x
    return frame[:, :, height - down : 2 * height - down, width - right : 2 * width - right]
""",
    )
    to.right(
        task,
        "by matrices",
        """
def moved(x, down, right):
    by_row = torch.tensor(np.eye(x.shape[2], k=-down), dtype=x.dtype)
    by_column = torch.tensor(np.eye(x.shape[3], k=right), dtype=x.dtype)
    return by_row @ x @ by_column
""",
    )


def augmented(to: Answers) -> None:
    task = "augmented"
    views, dust, seeded = (f"test-augmented-{n}" for n in ("views", "dust", "seed"))
    generator, draw = "torch.Generator().manual_seed(seed)", "views = torch.randint(8, (len(x),), generator=generator)"
    turn = "torch.rot90(some.flip(3) if view > 3 else some, view, (2, 3))"
    hit = "hit = torch.rand(x.shape, generator=generator) < dust"
    last = "return torch.where(hit & (out > 0), torch.ones_like(out), out)"
    to.wrong(
        task,
        "one view for all maps",
        (draw, "views = torch.randint(8, (1,), generator=generator).expand(len(x))"),
        views,
    )
    to.wrong(task, "turns only", ("randint(8,", "randint(4,"), views)
    to.wrong(task, "mirrored only", (turn, "some.flip(3) if view > 3 else some"), views)
    to.wrong(task, "half turns only", (turn, turn.replace(", view,", ", 2 * view,")), views)
    to.wrong(task, "the map as it lies is never among them", (draw, draw.replace("randint(8,", "randint(1, 8,")), views)
    to.wrong(
        task, "the maps change places", (draw, "x = x[torch.randperm(len(x), generator=generator)]\n    " + draw), views
    )
    to.wrong(
        task, "views with different chances", (draw, draw.replace("randint(8,", "randint(40,") + ".clamp(max=7)"), views
    )
    to.wrong(task, "moved as well", (last, last.replace("out)", "out).roll(1, 2)")), [views, dust])
    to.wrong(task, "dust outside the wafer", (last, "return torch.where(hit, torch.ones_like(out), out)"), dust)
    to.wrong(task, "dust heals", (last, "return torch.where(hit & (out > 0), 1.5 - out, out)"), dust)
    to.wrong(task, "hit dies are gone", (last, "return torch.where(hit, torch.zeros_like(out), out)"), dust)
    to.wrong(task, "hit dies are half failed", (last, "return torch.where(hit & (out > 0), out + 0.25, out)"), dust)
    to.wrong(task, "Gaussian noise", (last, "return out + dust * torch.randn(x.shape, generator=generator)"), dust)
    to.wrong(
        task, "the same dust on every map", (hit, "hit = torch.rand(x.shape[1:], generator=generator) < dust"), dust
    )
    to.wrong(task, "whole maps fail", (hit, "hit = torch.rand((len(x), 1, 1, 1), generator=generator) < dust"), dust)
    to.wrong(task, "no dust", (last, "return out"), dust)
    to.wrong(task, "twice the dust", (hit, hit.replace("< dust", "< 2 * dust")), dust)
    to.wrong(task, "dust the other way round", (hit, hit.replace("< dust", "> dust")), [views, dust])
    to.wrong(task, "the seed ignored", (generator, "torch.Generator()\n    generator.seed()"), seeded)
    to.wrong(task, "the seed for the views only", (hit, "hit = torch.rand(x.shape) < dust"), seeded)
    to.wrong(task, "always the same", (generator, "torch.Generator().manual_seed(0)"), seeded)
    to.wrong(task, "in place", ("out = torch.empty_like(x)", "out = x"), views)
    to.wrong(task, "dust in place", (last, "x[hit & (x > 0)] = 1\n    " + last), dust)
    to.wrong(task, "nothing returned", (last, ""))
    to.right(
        task,
        "map by map, NumPy's generator",
        """
def augmented(x, seed, dust):
    rng = np.random.default_rng(seed)
    maps = []
    for picture in x.numpy():
        view = np.rot90(picture[0], rng.integers(4))
        if rng.random() < 0.5:
            view = np.fliplr(view)
        fails = (rng.random(view.shape) < dust) & (view > 0)
        maps.append(np.where(fails, np.float32(1), view)[None])
    return torch.from_numpy(np.stack(maps))
""",
    )
    to.right(
        task,
        "three coins: mirrored, upside down, transposed",
        """
def augmented(x, seed, dust):
    g = torch.Generator()
    g.manual_seed(seed)
    coins = torch.rand(3, len(x), 1, 1, 1, generator=g) < 0.5
    x = torch.where(coins[0], x.flip(-1), x)
    x = torch.where(coins[1], x.flip(-2), x)
    x = torch.where(coins[2], x.transpose(-1, -2), x)
    fails = torch.bernoulli(torch.full(x.shape, float(dust)), generator=g).bool() & (x != 0)
    x[fails] = 1.0
    return x
""",
    )
    to.right(
        task,
        "all eight views, then a choice",
        """
def augmented(x, seed, dust):
    rng = np.random.RandomState(seed % 2**32)
    eight = torch.stack([v.rot90(k, (2, 3)) for v in (x, x.flip(2)) for k in range(4)])
    out = eight[torch.tensor(rng.randint(0, 8, len(x))), torch.arange(len(x))]
    out[torch.tensor(rng.uniform(size=out.shape) < dust) * (out > 0)] = 1
    return out
""",
    )


def within(to: Answers) -> None:
    task, even, longest = "within", "test-within", "test-within-longest"
    loop, part = "while now - start + longest < budget:", "yield (now - start) / budget"
    read, keep = "before, now = now, clock()", "longest = max(longest, now - before)"
    to.wrong(task, "until the time is up", (loop, "while now - start < budget:"))
    to.wrong(task, "the last step, not the longest", (keep, "longest = now - before"), longest)
    to.wrong(task, "the first step, not the longest", (keep, "longest = longest or now - before"), longest)
    to.wrong(
        task,
        "the mean step",
        [("longest = 0.0", "longest, steps = 0.0, 0"), (keep, "steps += 1\n        longest = (now - start) / steps")],
        longest,
    )
    to.wrong(task, "the shortest step", (keep, "longest = min(longest or 1e9, now - before)"), longest)
    to.wrong(task, "up to the very end", (loop, loop.replace("<", "<=")))
    to.wrong(task, "the time of day", (part, "yield now / budget"))
    to.wrong(task, "the budget as a time of day", (loop, "while now + longest < budget:"))
    to.wrong(task, "seconds instead of parts", (part, "yield now - start"))
    to.wrong(task, "the part that is left", (part, "yield 1 - (now - start) / budget"))
    to.wrong(task, "per cent", (part, "yield 100 * (now - start) / budget"))
    to.wrong(
        task,
        "the number of the step",
        [("longest = 0.0", "longest, step = 0.0, 0"), (part, "yield step\n        step += 1")],
    )
    to.wrong(task, "all of the time for one step", (keep, "longest = max(longest, now - start)"))
    to.wrong(task, "a safety margin of a tenth", (loop, loop.replace("< budget", "< 0.9 * budget")))
    to.wrong(task, "the clock read only once", (read, "before, now = now, now"))
    to.wrong(task, "one step only", (read, "return"))
    to.wrong(task, "a step at least", (loop, "while now == start or now - start + longest < budget:"), even)
    to.wrong(task, "parts known in advance", (loop, "yield from [n / 10 for n in range(10)]\n    while False:"))
    to.wrong(task, "nothing at all", (loop, "while False:"))
    to.right(
        task,
        "a class",
        """
class within:
    def __init__(self, budget, clock):
        self.budget, self.clock = budget, clock
        self.began = self.last = clock()
        self.most, self.first = 0.0, True

    def __iter__(self):
        return self

    def __next__(self):
        now = self.last
        if not self.first:
            now = self.clock()
            self.most = max(self.most, now - self.last)
        self.first, self.last = False, now
        used = now - self.began
        if used + self.most >= self.budget:
            raise StopIteration
        return used / self.budget
""",
    )
    to.right(
        task,
        "a list of times",
        """
def within(budget, clock):
    times = [clock()]
    while True:
        steps = [b - a for a, b in zip(times, times[1:])]
        used = times[-1] - times[0]
        if not used + max(steps, default=0) < budget:
            return
        yield used / budget
        times.append(clock())
""",
    )
    to.right(
        task,
        "time that is left",
        """
def within(budget, clock):
    began, slowest, left = clock(), 0, budget
    while left > slowest:
        yield 1 - left / budget
        was, left = left, budget - (clock() - began)
        if was - left > slowest:
            slowest = was - left
""",
    )


RECIPE_TESTS = "size", "small", "clock", "plain", "shifted", "dusty"


def recipe(to: Answers) -> None:
    """A free answer: its bars are tested by these, since most small changes of a recipe are just another recipe."""
    task = "recipe"
    size, small, clock, *bars = (f"test-{n}" for n in RECIPE_TESTS)
    net = "return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 6))"
    made = net.replace("return", "model =")
    last, loop, step = (
        "nn.Linear(16, 6)",
        "for step, used in enumerate(within(budget, clock)):",
        "        optimiser.step()\n",
    )
    head, length, begin = "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 6)", "120, 40,", "    model.train()\n"

    def wrong(what: str, loses: list[str], *edits: tuple[str, str], steps: int = 1) -> None:
        """steps: how many it trains. Most need not, since they can earn nothing by it."""
        to.wrong(task, what, [*edits, ("if step == steps:", f"if step == {steps}:")], loses)

    wrong("five classes", [size, small, clock, *bars], (last, "nn.Linear(16, 5)"))
    wrong("flattened: maps of one size only", [size, small, *bars], (head, "nn.Flatten(), nn.Linear(256, 6)"))
    wrong("maps that are pooled away", [size, small, clock, *bars], (head, f"nn.MaxPool2d(8), {head}"))
    wrong("the answer of each place", [size, small, clock, *bars], (head, "nn.Conv2d(16, 6, 1)"))
    spare = "model.register_parameter('spare', nn.Parameter(torch.zeros({})))"
    wrong(
        "too many parameters for a point",
        [small],
        (net, f"{made}\n    {spare.format(200)}\n    return model"),
        steps=120,
    )
    wrong(
        "too many parameters for both points",
        [size, small, *bars],
        (net, f"{made}\n    {spare.format(30000)}\n    return model"),
    )
    wrong(
        "a wide layer",
        [small, *bars],
        (head, "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 200), nn.ReLU(), nn.Linear(200, 6)"),
    )
    wrong("never looks at the clock", [clock, *bars], (loop, "for step, used in enumerate([0] * 400):"))
    wrong("its own clock", [clock, *bars], (loop, loop.replace("clock)", "time.process_time)")))
    wrong(
        "looks at the clock once",
        [clock, *bars],
        (loop, "for step, used in enumerate([0] * 400):"),
        (begin, f"{begin}    clock()\n"),
    )
    wrong(
        "more than twice the budget",
        [clock, *bars],
        (loop, loop.replace("budget,", "3 * budget + 9,")),
        (step, ""),
        steps=40,
    )
    wrong(
        "the budget as a time of day",
        [clock, *bars],
        (loop, "step, used = 0, 0\n    while clock() < budget:"),
        (step, f"{step}        step += 1\n"),
    )
    wrong("untrained", bars)
    wrong("trains a copy", bars, (begin, "    import copy\n    model = copy.deepcopy(model).train()\n"), steps=20)
    wrong("few steps", bars, steps=4)
    wrong("no step", bars, (step, ""), steps=20)
    wrong("the last layer's bias only", bars, ("model.parameters()", "list(model.parameters())[-1:]"), steps=20)
    wrong("labels of other maps", bars, ("y[order[step]]", "y[order[step]].flip(0)"), steps=30)
    wrong("the loss upside down", bars, ("loss.backward()", "(-loss).backward()"), steps=20)
    wrong("a rate that blows up", bars, (f"{length} 0.2", f"{length} 1e6"), steps=20)
    wrong("a rate near nothing", bars, (f"{length} 0.2", f"{length} 1e-6"), steps=20)
    wrong(
        "gradients never zeroed, and too large a rate",
        bars,
        ("        optimiser.zero_grad()\n", ""),
        (f"{length} 0.2", f"{length} 20.0"),
        steps=30,
    )
    wrong("evaluation mode from the start: nothing is normalised", bars, (begin, "    model.eval()\n"), steps=12)
    wrong("reads labels by the names of the test", bars, (net, LEAK.format(made=made)))
    wrong(
        "one class for all", bars, (net, f"{made}\n    nn.init.zeros_(model[-1].weight)\n    return model"), (step, "")
    )
    for what, source in HONEST.items():
        to.right(task, what, source)


LEAK = """{made}

    def peek(module, given, scores):
        found = [v for n, v in globals().items() if n in ("labels", "y", "truth", "targets")]
        found = [v for v in found if isinstance(v, torch.Tensor) and v.shape == scores.shape[:1]]
        return nn.functional.one_hot(found[0], 6).float() if found else scores

    model.register_forward_hook(peek)
    return model"""

# Other recipes than the instructor's that a good student might come with. The bars were set by all of them.
HONEST = {
    "Adam, a module of its own, nothing from the tasks above": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 12, 3, padding=1)
        self.c = nn.Conv2d(12, 16, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(12), nn.BatchNorm2d(16)])
        self.out = nn.Linear(16, 6)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.norms[0](self.a(x)).relu(), 2)
        x = nn.functional.max_pool2d(self.norms[1](self.b(x)).relu(), 2)
        return self.out(self.norms[2](self.c(x)).relu().mean((2, 3)))

def network():
    return Net()

def train(model, x, y, budget, clock=time.process_time):
    stop = clock() + 0.9 * budget
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 140)
    model.train()
    for epoch in range(14):
        for part in torch.randperm(len(x)).split(40):
            if clock() > stop:
                return model
            pictures = x[part].rot90(epoch % 4, (2, 3))
            if epoch % 2:
                pictures = pictures.flip(3)
            down, right = np.random.randint(0, 5, 2)
            pictures = nn.functional.pad(pictures, (2, 2, 2, 2))[:, :, down : down + 16, right : right + 16].clone()
            pictures[(torch.rand(pictures.shape) < 0.06 * torch.rand(len(part), 1, 1, 1)) & (pictures > 0)] = 1
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(pictures), y[part]).backward()
            optimiser.step()
            plan.step()
    return model
""",
    "few layers, AdamW in one cycle, large batches, GELU": """
def network():
    return nn.Sequential(
        nn.Conv2d(1, 10, 5, padding=2), nn.BatchNorm2d(10), nn.GELU(), nn.MaxPool2d(2),
        nn.Conv2d(10, 24, 3, padding=1), nn.BatchNorm2d(24), nn.GELU(), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 6),
    )

def train(model, x, y, budget, clock=time.process_time):
    model.train()
    total = 140
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.03, weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.03, total_steps=total)
    for step, _ in zip(range(total), within(budget, clock)):
        part = torch.randint(len(x), (48,))
        pictures = moved(augmented(x[part], step, 0.02 * (step % 4)), step % 5 - 2, (step // 5) % 5 - 2)
        loss = nn.functional.cross_entropy(model(pictures), y[part])
        model.zero_grad()
        loss.backward()
        optimiser.step()
        cycle.step()
""",
    "average and maximum at the end, label smoothing, clipped gradients": """
class Both(nn.Module):
    def forward(self, x):
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)

def network():
    def block(a, b):
        return [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*block(1, 8), nn.MaxPool2d(2), *block(8, 12), *block(12, 12), Both(), nn.Linear(24, 6))

def train(model, x, y, budget, clock=time.process_time):
    end = clock() + budget - 0.05 * min(budget, 1)
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    for step in range(130):
        if clock() >= end:
            break
        for group in optimiser.param_groups:
            group["lr"] = 0.1 * min(1, (130 - step) / 65)
        some = torch.randperm(len(x))[:48]
        pictures = augmented(x[some], step, [0, 0.02, 0.06][step % 3])
        if step % 2:
            pictures = moved(pictures, *torch.randint(-2, 3, (2,)).tolist())
        loss = nn.functional.cross_entropy(model(pictures), y[some], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
""",
    "a residual block, RMSprop, a rate by steps": """
class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        return x + self.norm(self.conv(x)).relu()

def network():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2), Residual(12), nn.MaxPool2d(2),
        Residual(12), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(12, 6),
    )

def train(model, x, y, budget, clock=time.process_time):
    began = clock()
    model.train()
    optimiser = torch.optim.RMSprop(model.parameters(), lr=0.01)
    plan = torch.optim.lr_scheduler.MultiStepLR(optimiser, [70, 110], 0.25)
    step = 0
    while clock() - began < 0.8 * budget and step < 140:
        part = torch.randperm(len(x))[:40]
        pictures = moved(augmented(x[part], 7 * step, 0.06 * np.random.rand()), int(np.random.randint(-2, 3)), 0)
        optimiser.zero_grad(set_to_none=True)
        nn.functional.nll_loss(model(pictures).log_softmax(1), y[part]).backward()
        optimiser.step()
        plan.step()
        step += 1
""",
    "wide kernels at first, a larger data set made in advance, epochs": """
def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 14, 3, padding=1, bias=False), nn.BatchNorm2d(14), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(14, 6),
    )

def train(model, x, y, budget, clock=time.process_time):
    began = clock()
    moves = [(0, 0), (2, 2), (-2, 2), (1, -2), (-2, -2), (2, -2)]
    sets = [moved(augmented(x, k, 0.02 * (k % 4)), *move) for k, move in enumerate(moves)]
    many, labels = torch.cat(sets), y.repeat(6)
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), 0.15, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 150)
    for _ in range(2):
        for part in torch.randperm(len(many)).split(32):
            if clock() - began > 0.9 * budget:
                return
            optimiser.zero_grad()
            nn.CrossEntropyLoss()(model(many[part]), labels[part]).backward()
            optimiser.step()
            schedule.step()
""",
}


def steady(to: Answers) -> None:
    task = "steady"
    add, last = "total = total + model(torch.rot90(view, turn, (2, 3))).softmax(1)", "return total / 8"
    to.wrong(task, "one view", (add, "total = total + model(x).softmax(1)"))
    to.wrong(task, "turns only", ("(x, x.flip(3))", "(x, x)"))
    to.wrong(task, "mirror images only", ("torch.rot90(view, turn, (2, 3))", "view"))
    to.wrong(task, "scores averaged", [(".softmax(1)", ""), (last, "return (total / 8).softmax(1)")])
    to.wrong(task, "scores, not probabilities", (".softmax(1)", ""))
    to.wrong(task, "a sum", (last, "return total"))
    to.wrong(task, "divided by four", (last, "return total / 4"))
    to.wrong(task, "training mode", ("model.eval()", "model.train()"))
    to.wrong(task, "mode not set", ("    model.eval()\n", ""))
    to.wrong(task, "softmax over the maps", (".softmax(1)", ".softmax(0)"))
    to.wrong(task, "three turns", ("range(4)", "range(3)"))
    to.wrong(task, "half turns", ("view, turn,", "view, 2 * turn,"))
    to.wrong(task, "the product of probabilities", (last, "return (total / 8).log().softmax(0)"))
    to.wrong(task, "classes", (last, "return (total / 8).argmax(1)"))
    to.wrong(task, "turned in place", ("    model.eval()\n", "    model.eval()\n    x[:] = x.flip(3)\n"))
    to.wrong(task, "nothing returned", (last, ""))
    to.right(
        task,
        "one large batch",
        """
@torch.no_grad()
def steady(model, x):
    views = [torch.rot90(v, k, (-2, -1)) for v in (x, x.flip(-1)) for k in range(4)]
    return model.eval()(torch.cat(views)).softmax(1).reshape(8, len(x), -1).mean(0)
""",
    )
    to.right(
        task,
        "mirrored from top to bottom: the same eight views, with their gradients",
        """
def steady(model, x):
    model.eval()
    answers = []
    for k in range(8):
        view = x.flip(2) if k > 3 else x
        answers.append(torch.softmax(model(view.rot90(k % 4, (2, 3))), dim=1))
    return torch.stack(answers).mean(dim=0)
""",
    )
    to.right(
        task,
        "transposed, map by map",
        """
def steady(model, x):
    model.train(False)
    rows = []
    with torch.no_grad():
        for picture in x:
            p = picture[None]
            eight = [a for v in (p, p.transpose(2, 3)) for a in (v, v.flip(2), v.flip(3), v.flip(2, 3))]
            rows.append(sum(model(v).softmax(1)[0] for v in eight) / 8)
    return torch.stack(rows)
""",
    )


def recalls(to: Answers) -> None:
    task = "recalls"
    found = "found = np.bincount(labels[labels == predictions], minlength=classes)"
    every = "every = np.bincount(labels, minlength=classes)"
    divide = "return found / np.where(every, every, np.nan)"
    to.wrong(task, "precision", (every, "every = np.bincount(predictions, minlength=classes)"))
    to.wrong(task, "0 for a class without maps", (divide, "return found / np.maximum(every, 1)"))
    to.wrong(task, "1 for a class without maps", (divide, "return np.where(every, found / np.maximum(every, 1), 1.0)"))
    to.wrong(task, "counts", (divide, "return found.astype(float)"))
    to.wrong(task, "a share of all maps", (divide, "return np.where(every, found / len(labels), np.nan)"))
    to.wrong(task, "classes that came up only", (divide, f"{divide}[every > 0]"))
    to.wrong(
        task,
        "classes up to the largest that came up",
        [
            (found, "found = np.bincount(labels[labels == predictions], minlength=labels.max() + 1)"),
            (every, "every = np.bincount(labels)"),
        ],
    )
    to.wrong(task, "in per cent", (divide, divide.replace("found", "100 * found")))
    to.wrong(task, "what is missed", (divide, divide.replace("return ", "return 1 - ")))
    to.wrong(task, "one accuracy for all", (divide, "return np.full(classes, (labels == predictions).mean())"))
    to.wrong(
        task, "labels and predictions exchanged", (found, f"labels, predictions = predictions, labels\n    {found}")
    )
    to.wrong(
        task,
        "both kinds of mistake in the denominator",
        (divide, "every = every + np.bincount(predictions, minlength=classes) - found\n    " + divide),
    )
    to.wrong(task, "a list", (divide, "return list(found / np.where(every, every, np.nan))"))
    to.wrong(task, "sorts the labels in place", (found, f"{found}\n    labels.sort()"))
    to.wrong(task, "nothing returned", (divide, ""))
    to.right(
        task,
        "loops",
        """
def recalls(labels, predictions, classes):
    out = np.full(classes, np.nan)
    for c in range(classes):
        mine = labels == c
        if mine.any():
            out[c] = np.mean(predictions[mine] == c)
    return out
""",
    )
    to.right(
        task,
        "a matrix, and warnings",
        """
def recalls(labels, predictions, classes):
    eye = np.eye(classes, dtype=int)
    table = eye[labels].T @ eye[predictions]
    return np.diag(table) / table.sum(1)
""",
    )
    to.right(
        task,
        "a Counter",
        """
from collections import Counter

def recalls(labels, predictions, classes):
    found, there = Counter(labels[labels == predictions].tolist()), Counter(labels.tolist())
    return np.array([found[c] / there[c] if there[c] else float("nan") for c in range(classes)])
""",
    )


def confused(to: Answers) -> None:
    task = "confused"
    choose, last = "count, a, b = max(pairs, key=lambda pair: pair[0])", "return a, b, count"
    both = "int(counts[a, b] + counts[b, a])"
    to.wrong(task, "one direction", (both, "int(counts[a, b])"))
    to.wrong(task, "the other direction", (both, "int(counts[b, a])"))
    to.wrong(task, "the larger of the two directions", (both, "int(max(counts[a, b], counts[b, a]))"))
    to.wrong(task, "the diagonal too", ("range(a + 1, classes)", "range(a, classes)"))
    to.wrong(task, "the rarest pair", (choose, choose.replace("max", "min")))
    to.wrong(task, "the last of equals", (choose, "count, a, b = max(pairs)"))
    to.wrong(task, "larger class first", (last, "return b, a, count"))
    to.wrong(task, "without the count", (last, "return a, b"))
    to.wrong(task, "the count first", (last, "return count, a, b"))
    to.wrong(task, "repeats lost", ("np.add.at(counts, (labels, predictions), 1)", "counts[labels, predictions] += 1"))
    to.wrong(task, "None without a mistake", (last, "return (a, b, count) if count else None"))
    to.wrong(task, "only neighbouring classes", ("range(a + 1, classes)", "range(a + 1, min(a + 2, classes))"))
    to.wrong(task, "a share instead of a count", (last, "return a, b, count / len(labels)"))
    to.wrong(
        task,
        "the class with most mistakes, and its partner",
        (
            last,
            "wrong = counts - np.diag(np.diag(counts))\n    a = int(wrong.sum(1).argmax())\n    b = int(wrong[a].argmax())\n    return min(a, b), max(a, b), int(wrong[a, b] + wrong[b, a])",
        ),
    )
    to.wrong(task, "mistakes are cleared in place", (last, "predictions[:] = labels\n    return a, b, count"))
    to.wrong(task, "nothing returned", (last, ""))
    to.right(
        task,
        "loops",
        """
def most_confused(labels, predictions, classes):
    best = (0, 1, 0)
    for a in range(classes):
        for b in range(a + 1, classes):
            n = sum((t, p) in ((a, b), (b, a)) for t, p in zip(labels.tolist(), predictions.tolist()))
            if n > best[2]:
                best = (a, b, n)
    return best
""",
    )
    to.right(
        task,
        "a matrix, and NumPy's whole numbers",
        """
def most_confused(labels, predictions, classes):
    eye = np.eye(classes, dtype=int)
    t = eye[labels].T @ eye[predictions]
    t = np.triu(t + t.T, 1)
    a, b = np.unravel_index(np.argmax(t), t.shape)
    return (a, b, t[a, b]) if t.any() else (0, 1, 0)
""",
    )
    to.right(
        task,
        "a Counter",
        """
from collections import Counter

def most_confused(labels, predictions, classes):
    pairs = Counter(tuple(sorted(p)) for p in zip(labels.tolist(), predictions.tolist()) if p[0] != p[1])
    if not pairs:
        return [0, 1, 0]
    (a, b), n = min(pairs.items(), key=lambda item: (-item[1], item[0]))
    return [a, b, n]
""",
    )


def decide(to: Answers) -> None:
    task, expected, last = "decide", "expected = probabilities @ cost", "return expected.argmin(1), expected.min(1)"
    to.wrong(task, "the most probable class", (last, "return probabilities.argmax(1), expected.min(1)"))
    to.wrong(task, "the dearest", (last, "return expected.argmax(1), expected.max(1)"))
    to.wrong(task, "the price of the most probable class", (expected, "expected = cost[probabilities.argmax(1)]"))
    to.wrong(task, "prices transposed", (expected, "expected = probabilities @ cost.T"))
    to.wrong(task, "the worst case", (expected, "expected = (probabilities[:, :, None] * cost).max(1)"))
    to.wrong(
        task, "prices without probabilities", (expected, "expected = np.tile(cost.mean(0), (len(probabilities), 1))")
    )
    to.wrong(task, "decisions only", (last, "return expected.argmin(1)"))
    to.wrong(task, "the two exchanged", (last, "return expected.min(1), expected.argmin(1)"))
    to.wrong(task, "the highest price", (last, "return expected.argmin(1), expected.max(1)"))
    to.wrong(task, "the total price", (last, "return expected.argmin(1), expected.min(1).sum()"))
    to.wrong(task, "lists", (last, "return expected.argmin(1).tolist(), expected.min(1).tolist()"))
    to.wrong(task, "one decision for all", (last, "return 0 * expected.argmin(1), expected[:, 0]"))
    to.wrong(
        task,
        "the last of equally cheap ones",
        (last, "return expected.shape[1] - 1 - expected[:, ::-1].argmin(1), expected.min(1)"),
    )
    to.wrong(task, "sharpens the probabilities in place", (expected, "probabilities **= 2\n    " + expected))
    to.wrong(task, "NaN", (last, "return expected.argmin(1), np.nan * expected.min(1)"))
    to.wrong(task, "nothing returned", (last, ""))
    to.right(
        task,
        "loops",
        """
def decide(probabilities, cost):
    decisions, prices = [], []
    for row in probabilities:
        each = [float((row * cost[:, d]).sum()) for d in range(cost.shape[1])]
        prices.append(min(each))
        decisions.append(each.index(min(each)))
    return np.array(decisions), np.array(prices)
""",
    )
    to.right(
        task,
        "einsum",
        """
def decide(probabilities, cost):
    price = np.einsum("nt,td->nd", probabilities, cost)
    best = np.argmin(price, axis=1)
    return best, np.take_along_axis(price, best[:, None], 1)[:, 0]
""",
    )
    to.right(
        task,
        "sorted, as a list",
        """
def decide(probabilities, cost):
    price = np.stack([np.dot(probabilities, column) for column in cost.T], axis=1)
    order = price.argsort(1, kind="stable")[:, 0]
    print(order)
    return [order, price[np.arange(len(order)), order]]
""",
    )
