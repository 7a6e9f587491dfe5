"""Settings that come with another choice of a group than the one that was made."""

__all__ = ["with_other_choice"]

import re
from pathlib import Path

from vae.cli.naming import PLACE_OF_OWN_DATA
from vae.cli.search_path import choice_file, choices

GROUPS = (
    "data",
    "model",
    "posterior",
    "prior",
    "likelihood",
    "objective",
    "optimizer",
    "scheduler",
    "penalty",
)
PENALTIES = "penalties"
MOST = 3


def with_other_choice(key: str) -> list[tuple[str, str]]:
    """Return choices that bring a setting, at most three, each with the setting's whole name.

    Those of the user's own data come first.

    Args:
        key: The setting's name, with its group or without.

    Example:
        >>> with_other_choice("scheduler.warmup")
        [('scheduler=cosine', 'scheduler.warmup')]
    """
    above, _, name = key.rpartition(".")
    if above.startswith(f"{PENALTIES}."):
        choice = above.partition(".")[2]
        return [(f"penalty={choice}", key)] if choice in choices("penalty") else []
    groups = [group for group in GROUPS if above in ("", group)]
    found = [
        (f"{group}={choice}", f"{package(group, choice)}.{name}")
        for group in groups
        for choice in choices(group)
        if brings(choice_file(group, choice), name)
    ]
    own_data = [f"data={choice}" for choice in PLACE_OF_OWN_DATA]
    return sorted(found, key=lambda pair: pair[0] not in own_data)[:MOST]


def package(group: str, choice: str) -> str:
    """Return below which name the settings of a choice stand."""
    return f"{PENALTIES}.{choice}" if group == "penalty" else group


def brings(path: Path | None, name: str) -> bool:
    """Say whether the file of a choice has a setting of its own with this name."""
    text = path.read_text(encoding="utf-8") if path else ""
    return re.search(rf"^{re.escape(name)}:", text, re.MULTILINE) is not None
