"""Ways through the latent space."""

import pytest
import torch

from vae.evaluation import interpolate, slerp, switch, traverse

pytestmark = pytest.mark.usefixtures("double_precision")
WEIGHTS = torch.linspace(0, 1, 11, dtype=torch.float64)


def of_length(length, *shape):
    v = torch.randn(*shape)
    return length * v / v.norm(dim=-1, keepdim=True)


def test_a_traversal_moves_its_variable_alone():
    z, values = torch.randn(4), torch.randn(5, 2)
    paths = traverse(z, [3, 1], values)
    assert paths.shape == (2, 5, 4)
    for row, dim in enumerate((3, 1)):
        others = [d for d in range(4) if d != dim]
        assert torch.equal(paths[row, :, dim], values[:, row])
        assert torch.equal(paths[row][:, others], z[others].expand(5, 3))


@pytest.mark.parametrize("way", [torch.lerp, slerp])
def test_a_way_includes_both_ends(way):
    a, b = torch.randn(2, 6, 5)
    path = interpolate(a, b, 4, way)
    assert path.shape == (6, 4, 5)
    assert torch.allclose(path[:, 0], a)
    assert torch.allclose(path[:, -1], b)


def test_on_a_sphere_length_and_speed_are_kept():
    a, b = of_length(3.0, 2, 7, 5)
    path = interpolate(a, b, 11, slerp)
    assert torch.allclose(path.norm(dim=-1), torch.tensor(3.0))
    strides = path.diff(dim=1).norm(dim=-1)
    assert torch.allclose(strides, strides[:, :1].expand_as(strides))


@pytest.mark.parametrize("weight", WEIGHTS[1:-1:3])
def test_between_vectors_of_one_length_it_is_the_published_formula(weight):
    a, b = of_length(2.0, 2, 7, 5)
    angle = torch.acos((a * b).sum(-1, keepdim=True) / 4)
    white = ((1 - weight) * angle).sin() * a + (weight * angle).sin() * b
    assert torch.allclose(slerp(a, b, weight), white / angle.sin())


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-9, 2.5])
def test_between_parallel_vectors_it_is_straight(factor):
    a = torch.randn(6, 5)
    for weight in WEIGHTS:
        straight = torch.lerp(a, factor * a, weight)
        assert torch.allclose(slerp(a, factor * a, weight), straight)


@pytest.mark.parametrize("dim", [2, 5])
def test_opposite_vectors_are_joined_by_a_half_circle(dim):
    a = of_length(2.0, 6, dim)
    path = interpolate(a, -a, 5, slerp)
    assert torch.allclose(path.norm(dim=-1), torch.tensor(2.0))
    assert torch.allclose(path[:, -1], -a)
    assert torch.allclose((path[:, 2] * a).sum(-1), torch.zeros(6), atol=1e-12)


def test_opposite_vectors_of_two_lengths_stay_between_them():
    a = of_length(1.0, 6, 3)
    lengths = interpolate(a, -3 * a, 9, slerp).norm(dim=-1)
    assert torch.allclose(lengths, torch.linspace(1, 3, 9).expand(6, 9))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nearly_parallel_and_nearly_opposite_vectors_are_finite(dtype):
    a = of_length(1.0, 50, 8).to(dtype)
    for sign in (1, -1):
        for size in (0, 1e-12, 1e-8, 1e-7, 1e-6, 1e-4):
            b = sign * a + size * torch.randn_like(a)
            path = interpolate(a, b, 5, slerp)
            assert path.isfinite().all()
            assert torch.allclose(path[:, -1], b, atol=1e-5)
            assert torch.allclose(path.norm(dim=-1), torch.ones(50, 5, dtype=dtype), atol=1e-3)


def test_from_the_origin_and_on_a_line_it_still_arrives():
    zero, b = torch.zeros(1, 4), torch.randn(1, 4)
    assert torch.allclose(slerp(zero, b, WEIGHTS[5]), 0.5 * b)
    one, other = torch.tensor([[1.0]]), torch.tensor([[-2.0]])
    path = interpolate(one, other, 5, slerp)
    assert path.isfinite().all()
    assert torch.allclose(path[:, -1], other)


def test_categorical_variables_switch_one_by_one():
    a, b = (
        torch.eye(4)[torch.tensor([[0, 1, 2, 3, 0]])],
        torch.eye(4)[torch.tensor([[1, 1, 0, 2, 3]])],
    )
    path = interpolate(a, b, 5, switch)
    assert path.shape == (1, 5, 5, 4)
    codes = path.argmax(-1)[0].tolist()
    assert codes == [
        [0, 1, 2, 3, 0],
        [1, 1, 2, 3, 0],
        [1, 1, 0, 3, 0],
        [1, 1, 0, 2, 0],
        [1, 1, 0, 2, 3],
    ]
    assert set(path.unique().tolist()) == {0.0, 1.0}


def test_switching_ends_at_the_probabilities_themselves():
    a, b = torch.randn(2, 6, 3, 4).softmax(-1)
    path = interpolate(a, b, 3, switch)
    assert torch.equal(path[:, 0], a)
    assert torch.equal(path[:, -1], b)
