"""``python -m vae``: the program where its script is not on the path."""

from vae.cli.program import main

if __name__ == "__main__":
    main()
