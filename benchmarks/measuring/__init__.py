"""Shapes, seeded arrays, data and timers that all benchmarks use."""
