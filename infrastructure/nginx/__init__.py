"""nginx: its configuration and what renders it. It moves bytes and makes no decisions."""
