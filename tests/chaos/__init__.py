"""Faults while clients work, then the history check. Imports nothing of ours."""
