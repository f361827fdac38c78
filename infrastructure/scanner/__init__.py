"""Asking a scanner for malware about a file before it is kept."""
