"""From the unconstrained reals to the support of a latent variable."""

__all__ = ["bijection_to"]

from math import isqrt, log

import torch
from torch import Tensor
from torch.distributions import Transform, biject_to, constraints
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import ComposeTransform, ExpTransform, IndependentTransform

IDENTITY = ComposeTransform([])


class VectorToCholesky(Transform):
    """A vector of D(D+1)/2 reals to a lower triangular matrix, with exponentials on its diagonal.

    torch's own takes a whole matrix, half of which means nothing, and knows no Jacobian.
    """

    domain = constraints.real_vector
    codomain = constraints.lower_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        size = size_of_triangle(x.shape[-1])
        rows, columns = torch.tril_indices(size, size, device=x.device)
        matrix = x.new_zeros(*x.shape[:-1], size, size)
        matrix[..., rows, columns] = x
        diagonal = matrix.diagonal(dim1=-2, dim2=-1)
        return matrix.tril(-1) + diagonal.exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        size = y.shape[-1]
        rows, columns = torch.tril_indices(size, size, device=y.device)
        matrix = y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()
        return matrix[..., rows, columns]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the logarithms of the diagonal, which are reals of the vector."""
        return y.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the matrix."""
        size = size_of_triangle(shape[-1])
        return torch.Size((*shape[:-1], size, size))

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the vector.

        Raises:
            ValueError: If the matrix is not square.
        """
        size = shape[-1]
        if shape[-2] != size:
            raise ValueError("the matrix must be square")
        return torch.Size((*shape[:-2], size * (size + 1) // 2))


class VectorToPositiveDefinite(Transform):
    r"""A vector of D(D+1)/2 reals to L Lᵀ, with the matrix L of `VectorToCholesky`.

    Of the entries on and below the diagonal :math:`\log|\det J| = D \log 2 + \sum_i (D − i + 2)
    \log L_{ii}` with i from 1, of which one :math:`\log L_{ii}` is the exponential's.
    """

    domain = constraints.real_vector
    codomain = constraints.positive_definite
    bijective = True

    def __init__(self) -> None:
        super().__init__()
        self.to_cholesky = VectorToCholesky()

    def _call(self, x: Tensor) -> Tensor:
        tril = self.to_cholesky(x)
        return tril @ tril.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return self.to_cholesky.inv(torch.linalg.cholesky(y))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return it from x, in which the logarithms of L's diagonal stand."""
        size = y.shape[-1]
        rows = torch.arange(size, device=x.device)
        log_diagonal = x[..., rows * (rows + 3) // 2]
        return size * log(2) + ((size + 1 - rows) * log_diagonal).sum(-1)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the matrix."""
        return self.to_cholesky.forward_shape(shape)

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        """Return the shape of the vector."""
        return self.to_cholesky.inverse_shape(shape)


def size_of_triangle(count: int) -> int:
    """Return D of a triangle of D(D+1)/2 entries."""
    return (isqrt(8 * count + 1) - 1) // 2


def bijection_to(support: Constraint, name: str = "a latent") -> Transform:
    """Return the bijection from the reals onto a support, with its Jacobian.

    Args:
        support: Of `torch.distributions.constraints`.
        name: Of the variable, for messages.

    Raises:
        ValueError: If there is none.
    """
    if not isinstance(support, Constraint):
        raise ValueError(
            f"the support of {name} must be one of torch.distributions.constraints, such as "
            f"constraints.positive; got {support!r:.60}"
        )
    if support.is_discrete:
        raise ValueError(
            f"{name} is discrete, and no bijection leads from the reals to {support}: discrete "
            "latents are those of a whole log-joint, without log_likelihood= and data="
        )
    if isinstance(support, constraints.independent):
        base, dims = bijection_to(support.base_constraint, name), support.reinterpreted_batch_ndims
        return IndependentTransform(base, dims)
    if isinstance(support, type(constraints.lower_cholesky)):
        return VectorToCholesky()
    if isinstance(support, type(constraints.positive_definite)):
        return VectorToPositiveDefinite()
    if isinstance(support, type(constraints.real)):
        return IDENTITY
    if isinstance(support, constraints.greater_than) and support.lower_bound == 0:
        return ExpTransform()  # of which torch makes two transforms
    try:
        found = biject_to(support)
    except NotImplementedError:
        found = None
    if found is None or not found.bijective:
        raise ValueError(
            f"no bijection is known from the reals to the support {support} of {name}: use one of "
            "real, positive, unit_interval, interval, greater_than, less_than, simplex, "
            "lower_cholesky, corr_cholesky, positive_definite, or register one with "
            "torch.distributions.biject_to"
        )
    return found
