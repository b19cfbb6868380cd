"""Rows with a label that is probably wrong, by predictions of models that did not see them."""
