"""Rows whose label is probably wrong: models that did not see a row are asked about it."""
