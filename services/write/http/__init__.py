"""HTTP of the write service: requests in, use cases called, answers out."""
