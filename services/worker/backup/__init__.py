"""Saving everything, putting it back, and telling what is missing."""
