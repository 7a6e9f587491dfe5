"""One contract for every prior; a new one adds a line to `PRIORS`."""

import re

import pytest
import torch
import zuko
from torch import nn
from torch.distributions import Independent

from tests.distributions.heads import over_reals
from vae.cli.compose import choices
from vae.distributions import (
    BernoulliPosterior,
    BetaPosterior,
    CategoricalPosterior,
    Conditional,
    DirichletPosterior,
    GammaPosterior,
    NormalPosterior,
    VonMisesFisherPosterior,
    tempered,
)
from vae.models import VAE
from vae.priors import (
    BernoulliPrior,
    BetaPrior,
    CategoricalPrior,
    DirichletPrior,
    ExemplarPrior,
    GammaPrior,
    LaplacePrior,
    LearnedNormal,
    LogisticNormalPrior,
    MixturePrior,
    StandardNormal,
    StudentTPrior,
    TwoStagePrior,
    UniformBernoulli,
    UniformCategorical,
    UniformSphere,
    VampPrior,
    VonMisesFisherPrior,
    check_prior,
)
from vae.priors.stated import FITTING as FITTING_CHOICES


def encoder(head):
    return Conditional(nn.Linear(6, head.param_shape[0]), head)


PRIORS = {
    "standard normal": lambda: StandardNormal((2,)),
    "uniform categorical": lambda: UniformCategorical((2, 3), temperature=0.5),
    "vamp": lambda: VampPrior(encoder(NormalPosterior(2)), (6,), "real", num_components=5),
    "vamp of categories": lambda: VampPrior(
        encoder(CategoricalPosterior(2, num_categories=3)), (6,), "boolean", num_components=5
    ),
    "normal": lambda: LearnedNormal((2,)),
    "laplace": lambda: LaplacePrior((2,)),
    "student t": lambda: StudentTPrior((2,), df=4.0),
    "student t of learned df": lambda: StudentTPrior((2,), df=None),
    "mixture": lambda: MixturePrior((2,), num_components=3),
    "autoregressive flow": lambda: zuko.flows.MAF(2, transforms=2, hidden_features=[8]),
    "uniform bits": lambda: UniformBernoulli((2,), temperature=0.5),
    "categories": lambda: CategoricalPrior((2, 3), temperature=0.5),
    "bits": lambda: BernoulliPrior((2,), temperature=0.5),
    "von Mises–Fisher": lambda: VonMisesFisherPrior((3,)),
    "exemplars": lambda: ExemplarPrior(encoder(NormalPosterior(2)), (6,), num_exemplars=5),
    "fixed vamp": lambda: VampPrior(
        encoder(NormalPosterior(2)), (6,), "real", num_components=5, fixed=True
    ),
    "gamma": lambda: GammaPrior((2,), concentration=0.7, rate=3.0),
    "beta": lambda: BetaPrior((2,), concentration1=0.7, concentration0=3.0),
    "dirichlet": lambda: DirichletPrior((3,), concentration=0.7),
    "logistic normal": lambda: LogisticNormalPrior((3,), scale=0.7),
    "vamp of shares": lambda: VampPrior(
        encoder(DirichletPosterior(3)), (6,), "real", num_components=5
    ),
    "uniform sphere": lambda: UniformSphere((3,)),
    "vamp of unit vectors": lambda: VampPrior(
        encoder(VonMisesFisherPosterior(3)), (6,), "real", num_components=5
    ),
    "two stages": lambda: TwoStagePrior((2,), 1, hidden=[8]),
    "flow": lambda: zuko.flows.NSF(2, transforms=2, hidden_features=[8]),
}


@pytest.fixture(params=PRIORS)
def prior(request, double_precision):
    return PRIORS[request.param]()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_have_a_density(prior, temperature):
    z = tempered(prior(), temperature).sample((7,))
    assert z.shape[0] == 7
    assert prior().log_prob(z).shape == (7,)
    assert prior().log_prob(z).isfinite().all()


def test_expansion_repeats_the_same_distribution(prior):
    p = prior.eval()()
    wide = p.expand((2, 5))
    z = wide.sample((7,))
    assert (wide.batch_shape, wide.event_shape) == ((2, 5), p.event_shape)
    assert z.shape == (7, 2, 5, *p.event_shape)
    assert torch.allclose(wide.log_prob(z), p.log_prob(z))
    assert wide.expand((3, 2, 5)).sample().shape == (3, *z.shape[1:])


def test_every_parameter_gets_a_gradient(prior):
    z = prior().sample((50,)).requires_grad_()
    prior().log_prob(z).sum().backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in prior.parameters())


LEARNED = ["normal", "laplace", "student t", "student t of learned df", "mixture"]


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", ["standard normal", "autoregressive flow", *LEARNED])
def test_density_integrates_to_one(name):
    prior = PRIORS[name]()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    points, weights = over_reals(2, step=0.05)
    # Kinks at locations and of nets cost some digits.
    assert (weights @ prior().log_prob(points).exp()).item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", ["normal", "laplace", "student t"])
