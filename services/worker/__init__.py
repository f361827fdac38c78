"""The worker: relay, derive, erase. One use case a file, each safe to do twice."""
