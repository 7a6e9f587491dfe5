"""The overrides that a resumed run takes over from its folder, which may be somebody else's."""

__all__ = [
    "WRITERS",
    "hydra_quoted",
    "leads_out",
    "naming",
    "parsed",
    "quoted",
    "recorded_overrides",
]

import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from vae.cli.search_path import CONF, choices, is_group, read_choice
from vae.files import holds_cache
from vae.nested import leaves

MAX_BYTES = 1_000_000
MAX_PLACE = 300  # letters of a path that are repeated
NO_CHOICE = "there is no such choice"
WRITERS = ("callbacks", "logger", "trainer")  # groups whose settings name what is written


def recorded_overrides(record: Path, given: Sequence[str]) -> list[str]:
    """Return the overrides in a run's ``overrides.yaml``.

    What could read the environment, change Hydra itself, or write outside the run's folder is not
    taken over; the user may give the same setting on the command line instead. Nothing is
    downloaded to a folder that the record names.

    Args:
        record: The file.
        given: The user's own arguments.

    Raises:
        ValueError: Naming an override that is not taken over and not given anew.
    """
    given_keys = {override.key_or_group for override in map(parsed, given) if override}
    accepted = []
    for text in read_list(record):
        override = parsed(text)
        reason = "it is no setting" if override is None else refusal(text, override)
        if reason is None:
            accepted.append(text)
        elif override is None or override.key_or_group not in given_keys:
            reason += configs_of_run(record) if reason == NO_CHOICE else ""
            raise ValueError(
                f"{record} holds {text!r}, which is not taken over ({reason}): "
                "remove it, or give the setting anew on the command line"
            )
    recorded = {key_of(text) for text in accepted}
    data = [text for text in (*accepted, *given) if key_of(text) == "data"]
    placed = "data.root" in recorded or not is_ours(data)
    if placed and given_keys.isdisjoint(("data.root", "data.download")):
        accepted += ["data.download=false"] if downloads(data) else []
    return accepted


def key_of(text: str) -> str:
    """Return the setting or group that an argument names; nothing for an option."""
    override = parsed(text)
    return override.key_or_group if override else ""


def is_ours(data: Sequence[str]) -> bool:
    """Say whether the last of some choices of data, if there are any, is one of ours."""
    override = parsed(data[-1]) if data else None
    return override is None or (CONF / "data" / f"{override.value()}.yaml").is_file()


def configs_of_run(record: Path) -> str:
    """Say where the user's own choices were when a run began, if its folder says so."""
    try:
        told = json.loads((record.parents[1] / "environment.json").read_text(encoding="utf-8"))
        places = [str(place)[:MAX_PLACE] for place in told["configs"]]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    told = (
        f" here; the run's own configs were in {', '.join(places)}: start where they are, or add "
    )
    return f"{told}--config-dir" if places else ""


def downloads(data: Sequence[str]) -> bool:
    """Say whether the last of some choices of data, if there are any, may be downloaded."""
    override = parsed(data[-1]) if data else None
    return override is not None and "download" in read_choice("data", str(override.value()))


def read_list(record: Path) -> list[str]:
    """Read a YAML list of texts, as they stand there."""
    try:
        size = record.stat().st_size
        texts = yaml.safe_load(record.read_text(encoding="utf-8")) if size <= MAX_BYTES else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{record} is damaged: {type(error).__name__}") from error
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{record} is not a list of overrides")
    return texts


def parsed(text: str) -> Override | None:
    """Return an override, or ``None`` of what is none, such as an option of the command."""
    if text.startswith("-"):
        return None
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        return None


def refusal(text: str, override: Override) -> str | None:
    """Say why an override is not taken over from a file; ``None`` if it is."""
    key = override.key_or_group
    if "$" in text:
        return "an interpolation may read the environment"
    if "hydra" in f"{key}@{override.package}":
        return "it changes Hydra"
    if "plugins" in f"{key}@{override.package}":
        return "the code of a plugin is never run because a file says so"
    settings = dict(leaves(override.value(), key))
    values = settings.values()
    is_node = isinstance(override.value(), dict) and override.package is None
    if "/" in key or (is_group(key) and not is_node):  # else a part, setting by setting
        if not all(value is None or value in choices(key) for value in values):
            return NO_CHOICE
    elif key.partition(".")[0] in WRITERS and any(map(leads_out, values)):
        return "it names a place outside the run's folder"
    elif key.partition(".")[0] == "logger" and any(map(sends, [key, *settings])):
        return "it would send figures to another place"
    elif key.partition(".")[0] == "data":
        return next(filter(None, (writes(name, value) for name, value in settings.items())), None)
    return None


def writes(name: str, value: Any) -> str | None:
    """Say where a setting of the data would have something written; ``None`` if nowhere."""
    setting = name.rpartition(".")[2]
    if setting == "cache" and not holds_cache(str(value)):
        return "it names a folder to write to which holds no cache yet"
    if setting == "download" and value is not False:
        return "it would download files"
    if name == "data.source.root":
        return "the folder of the data is data.root"
    return None


def sends(name: str) -> bool:
    """Say whether a logger's setting, or its removal, decides where the figures go."""
    return name.rpartition(".")[2] in ("offline", "tracking_uri", "artifact_location")


def leads_out(value: Any) -> bool:
    """Say whether a value is a path from the root, from a home folder or upwards."""
    path = PurePath(str(value))
    return path.is_absolute() or ".." in path.parts or str(value).startswith("~")


def hydra_quoted(path: Path) -> str:
    """Return a path as a value that Hydra's command line reads as it stands."""
    text = str(path)
    plain = all(c.isalnum() or c in "/-_.:" for c in text) and text.isascii()
    override = parsed(f"path={text}") if plain else None
    if override is not None and override.value() == text:  # not a number, true or null
        return text
    return quoted(text)


def naming(plugins: Sequence[str]) -> list[str]:
    """Return the argument that names plugins, if there are any."""
    return [f"plugins=[{','.join(plugins)}]"] if plugins else []


def quoted(text: str) -> str:
    r"""Return a text in the quotes of Hydra, which takes some backslashes for part of a quote.

    Example:
        >>> print(quoted("it's"), quoted("a\\b\\"), quoted("\\'"))
        'it\'s' 'a\b\\' '\\\''
    """
    return QuotedString(text, Quote.single).with_quotes()
