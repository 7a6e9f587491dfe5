"""Figures of a trained model, by the methods that sections of the report share."""
