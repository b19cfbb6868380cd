"""Which training examples made a model as it is."""
