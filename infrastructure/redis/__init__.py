"""The shared cache. Whatever happens to it costs time, never an answer."""
