"""The KL inside a compiled graph: of every pair, whoever compiles, though nothing ran before."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributions import Independent, Laplace, Normal

from vae.cli import trainer_checks
from vae.distributions import Joint, LogScaleNormal, UnitNormal
from vae.distributions.joint import kl_divergence

ROOT = Path(__file__).parents[1]
COMPILES = pytest.mark.skipif(not trainer_checks.COMPILES, reason="an older torch")
AFRESH = """
import sys, torch
from tests.compose import settings_of
from vae.build import build_model, build_objective
from vae.data import DataSpec

torch._dynamo.config.trace_autograd_ops = True
small = ["data=mnist", "model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=3"]
for variant in sys.argv[1:]:
    settings = settings_of(*small, *variant.split())
    spec = DataSpec("vectors", (6,), "boolean", levels=None)
    model = build_model(settings, spec)
    objective = build_objective(settings, model, spec)

    def loss(x):
        return sum(objective(model(x, num_samples=objective.num_samples())).values())

    value = torch.compile(loss, fullgraph=True, backend="eager")(torch.zeros(4, 6))
    value.backward()
    assert value.isfinite(), variant
"""
VARIANTS = [  # each with a pair of distributions of its own
    "objective=elbo",
    "prior=vamp prior.num_components=2",
    "posterior=categorical",
    "posterior=categorical posterior.temperature=null estimator=score objective.num_samples=2",
]
SPACES = [  # of other latents than real ones
    "posterior=von_mises_fisher estimator=stl",
    "posterior=power_spherical",
    "posterior=gamma",
    "posterior=beta estimator=stl",
    "posterior=dirichlet prior=logistic_normal",
    "posterior=logistic_normal",
    "posterior=bernoulli",
    "posterior=bernoulli posterior.temperature=null estimator=score objective.num_samples=2",
]


@COMPILES
@pytest.mark.parametrize(
    "variants",
    [
        VARIANTS,
        pytest.param(["objective=free_bits", "penalty=mmd"], marks=pytest.mark.slow),
        pytest.param(["objective=iwae estimator=dreg"], marks=pytest.mark.slow),
        pytest.param(SPACES, marks=pytest.mark.slow),
        pytest.param(["posterior=categorical prior=vamp", "penalty=dip"], marks=pytest.mark.slow),
    ],
)
def test_first_steps_compile_in_a_new_process(variants):
    call = [sys.executable, "-W", "ignore", "-c", AFRESH, *variants]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@COMPILES
@pytest.mark.filterwarnings("ignore")  # of torch about itself
def test_the_search_in_a_graph_finds_what_torch_finds():
    x = torch.rand(4, 3) + 0.1
    ours = Joint(LogScaleNormal(x, x), 1), Joint(UnitNormal(torch.zeros(3)), 1)
    pairs = [
        ours,
        (ours[0], Independent(Normal(x, x, validate_args=False), 1, validate_args=False)),
        (Normal(x, x, validate_args=False), Laplace(x, x, validate_args=False)),
        (LogScaleNormal(x, x), Normal(0 * x, 2 * x, validate_args=False)),
    ]
    for q, p in pairs:
        compiled = torch.compile(
            lambda q=q, p=p: kl_divergence(q, p), fullgraph=True, backend="eager"
        )
        try:
            wanted = torch.distributions.kl_divergence(q, p)
        except NotImplementedError:
            with pytest.raises(NotImplementedError):
                compiled()
        else:
            assert torch.equal(compiled(), wanted)
