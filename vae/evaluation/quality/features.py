"""The net whose features tell sets of pictures apart: Inception, or a stand-in made here."""

__all__ = ["FeatureNet", "feature_sets", "inception", "stand_in"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vae.data.randomness import stream_seed
from vae.evaluation.measures.named import given_of, mean_of_x, some, the_x
from vae.evaluation.quality.inception import Inception
from vae.evaluation.quality.standin import BATCH, FEATURES, train_stand_in
from vae.evaluation.quality.view import View
from vae.evaluation.subject import Subject
from vae.models.fields import pieces

TRAINING_PICTURES = 5000  # at most: a stand-in sees them several times
SAMPLES, STAND_IN = 1, 2  # streams of random numbers: the samples are the same for every net


@dataclass(frozen=True)
class FeatureNet:
    """A net and what a report says of it.

    Args:
        net: From pictures ``(N, C, H, W)`` in [0, 1] to features ``(N, D)``.
        device: Where it is.
        frechet: Key and name of the Fréchet distance of its features.
        kernel: Key and name of their kernel distance.
        protocol: What the features depend on.
        notes: What a reader should know of them.
    """

    net: nn.Module
    device: torch.device
    frechet: tuple[str, str]
    kernel: tuple[str, str]
    protocol: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """Return features ``(N, D)``, in double precision on the CPU."""
        features: Tensor = self.net(x.to(self.device))
        return features.double().cpu()


def inception(subject: Subject, weights: dict[str, Any]) -> FeatureNet:
    """Return the net of FID, on the model's device."""
    net = Inception(weights).to(subject.device)
    protocol = {"feature_net": "Inception v3 (2015-12-05), pool 3", "features": 2048}
    return FeatureNet(net, subject.device, ("fid", "FID"), ("kid", "KID"), protocol)


def stand_in(subject: Subject, view: View, steps: int) -> FeatureNet:
    """Train a net on the training split to tell labels and factors, or else orientation.

    It is made on the CPU, where a seed fixes it, whatever the model's device.
    """
    batches = subject.batches(TRAINING_PICTURES, "train")
    x = torch.cat([view(batch["x"]).cpu() for batch in batches])
    targets, sizes = known(subject, batches.examples)
    task = "which way they are mirrored" if targets is None else "labels and factors"
    seed = stream_seed(subject.seed, STAND_IN)
    net = train_stand_in(x, targets, sizes, steps=steps, seed=seed, track=subject.track)
    protocol = {
        "feature_net": f"two convolutions, trained here to tell {task}",
        "features": FEATURES,
        "training_steps": steps,
        "training_batch": BATCH,
        "training_pictures": len(x),
    }
    where = "in a feature net trained on the data"
    return FeatureNet(
        net,
        torch.device("cpu"),
        ("frechet_distance", f"Fréchet distance {where} (not FID)"),
        ("kernel_distance", f"kernel distance {where} (not KID)"),
        protocol,
        (
            "Without weights of Inception the features are those of a small net trained on these "
            "data: the distances compare models of the same data and seed, and are neither FID "
            "nor KID. For these set report.sample_quality.inception=… to a file of its weights, or "
            "report.sample_quality.download=true.",
        ),
    )


def known(subject: Subject, examples: Any) -> tuple[Tensor | None, tuple[int, ...]]:
    """Return labels and factors ``(N, T)`` int64, and how many values each takes."""
    spec = subject.spec
    tensors: list[Tensor] = []
    sizes: list[int] = []
    if examples.labels is not None and spec.num_classes and spec.num_labelled is None:
        tensors.append(examples.labels.view(-1, 1))
        sizes.append(spec.num_classes)
    if examples.factors is not None and spec.factor_sizes:
        tensors.append(examples.factors)
        sizes.extend(spec.factor_sizes)
    if not tensors:
        return None, ()
    return torch.cat(tensors, 1).cpu(), tuple(sizes)


@torch.no_grad()
def feature_sets(
    subject: Subject, view: View, count: int, net: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Return the features of ``count`` pictures of each kind, ``(count, D)``.

    Real ones, their reconstructions, samples, and others of the training split, which may be
    fewer, unless that is the split they are compared with.
    """
    model, real, rebuilt = subject.model, [], []
    for batch in subject.track_batches("features", count):
        real.append(net(view(batch["x"])))
        rebuilt.append(net(view(the_x(model.reconstruct(batch)))))
    examples = subject.examples(count)
    given = given_of(model, examples)
    with torch.random.fork_rng():
        torch.manual_seed(stream_seed(subject.seed, SAMPLES))
        z = model.sample_latents(count, given=given)
    size = subject.block
    parts = subject.track(pieces(count, size), "samples", -(-count // size))
    sets = {
        "real": real,
        "samples": [net(view(mean_of_x(model, some(z, b), some(given, b)))) for b in parts],
        "reconstructions": rebuilt,
    }
    if subject.split != "train":
        sets["training"] = [net(view(batch["x"])) for batch in subject.batches(count, "train")]
    return {kind: torch.cat(features) for kind, features in sets.items()}
