"""Steps that several tests take."""

from infrastructure.telemetry import metrics


def counted(outcome):
    """How often the shared cache was asked with this outcome."""
    return metrics.cache_requests.labels("redis", outcome)._value.get()
