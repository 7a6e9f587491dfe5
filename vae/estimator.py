"""A VAE as an estimator of scikit-learn: for pipelines, searches and cross-validation."""

__all__ = ["VAEEstimator"]

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from vae.cli.fitting import fit_vae

ORDER: tuple[Literal["C"], Literal["W"]] = ("C", "W")  # of arrays that torch takes without a word
ROWS = 4096  # examples at once
FEWEST = 3  # examples: training, validation and test take one each


class VAEEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Codes of the rows of a table, and a density of them, by a VAE.

    What `transform` gives is the centre of q(z|x), ``(N, latent_dim)``; what `score` gives is the
    mean of log p(x), estimated by importance sampling, in nats per row: the higher, the better, so
    that a search picks by it. Densities are of x in its own units.

    Args:
        latent_dim: Dimensions of the codes, ≥ 1.
        beta: Weight of the KL, ≥ 0; ``None``: the objective's default.
        max_epochs: Passes over the data, ≥ 1; ``None``: as many as make 3,000 steps.
        batch_size: Rows per step, ≥ 1; ``None``: 128, or less of few rows.
        learning_rate: Of the optimizer, > 0; ``None``: its default.
        hidden: Units of each hidden layer of encoder and decoder; ``None``: the model's default.
        num_samples: Importance samples of `score`, ≥ 1.
        settings: Further settings, as they are typed after ``train.py``; see `vae.fit_vae`.
        random_state: Of weights, order and noise: an integer, ``None`` or a ``RandomState``.

    Attributes:
        model_: The trained `vae.Model`.
        n_features_in_: How many columns x has.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(60, 5))
        >>> codes = VAEEstimator(latent_dim=2, max_epochs=1, random_state=0).fit_transform(x)
        >>> codes.shape
        (60, 2)
    """

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        beta: float | None = None,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        hidden: Sequence[int] | None = None,
        num_samples: int = 100,
        settings: Sequence[str] = (),
        random_state: Any = None,
    ) -> None:
        self.latent_dim = latent_dim
        self.beta = beta
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.hidden = hidden
        self.num_samples = num_samples
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Train on rows ``(N, D)``, of which a tenth picks the best weights.

        Args:
            X: Real numbers.
            y: Not used.

        Raises:
            ValueError: If a parameter is out of range, or X holds no numbers.
        """
        x = self._checked(X, reset=True, ensure_min_samples=FEWEST)
        seed = check_random_state(self.random_state).randint(2**31)
        self.model_ = fit_vae(x, *self._words(seed), support="real", quiet=True)
        self._n_features_out = self.latent_dim
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the code of each row, ``(N, latent_dim)``."""
        x = self._known(X)
        return self._by_rows(x, lambda rows: self.model_.embed(rows).flatten(1))

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the mean of p(x|z) at codes ``(N, latent_dim)``, ``(N, D)``."""
        check_is_fitted(self, "model_")
        codes = torch.from_numpy(np.require(X, np.float32, requirements=ORDER))
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise ValueError(
                f"codes must be (N, {self.latent_dim}); got shape {tuple(codes.shape)}"
            )
        return self._by_rows(codes, lambda z: self.model_.decode(z).mean)

    def score_samples(self, X: ArrayLike) -> NDArray[Any]:
        """Return log p(x) of each row by importance sampling, ``(N,)``, in nats.

        Noise comes from torch's global generator, which is left as it was.
        """
        x = self._known(X)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same rows have the same score
            return self._by_rows(
                x, lambda rows: self.model_.log_likelihood(rows, num_samples=self.num_samples)
            )

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean of log p(x) over rows, in nats per row; see `score_samples`."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1) -> NDArray[Any]:
        """Return new rows, drawn from the model with their noise, ``(n_samples, D)``."""
        check_is_fitted(self, "model_")
        drawn: Tensor = self.model_.sample(n_samples, noise=True)
        return drawn.numpy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are float32
        return tags

    def _words(self, seed: int) -> list[str]:
        sizes = None if self.hidden is None else [int(size) for size in self.hidden]
        given = {
            "objective.beta": self.beta,
            "model.encoder.hidden": sizes and str(sizes).replace(" ", ""),
            "trainer.max_epochs": self.max_epochs,
            "data.batch_size": self.batch_size,
            "optimizer.lr": self.learning_rate,
        }
        return [
            f"model.latent_dim={self.latent_dim}",
            f"seed={seed}",
            "trainer=cpu",
            *(f"{name}={value}" for name, value in given.items() if value is not None),
            *self.settings,
        ]

    def _checked(self, X: ArrayLike, **settings: Any) -> NDArray[Any]:
        checked: NDArray[Any] = validate_data(
            self, X, dtype=[np.float64, np.float32], ensure_min_features=1, **settings
        )
        return checked

    def _known(self, X: ArrayLike) -> Tensor:
        check_is_fitted(self, "model_")
        x = torch.from_numpy(np.require(self._checked(X, reset=False), requirements=ORDER))
        standardize = self.model_.standardize
        wide = standardize is not None and standardize.shift.dtype == torch.float64
        return x.double() if wide else x.float()

    def _by_rows(self, x: Tensor, function: Any) -> NDArray[Any]:
        with torch.no_grad():
            return torch.cat([function(rows) for rows in x.split(ROWS)]).numpy()
