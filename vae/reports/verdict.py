"""The first lines of a report: what was found, in words, each by a rule over measured figures."""

__all__ = ["Remark", "net_name", "verdict"]

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vae.evaluation import Figure, Report
from vae.evaluation.measures.collapse import THRESHOLDS
from vae.evaluation.measures.importance_weights import UNTRUSTED
from vae.models import VAE
from vae.objectives import ELBO
from vae.priors import StandardNormal
from vae.reports.curve import judged

GOOD, PLAIN, CAUTION, BAD = "good", "plain", "caution", "bad"
CALIBRATED = 2.0  # times the calibration error that chance gives
FAR = 2.0  # standard errors by which two estimates of log p(x) differ
USUAL: dict[str, type] = {"prior": StandardNormal, "objective": ELBO}


class Remark(NamedTuple):
    """One sentence of the verdict.

    Attributes:
        topic: What it is about, in a word or two.
        text: The sentence.
        tone: ``good``, ``plain``, ``caution`` or ``bad``.
    """

    topic: str
    text: str
    tone: str = PLAIN


def verdict(report: Report) -> list[Remark]:
    """Return what a reader wants to know first, as far as it was measured."""
    if "comparison" in report.sections:
        return []
    if "posterior" in report.sections:  # of a log-joint, which has no samples of x
        return list(remarked(report))
    makes_x = "predictions" not in report.sections
    special = (latents, samples, likelihood) if makes_x else (predictions,)
    parts = (trained, remarked, fit, training, *special)
    return [remark for part in parts for remark in part(report)]


def remarked(report: Report) -> Iterator[Remark]:
    """Return what sections say of themselves."""
    for section in report.sections.values():
        for remark in section.series.get("remarks", ()):
            yield Remark(**remark)


def trained(report: Report) -> Iterator[Remark]:
    """Say what was trained on what."""
    model = report.config.get("model")
    if not isinstance(model, Mapping):
        return
    data, step = report.protocol.get("data", {}), report.protocol.get("step")
    told = [class_of(report.config, "model")]
    if told == [VAE.__name__]:
        told = [f"VAE of {net_name(model)} nets with {model.get('latent_dim')} latent variables"]
        told.append(f"{class_of(report.config, 'likelihood')} likelihood")
    # Other models need not make use of every group.
    for name in USUAL if len(told) > 1 else ("objective",):
        if class_of(report.config, name) not in ("", USUAL[name].__name__):
            told.append(f"{name} {class_of(report.config, name)}")
    count = data.get("train_examples")
    examples = f"{count:,} examples of " if isinstance(count, int) else ""
    steps = f" for {step:,} steps" if isinstance(step, int) and step else ""
    text = f"{', '.join(told)}; trained on {examples}{data.get('data', 'unknown data')}{steps}."
    yield Remark("Model", text)


def net_name(model: Mapping[str, Any]) -> str:
    """Return the kind of a model's net, such as ``conv``, by the class of its encoder.

    Of another model than a VAE it is the model's own class.
    """
    kind = class_of({"model": model}, "model")
    net = class_of(model, "encoder").removesuffix("Encoder").lower()
    return (net if kind == VAE.__name__ else kind) or "model"


def class_of(settings: Mapping[str, Any], name: str) -> str:
    """Return the class that a part of the settings names, without its module."""
    part = settings.get(name)
    return str(part.get("_target_", "")).rpartition(".")[2] if isinstance(part, Mapping) else ""


def found(report: Report, section: str, key: str) -> Figure | None:
    """Return a figure of a report, if it was measured and has a value."""
    part = report.sections.get(section)
    figure = part.figures.get(key) if part else None
    return None if figure is None or figure.value is None else figure


def fit(report: Report) -> Iterator[Remark]:
    """Say how likely the data are, with the error."""
    elbo, nll = (found(report, "bound", key) for key in ("elbo", "nll"))
    if elbo is None:
        return
    told = f"On the {report.protocol.get('split')} data the ELBO is {elbo} per example"
    if nll is not None:
        told += f", −log p(x) about {nll}"
    units = {"bits_per_dim": "dimension", "nll_per_step": "time step"}
    scaled = ((found(report, "bound", key), unit) for key, unit in units.items())
    told += "".join(f" ({figure} per {unit})" for figure, unit in scaled if figure)
    yield Remark("Fit", f"{told}.")


def training(report: Report) -> Iterator[Remark]:
    """Say how the curve of training ends, where that is known."""
    said = judged(report.history)
    if said is not None:
        yield Remark("Training", said.text, CAUTION if said.caution else GOOD)


def diagnosis(report: Report) -> set[str]:
    """Return the verdicts of the latent space, or what the bound's figures alone tell."""
    part = report.sections.get("latent_space")
    if part is not None:
        return set(part.series.get("diagnosis", ()))
    kl = found(report, "bound", "kl")
    return {"collapsed"} if kl and (kl.value or 0) < THRESHOLDS["collapsed_kl"] else set()


