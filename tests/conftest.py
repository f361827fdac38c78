"""What every test can ask for."""

from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.servers",)

# On a busy machine examples take as long as they take; what they find is what counts.
settings.register_profile("chitram", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chitram")
