"""Models of sequences ``(T, *event)``, of unequal lengths and with missing values."""
