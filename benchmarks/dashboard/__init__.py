"""The asv dashboard: published, served, and photographed."""
