"""M2: the bound of labelled and other examples by hand and by Pyro, samples of a class, codes."""

import pytest
import torch

from tests.compose import settings_of
from vae.build import build_model, check_parts
from vae.data import DataSpec
from vae.draws import Enumerated
from vae.objectives import ELBO, Progress, SemiSupervised
from vae.trace import Trace

SPEC = DataSpec("few", (6,), "boolean", 2, num_classes=3, num_labelled=2)
LABEL = torch.tensor([-1, 2, -1, 0, -1])
SIZES = ["model=m2", "model.classifier.hidden=[7]", "model.num_features=5", "model.latent_dim=2"]
M1 = {
    name: settings_of("model=mlp", "model.latent_dim=4", "model.encoder.hidden=[9]")[name]
    for name in ("model", "posterior", "prior", "likelihood")
}


@pytest.fixture(params=["M2", "M1+M2", "M2 of shared features"])
def model(request):
    torch.manual_seed(0)
    settings = settings_of(*SIZES, "model.learns_classes=true")
    settings["model"]["shared_features"] = "shared" in request.param
    if request.param == "M1+M2":
        settings["model"]["m1"] = M1
    made = build_model(settings, SPEC).double()
    torch.nn.init.normal_(made.class_logits)
    return made


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return {"x": torch.rand(5, 6).round().double(), "label": LABEL}


def by_hand(model, x, noise, beta=1.0):
    """Return L(x, y) of every class, ``(3, B)``, split in two, and log q(y|x), at known noise."""
    codes = None if model.m1 is None else model.m1.encoder(x)
    read = x if codes is None else codes.mean
    seen = model.features(read) if model.shared_features else read
    log_q = model.classifier(seen).log_softmax(-1)
    log_p = model.class_logits.log_softmax(0)
    log_px, kl = [], []
    for label in range(3):
        y = torch.eye(3, dtype=x.dtype)[label].expand(len(x), 3)
        q = model.encoder(model.features(read), y).base_dist
        z = q.loc + q.scale * noise["z"][label]
        kl_z = (0.5 * (q.loc**2 + q.scale**2 - 1) - q.scale.log()).sum(-1)
        kl_z = beta * kl_z
        px = model.decoder(z, y)
        if codes is not None:
            kl_z = kl_z + torch.distributions.kl_divergence(codes, px)
            px = model.m1.decoder(codes.base_dist.loc + codes.base_dist.scale * noise["c"])
        log_px.append(px.log_prob(x))
        kl.append(kl_z - log_p[label])
    return torch.stack(log_px), torch.stack(kl), log_q


@pytest.mark.parametrize("beta", [1.0, 4.0])  # that of the paper, and z of another weight
def test_the_loss_is_that_of_the_paper(model, batch, beta):
    terms_of = SemiSupervised(alpha=0.7, beta=beta, num_labelled=2)
    trace = model(batch)
    torch.manual_seed(3)
    terms = terms_of(trace, Progress(num_examples=40))
    torch.manual_seed(3)
    noise = {"z": torch.randn(3, 5, 2, dtype=torch.float64)}
    noise["c"] = torch.randn(5, 4, dtype=torch.float64)
    log_px, kl, log_q = by_hand(model, batch["x"], noise, beta)
    known = LABEL >= 0
    at_label = lambda value: value[LABEL[known], known].mean()  # noqa: E731
    q = log_q.exp().T[:, ~known]
    expected = {
        "classification": -0.7 * log_q[known, LABEL[known]].mean(),
        "labelled_reconstruction": -2 / 40 * at_label(log_px),
        "labelled_kl": 2 / 40 * at_label(kl),
        "reconstruction": -38 / 40 * (q * log_px[:, ~known]).sum(0).mean(),
        "kl": 38 / 40 * (q * (kl[:, ~known] + log_q.T[:, ~known])).sum(0).mean(),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value.item(), abs=1e-10), name
    right = (log_q.argmax(1) == LABEL)[known].double().mean()
    assert terms_of.figures(trace)["accuracy"].item() == pytest.approx(right.item())


def test_labelled_examples_count_alike_whatever_their_share_of_a_batch(model, batch):
    known = {name: value[LABEL >= 0] for name, value in batch.items()}
    often = {name: torch.cat([value, *[known[name]] * 4]) for name, value in batch.items()}
    terms = [
        SemiSupervised(num_labelled=2)(model(some), Progress(num_examples=40))
        for some in (batch, often)
    ]
    exact = ["classification"] + ["kl", "labelled_kl"] * (model.m1 is None)  # of no draw
    for name in exact:
        assert terms[0][name].item() == pytest.approx(terms[1][name].item()), name


