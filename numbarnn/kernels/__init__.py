"""Loops over time and what surrounds them: `cpu` for NumPy arrays, `cuda` for arrays on an NVIDIA GPU."""
