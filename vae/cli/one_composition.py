"""Settings are composed once for a command, not once more to learn ``hydra.mode``."""

__all__ = ["composing_once"]

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra._internal.hydra import Hydra


@contextmanager
def composing_once(*, own: bool) -> Iterator[None]:
    """Let Hydra 1.3 compose the settings to learn ``hydra.mode`` only where something may set it.

    That takes as long as the composition itself, a third of a second. No config of ours sets it.

    Args:
        own: Whether configs of the user's own are read.
    """
    composed = Hydra.get_mode

    def get_mode(self: Hydra, config_name: str | None, overrides: list[str]) -> Any:
        named = own or any("hydra" in word and "mode" in word for word in overrides)
        return composed(self, config_name, overrides) if named else None

    Hydra.get_mode = get_mode  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = composed  # type: ignore[method-assign]
