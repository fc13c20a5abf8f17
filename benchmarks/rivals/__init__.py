"""The same recurrence in numbarnn and in the libraries that one would take instead, timed in turns."""
