"""What a running process tells about itself: logs, metrics and the id that joins a request's lines."""
