"""Pictures, plots and movies, drawn from tensors and figures."""
