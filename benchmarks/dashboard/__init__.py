"""The asv dashboard: published, served, and as pictures."""
