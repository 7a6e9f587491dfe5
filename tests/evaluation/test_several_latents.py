"""Latents of any shape and number, and models that read more than x."""

from dataclasses import replace
from math import prod

import pytest
import torch
from torch.distributions import Independent, Normal

from tests.evaluation.subjects import Held
from tests.models.labelled import Labelled
from tests.models.ladder import Ladder
from tests.models.markov import DeepMarkov
from tests.models.shared import SharedWeights
from vae.data import DataModule
from vae.data.source import TensorExamples
from vae.evaluation import (
    AggregatePosterior,
    Bound,
    Gallery,
    Interpolations,
    LatentSpace,
    LatentStatistics,
    Subject,
    Traversals,
    measure,
)
from vae.evaluation.measures.moving import most_used, moved, starts_of, values_of
from vae.evaluation.measures.variables import study_all
from vae.spec import DataSpec
from vae.trace import Latent, Trace

SECTIONS = {
    "bound": Bound([2, 30]),
    "latent_space": LatentSpace(num_points=50, num_shown=2),
    "traversals": Traversals(max_dims=3, starts=2, steps=3, num_examples=60, frames=2),
    "gallery": Gallery(3),
}


def subject_of(model, x, support="real", **columns):
    labels = columns.pop("label", None)
    kinds = {
        name: {"shape": tuple(value.shape[1:]), "dtype": "float32"}
        for name, value in columns.items()
    }
    classes = None if labels is None else int(labels.max()) + 1
    spec = DataSpec("held", tuple(x.shape[1:]), support, num_classes=classes, fields=kinds)
    return Subject(model.eval(), DataModule(Held(spec, TensorExamples(x, labels, fields=columns))))


def ladder():
    return subject_of(Ladder(1, 16), torch.rand(60, 1, 16, 16).round(), "boolean")


def markov():
    lengths = torch.randint(1, 5, (60, 1))
    mask = (torch.arange(4) < lengths).float()
    return subject_of(DeepMarkov(4, 3), torch.randn(60, 4, 3), mask=mask)


def labelled():
    x, label = torch.rand(60, 1, 4, 4).round(), torch.randint(3, (60,))
    return subject_of(Labelled((1, 4, 4), 3), x, "boolean", label=label)


def shared():
    return subject_of(SharedWeights((6,)), torch.randn(60, 6))


@pytest.mark.parametrize("make", [ladder, markov, labelled, shared])
def test_models_of_every_kind_are_measured(make):
    report = measure(make(), SECTIONS)
    assert not report.left_out
    figures = report.sections["bound"].figures
    assert figures["elbo"].value == pytest.approx(
        figures["log_likelihood"].value - figures["kl"].value
    )
    assert ("nll" in figures) == (make is not shared)
    assert ("bits_per_dim" in figures) == (make in (ladder, labelled))
    if make is shared:
        assert "the examples share the latent w" in report.sections["bound"].notes[0]
    tables = report.sections["latent_space"].tables
    assert ("latent variables" in tables) == (make is ladder)
    kl = sum(row["KL (nats)"] for row in tables["latent dimensions"])
    of_all = report.sections["latent_space"].figures["kl"].value
    assert kl == pytest.approx(of_all, rel=1e-4) or (make is shared and kl < of_all)
    assert len(report.sections["traversals"].pictures) == 3


def test_what_knows_one_latent_or_x_alone_refuses_in_a_sentence():
    sections = {"interpolations": Interpolations(pairs=1, movie="none")}
    assert "z3, z2, z1" in measure(ladder(), sections).left_out["interpolations"]
    assert "label" in measure(labelled(), sections).left_out["interpolations"]


def spatial(n=40, shape=(2, 3, 2)):
    loc, log_scale = torch.randn(n, *shape), 0.3 * torch.randn(n, *shape)
    dims = len(shape)
    q = Independent(Normal(loc, log_scale.exp()), dims)
    p = Independent(Normal(torch.zeros(shape), torch.ones(shape)), dims)
    latent = Latent("z", q, p, q.sample((1,)))
    flat_q = Independent(Normal(loc.flatten(1), log_scale.exp().flatten(1)), 1)
    flat_p = Independent(Normal(torch.zeros(prod(shape)), 1.0), 1)
    return latent, Latent("z", flat_q, flat_p, latent.z.flatten(2))


@pytest.mark.usefixtures("double_precision")
def test_a_spatial_latent_has_the_figures_of_the_flat_one():
    found = []
    for latent in spatial():
        statistics, aggregate = LatentStatistics(), AggregatePosterior()
        statistics.update(Trace((latent,), ()))
        aggregate.update(Trace((latent,), ()))
        found.append((statistics, aggregate))
    (maps, of_maps), (flat, of_flat) = found
    assert of_maps.parts() == pytest.approx(of_flat.parts(), rel=1e-12)
    assert of_maps.parts()["mutual_information"] > 0
    assert torch.allclose(of_maps.marginal_kl(), of_flat.marginal_kl())
    assert torch.allclose(maps.kl_per_dim, flat.kl_per_dim)
    assert torch.equal(maps.variances, flat.variances)
    assert maps.active_units == flat.active_units
    assert maps.by_name["z"].shape == (2, 3, 2)


@pytest.mark.usefixtures("double_precision")
def test_padding_does_not_count():
    latent, _ = spatial()
    q, half = latent.q, slice(0, 25)
    first = Independent(Normal(q.mean[half], q.stddev[half]), 3)
    alone = replace(latent, q=first, z=latent.z[:, half])
    padded = replace(latent, weight=(torch.arange(40) < 25).double())
    found = []
    for one in (alone, padded):
        statistics, aggregate = LatentStatistics(), AggregatePosterior()
        statistics.update(Trace((one,), ()))
        aggregate.update(Trace((one,), ()))
        found.append((statistics.by_name["z"], aggregate))
    (use, whole), (masked, rest) = found
    assert masked.count == use.count == rest.count == 25
    assert torch.allclose(masked.variances, use.variances)
    assert torch.allclose(masked.kl_per_dim, use.kl_per_dim)
    assert torch.allclose(masked.posterior_variances, use.posterior_variances)
    assert rest.parts() == pytest.approx(whole.parts())


def test_steps_of_a_chain_are_one_latent():
    subject = markov()
    batch = next(iter(subject.batches()))
    trace, statistics = subject.model(batch), LatentStatistics()
    statistics.update(trace)
    assert list(statistics.by_name) == ["z"]
    assert statistics.kl_per_dim.sum().item() == pytest.approx(trace.kl.mean().item(), rel=1e-5)
    with pytest.raises(ValueError, match=r"aggregate posterior of z\.1 is left out"):
        AggregatePosterior(name="z.1").update(trace)


def test_one_variable_moves_and_all_else_stays():
    subject = ladder()
    model, batch = subject.model, subject.examples(2)
    latents = study_all(model, [batch])
    chosen = most_used(latents, 4)
    usage = [latents[name].usage[dim].item() for name, dim in chosen]
    assert usage == sorted(u for one in latents.values() for u in one.usage.tolist())[:-5:-1]
    values = values_of(latents, chosen, 3)
    start = starts_of(model, batch, latents)[1]
    rows = moved(model, start, chosen, values)
    (name, dim), z = chosen[0], {key: value.clone()[None, None] for key, value in start[0].items()}
    z[name].view(-1)[dim] = values[0][2]
    assert torch.allclose(rows[0, 2], model.decode(z).mean[0, 0], atol=1e-6)
