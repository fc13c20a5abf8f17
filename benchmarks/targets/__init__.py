"""Performance targets of numbarnn, one module each."""
