"""The variables `CHITRAM_...` that a stack is started with, tried before it remembers them."""

from collections.abc import Mapping

import msgspec

from deploy.local.trouble import Trouble
from infrastructure import env
from infrastructure.cdn.config import CdnConfig
from infrastructure.imaging.config import FenceConfig, ImagingLimits
from infrastructure.nats.config import NatsConfig
from infrastructure.nginx.config import ProxyConfig
from infrastructure.passwords.config import PasswordConfig
from infrastructure.postgres.config import PrimaryConfig, ReplicaConfig
from infrastructure.redis.config import RedisConfig
from infrastructure.scanner.config import ScannerConfig
from infrastructure.storage.config import StorageConfig
from infrastructure.telemetry.config import TelemetryConfig
from services.read.config import ReadConfig
from services.shared.bounds import Bounds
from services.shared.origins import CrossOriginConfig
from services.shared.public import PublicConfig
from services.shared.rates import RateConfig
from services.shared.secret_keys import SecretsConfig
from services.worker.config import WorkerConfig
from services.write.config import AccountsConfig, GateConfig, WriteConfig

CONFIGS: tuple[type[msgspec.Struct], ...] = (
    *(WriteConfig, GateConfig, RateConfig, AccountsConfig, PasswordConfig, ReadConfig, WorkerConfig),
    *(ImagingLimits, FenceConfig, ScannerConfig, CdnConfig, ProxyConfig, TelemetryConfig),
    *(
        SecretsConfig,
        CrossOriginConfig,
        PublicConfig,
        Bounds,
        PrimaryConfig,
        ReplicaConfig,
        RedisConfig,
        NatsConfig,
        StorageConfig,
    ),
)


def check(environment: Mapping[str, str]) -> None:
    """Raises `Trouble`, naming the variable, for what no service could be started with."""
    for config in CONFIGS:
        _read(config, environment)
    if _read(StorageConfig, environment).tls:
        raise Trouble(
            "CHITRAM_S3_TLS: the SeaweedFS of this stack has no TLS.",
            way_out="Start again without this variable, or with CHITRAM_S3_TLS=false.",
        )


def max_file_size(settings: Mapping[str, str]) -> int:
    """Bytes that the write service takes for one picture. Raises `Trouble`."""
    return _read(WriteConfig, settings).max_file_size


def trusted_proxies(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Whom the gateway believes where a request came from. Raises `Trouble`."""
    return _read(ProxyConfig, settings).trusted


def _read(config: type[env.C], environment: Mapping[str, str]) -> env.C:
    try:
        return env.read(config, environment)
    except env.ConfigError as error:
        raise Trouble(f"{error}.", way_out="Set this variable to another value, or to none.") from None
