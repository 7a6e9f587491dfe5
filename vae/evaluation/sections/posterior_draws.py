"""From an example to its q(z|x), to draws, to what they decode to: a section of the report."""

__all__ = ["PosteriorDraws"]

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.checks import check_int, check_range
from vae.distributions import center, draw
from vae.draws import Posterior
from vae.evaluation.drawing.drawn_codes import PosteriorPanel, drawn_codes
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.measures.latent_statistics import posterior_variance
from vae.evaluation.measures.named import the_x
from vae.evaluation.measures.variables import Variables, study_all, variable_name
from vae.evaluation.section import NotApplicable, Section
from vae.evaluation.subject import Subject
from vae.stems import stem
from vae.supports import same_support
from vae.trace import Latent

MOST = 2  # latents side by side
CATEGORIES = 12  # of a variable, the most probable ones
DRAWN = 500  # from a q whose deviation has no formula
TITLE = "examples, their q(z|x), draws and what these decode to"


class PosteriorDraws(Evaluation):
    r"""The reparameterization at work: x, the parameters φ(x) of q(z|x), draws z = g(ε, φ(x)).

    Of reals that is z = μ(x) + σ(x) ε. Each draw has a colour, in which it stands over the
    parameters and which frames the mean of p(x|z). The variables shown are the most used ones, of
    categories the most used one alone.

    Args:
        examples: How many, a row each, 1 to 20.
        draws: How many of each, 1 to 10.
        variables: Of each latent that is not categorical, 1 to 10.
        num_examples: Examples that the use of the variables is taken over, at least 1.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    def __init__(
        self, examples: int = 5, draws: int = 4, variables: int = 4, num_examples: int = 500
    ) -> None:
        check_range("examples", examples, 1, 20)
        check_range("draws", draws, 1, 10)
        check_range("variables", variables, 1, 10)
        check_int("num_examples", num_examples)
        self.examples, self.draws, self.variables = examples, draws, variables
        self.num_examples = num_examples

    @torch.no_grad()
    def __call__(self, subject: Subject) -> Section:
        """Draw from q(z|x) of the first examples of the subject's split."""
        model = subject.model
        used = study_all(model, subject.batches(self.num_examples))
        known = subject.examples(self.examples)
        batch = {name: known[name] for name in model.fields}
        run = model.ran(model.check(batch), Posterior(self.draws, priors=False))
        of_x = [name for name in used if is_of_x(run.latents[name])]
        if not of_x:
            raise NotApplicable("no latent of this model has a q(z|x) that reads x alone")
        if not all(run.latents[name].point.isfinite().all() for name in of_x):
            raise NotApplicable("the latents are not finite: the model has diverged")
        shown = of_x[:MOST]
        panels = [panel_of(run.latents[name], used[name], self.variables) for name in shown]
        mean = the_x({name: seen.px.mean for name, seen in run.observed.items()})
        x, decoded = (model.standardized(v).float().cpu() for v in (batch["x"], mean))
        others = [name for name in used if name not in shown]
        all_of_them = ", ".join(dict.fromkeys(map(stem, used)))
        note = f"Drawn of the latents {all_of_them}: {' and '.join(map(in_its_chain, shown))}."
        return Section(
            "From x to draws of z",
            protocol={
                "examples": len(x),
                "draws": self.draws,
                "num_examples": subject.count(self.num_examples),
            },
            pictures={TITLE: drawn_codes(x, panels, decoded, span=subject.value_range)},
            notes=[note] if others else [],
        )


def is_of_x(latent: Latent) -> bool:
    """Say whether a latent that has values has a q(z|x) which is given x alone."""
    return len(latent.q.batch_shape) == 1 and latent.z.shape[2:].numel() > 0


def in_its_chain(name: str) -> str:
    """Return what a latent is called, which may be the first step of a chain."""
    return name if stem(name) == name else f"the first step of {stem(name)}"


def panel_of(latent: Latent, used: Variables, most: int) -> PosteriorPanel:
    """Return parameters and draws of the most used variables of a latent."""
    middle, z = center(latent.q).float().cpu(), latent.point.float().cpu()
    if used.one_hot:
        (dim,), count = used.order(1), z.shape[-1]
        of_each = middle.reshape(len(middle), -1, count)
        called = named(used, dim) if of_each.shape[1] > 1 else used.name or "z"
        chosen = of_each[:, dim].mean(0).topk(min(count, CATEGORIES)).indices.sort().values
        return PosteriorPanel(
            f"q({called}|x)",
            [str(category) for category in chosen.tolist()],
            of_each[:, dim][:, chosen],
            None,
            z.reshape(*z.shape[:2], -1, count)[:, :, dim][..., chosen],
            one_hot=True,
        )
    dims = used.order(most)
    bits = used.support is not None and same_support(used.support, constraints.boolean)
    return PosteriorPanel(
        f"q({used.name or 'z'}|x)",
        [named(used, dim) for dim in dims],
        middle.flatten(1)[:, dims],
        None if bits else deviation(latent.q).float().cpu().flatten(1)[:, dims],
        z.flatten(2)[..., dims],
    )


def named(used: Variables, dim: int) -> str:
    """Return what a variable is called where its latent is named beside it, in few letters."""
    whole = variable_name(used.name, used.shape, dim)
    return whole.removeprefix(used.name).strip("[]") if used.name else whole


def deviation(q: Distribution) -> Tensor:
    """Return one deviation of q, ``(B, *event)``: by its formula, or of draws where it has none."""
    variance = posterior_variance(q)
    return draw(q, DRAWN)[0].std(0) if variance is None else variance.sqrt()
