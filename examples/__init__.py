"""Models of other packages, written for `vae.fit`; each file runs alone."""
