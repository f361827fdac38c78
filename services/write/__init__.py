"""The write service: upload, change, delete. One use case a file."""