def latents(report: Report) -> Iterator[Remark]:
    """Say whether the latent space is used."""
    verdicts, section = diagnosis(report), "latent_space"
    kl = found(report, section, "kl") or found(report, "bound", "kl")
    if kl is None:
        return
    if "collapsed" in verdicts:
        text = f"Collapsed: with a KL of {kl} the latents say nothing about an example."
        yield Remark("Latent space", text, BAD)
    elif "ignored" in verdicts:
        text = f"Ignored: the latents carry a KL of {kl}, but the decoder does not look at them."
        yield Remark("Latent space", text, BAD)
    elif "autoencoder" in verdicts:
        text = "The posterior has next to no width: the model is a deterministic autoencoder."
        yield Remark("Latent space", text, CAUTION)
    else:
        active = found(report, section, "active_units") or found(report, "bound", "active_units")
        whole = found(report, section, "num_dims")
        of_all = f" of {whole.value}" if whole else ""
        units = f": {active.value}{of_all} dimensions are active" if active else ""
        yield Remark("Latent space", f"In use{units}, the KL is {kl}.", GOOD)


def samples(report: Report) -> Iterator[Remark]:
    """Say whether samples can be trusted to be like the data."""
    part, verdicts = report.sections.get("latent_space"), diagnosis(report)
    gap = part.series.get("gap") if part else None
    if verdicts & {"collapsed", "ignored"}:
        text = "Samples do not depend on the latents: they show the decoder alone."
        yield Remark("Samples", text, BAD)
    elif "holes" in verdicts:
        size = f" (KL(q(z) ‖ p(z)) of about {gap:.3g} nats or more)" if gap is not None else ""
        text = (
            f"Poorer than reconstructions: draws from the prior fall where no example is{size}. "
            "stage=prior fits a prior to the codes."
        )
        yield Remark("Samples", text, CAUTION)
    elif gap is not None:
        text = "Draws from the prior fall where examples are: no holes were found."
        yield Remark("Samples", text, GOOD)
    else:
        text = "How samples compare with data is not judged here: report=full measures it."
        yield Remark("Samples", text)


def predictions(report: Report) -> Iterator[Remark]:
    """Say how well something is predicted, and whether confidence can be trusted."""
    accuracy, rmse, own, r2 = (
        found(report, "predictions", key) for key in ("accuracy", "rmse", "target_deviation", "r2")
    )
    if accuracy is not None:
        yield Remark("Predictions", f"The accuracy is {accuracy}.")
    if rmse is not None:
        text = f"The root mean squared error is {rmse}, in the target's unit"
        if own is not None and r2 is not None:
            text += f", where the target's own deviation is {own}: R² = {r2}"
        yield Remark("Predictions", f"{text}.")
    yield from calibration(report)


def calibration(report: Report) -> Iterator[Remark]:
    """Say whether a net is too sure or too unsure of its classes or numbers."""
    of_classes = found(report, "predictions", "ece") is not None
    key = "ece" if of_classes else "coverage_error"
    error, chance, over = (
        found(report, "predictions", name)
        for name in (key, f"{key}_if_calibrated", "overconfidence")
    )
    if error is None or chance is None or over is None:
        return
    off, more = error.value or 0, over.value or 0
    if of_classes:
        side = "above" if more > 0 else "below"
        told = f"confidence lies {abs(more):.3f} {side} accuracy on average; "
    else:
        told = inside(report)
    if off <= CALIBRATED * (chance.value or 0):
        what = "Confidence" if of_classes else "Intervals"
        text = (
            f"{what} can be trusted: {told}the calibration error is {error}, about that of chance, "
            f"{chance}."
        )
        yield Remark("Calibration", text, GOOD)
        return
    # |over| is at most the error, and less where errors of both signs cancel.
    one_way = abs(more) > off / 2
    way = (
        f"Too {'sure' if more > 0 else 'unsure'}" if one_way else "Too sure here, too unsure there"
    )
    text = f"{way}: {told}the calibration error is {error}, where chance alone gives {chance}."
    yield Remark("Calibration", text, CAUTION)


def inside(report: Report) -> str:
    """Say how many targets lie in central intervals."""
    half, most = (found(report, "predictions", f"inside_{size}") for size in (50, 90))
    if half is None or most is None:
        return ""
    shares = [f"{100 * (figure.value or 0):.0f} %" for figure in (half, most)]
    return f"central 50 % intervals hold {shares[0]} of the targets, 90 % intervals {shares[1]}; "


def likelihood(report: Report) -> Iterator[Remark]:
    """Say whether the estimate of the likelihood can be trusted."""
    if found(report, "bound", "nll") is None:
        return
    difference = found(report, "annealing", "difference")
    share = found(report, "bound", "pareto_k_share")
    if difference and (difference.value or 0) > FAR * (difference.error or 0):
        text = f"Annealing finds log p(x) higher by {difference}: trust it, not the estimate above."
        yield Remark("Likelihood", text, CAUTION)
    elif share is None:
        text = "How far −log p(x) can be trusted is judged from 25 samples on: test_samples=100."
        yield Remark("Likelihood", text)
    elif share.value:
        part = "all" if share.value == 1 else f"{share.value:.1%} of the"
        text = (
            f"For {part} examples a few importance weights decide (k̂ above {UNTRUSTED}): "
            "−log p(x) is likely too high there."
        )
        yield Remark("Likelihood", text, CAUTION)
    else:
        text = f"The estimate of −log p(x) can be trusted: no example has a k̂ above {UNTRUSTED}."
        yield Remark("Likelihood", text, GOOD)
