#!/usr/bin/env bash
# zuko 1.6.0: the density of a conditional flow at one value under a batch of contexts. A flow of
# splines (NSF) broadcasts, as every distribution of torch does; one of affine layers (MAF, of
# which NSF is otherwise a copy) raises RuntimeError in expand. A mixture of posteriors, where each
# value meets each component, needs it.
# Guessed: both broadcast. Seen: NSF alone does.
# Ours expands the value first (tests/distributions/test_contract.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet torch==2.14.1 zuko==1.6.0
cd "$place" && "$place/env/bin/python" -W ignore - <<'PYTHON'
import torch
import zuko

contexts, value = torch.zeros(5, 3), torch.zeros(2)
assert zuko.flows.NSF(2, 3)(contexts).log_prob(value).shape == (5,)
q = zuko.flows.MAF(2, 3)(contexts)
assert q.log_prob(value.expand(5, 2)).shape == (5,)
try:
    q.log_prob(value)
except RuntimeError as error:
    print("MAF:", error)
else:
    raise SystemExit("it broadcasts now")
PYTHON
