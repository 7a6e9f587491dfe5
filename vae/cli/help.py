"""``--help`` without Hydra's detours."""

__all__ = ["shorten_help"]

from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl

FLAGS = ("--help", "-h", "--hydra-help")


def shorten_help(arguments: Sequence[str]) -> None:
    """Let Hydra read its search path once, and not for each of its hundred groups.

    Each time it copies the whole config, which takes longer than everything else ``--help`` does.
    """
    if not any(flag in arguments for flag in FLAGS):
        return
    make = ConfigLoaderImpl._parse_overrides_and_create_caching_repo
    made: dict[Any, Any] = {}

    def once(self: ConfigLoaderImpl, config_name: str | None, overrides: list[str]) -> Any:
        key = id(self), config_name, tuple(overrides)
        if key not in made:
            made[key] = make(self, config_name, overrides)
        return made[key]

    ConfigLoaderImpl._parse_overrides_and_create_caching_repo = once  # type: ignore[method-assign]
