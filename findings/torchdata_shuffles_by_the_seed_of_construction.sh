#!/usr/bin/env bash
# torchdata 0.11.0: a shuffled StatefulDataLoader draws the seed of all its orders when it is made.
# Seeding torch before an epoch, which fixes the order of torch's own DataLoader, has no effect, and
# a run that goes on at the end of an epoch with a new loader reads other orders than it would have,
# unless the loader's state is restored although nothing of the epoch is left.
# Guessed: the order follows torch.manual_seed before the epoch, as of DataLoader. Seen: it does not.
# Ours restores the state there too (tests/training/test_loaders.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet torch==2.14.1 torchdata==0.11.0
cd "$place" && "$place/env/bin/python" -W ignore - <<'PYTHON'
import torch
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader


def order(loader):
    torch.manual_seed(0)
    return torch.cat(list(loader)).tolist()


data = torch.arange(100)
for kind in (DataLoader, StatefulDataLoader):
    torch.manual_seed(1)
    one = kind(data, batch_size=10, shuffle=True)
    torch.manual_seed(2)
    two = kind(data, batch_size=10, shuffle=True)
    first, second, again = order(one), order(two), order(one)
    print(kind.__name__, first == second, first == again)
    same = kind is DataLoader
    assert (first == second) is same
    assert (first == again) is same
PYTHON
