"""Which training examples made a model as it is, and which new ones are worth a label."""
