"""What a folder of configs may say that was found where the user stands, and not named.

It may be somebody else's, and to stand in a folder is no consent to run what lies there. A choice
is taken when it is named; Hydra's own settings, of which some name code to call, are not.
"""

__all__ = ["check_own_configs"]

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae.cli.overrides import WRITERS, leads_out, parsed
from vae.cli.search_path import CONF, OwnConfigs, config_folders, is_group
from vae.nested import leaves

HYDRA, PLUGINS = "hydra", "plugins"
FREE = ("run.dir", "sweep.", "sweeper.params.", "overrides.", "runtime.", "job.override_dirname")
ENVIRONMENT = "an interpolation may read the environment; give the setting on the command line"
OUTSIDE = "a place outside the run's folder; give the setting on the command line"
ADVICE = "give that on the command line, or name the folder by --config-dir"


def check_own_configs(command: str, arguments: Sequence[str], typed: Sequence[str]) -> None:
    """Refuse what a folder that was found sets of Hydra, and plugins that only a record names.

    Args:
        command: ``train`` or ``eval``.
        arguments: Of the command, with those that a resumed run's folder holds.
        typed: By the user.

    Raises:
        ValueError: Naming the setting or the plugin, and what to do.
    """
    found = [folder for folder in config_folders()[1:] if folder != OwnConfigs.named]
    for folder in found:
        if (folder / HYDRA).exists():
            raise ValueError(f"{folder / HYDRA} has choices of Hydra's own groups: {ADVICE}")
    if not found:
        return
    plain = [a for a in arguments if a.lstrip("+~").startswith(HYDRA)]
    for settings in each_choice(arguments):
        ours, theirs = composed(command, plain), composed(command, settings)
        for name in changed(ours.get(HYDRA, {}), theirs.get(HYDRA, {})):
            raise ValueError(f"{found[0]} sets {HYDRA}.{name} for this command: {ADVICE}")
        if list(arguments) != list(typed):
            check_recorded(theirs, composed(command, typed))


def each_choice(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield settings that compose, which together hold every choice of a sweep over groups."""
    rest, swept = [], list[list[str]]()
    for argument in arguments:
        override = parsed(argument)
        if override is None:
            continue
        if not override.is_sweep_override():
            rest.append(argument)
        elif is_group(override.key_or_group) or "/" in override.key_or_group:
            name = override.get_key_element()
            swept.append([f"{name}={value}" for value in override.sweep_string_iterator()])
    yield rest
    for options in swept:
        yield from ([*rest, option] for option in options)


def composed(command: str, settings: Sequence[str]) -> dict[str, Any]:
    """Return the settings with Hydra's, unresolved; none if they do not compose, as is told later.

    Args:
        command: ``train`` or ``eval``.
        settings: As on the command line.
    """
    GlobalHydra.instance().clear()
    words = [s for s in settings if (override := parsed(s)) and not override.is_sweep_override()]
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose(command, overrides=words, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        return {}
    read: Any = OmegaConf.to_container(config, resolve=False)
    return dict(read)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings of Hydra that differ and are not `FREE`."""
    ours, theirs = dict(leaves(before)), dict(leaves(after))
    for name, value in theirs.items():
        if not name.startswith(FREE) and (name not in ours or ours[name] != value):
            yield name


def check_recorded(settings: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """Refuse of choices that a run's record made, and the user did not, what a record may not say.

    Args:
        settings: With the record's.
        typed: Composed without them.
    """
    named = typed.get(PLUGINS) or []
    missing = [str(name) for name in settings.get(PLUGINS) or [] if name not in named]
    if missing:
        raise ValueError(
            f"the run that is resumed has the plugins {', '.join(missing)}, whose code is run only "
            f"if you name them again: plugins=[{','.join(missing)}]"
        )
    known = dict(leaves(typed))
    for name, value in leaves(settings):
        if known.get(name) == value:
            continue
        if "oc.env" in str(value):
            raise ValueError(f"the run that is resumed has {name}={value}: {ENVIRONMENT}")
        if name.partition(".")[0] in WRITERS and leads_out(value):
            raise ValueError(f"the run that is resumed has {name}={value}: {OUTSIDE}")
