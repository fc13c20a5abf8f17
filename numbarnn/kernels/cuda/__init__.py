"""Time loops and matrix products on CUDA devices.

This package is not imported before the first CUDA array is used.
"""
