"""Unit tests of the scanner room."""