def test_learned_priors_start_at_location_zero_and_scale_one(name):
    base = PRIORS[name]()().base_dist
    assert base.loc.abs().max() == 0
    assert base.log_scale.abs().max() < 1e-6


def test_settings_are_checked():
    with pytest.raises(ValueError, match="num_components must be a whole number of at least 1"):
        MixturePrior((2,), num_components=0)
    with pytest.raises(ValueError, match=r"df must be from 2\.1 to 100"):
        StudentTPrior((2,), df=2.0)


@pytest.mark.usefixtures("double_precision")
def test_vamp_integrates_to_one():
    prior = VampPrior(encoder(NormalPosterior(1)), (6,), "unit_interval", num_components=5)
    grid = torch.linspace(-40, 40, 80_001)
    density = prior().log_prob(grid[:, None]).exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("double_precision")
def test_vamp_is_the_mean_of_posteriors_at_its_inputs():
    q = encoder(NormalPosterior(2))
    prior = VampPrior(q, (6,), "real", num_components=5)
    z = torch.randn(3, 2)
    densities = [q(u).log_prob(z).exp() for u in prior.pseudo_inputs]
    assert torch.allclose(prior().log_prob(z).exp(), sum(densities) / 5)


def test_vamp_does_not_list_its_encoder():
    prior = VampPrior(encoder(NormalPosterior(2)), (6,), "real", num_components=5)
    assert [name for name, _ in prior.named_parameters()] == ["free_inputs"]
    assert list(prior.state_dict()) == ["free_inputs"]


def test_every_pseudo_input_of_bounded_data_has_a_gradient():
    """Clamped pseudo-inputs would start most of their pixels with none."""
    prior = VampPrior(encoder(NormalPosterior(2)), (6,), "boolean", num_components=20)
    prior.initialize(lambda n: torch.bernoulli(torch.full((8, 6), 0.5)))
    prior().log_prob(torch.randn(5, 2)).sum().backward()
    assert (prior.free_inputs.grad != 0).all()
    assert ((prior.pseudo_inputs >= 0) & (prior.pseudo_inputs <= 1)).all()


def test_vamp_needs_a_component():
    with pytest.raises(ValueError, match="num_components"):
        VampPrior(encoder(NormalPosterior(2)), (6,), "real", num_components=0)


class Gumbel(nn.Module):
    """A prior that says nothing of itself."""

    def forward(self):
        return Independent(torch.distributions.Gumbel(torch.zeros(2), 1.0), 1)


HEADS = {
    "normal": NormalPosterior(2),
    "wide": NormalPosterior(3),
    "categories": CategoricalPosterior(2, num_categories=3),
    "bits": BernoulliPosterior(2),
    "positive": GammaPosterior(2),
    "fractions": BetaPosterior(2),
    "shares": DirichletPosterior(3),
    "unit vectors": VonMisesFisherPosterior(3),
}
FITTING = {
    "uniform categorical": "categories",
    "categories": "categories",
    "bits": "bits",
    "von Mises–Fisher": "unit vectors",
    "vamp of categories": "categories",
    "uniform bits": "bits",
    "gamma": "positive",
    "beta": "fractions",
    "dirichlet": "shares",
    "logistic normal": "shares",
    "vamp of shares": "shares",
    "uniform sphere": "unit vectors",
    "vamp of unit vectors": "unit vectors",
}


@pytest.mark.parametrize("name", [*PRIORS, "a module"])
def test_a_prior_of_other_latents_is_refused(name):
    prior = PRIORS.get(name, Gumbel)()
    fitting = FITTING.get(name, "normal")
    for kind, head in HEADS.items():
        if kind == fitting:
            check_prior(head, prior)
        else:
            told = "of the shapes" if {kind, fitting} == {"normal", "wide"} else "different spaces"
            with pytest.raises(ValueError, match=told):
                check_prior(head, prior)
    assert prior.training


def test_a_refusal_names_what_lives_on_either_space():
    told = (
        "prior StandardNormal and posterior VonMisesFisherPosterior live on different spaces. Use "
        "posterior=von_mises_fisher or power_spherical with prior=uniform_sphere or "
        "prior=von_mises_fisher or prior=vamp (unit vectors), or posterior=normal"
    )
    with pytest.raises(ValueError, match=re.escape(told)):
        check_prior(VonMisesFisherPosterior(3), StandardNormal((3,)))


def test_every_choice_is_advised_once():
    posteriors = [name for _, _, names, _ in FITTING_CHOICES for name in names]
    priors = [name for _, _, _, names in FITTING_CHOICES for name in names]
    assert sorted(posteriors) == choices("posterior")
    assert sorted([*priors, "vamp"]) == choices("prior")


def test_what_is_no_prior_is_refused():
    with pytest.raises(ValueError, match=r"Linear is not a prior: .* missing 1 required"):
        check_prior(NormalPosterior(2), nn.Linear(2, 2))


def test_a_model_of_two_sizes_is_not_made():
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\): give both the same"):
        VAE(encoder(NormalPosterior(2)), encoder(NormalPosterior(3)), StandardNormal((3,)))
