"""Every number in the question bank is computed, and every typed answer is what its expression says.

    python book/tools/question_numbers.py

A question's `computed` and its number's `from` are Python expressions over `math`, `np`, `torch`, kernelbook's modules,
`size_of("resnet50", "stages.3", classes=5)`, the parameters of a network or of a part of it, and `work_of(...)`, its
multiply-adds. A number in its texts must be a value or a literal of one of them, or stand in a sentence with a
citation, or be excused in allowed_numbers.yml under `questions`. What a page prints doesn't count: pages print so much
that nearly any number would be found there. Whole numbers up to twelve are language, as in the chapters' words, unless
"times" follows.
"""

import ast
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from book.tools.prose import (
    ALLOWED,
    CITED,
    SMALL_WORD,
    Number,
    asserted,
    load_allowed,
    numbers,
    plain_products,
    sentences,
)
from book.tools.questions import BANK, Question, QuestionError, load


def namespace() -> dict[str, Any]:
    """What expressions may use."""
    import torch

    from kernelbook import channels, costs, kernels, matrix, models, ops, pooling, receptive_field

    def size_of(name: str, part: str = "", **options: Any) -> int:
        """The parameters of one of the book's networks, or of those parts of it whose names start with `part`."""
        with torch.device("meta"):
            model = models.build(name, **options)
        return sum(values.numel() for path, values in model.named_parameters() if path.startswith(part))

    def work_of(name: str, **options: Any) -> int:
        """The multiply-adds of one of the book's networks, for one picture of its size."""
        with torch.device("meta"):
            model = models.build(name, **options)
        return models.summary(model, models.input_shape(name)).total.multiply_adds

    names = {"math": math, "np": np, "torch": torch, "size_of": size_of, "work_of": work_of}
    modules = {
        "channels": channels,
        "costs": costs,
        "kernels": kernels,
        "matrix": matrix,
        "models": models,
        "ops": ops,
        "pooling": pooling,
    }
    return {**names, **modules, "receptive_field": receptive_field}


def evaluate(expression: str, names: dict[str, Any]) -> Any:
    """The value of a Python expression. Raises QuestionError with what went wrong, or if a comparison is false."""
    try:
        value = eval(expression, dict(names))
    except Exception as error:
        raise QuestionError(f"{expression!r} fails: {type(error).__name__}: {error}") from None
    if any(part is False for part in (value if isinstance(value, tuple) else (value,))):
        raise QuestionError(f"{expression!r} is false")
    return value


def flat(value: Any) -> Iterator[float]:
    """All numbers in a value, however deep."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, int | float | np.number):
        yield float(value)
    elif hasattr(value, "tolist"):
        yield from flat(value.tolist())
    elif isinstance(value, list | tuple | set | range):
        for part in value:
            yield from flat(part)


def values_of(expression: str, names: dict[str, Any]) -> list[float]:
    """The numbers that an expression stands for: those of its value and the literals in it."""
    found = [float(number) for number in flat(evaluate(expression, names))]
    ast.parse(expression, mode="eval")
    return found + asserted(f"assert ({expression}\n)")


def small(number: Number, sentence: str) -> bool:
    """Whether a number is a whole one up to twelve, written in digits, that is not said to be a factor."""
    factor = re.match(r"\d+(?:\s|-)(?:times|fold|per cent)\b", sentence[number.start :])
    return bool(re.fullmatch(r"\d\d?", number.text)) and int(number.text) <= SMALL_WORD and not factor


def check(bank: list[Question], allowed: Path = ALLOWED) -> list[str]:
    """Complaints about numbers, one line each."""
    names = namespace()
    excuses = load_allowed("questions", allowed)
    complaints = []
    for question in bank:
        values: list[float] = []
        try:
            for expression in question.computed:
                values += values_of(expression, names)
            if question.number:
                values += [*values_of(question.number.source, names), question.number.value]
                complaints += wrong_value(question, names)
        except QuestionError as error:
            complaints.append(f"{question.id}: {error}")
            continue
        for text in question.texts():
            for sentence in sentences(text):
                if CITED in sentence:
                    continue
                normal = plain_products(sentence)
                complaints += [
                    f"{question.id}: nothing computes {number.text!r}: “{normal}”"
                    for number in numbers(normal)
                    if not (small(number, normal) or number.backed_by(values) or excuses.excuses(normal, number))
                ]
    complaints += [f"{allowed.name} excuses {text!r}, which is in no question." for text in excuses.unused()]
    return complaints


def wrong_value(question: Question, names: dict[str, Any]) -> list[str]:
    """A complaint if the number that counts as right is not what the expression computes."""
    number = question.number
    if number is None:
        return []
    computed = float(evaluate(number.source, names))
    if math.isclose(computed, number.value, rel_tol=max(number.within / 10, 1e-12)):
        return []
    return [f"{question.id}: the right answer is {number.value:g}, but {number.source!r} gives {computed:g}"]


def main() -> int:
    try:
        bank = load()
        complaints = check(bank)
    except QuestionError as error:
        print(f"questions: {error}", file=sys.stderr)
        return 2
    for line in complaints:
        print(line, file=sys.stderr)
    print(f"{BANK.name}: {len(bank)} questions, {len(complaints)} complaints about their numbers.")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
