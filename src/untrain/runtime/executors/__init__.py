"""This process, several, Ray, Slurm: one file per executor."""
