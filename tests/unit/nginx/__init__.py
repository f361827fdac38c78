"""nginx's configuration as text."""
