"""What is broken on purpose is broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tests.chaos.scenarios  # noqa: F401 - makes them known
from tests.chaos.stack import SABOTAGE
from tests.chaos.world import SCENARIOS

ROOT = Path(__file__).parents[3]
BUILDS = {
    "tombstones": ["services.read.overlay"],
    "leases": ["infrastructure.nats.audience", "infrastructure.nats.lease"],
    "versioned-fill": ["services.read.look_up"],
    "reconciler": ["infrastructure.postgres.reconciler"],
}


@pytest.mark.parametrize("name", BUILDS)
def test_a_build_is_broken_where_it_says(name):
    """What is patched is there to be patched, and nothing else is touched."""
    environment = os.environ | {"CHITRAM_SABOTAGE": name, "PYTHONPATH": f"{SABOTAGE}{os.pathsep}{ROOT}"}
    script = "import services.read.main, services.write.main, services.worker.main"
    done = subprocess.run(
        (sys.executable, "-c", script), env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stderr.split()[1::6]) == BUILDS[name]


def test_each_broken_build_has_a_scenario_that_must_catch_it():
    """And only one, so that it is known which."""
    assert sorted(name for scenario in SCENARIOS.values() for name in scenario.shows) == sorted(BUILDS)
