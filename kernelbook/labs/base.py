"""What every lab shares: state as traits, a figure that works without a kernel, and a stable name in the output.

How to add a lab
----------------
1. ``receptive_field.py``: ``class ReceptiveField(Lab)``. Its traits tagged ``sync=True`` are the whole state; give each
   a default, a check and a line in the docstring. The class's name fixes the other names (``receptive_field.js``).
2. In it write ``still(self) -> Still``: an SVG drawn with :mod:`kernelbook.labs.svg` that teaches on paper, what it
   shows in words, and one line of caption. Plain arithmetic, the same bytes on every run.
3. ``receptive_field.js``: pure exported functions that compute, then ``export default { render, clean }``.
   ``clean(raw)`` makes a valid state from anything (links carry junk); ``render({model, el})`` builds native, labelled
   inputs once and redraws when ``watch`` (lib/model.js) calls. Elements come from lib/dom.js, maps from lib/map.js,
   reset and link from lib/toolbar.js. Add the class to ``__init__.py``, its look to ``labs.css``; run ``make labs``.
   Data that one lab alone needs (a trained network's weights) does not belong in the bundle that every page loads:
   give the class a ``@default("cargo")``, a text that travels with the figure; ``model.get("cargo")`` reads it.
4. Test the computation against PyTorch in Node (``tests/labs/test_truth.py`` shows how) and the experiments' numbers;
   ``tests/labs/test_every_lab.py`` tests the rest of it once the class is in ``__all__`` (``-k SomeName`` for one
   lab). Then look at it: 390 and 1,300 pixels wide, light and dark, keyboard only.
"""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import anywidget
from traitlets import TraitType, Unicode

HERE = Path(__file__).parent
DIST = HERE / "dist"

HOW_TO_USE = "A still picture of an interactive lab: open the HTML book, or run the cell in Jupyter, to change it."


@dataclass(frozen=True)
class Still:
    """A lab as it looks without a script: on paper, on GitHub, in a reader without JavaScript.

    Attributes:
        svg: One ``<svg>`` element with its own colours.
        words: What the drawing shows, numbers included, for readers who cannot see it.
        caption: One sentence that stays under the lab when it is live.
    """

    svg: str
    words: str
    caption: str


class Lab(anywidget.AnyWidget):
    """Base of the labs. A subclass ``SomeName`` lives in ``some_name.py`` with its front end in ``some_name.js``.

    Its traits tagged ``sync=True`` are its state. Displayed, it is a live widget in Jupyter and an HTML figure with the
    same state on a published page, where a script of ``dist/`` brings it to life without a kernel.

    Args:
        caption: Text under the lab instead of its usual caption.

    Raises:
        ImportError: when the front end has not been built (``make labs``).
        TypeError: for a keyword that names no trait of the lab.
    """

    caption = Unicode("", help="Text under the lab; empty for the usual one.").tag(sync=True)
    cargo = Unicode("", help="Data that the front end needs beside the state, as text; no part of the state.").tag(
        sync=True
    )

    lab_name: ClassVar[str] = ""
    state_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "_esm" in vars(cls):  # anywidget's own subclass of a lab, made for each instance
            super().__init_subclass__(**kwargs)
            return
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        module, style = DIST / f"{snake}.mjs", DIST / "labs.css"
        if not (module.exists() and style.exists()):
            raise ImportError(f"The labs' front end is not built: {module.name} is missing. Run `make labs`.")
        cls.lab_name = snake.replace("_", "-")
        cls._esm, cls._css = module, style
        super().__init_subclass__(**kwargs)
        # traitlets has not collected this class's traits yet: look at the definitions themselves.
        own = {
            name: None
            for base in reversed(cls.__mro__)
            if issubclass(base, Lab) and base is not Lab
            for name, trait in vars(base).items()
            if isinstance(trait, TraitType) and trait.metadata.get("sync")
        }
        cls.state_names = tuple(own)

    def __init__(self, **state: Any) -> None:
        unknown = sorted(set(state) - set(self.state_names) - {"caption", "layout"})
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no {', '.join(map(repr, unknown))}; it has {', '.join(self.state_names)}."
            )
        super().__init__(**state)

    def state(self) -> dict[str, Any]:
        """The lab's own traits by name, in the order of their definition."""
        return {name: getattr(self, name) for name in self.state_names}

    def still(self) -> Still:
        """The lab drawn without a script. Every lab writes its own."""
        raise NotImplementedError(f"{type(self).__name__} needs a still() method")

    def figure(self) -> str:
        """The HTML figure: the same bytes for the same state, on every run."""
        still = self.still()
        caption = self.caption or still.caption
        state = html.escape(json.dumps(self.state()))
        cargo = f' data-cargo="{html.escape(self.cargo)}"' if self.cargo else ""
        return (
            f'<figure class="lab" data-lab="{self.lab_name}" data-state="{state}"{cargo}'
            f' aria-label="{html.escape(caption)}">\n'
            f'<div class="lab-still">\n{still.svg}\n<p>{html.escape(still.words)}</p>\n'
            f"<p><em>{HOW_TO_USE}</em></p>\n</div>\n"
            f"<figcaption>{html.escape(caption)}</figcaption>\n</figure>"
        )

    def __repr__(self) -> str:
        # Long lists are shown only where someone has set them.
        shown = (
            f"{name}={value!r}"
            for name, value in self.state().items()
            if not (isinstance(value, list) and value == self.trait_defaults(name))
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "text/html": self.figure()}, metadata
