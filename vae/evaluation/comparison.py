"""Several runs beside each other: mean and deviation over seeds."""

__all__ = ["Run", "compare"]

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from torch import Tensor

from vae.evaluation.best import BETTER, best_of
from vae.evaluation.disentanglement.udr import udr
from vae.evaluation.evaluation import Report
from vae.evaluation.section import Best, Figure, Section, quantity
from vae.evaluation.sections.rate_distortion import draw_rate_distortion
from vae.nested import leaves

# The settings by which runs are told apart; runs that differ in none of them are repetitions.
GROUPS = (
    *("data", "model", "posterior", "prior", "likelihood", "objective", "estimator", "penalties"),
    *("optimizer", "scheduler", "trainer", "gradient_clip", "accumulate"),
)
SEEDS = ("data.seed", "data.split_seed")
NO_LIMIT = ("trainer.max_epochs=-1", "trainer.max_steps=-1")
DERIVED = "trainer.check_val_every_n_epoch"  # from the length of a run
DIFFERS = "differs"
NAMED = 3  # kinds of runs in a title


class Run(NamedTuple):
    """One evaluated checkpoint.

    Attributes:
        name: Of the run.
        config: The settings it was trained with.
        report: What was measured.
        codes: Centres of q(z|x) of examples that are the same for all runs, ``(N, D)``.
    """

    name: str
    config: Mapping[str, Any]
    report: Report
    codes: Tensor


def compare(runs: Sequence[Run]) -> Report:
    """Put the figures of several runs into one report.

    Runs whose settings are equal but for the seeds are repetitions of one variant, for which the
    mean and the sample deviation are given.

    Raises:
        ValueError: If the runs were not judged on the same examples.
    """
    check_same_examples(runs)
    whole = by_variant(runs)
    variants = dict(zip(shortened(list(whole)), whole.values(), strict=True))
    points = rates(variants)
    section = Section(
        "Comparison",
        pictures={"rate and distortion": draw_rate_distortion(points)} if points else {},
        tables={"mean ± deviation over runs": table(variants), "runs": listed(variants)},
        series={name: raw(members) for name, members in whole.items()},
        protocol={"deviation": "of single runs, with n − 1", "repetitions": "differ in seeds only"},
    )
    sections = {"comparison": section, **agreement(variants)}
    shared = common([run.report.protocol for run in runs])
    protocol = {**shared, "runs": len(runs), "variants": len(variants)}
    return Report(protocol, sections, title=title_of(runs))


def title_of(runs: Sequence[Run]) -> str:
    """Return the data and models of runs, as their own reports are called, and how many they are.

    Of more than three kinds, the others are not named.
    """
    titles = list(dict.fromkeys(run.report.title for run in runs))
    named = ", ".join(titles[:NAMED]) + " and others" * (len(titles) > NAMED)
    return f"{named}: {len(runs)} runs compared"


