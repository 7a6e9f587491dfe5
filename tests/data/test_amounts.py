"""How many examples a step takes and how many epochs a run, where nobody says."""

import pytest

from vae.data.amounts import suited_batch_size, suited_epochs


def test_a_batch_leaves_four_of_them_to_an_epoch_and_is_never_too_large():
    for count in range(1, 2000):
        size = suited_batch_size(count)
        assert 1 <= size <= min(count, 128)
        assert count < 8 or count // size >= 4
    assert suited_batch_size(0) == 1  # and the loader says that there is nothing


@pytest.mark.parametrize("interval", [None, 1, 7])
@pytest.mark.parametrize("least", [1, 500, 3000])
def test_a_run_makes_its_steps_and_ends_with_a_validation(least, interval):
    for steps in range(1, 1000):
        epochs, between = suited_epochs(steps, least, interval)
        assert epochs >= 5
        assert epochs * steps >= least
        assert epochs % between == 0
        assert interval or epochs // between <= 30
        assert (epochs - between) * steps < least or epochs - between < 5  # no longer than need be
