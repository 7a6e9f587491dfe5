"""How far one set of pictures is from another, by features of both."""

__all__ = ["frechet_distance", "kernel_distance", "precision_recall"]

import torch
from torch import Tensor, nn

BLOCK = 1000  # rows whose distances to all others are held at once


class Given(nn.Identity):
    """The features themselves, in the place of a net that makes them."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    r"""Return the Fréchet distance of the Gaussians with the features' means and covariances.

    :math:`\|\mu_r - \mu_f\|^2 + \mathrm{tr}(\Sigma_r + \Sigma_f - 2 (\Sigma_r \Sigma_f)^{1/2})`,
    FID if the features are Inception's. Few pictures bias it upwards, by about as much for equal
    numbers of them.

    Args:
        real: Features ``(N, D)``, at least two rows.
        fake: Features ``(M, D)``, at least two rows.

    References:
        GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel,
        Ramsauer, Unterthiner, Nessler, Hochreiter, 2017), 1706.08500.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(Given(real.shape[1]))
    # The library sums the products of uncentred features; a common shift changes no distance.
    center = real.mean(0)
    metric.update((real - center).double(), real=True)
    metric.update((fake - center).double(), real=False)
    return metric.compute().item()


def kernel_distance(
    real: Tensor, fake: Tensor, *, subset_size: int, seed: int
) -> tuple[float, float]:
    """Return the squared maximum mean discrepancy of the features and its standard error.

    The mean of the unbiased estimator, which may be negative, with the kernel (x·y/D + 1)³ over
    disjoint random subsets, so that their deviation gives the error; with a single subset the
    error is NaN. KID if the features are Inception's. Rows with equal numbers do not meet unless
    there is only one subset: reconstructions are not independent of their originals.

    Args:
        real: Features ``(N, D)``.
        fake: Features ``(M, D)``.
        subset_size: Rows of each in a subset, at least 2; at most all are taken.
        seed: Of the random subsets.

    References:
        Demystifying MMD GANs (Bińkowski, Sutherland, Arbel, Gretton, 2018), 1801.01401.
    """
    from torchmetrics.image.kid import poly_mmd

    size = min(subset_size, len(real), len(fake))
    count = min(len(real), len(fake)) // size
    used = torch.randperm(count * size, generator=torch.Generator().manual_seed(seed))
    pairs = zip(used.split(size), used.roll(size).split(size), strict=True)
    values = torch.stack([poly_mmd(real[i].double(), fake[j].double()) for i, j in pairs])
    return values.mean().item(), (values.std() / count**0.5).item() if count > 1 else float("nan")


def precision_recall(real: Tensor, fake: Tensor, *, neighbours: int = 3) -> tuple[float, float]:
    """Return which share of the made pictures looks real, and of the real ones is covered.

    A picture lies within a set if it is no farther from one of its members than that member's
    k-th nearest neighbour there: precision asks so of the fake in the real set, recall of the real
    in the fake set.

    Args:
        real: Features ``(N, D)``, more than ``neighbours`` rows.
        fake: Features ``(M, D)``, more than ``neighbours`` rows.
        neighbours: k, at least 1.

    Raises:
        ModuleNotFoundError: Without the package torch-fidelity.

    References:
        Improved Precision and Recall Metric for Assessing Generative Models (Kynkäänniemi, Karras,
        Laine, Lehtinen, Aila, 2019), 1904.06991.
    """
    from torch_fidelity.metric_prc import prc_features_to_metric

    found = prc_features_to_metric(
        fake.double(),
        real.double(),
        prc_neighborhood=neighbours,
        prc_batch_size=BLOCK,
        save_cpu_ram=True,
        verbose=False,
    )
    return found["precision"], found["recall"]
