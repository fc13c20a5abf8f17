"""Time loops and matrix products on CUDA devices.

Nothing imports this package before the first CUDA array comes in.
"""
