"""The one way to the terminal: what is printed is shown as it stands, and obeyed by nobody."""

__all__ = ["console", "say"]

from collections.abc import Iterator
from typing import final

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from vae.visible import visible


def console(*, quiet: bool = False, stderr: bool = False) -> Console:
    """Return where tables and lines are printed; brackets in a text are no markup there.

    Args:
        quiet: Whether nothing is printed, as by all processes but the first.
        stderr: Whether it goes to standard error.
    """
    found = Console(quiet=quiet, stderr=stderr, markup=False, emoji=False, highlight=False)
    found.push_render_hook(Watch())
    return found


def say(text: str) -> None:
    """Print a sentence that is no result on standard error."""
    console(stderr=True).print(text, soft_wrap=True)


@final
class Watch(RenderHook):
    """Shows every text that a console is given as it stands."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what is to be printed instead."""
        return [Shown(renderable) for renderable in renderables]


@final
class Shown:
    """A table or a line whose texts are `visible`; rich's own control of the cursor stays.

    Rich removes five control characters from a text, and the one that begins an escape sequence is
    none of them (`rich.control.STRIP_CONTROL_CODES`, rich 15.0).

    Args:
        renderable: What rich can print.
    """

    def __init__(self, renderable: ConsoleRenderable) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self.segments(console, options)

    def segments(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the pieces that are printed."""
        for segment in console.render(self.renderable, options):
            seen = segment.text if segment.control else visible(segment.text)
            yield Segment(seen, segment.style, segment.control)
