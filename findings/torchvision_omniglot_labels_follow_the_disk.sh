#!/usr/bin/env bash
# torchvision 0.29.1 numbers Omniglot's characters in the order in which the file system lists their
# folders: the same files give other labels on another disk.
# Guessed: names are sorted, as ImageFolder sorts them. Seen: labels follow os.listdir.
# Ours sorts (tests/data/test_standard.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet torchvision==0.29.1 torch==2.14.1
cd "$place" && "$place/env/bin/python" - <<'PYTHON'
import os
from pathlib import Path

from PIL import Image
from torchvision import datasets
from torchvision.datasets import omniglot

for character in ("01", "02", "03"):
    folder = Path(f"omniglot-py/images_background/Latin/character{character}")
    folder.mkdir(parents=True)
    Image.new("1", (105, 105)).save(folder / f"{character}.png")
datasets.Omniglot._check_integrity = lambda self: True  # the archive itself is not needed here
listdir, first = os.listdir, []
for backwards in (False, True):
    os.listdir = lambda path=".", b=backwards: sorted(listdir(path), reverse=b)
    first.append(datasets.Omniglot(".")._characters[0])
print(first)
assert first == ["Latin/character01", "Latin/character03"]
PYTHON
