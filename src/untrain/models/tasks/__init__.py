"""What a batch holds, what a model is asked, what its loss is: one file per task."""
