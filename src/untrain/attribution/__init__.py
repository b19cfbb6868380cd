"""Attribution of a model's behaviour to its training examples, and the choice of new ones to label."""
