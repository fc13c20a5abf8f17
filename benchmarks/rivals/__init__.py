"""The same recurrence in numbarnn and in other libraries, timed in turns."""
