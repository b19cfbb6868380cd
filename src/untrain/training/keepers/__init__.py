"""Keepers: what is saved at training time because an unlearner needs it later, one file per keeper."""
