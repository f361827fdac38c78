"""HTTP of the read service: requests in, use cases called, answers out."""
