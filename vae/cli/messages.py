"""From an exception to one message: what was given, what is allowed, what to do."""

__all__ = ["explain"]

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from vae.cli.compose import CONF, compose_settings

DEBUG = "Add debug=true for the stack trace."


def explain(error: Exception, arguments: list[str]) -> tuple[str, int]:
    """Return the message for an error and the exit status."""
    cause = root(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return missing_choice(error), 2
    if isinstance(error, ConfigCompositionException):
        return composition(error, arguments), 2
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return first_line(cause), 2
    if isinstance(error, (ValueError, FileNotFoundError, NotADirectoryError)):
        return str(error), 2
    if type(error).__name__ == "MisconfigurationException":  # of Lightning, which may not be loaded
        return first_line(error), 2
    if isinstance(error, (ArithmeticError, OSError)):
        return str(error), 1
    return f"{type(error).__name__}: {first_line(error)} {DEBUG}", 1


def root(error: BaseException) -> BaseException:
    """Return the first cause of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def missing_choice(error: MissingConfigException) -> str:
    """Say which choices a config group has."""
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    # Of a choice in a list Hydra does not say what there is.
    options = list(error.options or sorted(path.stem for path in (CONF / group).glob("*.yaml")))
    if not options:
        return first_line(error)
    return f"{group}={name} does not exist{hint(name, options)}"


def hint(name: str, options: list[str]) -> str:
    """Return the nearest option, or all of them."""
    close = get_close_matches(name, options, 1)
    return f"; did you mean {close[0]}?" if close else f"; choose from {', '.join(options)}"


def composition(error: ConfigCompositionException, arguments: list[str]) -> str:
    """Say which override does not fit, and which setting it may have meant."""
    if "Ambiguous value" in str(error):
        return f"{first_line(error)} Several values need a sweep: add -m."
    for argument in arguments:
        key = argument.lstrip("+~").partition("=")[0]
        if f"'{key}'" in str(error) or f"'{key}=" in str(error) or f"'{argument}'" in str(error):
            return f"{key} is not a setting{hint(key, known_keys(arguments, argument))}"
    return first_line(root(error))


def known_keys(arguments: list[str], wrong: str) -> list[str]:
    """Return every setting of the training command, composed without the wrong argument."""
    rest = [a for a in arguments if a != wrong and "=" in a and not a.startswith("-")]
    return list(dotted(compose_settings(rest, resolve=False)))


def dotted(node: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every value of a nested dict."""
    for key, value in node.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from dotted(value, f"{prefix}{key}.")
