"""What all benchmarks measure with: shapes, seeded arrays, data, clocks."""
