"""Packages from outside whose classes a config may name, since the user names the package.

A file never makes a name importable: what is allowed is what somebody typed, here and now, and
nothing of a package is imported before.
"""

__all__ = [
    "allowed",
    "check_named",
    "entry_point_packages",
    "find_class",
    "may_be_plugin",
    "named_by",
    "plugins_of",
    "trusted",
]

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module, invalidate_caches
from importlib.metadata import entry_points
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from types import ModuleType
from typing import Any

from vae.argument_checks import unchecked
from vae.nested import leaves, lookup

ENTRY_POINTS = "vae.plugins"
ALLOWED: ContextVar[tuple[str, ...]] = ContextVar("plugins", default=())
# Everybody trusts these, and they hold far more than parts: of some of them vae/instantiate.py
# lists what may be named.
FOUNDATION = "hydra lightning lightning_fabric numpy omegaconf pip pytorch_lightning setuptools"
REFUSED = sys.stdlib_module_names | {*FOUNDATION.split(), "torch", "torchvision", "vae"}
MODULE = "torch.nn.Module"
SOURCE = {"prepare", "load"}  # what a data source does; it need not be derived from ours
KINDS: dict[str, tuple[str, ...]] = {  # for each group, what a class of a plugin must be
    **dict.fromkeys(("model", "posterior", "prior", "likelihood"), (MODULE,)),
    **dict.fromkeys(
        ("objective", "estimator", "penalties"),
        (MODULE, "vae.objectives.Estimator", "vae.objectives.Schedule", "torch.optim.Optimizer"),
    ),
    "optimizer": ("torch.optim.Optimizer",),
    "scheduler": ("vae.training.LearningRate",),
    "data": (),
    "trainer": ("lightning.pytorch.strategies.Strategy", "lightning.pytorch.profilers.Profiler"),
    "logger": ("lightning.pytorch.loggers.Logger",),
    "report": ("vae.evaluation.Evaluation", MODULE),
    "callbacks": ("lightning.pytorch.Callback",),
}


@contextmanager
def allowed(names: Sequence[str]) -> Iterator[None]:
    """Let configs name classes of these packages, which are imported, inside the context.

    Args:
        names: As Python imports them. What is not installed is looked for in the current folder.

    Raises:
        ValueError: If a name is none, cannot be imported, or is not one for plugins.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"plugins must be a list of names, plugins=[my_package]; got {names!r}")
    for name in names:
        check_name(name)
        imported(name, name)
    before = ALLOWED.set((*ALLOWED.get(), *names))
    try:
        yield
    finally:
        ALLOWED.reset(before)


def check_name(name: str) -> None:
    """Refuse what is no name of a package or module of somebody's own.

    Raises:
        ValueError: Saying what to give instead.
    """
    if not is_name(name):
        raise ValueError(
            f"plugins must be names of packages or modules as Python imports them, such as "
            f"my_package; got {name!r:.80}"
        )
    if not may_be_plugin(name):
        raise ValueError(
            f"plugins cannot be {name}, which holds far more than parts: name a module of your own "
            "with a class that is derived from what you need of it"
        )


def is_name(name: str) -> bool:
    """Say whether a text is a dotted name that may be imported.

    Example:
        >>> [is_name(text) for text in ("my_package.parts", "../evil", ".parts", "a.__main__")]
        [True, False, False, False]
    """
    parts = name.split(".")
    return all(p.isidentifier() and not iskeyword(p) and p[:2] != "__" for p in parts)


def may_be_plugin(name: str) -> bool:
    """Say whether a name is a plugin's at all: not of the standard library, ours or torch."""
    return is_name(name) and name.partition(".")[0] not in REFUSED


def imported(name: str, plugin: str) -> ModuleType:
    """Import a module of a plugin.

    The current folder is searched last, and only if the plugin is not installed.

    Raises:
        ValueError: If it is not there, or fails.
    """
    invalidate_caches()
    top, here = name.partition(".")[0], str(Path.cwd())
    if top not in sys.modules and here not in sys.path and find_spec(top) is None:
        sys.path.append(here)
    try:
        with unchecked():
            return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name and not name.startswith(f"{error.name}."):
            raise ValueError(fails(name, error)) from error
        where = f"neither installed nor in {here}" if name == plugin else f"in the plugin {plugin}"
        raise ValueError(f"there is no module {name}, {where}") from error
    except (Exception, SystemExit) as error:  # the code of somebody else
        raise ValueError(fails(name, error)) from error


def fails(name: str, error: BaseException) -> str:
    """Say that a module cannot be imported."""
    told = (str(error) or "no message").splitlines()[0]
    return f"the plugin {name} fails on import: {type(error).__name__}: {told}"


