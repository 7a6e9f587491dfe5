"""Points laid out in two dimensions."""

import pytest
import torch

from vae.evaluation import Scatter
from vae.evaluation.drawing import projections
from vae.evaluation.drawing.projections import explained_variance, pca, tsne, umap


def test_the_principal_components_of_a_known_cloud():
    """Corners of a 6 × 2 rectangle in a plane of five dimensions."""
    torch.manual_seed(1)
    axes = torch.linalg.qr(torch.randn(5, 2).double()).Q
    corners = torch.cartesian_prod(torch.tensor([-3.0, 3.0]), torch.tensor([-1.0, 1.0])).double()
    points = corners @ axes.T + 7
    xy = pca(points)
    assert torch.allclose(xy.abs(), corners.abs())
    for column in (0, 1):
        axis = axes[:, column]
        towards = axis * axis[axis.abs().argmax()].sign()
        assert torch.allclose(xy[:, column], (points - 7) @ towards)
    shares = explained_variance(points)
    assert torch.allclose(shares[:2], torch.tensor([0.9, 0.1]).double())
    assert len(shares) == 4


def test_one_dimension_lies_on_a_line_and_equal_points_explain_nothing():
    z = torch.tensor([[1.0], [2.0], [6.0]])
    assert torch.allclose(pca(z), torch.tensor([[-2.0, 0], [-1, 0], [3, 0]]).double())
    assert explained_variance(z).tolist() == [1.0]
    assert explained_variance(torch.ones(4, 3)) is None


def test_tsne_keeps_clusters_apart():
    pytest.importorskip("sklearn")
    keeps_clusters_apart(tsne, 60)


@pytest.mark.slow
def test_umap_keeps_clusters_apart():
    pytest.importorskip("umap")
    keeps_clusters_apart(umap, 60)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "package"), [("tsne", "sklearn"), ("umap", "umap")])
def test_eight_points_are_enough(name, package):
    pytest.importorskip(package)
    assert projections.PROJECTIONS[name].project(torch.randn(8, 3), 0).isfinite().all()


def keeps_clusters_apart(project, count):
    """Two far clusters: the nearest neighbour of each point in the plane is of its own."""
    labels = torch.arange(count) % 2
    points = torch.randn(count, 6) + 30 * labels[:, None]
    xy = project(points, 3)
    assert xy.shape == (count, 2)
    distances = torch.cdist(xy.double(), xy.double()).fill_diagonal_(float("inf"))
    assert torch.equal(labels[distances.argmin(1)], labels)
    assert torch.equal(project(points, 3), xy)


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(projections, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match=r"not installed: pip install umap-learn"):
        Scatter("umap")
