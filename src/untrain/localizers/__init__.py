"""Localizers: methods that find the parameters that hold the forget set."""