def common(protocols: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all protocols say, and of everything else that it differs.

    >>> common([{"seed": 0, "data": {"n": 5, "name": "a"}}, {"seed": 1, "data": {"n": 5}}])
    {'seed': 'differs', 'data': {'n': 5, 'name': 'differs'}}
    """
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for protocol in protocols for key in protocol):
        values = [protocol.get(key) for protocol in protocols]
        nested = [value for value in values if isinstance(value, Mapping)]
        if len(nested) == len(values):
            found[key] = common(nested)
        else:
            found[key] = values[0] if all(v == values[0] for v in values) else DIFFERS
    return found


def rates(variants: Mapping[str, Sequence[Run]]) -> list[tuple[str, float, float]]:
    """Return name, mean KL and mean −log p(x|z) of each variant: with β as variant, the curve."""
    points = []
    for name, members in variants.items():
        found = raw(members)
        terms = [found.get(f"bound/{key}", [None]) for key in ("kl", "log_likelihood")]
        known = [[float(value) for value in values if value is not None] for values in terms]
        if all(known):
            points.append((name, mean(known[0]), -mean(known[1])))
    return points


def agreement(variants: Mapping[str, Sequence[Run]]) -> dict[str, Section]:
    """Return how well the runs of each variant agree on their codes, where that is known."""
    rows = []
    for name, members in variants.items():
        divergences = [kl_per_dim(run) for run in members]
        coded = all(run.codes.shape[1] for run in members)  # not where all examples share latents
        if len(members) < 2 or not coded or any(kl is None for kl in divergences):
            continue
        found = udr([run.codes for run in members], [kl or [] for kl in divergences])
        rows += [
            {"variant": name, "run": run.name, "UDR": score.item()}
            for run, score in zip(members, found.scores, strict=True)
        ]
    if not rows:
        return {}
    title = "Unsupervised disentanglement ranking"
    protocol = {"similarity": "rank correlation", "points": len(members[0].codes)}
    return {"udr": Section(title, tables={"median over the other runs": rows}, protocol=protocol)}


def kl_per_dim(run: Run) -> list[float] | None:
    """Return the KL of each code, if the report has it."""
    section = run.report.sections.get("bound")
    return section.series.get("kl_per_dim") if section else None


def check_same_examples(runs: Sequence[Run]) -> None:
    """Refuse to compare figures of different examples.

    Raises:
        ValueError: Naming two runs, what makes their examples differ, and what to type.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.report.protocol["fingerprint"] == first.report.protocol["fingerprint"]:
            continue
        found = differences(run, first)
        told = ", ".join(f"{name} {a} and {b}" for name, (a, b) in found.items())
        typed = " ".join(f"+{name}={b}" for name, (_, b) in found.items() if name != "data")
        raise ValueError(
            f"{run.name} and {first.name} were judged on different examples "
            f"({told or 'their files differ'}): compare runs on the same examples"
            + (f", for example with {typed}" if typed else "")
        )


def differences(run: Run, other: Run) -> dict[str, tuple[Any, Any]]:
    """Return the settings by which the examples of two runs are likely to differ, with both values.

    Where none of the data's own settings does, it is one of how the files are read.
    """
    split = run.report.protocol["split"]
    names = {
        "data": "data",
        "data.binarization": "binarization",
        "data.dequantize": "dequantize",
        f"data.{split}_size": f"{split}_examples",
        "data.split_seed": "split_seed",
    }
    one, two = (r.report.protocol["data"] for r in (run, other))
    found = {name: (one.get(key), two.get(key)) for name, key in names.items()}
    found = {name: pair for name, pair in found.items() if pair[0] != pair[1]}
    if "data" in found:
        return {"data": found["data"]}
    sources = [dict(leaves(r.config["data"].get("source", {}))) for r in (run, other)]
    read = {f"data.{k}": (sources[0].get(k), sources[1].get(k)) for k in sources[0]}
    return found or {name: pair for name, pair in read.items() if pair[0] != pair[1]}


def by_variant(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs of each variant, under a name made of what tells it apart."""
    settings = [dict(leaves({k: run.config.get(k) for k in GROUPS})) for run in runs]
    for values in settings:
        for name in SEEDS:
            values.pop(name, None)
    names = list(dict.fromkeys(name for values in settings for name in values))
    differing = [n for n in names if len({repr(values.get(n, ...)) for values in settings}) > 1]
    whole = [
        [described(name, values[name]) for name in differing if name in values]
        for values in settings
    ]
    variants: dict[str, list[Run]] = {}
    for run, parts in zip(runs, telling(whole), strict=True):
        variants.setdefault(", ".join(parts) or "all", []).append(run)
    return variants


def telling(whole: Sequence[list[str]]) -> Sequence[list[str]]:
    """Return the settings of each run without what only follows from others, where that tells."""
    shorter = [
        [part for part in parts if part not in NO_LIMIT and part.partition("=")[0] != DERIVED]
        for parts in whole
    ]
    return shorter if len({*map(tuple, shorter)}) == len({*map(tuple, whole)}) else whole


def described(name: str, value: Any) -> str:
    """Return a setting as it stands on the command line; a class by its own name."""
    if name.endswith("._target_"):
        return f"{name.removesuffix('._target_')}={str(value).rpartition('.')[2]}"
    return f"{name}={value}"


def figures_of(run: Run) -> dict[str, Figure]:
    """Return the figures of every section, under ``<section>/<key>``."""
    parts = run.report.sections.items()
    return {f"{name}/{key}": f for name, part in parts for key, f in part.figures.items()}


def raw(members: Sequence[Run]) -> dict[str, list[float | None]]:
    """Return the value of each run for each figure."""
    found = [figures_of(run) for run in members]
    keys = dict.fromkeys(key for figures in found for key in figures)
    return {key: [f[key].value if key in f else None for f in found] for key in keys}


def table(variants: Mapping[str, Sequence[Run]]) -> list[dict[str, Any]]:
    """Return a row per figure, a column per variant; the best is marked where the errors tell."""
    first: dict[str, Figure] = {}
    for members in variants.values():
        for run in members:
            first |= {key: f for key, f in figures_of(run).items() if key not in first}
    columns = {name: measured(members) for name, members in variants.items()}
    rows = []
    for key, figure in first.items():
        cells = {name: values.get(key, []) for name, values in columns.items()}
        best = best_of(cells, BETTER.get(key.rpartition("/")[2]))
        told = {name: spread([f.value for f in found]) for name, found in cells.items()}
        told = {name: Best(text) if name == best else text for name, text in told.items()}
        rows.append({"figure": figure.name, "unit": figure.unit, **told})
    return rows


def measured(members: Sequence[Run]) -> dict[str, list[Figure]]:
    """Return each figure as every run has it, of those that have it."""
    found = [figures_of(run) for run in members]
    keys = dict.fromkeys(key for figures in found for key in figures)
    return {key: [f[key] for f in found if key in f] for key in keys}


def shortened(names: Sequence[str]) -> list[str]:
    """Return the names of variants with the last words of their settings, where they tell enough.

    >>> shortened(["objective.beta=1, seed=0", "objective.beta=4, seed=0"])
    ['beta=1, seed=0', 'beta=4, seed=0']
    """
    settings = {part.partition("=")[0] for name in names for part in name.split(", ")}
    ends = Counter(setting.rpartition(".")[2] for setting in settings)
    shorter = []
    for name in names:
        parts = [part.partition("=") for part in name.split(", ")]
        told = [(full, full.rpartition(".")[2], sign + value) for full, sign, value in parts]
        shorter.append(", ".join((e if ends[e] == 1 else f) + value for f, e, value in told))
    return shorter if len(set(shorter)) == len(names) else list(names)


def spread(values: Sequence[float | None]) -> str:
    """Return mean ± deviation of the values that are known."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return "–"
    return quantity(mean(known), stdev(known) if len(set(known)) > 1 else None)


def listed(variants: Mapping[str, Sequence[Run]]) -> list[dict[str, Any]]:
    """Return a row per run with the variant it belongs to."""
    return [
        {"variant": name, "run": run.name, "seed": run.config.get("seed")}
        for name, members in variants.items()
        for run in members
    ]
