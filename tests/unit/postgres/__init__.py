"""Pure parts of the Postgres room."""
