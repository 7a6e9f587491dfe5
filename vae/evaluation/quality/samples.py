"""How far samples and reconstructions are from real pictures, as a section of the report."""

__all__ = ["SampleQuality"]

from importlib.util import find_spec
from math import isfinite

from torch import Tensor

from vae.data.randomness import stream_seed
from vae.evaluation.evaluation import Evaluation
from vae.evaluation.quality.distances import frechet_distance, kernel_distance, precision_recall
from vae.evaluation.quality.features import FeatureNet, feature_sets, inception, stand_in
from vae.evaluation.quality.view import View
from vae.evaluation.quality.weights import INCEPTION_URL, load_weights
from vae.evaluation.section import Figure, NotApplicable, Section
from vae.evaluation.subject import Subject

FEWEST = 10  # pictures of which anything can be said
KINDS = {  # prefix of the keys, and a word
    "samples": ("", "samples"),
    "reconstructions": ("reconstruction_", "reconstructions"),
    "training": ("training_", "training pictures"),
}
BIAS = (
    "The fewer the pictures, the larger the Fréchet distance: compare figures of equally many, and "
    "with that of the training pictures, which are real."
)
MISSING = "Precision and recall are left out: they need torch-fidelity, pip install torch-fidelity."


class SampleQuality(Evaluation):
    """FID, KID, precision and recall of samples and of reconstructions, against real pictures.

    Without weights of Inception, distances in the features of a small net that is trained for it
    on the data, and named so. Those of training pictures stand beside them, as what a perfect
    model would have.

    Args:
        num_pictures: How many of each kind, at least 10.
        neighbours: Precision and recall: how many of a picture's nearest are like it, at least 1.
        subset_size: Kernel distance: pictures in a subset, at least 2.
        training_steps: Of the stand-in, at least 1.
        inception: File of torch-fidelity's weights of Inception.
        download: Whether these may be fetched.
    """

    def __init__(
        self,
        num_pictures: int = 1000,
        neighbours: int = 3,
        subset_size: int = 100,
        training_steps: int = 300,
        inception: str | None = None,
        download: bool = False,
    ) -> None:
        for name, value, low in (
            ("num_pictures", num_pictures, FEWEST),
            ("neighbours", neighbours, 1),
            ("subset_size", subset_size, 2),
            ("training_steps", training_steps, 1),
        ):
            if value < low:
                raise ValueError(f"{name} must be at least {low}; got {value}")
        self.num_pictures = num_pictures
        self.neighbours = neighbours
        self.subset_size = subset_size
        self.training_steps = training_steps
        self.inception = inception
        self.download = download

    def __call__(self, subject: Subject) -> Section:
        """Measure against the first pictures of the subject's split."""
        view = View.of(subject)
        count = subject.count(self.num_pictures)
        fewest = max(FEWEST, self.neighbours + 1)
        if count < fewest or subject.count(fewest, "train") < fewest:
            raise NotApplicable(f"sets of pictures are compared, of at least {fewest}; got {count}")
        net = self.feature_net(subject, view)
        sets = feature_sets(subject, view, count, net)
        real = sets.pop("real")
        figures: dict[str, Figure] = {}
        for kind, made in sets.items():
            prefix, word = KINDS[kind]
            for key, figure in self.compare(real, made, net, subject.seed).items():
                figures[prefix + key] = figure._replace(name=f"{word}: {figure.name}")
        protocol = {
            "num_pictures": count,
            **view.protocol,
            **net.protocol,
            "subset_size": min(self.subset_size, count),
            "neighbours": self.neighbours,
        }
        left_out = () if has_fidelity() else (MISSING,)
        return Section("Quality of samples", figures, protocol, notes=[*net.notes, BIAS, *left_out])

    def feature_net(self, subject: Subject, view: View) -> FeatureNet:
        """Return Inception where there are weights, or else a net trained here."""
        weights = load_weights(self.inception, INCEPTION_URL if self.download else None)
        if weights is None:
            return stand_in(subject, view, self.training_steps)
        if not has_fidelity():
            raise NotApplicable("Inception needs torch-fidelity: pip install torch-fidelity")
        return inception(subject, weights)

    def compare(self, real: Tensor, made: Tensor, net: FeatureNet, seed: int) -> dict[str, Figure]:
        """Return the distances of two sets of features, or none where a picture is not finite."""
        finite = bool(real.isfinite().all() and made.isfinite().all())
        nothing = (float("nan"), float("nan"))
        frechet = frechet_distance(real, made) if finite else nothing[0]
        kernel = (
            kernel_distance(real, made, subset_size=self.subset_size, seed=stream_seed(seed))
            if finite
            else nothing
        )
        figures = {
            net.frechet[0]: figure(net.frechet[1], frechet),
            net.kernel[0]: figure(net.kernel[1], *kernel),
        }
        if has_fidelity():
            shares = precision_recall(real, made, neighbours=self.neighbours) if finite else nothing
            for name, share, size in zip(
                ("precision", "recall"), shares, (len(made), len(real)), strict=True
            ):
                # Over the pictures asked about, the set that they are held against being given.
                figures[name] = figure(name, share, (share * (1 - share) / size) ** 0.5)
        return figures


def figure(name: str, value: float, error: float = float("nan")) -> Figure:
    """Return a figure without what is not finite."""
    return Figure(name, value if isfinite(value) else None, "", error if isfinite(error) else None)


def has_fidelity() -> bool:
    """Say whether torch-fidelity is installed."""
    return find_spec("torch_fidelity") is not None
