"""The Postgres room against real servers."""
