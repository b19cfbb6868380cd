"""Callbacks of other trainers, which keep at training time what unlearning needs later: one file per trainer."""
