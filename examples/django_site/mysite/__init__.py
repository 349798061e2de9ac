"""A Django site whose admin is guarded by a chain."""
