"""Chains of layers as labs keep them: rows of [kind, K, S, P, D], checked as on the page (lib/stack.js)."""

from collections.abc import Sequence
from typing import Any

from traitlets import TraitError

KINDS = ("conv", "pool")
LIMITS = ((1, 15), (1, 8), (0, 32), (1, 32))
"""Least and most of K, S, P and D."""
LARGEST_STACK = 64


def layer_rows(value: Any, kinds: Sequence[str] = KINDS, largest: int = LARGEST_STACK) -> list[list[int]]:
    """Rows of [kind, K, S, P, D] from rows that may name the kind; TraitError says what is wrong."""
    try:
        rows = [[list(kinds).index(row[0]) if isinstance(row[0], str) else row[0], *row[1:]] for row in value]
    except (TypeError, ValueError, IndexError):
        raise TraitError(
            f"layers must be rows (kind, K, S, P, D) with the kind {' or '.join(kinds)}; got {value!r}"
        ) from None
    limits = ((0, len(kinds) - 1), *LIMITS)
    if not 1 <= len(rows) <= largest:
        raise TraitError(f"layers must be 1 to {largest} rows, got {len(rows)}")
    for number, row in enumerate(rows, 1):
        if len(row) != 5 or not all(
            isinstance(n, int) and low <= n <= high for n, (low, high) in zip(row, limits, strict=True)
        ):
            raise TraitError(
                f"layer {number} must be (kind, K, S, P, D): {' or '.join(kinds)}, kernel 1 to 15, stride 1 to 8, "
                f"padding 0 to 32, dilation 1 to 32; got {tuple(row)}"
            )
    return [[int(n) for n in row] for row in rows]
