#!/usr/bin/env bash
# torch 2.14.1: torch.compile takes an empty types.MappingProxyType for true. The usual read-only
# default of a class attribute, tested as `if self.weights:`, sends the compiled step down the other
# branch: no graph break with fullgraph=True, no warning, other gradients than the eager step.
# Guessed: the branch of the eager call, as for an empty dict and as for len() of the same proxy.
# Seen: [2., 2.] where the eager call gives [3., 3.]; with a dict or len(), [3., 3.] both times.
# Ours tests such defaults against None (tests/training/test_compile.py compares whole runs).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet torch==2.14.1
cd "$place" && "$place/env/bin/python" -W ignore - <<'PYTHON'
from types import MappingProxyType

import torch


class Loss:
    proxy = MappingProxyType({})
    plain = {}


loss, x = Loss(), torch.ones(2)
FUNCTIONS = {
    "if proxy": lambda x: x * 2 if loss.proxy else x * 3,
    "if len(proxy)": lambda x: x * 2 if len(loss.proxy) else x * 3,
    "if dict": lambda x: x * 2 if loss.plain else x * 3,
}
found = {}
for name, function in FUNCTIONS.items():
    compiled = torch.compile(function, backend="eager", fullgraph=True)
    found[name] = (function(x).tolist(), compiled(x).tolist())
    print(f"{name}: eager {found[name][0]}, compiled {found[name][1]}")
assert found["if proxy"] == ([3.0, 3.0], [2.0, 2.0]), found
assert found["if len(proxy)"] == found["if dict"] == ([3.0, 3.0], [3.0, 3.0]), found
PYTHON
