"""What an evaluation holds at once does not grow with the data, nor its figures with the pieces."""

import pytest
import torch
from torch.distributions import Independent, Normal

import vae
from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.cli.preparing import bound_validation
from vae.data import DataModule, Memory
from vae.evaluation import AggregatePosterior, ByLabel, Probe, evaluate
from vae.evaluation import subject as subjects
from vae.evaluation.downstream import probe
from vae.evaluation.downstream.by_label import class_means, members_of
from vae.evaluation.measures import prior_moments
from vae.models import rows
from vae.models.rows import Held
from vae.spec import DataSpec
from vae.trace import Latent, Observed, Trace

GOLD = LinearGaussian()
P = Independent(Normal(torch.zeros(20), 1.0), 1)


def peak_of_aggregate(num_batches):
    aggregate = AggregatePosterior(200)
    with Held() as held:
        for _ in range(num_batches):
            q = Independent(Normal(torch.randn(128, 20), 0.5), 1)
            latent = Latent("z", q, P, q.sample((1,)))
            aggregate.update(Trace((latent,), (Observed("x", q, q.mean),)))
        aggregate.parts()
    return max(held.levels)


def test_memory_of_the_aggregate_posterior_does_not_grow_with_the_examples():
    assert peak_of_aggregate(100) < 1.1 * peak_of_aggregate(10)


def test_figures_do_not_depend_on_batches_where_a_block_is_cut(monkeypatch):
    model, x = GOLD.factorised().float().eval(), GOLD.marginal.sample((70,)).float()
    assert subject_of(model, x).block == 128
    (of_a_row,) = rows.KNOWN[model].values()
    monkeypatch.setattr(rows, "BYTES", 20 * of_a_row)
    cut = subject_of(model, x)
    assert cut.block == 16
    assert [len(batch["x"]) for batch in cut.batches()] == [16, 16, 16, 16, 6]
    spec = DataSpec("x", (6,), "real")
    figures = [
        evaluate(model, [{"x": part} for part in x.split(size)], spec, num_samples=30)
        for size in (7, 16, 70)
    ]
    for found in figures[1:]:
        assert found["nll"] == pytest.approx(figures[0]["nll"], rel=1e-5)
        assert found["elbo"] == pytest.approx(figures[0]["elbo"], rel=1e-5)


def test_the_fingerprint_does_not_depend_on_how_many_are_read_at_once(monkeypatch):
    x = torch.randn(300, 6)
    whole = subject_of(GOLD.factorised().float(), x).fingerprint
    monkeypatch.setattr(subjects, "BYTES", 500)
    assert subject_of(GOLD.factorised().float(), x).fingerprint == whole
    assert subject_of(GOLD.factorised().float(), x + 1).fingerprint != whole


def test_very_many_classes_are_summed_at_once_and_shown_in_part():
    labels = torch.randperm(3000) % 1500
    values = torch.randn(3000, 2, dtype=torch.float64)
    means, errors, (classes, counts) = class_means(values, labels)
    groups = [values[labels == c] for c in range(1500)]
    assert torch.allclose(means, torch.stack([group.mean(0) for group in groups]))
    assert torch.allclose(errors, torch.stack([group.std(0) for group in groups]) / 2**0.5)
    assert (classes, counts) == (list(range(1500)), [2] * 1500)
    for c, members in zip((7, 3), members_of(labels, [7, 3]), strict=True):
        assert torch.equal(members, (labels == c).nonzero()[:, 0])
    section = ByLabel(1)(subject_of(GOLD.factorised().float(), torch.randn(3000, 6), labels=labels))
    assert section.figures["num_classes"].value == 1500
    assert len(section.tables["classes"]) == 1000
    assert [note.split()[-3] for note in section.notes] == ["of", "of"]


def test_a_linear_probe_of_too_many_classes_is_left_out(monkeypatch):
    labels = torch.arange(60) % 3
    subject = subject_of(GOLD.factorised().float(), torch.randn(60, 6), labels=labels)
    assert {"label_linear", "label_knn"} <= Probe()(subject).figures.keys()
    monkeypatch.setattr(probe, "LARGEST", 179)
    section = Probe()(subject)
    assert "label_knn" in section.figures
    assert "label_linear" not in section.figures
    assert "3 classes of 60 training codes" in section.notes[0]


def test_no_covariance_of_too_many_dimensions(monkeypatch):
    z, log_p = torch.randn(50, 8), torch.randn(50)
    assert prior_moments.divergence_bound(z, log_p) is not None
    monkeypatch.setattr(prior_moments, "LARGEST", 7)
    assert prior_moments.divergence_bound(z, log_p) is None


def test_a_batch_of_validation_is_cut_where_it_takes_too_much(monkeypatch):
    data = DataModule(Memory(torch.rand(50, 6)), eval_batch_size=100)
    data.setup("fit")
    module = vae.make_module("model=mlp", like=data)
    bound_validation(module, data)
    assert data.eval_batch_size == 100
    monkeypatch.setattr(rows, "BYTES", 1 << 14)
    bound_validation(module, data)
    assert data.eval_batch_size in (1, 2, 4, 8)
    assert module.model.training
