"""The stack of `docker-compose.yml`: what its containers are started with."""
