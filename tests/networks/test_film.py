"""A modulated net starts as the net alone, and every block of it depends on the fields."""

import pytest
import torch
from torch import nn

from tests.networks.test_contract import CASES, batch, build, identify
from vae.data import DataSpec
from vae.networks import ConvEncoder, Linear, Network, ResNetDecoder
from vae.networks.conditioned import FieldFeatures
from vae.networks.film import FiLM

SPEC = DataSpec("three", (1,), "real", num_classes=3)
LABEL = torch.tensor([0, 2, 1])
ODD = [(1, 5, 3), (1, 7), (12,)]  # a picture, a signal and a vector are enough
HIDDEN = [case for case in CASES if case[0] is not Linear and {*case[1:]} & {*ODD}]
every_net = pytest.mark.parametrize(("make", "in_shape", "out_shape"), HIDDEN, ids=identify)


def film(net):
    return FiLM(net, FieldFeatures(SPEC, ["label"])).double()


def moved(net):
    with torch.no_grad():
        for part in net.films:
            part.weight.normal_(0, 0.3)
    return net


@every_net
def test_it_starts_as_the_net_alone(make, in_shape, out_shape):
    plain, x = build(make, in_shape, out_shape), batch(2, 3, *in_shape)
    assert torch.equal(film(plain)(x, LABEL), plain(x))


@every_net
def test_each_row_is_modulated_by_its_own_field(make, in_shape, out_shape):
    net, x = moved(film(build(make, in_shape, out_shape))), batch(2, 3, *in_shape)
    y = net(x, LABEL)
    rows = [net(x[k, b : b + 1], LABEL[b : b + 1])[0] for k in range(2) for b in range(3)]
    torch.testing.assert_close(y, torch.stack(rows).view(y.shape))
    assert not torch.allclose(y, net(x, LABEL.roll(1)))


@every_net
def test_every_site_gets_a_gradient(make, in_shape, out_shape):
    net = film(build(make, in_shape, out_shape))
    y = net(batch(3, *in_shape), LABEL)
    (y * batch(*y.shape)).sum().backward()
    assert all(part.weight.grad.any(1).all() for part in net.films)
    assert len(net.films) == len(net.net.sites()) > 0


def test_sites_of_a_residual_net_are_its_blocks():
    net = ResNetDecoder((3,), (1, 8, 8), channels=(8, 16), blocks=2)
    assert [part.out_features for part in film(net).films] == [32, 32, 16, 16]
    net = ConvEncoder((1, 8, 8), (5,), channels=(4, 6), hidden=(7,))
    assert [part.out_features for part in film(net).films] == [8, 12, 14]


def test_the_last_dimension_in_memory_stays_that_of_the_channels():
    net = moved(film(ConvEncoder((3, 8, 8), (5,), channels=(4, 6)))).float()
    net = net.to(memory_format=torch.channels_last)
    seen = []
    net.net.down[2].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net(torch.randn(3, 3, 8, 8).to(memory_format=torch.channels_last), LABEL)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about itself
def test_it_is_one_graph():
    net = moved(film(ResNetDecoder((5,), (1, 4, 4), channels=(8, 8))))
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    z = batch(2, 3, 5)
    torch.testing.assert_close(compiled(z, LABEL), net(z, LABEL))


class OwnNet(Network):
    """A net of a user's own, which shows no stages."""

    def transform(self, x):
        return x


@pytest.mark.parametrize("net", [Linear((4,), (2,)), OwnNet((4,), (4,)), nn.Linear(4, 2)])
def test_a_net_without_hidden_layers_is_refused(net):
    told = f"{type(net).__name__} shows none: use model.condition_by=null"
    with pytest.raises(ValueError, match=told):
        film(net)
