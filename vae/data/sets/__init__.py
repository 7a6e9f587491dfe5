"""Well-known data sets, and those that are made by a procedure."""
