"""What somebody may have meant by a setting or a choice that there is not."""

__all__ = ["choice_meant", "package_for", "setting_meant"]

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from vae.cli.known import is_known
from vae.cli.other_choices import with_other_choice
from vae.cli.search_path import choices, groups, is_group
from vae.cli.synonyms import ADVICE, CHOICES, EVALUATION, PACKAGES, SETTINGS, VALUES
from vae.nested import keys, lookup

LONGEST_VALUE = 80  # letters of a value that are repeated
SIDE = ("report", "callbacks", "logger")  # their settings are meant less often than the model's
ALIKE = 0.7  # ratio of letters in common from which a name is another one misspelt
OFF = ("false", "none", "null", "no", "0")
KINDS = ("name", "type", "kind")  # of a part, where a group's choice is one word
PART = 4  # letters from which a name may be a part of another


def plain(name: str) -> str:
    """Return a name without what is written now so, now so.

    Example:
        >>> plain("Latent_Dim"), plain("beta-VAE")
        ('latentdim', 'betavae')
    """
    return name.lower().replace("_", "").replace("-", "") or name


def find(table: Mapping[str, str], name: str) -> str | None:
    """Return the entry of a table of synonyms under which a name stands."""
    return next((k for k, names in table.items() if plain(name) in map(plain, names.split())), None)


def setting_meant(argument: str, settings: Mapping[str, Any], command: str = "train") -> str:
    """Return what a setting that there is not may mean, as the end of a sentence.

    Args:
        argument: As it was given, with its value.
        settings: Those that there are, with interpolations as they stand.
        command: ``train`` or ``eval``.
    """
    key, _, value = argument.lstrip("+~").partition("=")
    group, _, name = key.rpartition(".")
    known = list(keys(settings))
    advice = advice_on(name, value) if command == "train" else None
    if advice is not None:
        return advice
    meant = next(filter(None, candidates(group, name, value, settings, known, command)), [])
    if meant:
        return f"; did you mean {' or '.join(meant)}?"
    children = children_of(group, known) if group in known else []
    if children:
        return f"; {group} has {', '.join(children)}"
    tops = ", ".join(sorted(k for k in known if "." not in k))
    if command == "eval" and is_known(key, "train"):
        return f": the run's own holds, as its checkpoint says; an evaluation has {tops}"
    return f"; choose from {tops}"


def advice_on(name: str, value: str) -> str | None:
    """Return what is to be said where there is nothing to type instead."""
    advice, target = find(ADVICE, name), find(SETTINGS, name) or ""
    if advice is not None:
        return f": {advice}"
    if "=" in target and value.lower() in OFF:
        return ": it is off unless it is asked for, so leave it out"
    if target and is_group(target) and value and not choice_meant(target, value):
        return f": write {target}= and one of {', '.join(choices(target))}"
    return None


def candidates(
    group: str,
    name: str,
    value: str,
    settings: Mapping[str, Any],
    known: Sequence[str],
    command: str,
) -> Iterator[list[str]]:
    """Yield what may be meant, the likeliest first, each as arguments to type instead."""
    within = children_of(group, known) if group in known else []
    yield [given(f"{group}.{child}", value) for child in spelt(name, within)]
    if name == "schedule" and value in choices(name):  # which is of one weight
        yield [f"+schedule@objective.beta={value}"]
    target = find(EVALUATION if command == "eval" else SETTINGS, name)
    if target is not None and (not within or target in known or target.startswith(group)):
        yield translated(target, name, value, known)
    if plain(name) in KINDS and group in groups():
        yield choice_meant(group, value)
    own = [k for k in named(name, settings, known) if not within or k.partition(".")[0] not in SIDE]
    yield [valued(k, name, value) for k in own]
    if command == "train":
        others = with_other_choice(f"{group}.{name}" if group else name)
        yield [f"{choice} {given(k, value)}" for choice, k in others]
    tops = [k for k in known if "." not in k]
    yield [valued(top, name, value) for top in spelt(name, tops)]
    if not within:
        lasts = list(dict.fromkeys(k.rpartition(".")[2] for k in known))
        yield [given(k, value) for last in spelt(name, lasts) for k in named(last, settings, known)]


def children_of(group: str, known: Sequence[str]) -> list[str]:
    """Return the names of a group's own settings; of the top, if there is no group."""
    pairs = (k.rpartition(".") for k in known)
    return [name for above, _, name in pairs if above == group and name[:1] != "_"] if group else []


