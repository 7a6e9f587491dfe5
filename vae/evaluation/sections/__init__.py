"""The sections of the report that every model may have."""
