"""Compares a wheel with the folder that it was built from: every file of vae/, and the licence."""

import sys
from pathlib import Path
from zipfile import ZipFile


def main(wheel: str) -> None:
    """Stop with a message if a file is missing in a wheel, or is in excess."""
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(about).decode()
        licence = about.replace("METADATA", "licenses/LICENSE") in archive.namelist()
    here = {
        path.as_posix()
        for path in Path("vae").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if held != here:
        sys.exit(f"{wheel} lacks {sorted(here - held)} and has in excess {sorted(held - here)}")
    if "\nLicense-Expression: MIT\n" not in metadata or not licence:
        sys.exit(f"{wheel} does not hold the licence")
    print(f"{wheel} holds the {len(held)} files of vae/")


if __name__ == "__main__":
    main(sys.argv[1])
