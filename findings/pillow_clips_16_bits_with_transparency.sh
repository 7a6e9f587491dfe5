#!/usr/bin/env bash
# Pillow 13.0.0 converts 16-bit grey with a transparent value (PNG's tRNS) to RGBA by cutting values
# off at 255: the picture is all but white.
# Guessed: 16 bits are scaled to 8. Seen: 100, 300 and 65535 become 100, 255 and 255.
# Ours scales by itself before Pillow converts (tests/data/test_picture.py).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/env"
"$place/env/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
cd "$place" && "$place/env/bin/python" - <<'PYTHON'
import numpy as np
from PIL import Image

x = np.array([[100, 300, 65535]], np.uint16)
Image.fromarray(x).save("x.png", transparency=300)
with Image.open("x.png") as image:
    found = np.asarray(image.convert("RGBA"))[0, :, 0].tolist()
    print(image.mode, image.info.get("transparency"), found)
    assert image.mode == "I;16"
    assert found == [100, 255, 255]
PYTHON
