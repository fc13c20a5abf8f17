"""Digests of everything that numbarnn computes, to show that a change leaves every bit as it was."""
