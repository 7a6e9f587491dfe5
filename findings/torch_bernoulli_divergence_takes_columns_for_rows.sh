#!/usr/bin/env bash
# torch 2.14.1: kl_divergence of two Bernoulli distributions of different batch shapes. Where a
# probability is exactly 0 or 1 a mask of the one's shape is laid on terms of the common shape: of
# batches (4,) and (4, 4) it strikes a row where it means a column, and the divergence is wrong
# without a word; of (4,) and (20, 4) it raises IndexError, whatever the
# probabilities. Geometric, Poisson, Exponential and Beta broadcast.
# Guessed: the two are broadcast, as torch.distributions documents batch shapes. Seen: see above.
# Ours has a kind of its own with its own divergence (tests/distributions/test_bits.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet torch==2.14.1
cd "$place" && "$place/env/bin/python" -W ignore - <<'PYTHON'
import torch
from torch.distributions import Bernoulli, Poisson, kl_divergence

one = torch.tensor([0.0, 0.3, 0.3, 0.3])
many = torch.full((4, 4), 0.4)
found = kl_divergence(Bernoulli(one), Bernoulli(many))
right = kl_divergence(Bernoulli(one.expand(4, 4)), Bernoulli(many))
print("found", found, "of the same, expanded first", right, sep="\n")
assert torch.allclose(right[0], right[1])  # all rows are alike
assert not torch.allclose(found, right)

many = torch.full((20, 4), 0.4)
assert kl_divergence(Poisson(one + 1), Poisson(many)).shape == (20, 4)
try:
    kl_divergence(Bernoulli(one), Bernoulli(many))
except IndexError as error:
    print("of (4,) and (20, 4):", error)
else:
    raise SystemExit("it broadcasts now")
PYTHON
