"""The read service: look up, list, deliver. One use case a file."""
