"""Tasks: the fields of a batch, the inputs of a model and its loss, one file per task."""