def named(name: str, settings: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    """Return the settings with a name whatever their group, at most three.

    Those that follow another setting, by ``${}``, are left to it, and those of reports and
    callbacks to the others.
    """
    found = [k for k in known if plain(k.rpartition(".")[2]) == plain(name)]
    own = [k for k in found if k == name or not str(lookup(settings, k)).startswith("${")] or found
    return ([k for k in own if k.partition(".")[0] not in SIDE] or own)[:3]


def spelt(name: str, options: Sequence[str]) -> list[str]:
    """Return the option that a name misspells: each of its words is one of the option's, almost.

    Example:
        >>> spelt("max_epoch", ["min_epochs", "max_epochs"]), spelt("min_steps", ["max_steps"])
        (['max_epochs'], [])
    """
    same = [option for option in options if plain(option) == plain(name)]
    rated = [(likeness(name, option), option) for option in options]
    best = max(rated, default=(0.0, ""))
    return same or ([best[1]] if best[0] >= ALIKE else [])


def likeness(name: str, option: str) -> float:
    """Return how alike two names are in their least alike word, 0 to 1."""
    pairs = [(name.lower(), option.lower())]
    if name.count("_") == option.count("_"):
        pairs = list(zip(name.lower().split("_"), option.lower().split("_"), strict=True))
    return min(SequenceMatcher(None, a, b).ratio() for a, b in pairs)


def translated(target: str, name: str, value: str, known: Sequence[str]) -> list[str]:
    """Return the setting that a synonym stands for, with the value that it has here."""
    if "{}" in target:
        return [other_value(target, value) or target.format(shown(value.strip("[]")))]
    if "=" in target or target.startswith("+"):
        return [target if "=" in target else f"{target}={shown(value)}"]
    if is_group(target) and target != "report":
        return choice_meant(target, value)
    return [valued(target, name, value)] if target in known or "hydra." in target else []


def valued(key: str, name: str, value: str) -> str:
    """Return a setting with the value that it has here for one that it has elsewhere."""
    if key in groups() and value not in choices(key):
        return next(iter(choice_meant(key, value)), key)
    return other_value(name, value) or other_value(key, value) or given(key, value)


def other_value(name: str, value: str) -> str | None:
    """Return what to type for a value that is called otherwise here."""
    table = next((t for k, t in VALUES.items() if plain(k) == plain(name)), {})
    return find(table, value)


def given(key: str, value: str) -> str:
    """Return a setting with the value that was given, if it can be repeated."""
    return f"{key}={value}" if value and shown(value) == value else key


def shown(value: str) -> str:
    """Return a value, or dots in place of one that is long or cannot be printed."""
    return value if value.isprintable() and 0 < len(value) <= LONGEST_VALUE else "…"


def choice_meant(group: str, name: str) -> list[str]:
    """Return what may be meant by a choice that a group does not have, as arguments to type."""
    own = choices(group)
    same = [option for option in own if plain(option) == plain(name)]
    if same:
        return [chosen(group, same[0])]
    target = find(CHOICES.get(group, {}), name)
    if target is not None:
        return [target]
    others = [other for other in groups() if other != group]
    return (
        [chosen(other, o) for other in others for o in choices(other) if plain(o) == plain(name)]
        or [chosen(group, option) for option in containing(name, own)]
        or [chosen(group, option) for option in get_close_matches(name.lower(), own, 1)]
    )


def chosen(group: str, option: str) -> str:
    """Return the argument that makes a choice."""
    keeps_default = group == "callbacks" and option != "default"
    return f"{group}=[default,{option}]" if keeps_default else f"{group}={option}"


def containing(name: str, options: Sequence[str]) -> list[str]:
    """Return the options of which a name is a part, or else the longest that is a part of it.

    Example:
        >>> containing("cifar", ["cifar10", "cifar100"]), containing("resnet18", ["resnet", "mlp"])
        (['cifar10', 'cifar100'], ['resnet'])
    """
    word = plain(name)
    around = [option for option in options if len(word) >= PART and word in plain(option)]
    inside = [option for option in options if len(option) >= PART and plain(option) in word]
    return around[:3] or sorted(inside, key=len)[-1:]


def package_for(group: str, name: str) -> str | None:
    """Return the package that brings a choice of Hydra's own groups."""
    return find(PACKAGES, f"{group}={name}")