def test_every_trained_part_has_a_gradient_and_m1_none(model, batch):
    sum(SemiSupervised()(model(batch)).values()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("m1."), name


def test_in_evaluation_x_alone_is_read(model, batch):
    model.eval()
    torch.manual_seed(0)
    trace = model(batch)
    torch.manual_seed(0)
    assert torch.equal(trace.elbo, model({"x": batch["x"]}).elbo)
    assert set(SemiSupervised()(trace)) == {"reconstruction", "kl", "classification"}


def test_samples_are_of_the_class_that_is_given(model):
    model.eval()
    torch.manual_seed(0)
    latents = model.sample_latents(6, given={"label": torch.arange(6) % 3})
    assert torch.equal(latents["y"].argmax(-1), torch.arange(6) % 3)
    assert model.sample(4, given={"label": 1}).shape == model.sample(4).shape == (4, 6)
    x = torch.eye(6, dtype=torch.float64)[:2]
    assert torch.equal(model.predict(x).logits, model({"x": x})["y"].q.logits)
    with pytest.raises(ValueError, match="label must be whole numbers from 0 to 2; got 3"):
        model.sample(4, given={"label": 3})


def test_a_bound_of_x_lies_below_log_p(model, batch):
    model.eval()
    torch.manual_seed(0)
    log_p = model.log_likelihood({"x": batch["x"]}, num_samples=20_000)
    elbo = model(batch, num_samples=4000).elbo
    assert (elbo.mean(0) < log_p + 0.05).all()
    draws = Enumerated("y", torch.eye(3, dtype=torch.float64))
    model.ran({"x": batch["x"].repeat(2000, 1)}, draws)
    every = draws.trace()
    summed = (every["y"].q.probs.T * every.elbo).sum(0).view(2000, 5).mean(0)
    assert torch.allclose(summed, elbo.mean(0), atol=0.1)


def test_what_cannot_be_is_refused_in_a_sentence(model, batch):
    with pytest.raises(ValueError, match="M2 learns from label, which ELBO .* objective=semi_sup"):
        check_parts(model, ELBO(), SPEC)
    with pytest.raises(ValueError, match="reads label of a batch: give it"):
        SemiSupervised()(model({"x": batch["x"]}))
    vae = build_model(settings_of("model=linear", "model.latent_dim=2"), SPEC)
    with pytest.raises(ValueError, match="needs a model of a class.* latent z: use model=m2"):
        SemiSupervised()(vae({"x": batch["x"].float()}))
    conditional = build_model(settings_of("model=linear", "model.condition=[label]"), SPEC)
    with pytest.raises(ValueError, match="labelled=2 leaves examples without the label that VAE"):
        check_parts(conditional, ELBO(), SPEC)
    with pytest.raises(ValueError, match="model M2 is one of labels, and data bare have none"):
        build_model(settings_of(*SIZES), DataSpec("bare", (6,), "boolean", 2))


def test_what_is_not_given_is_refused_or_drawn():
    model = build_model(settings_of(*SIZES), SPEC)
    with pytest.raises(ValueError, match="given is to hold label, or nothing; got lable"):
        model.sample(3, given={"lable": 1})
    few = DataSpec("own", (6,), "boolean", 2, num_classes=3, class_names=("-1", "0", "1"))
    with pytest.raises(ValueError, match="not taken for a missing label"):
        build_model(settings_of(*SIZES), few)


@pytest.mark.peers
def test_the_enumerated_bound_is_that_of_pyro(batch):
    import pyro
    import pyro.distributions as dist
    from pyro.infer import TraceEnum_ELBO, config_enumerate

    torch.manual_seed(0)
    model = build_model(settings_of(*SIZES, "model.learns_classes=true"), SPEC).double()
    torch.nn.init.normal_(model.class_logits)
    x = batch["x"]
    draws = Enumerated("y", torch.eye(3, dtype=torch.float64))
    model.ran({"x": x}, draws)
    trace: Trace = draws.trace()
    noise = (trace["z"].z - trace["z"].q.mean) / trace["z"].q.base_dist.scale
    ours = (trace["y"].q.probs.T * trace.log_weight).sum()

    class SameNoise(dist.Normal):
        def rsample(self, sample_shape=()):
            return self.loc + self.scale * noise

    def both(y):
        return y.expand(*y.shape[:-2], 5, 3)

    def joint(x):
        with pyro.plate("examples", 5):
            y = both(pyro.sample("y", dist.OneHotCategorical(logits=model.class_logits)))
            z = pyro.sample("z", dist.Normal(torch.zeros(2).double(), 1.0).to_event(1))
            logits = model.decoder.net(z, y.expand(*z.shape[:-1], 3))
            pyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

    @config_enumerate
    def guide(x):
        with pyro.plate("examples", 5):
            y = both(pyro.sample("y", dist.OneHotCategorical(logits=model.classifier(x))))
            features = model.features(x).expand(*y.shape[:-1], -1)
            q = model.encoder(features, y).base_dist
            fixed = SameNoise(q.loc, q.scale).to_event(1)
            pyro.sample("z", fixed, infer={"enumerate": None})

    theirs = -TraceEnum_ELBO(max_plate_nesting=1).loss(joint, guide, x)
    assert ours.item() == pytest.approx(theirs, abs=1e-5)