def within(name: str, plugins: Iterable[str]) -> str | None:
    """Return the plugin of which a dotted name is a part, if there is one."""
    return next((p for p in plugins if name == p or name.startswith(f"{p}.")), None)


def find_class(target: str, group: str) -> type[Any] | None:
    """Return the class of an allowed plugin that a ``_target_`` names; ``None`` if it is of none.

    Raises:
        ValueError: If the plugin has no such class of its own, or it is no part for this group.
    """
    home, _, name = target.rpartition(".")
    plugin = within(home, ALLOWED.get())
    if plugin is None or not is_name(target):
        return None
    module = imported(home, plugin)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        place = getattr(module, "__file__", None) or "a namespace"
        raise ValueError(f"_target_ {target}: {home} has no class {name} ({place})")
    if within(found.__module__, ALLOWED.get()) is None:
        raise ValueError(
            f"_target_ {target}: that class is of {found.__module__}, not of the plugin {plugin}: "
            "name it by its own package, which must be among the plugins"
        )
    check_kind(found, target, group)
    return found


def check_kind(found: type[Any], target: str, group: str) -> None:
    """Refuse a class that is no part for a group, before it is called with what a config says.

    Raises:
        ValueError: Saying what it must be derived from.
    """
    kinds, is_source = KINDS[group], group == "data" and {*dir(found)} >= SOURCE
    if not is_source and not issubclass(found, tuple(map(named_class, kinds))):
        needed = f"be derived from {' or '.join(kinds)}" if kinds else "be a vae.data.Source"
        raise ValueError(
            f"_target_ {target} is not a part that a config may name under {group}: there a class "
            f"must {needed}"
        )
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise ValueError(f"_target_ {target} is abstract: it must define {missing}")


def named_class(name: str) -> type[Any]:
    """Return the class that a name in `KINDS` means."""
    home, _, last = name.rpartition(".")
    found: type[Any] = getattr(import_module(home), last)
    return found


def entry_point_packages() -> tuple[str, ...]:
    """Return the installed packages that offer parts by the entry point group ``vae.plugins``.

    Nothing is imported.
    """
    values = (entry.value.partition(":")[0].strip() for entry in entry_points(group=ENTRY_POINTS))
    return tuple(sorted({name for name in values if may_be_plugin(name)}))


def plugins_of(settings: Mapping[str, Any], groups: Iterable[str]) -> list[str]:
    """Return the plugins of settings that the user typed: those named, and those used of installed.

    Args:
        settings: Of a command.
        groups: Whose parts may be of installed packages that were not named.

    Raises:
        ValueError: If ``plugins`` is no list.
    """
    given = lookup(settings, "plugins")
    if not isinstance(given, list):
        raise ValueError(f"plugins must be a list of names, plugins=[my_package]; got {given!r}")
    offered = [name for name in entry_point_packages() if within(name, map(str, given)) is None]
    return [*given, *used(settings, groups, offered)]


def used(config: Mapping[str, Any], groups: Iterable[str], plugins: Sequence[str]) -> list[str]:
    """Return those of some plugins that parts in some groups of a config are of."""
    nodes = {group: config.get(group) for group in groups}
    targets = [str(v) for name, v in leaves(nodes) if name.rpartition(".")[2] == "_target_"]
    return [name for name in plugins if any(within(target, [name]) for target in targets)]


def named_by(config: Mapping[str, Any], groups: Iterable[str]) -> list[str]:
    """Return the plugins that a file's config names and that some of its groups are of.

    Raises:
        ValueError: If it does not hold names there.
    """
    names = config.get("plugins") or []
    if not isinstance(names, list) or not all(isinstance(n, str) and is_name(n) for n in names):
        raise ValueError(f"plugins must be names of packages; got {names!r:.80}")
    return used(config, groups, names)


@contextmanager
def trusted(
    plugins: Sequence[str], config: Mapping[str, Any], groups: Iterable[str], path: Path
) -> Iterator[None]:
    """Let these plugins be named in the context by a file, which may name no others.

    Raises:
        ValueError: As of `allowed` and `check_named`.
    """
    with allowed(plugins):
        check_named(config, groups, path)
        yield


def check_named(config: Mapping[str, Any], groups: Iterable[str], path: Path) -> None:
    """Refuse a file with parts of plugins that the user has not named.

    Raises:
        ValueError: Naming them, and what to type.
    """
    names = [name for name in named_by(config, groups) if may_be_plugin(name)]
    missing = [name for name in names if within(name, ALLOWED.get()) is None]
    if missing:
        listed = ", ".join(f'"{name}"' for name in missing)
        raise ValueError(
            f"{path} holds parts of the plugin {', '.join(missing)}, whose code a file alone never "
            f"runs: if you trust it, name it again, plugins=[{listed}]"
        )
