"""The whole stand-in: CAs, registry, API and broker, started and stopped together."""

import secrets
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simcloud.access import AccessKey
from simcloud.api import Api
from simcloud.broker import BUILD, MQTT_TLS_PORT, Broker, BrokerError, Plugin, free_address
from simcloud.dataplane import DataPlane
from simcloud.faults import Faults
from simcloud.functions import Functions
from simcloud.issuing import DeviceCa
from simcloud.jobservice import JobService
from simcloud.journal import Decision, Journal
from simcloud.judge import Judge
from simcloud.justintime import JustInTime
from simcloud.operations import Operations
from simcloud.pki import Authority, ServerIdentity, name, pem, server_certificate
from simcloud.provisioning import Provisioning
from simcloud.quotas import Quotas
from simcloud.registry import Registry
from simcloud.roles import Roles
from simcloud.rules import Rules
from simcloud.services import Services
from simcloud.wire import Wire

REGION = "eu-west-1"
# For TLS 1.2; AWS has these, some older ones, and no others (no ChaCha20, no CCM).
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
    for key in ("ECDSA", "RSA")
)


class Cloud:
    """`with Cloud() as cloud:` is an AWS account of its own, with nothing in it; it ends with the block.

    `directory` keeps its files (CA certificates, the broker's configuration and log); without one they are
    temporary. `faults` orders errors of the API, `quotas` its limits; `cut`, `stop_broker` and `settling_seconds` are
    for devices.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        address: str | None = None,
        api_port: int = 0,
        region: str = REGION,
        listener: Callable[[Decision], None] | None = None,
        build: Path = BUILD,
    ) -> None:
        self.region = region
        self.account = str(secrets.randbelow(9 * 10**11) + 10**11)
        self.credentials = AccessKey.new("provisioner", "*")
        self.powerless_credentials = AccessKey.new("visitor")
        self.faults = Faults()
        self.quotas = Quotas()
        self.device_ca = DeviceCa()
        self.server_root = Authority.root(name(country_name="US", common_name="Stand-in Root CA 3"))
        self.broker_port = MQTT_TLS_PORT
        self._directory = directory
        self._address = address
        self._api_port = api_port
        self._journal = Journal(listener)
        self._build = build
        self._wire: Wire | None = None
        self._broker: Broker | None = None
        self._closing = ExitStack()

    def start(self) -> None:
        with ExitStack() as undo:
            self.directory = self._directory or Path(
                undo.enter_context(TemporaryDirectory(prefix="simcloud-"))
            )
            self.directory.mkdir(parents=True, exist_ok=True)
            self.broker_host = self._address or free_address()
            self._write_certificates()
            self._registry = Registry(
                self.region, self.account, self.device_ca, self.broker_host, self._journal
            )
            undo.callback(self._registry.leave)
            self._registry.trust = self._trust
            self._services = Services(self.faults, self._journal)
            undo.callback(self._services.close)
            api = self._start_api(undo)
            undo.callback(api.close)
            self.endpoint_url = api.url
            undo.callback(self.stop_broker)
            self.start_broker()
            self._closing = undo.pop_all()

    def _start_api(self, undo: ExitStack) -> Api:
        keys = {key.access_key_id: key for key in (self.credentials, self.powerless_credentials)}
        roles = Roles(self.account, self.region)
        undo.callback(roles.leave)
        functions = Functions(self.region, self.account, roles, keys, self._client)
        provisioning = Provisioning(self._registry, functions, roles)
        provisioning.serve(self._services)
        self._newcomer = JustInTime(self._registry, provisioning, self._services, self._journal).meet
        rules = Rules(self._registry, functions, self._services, self._journal)
        jobs = JobService(self._registry, self._services)
        self.jobs = jobs.jobs  # the engine
        own = {
            "iot": Operations(self._registry, provisioning.checked_config).handlers
            | provisioning.handlers
            | rules.handlers
            | jobs.operations.handlers,
            "iot-jobs-data": jobs.operations.data_handlers,
            "iotdata": DataPlane(self._services).handlers,
            "lambda": functions.handlers,
            "servicequotas": self.quotas.handlers,
        }
        return Api(self._registry, keys, self.faults, self._journal, own, roles, self.quotas, self._api_port)

    def _client(self, key: AccessKey, service: str) -> Any:
        """boto3's, for what runs in here."""
        import boto3

        return boto3.Session().client(
            service,
            self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        )

    def stop(self) -> None:
        self._closing.close()

    def __enter__(self) -> "Cloud":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _write_certificates(self) -> None:
        self.server_ca_file = self.directory / "server-root-ca.pem"
        self.server_ca_file.write_bytes(pem(self.server_root.certificate))
        self.device_ca_file = self.directory / "device-ca.pem"
        self.device_ca_file.write_bytes(pem(self.device_ca.certificate))
        self._cas = self.directory / "client-cas"
        self._cas.mkdir(exist_ok=True)
        self.server_authority = self.server_root.intermediate(
            name(country_name="US", common_name="Stand-in M01")
        )

    # --- the broker

    def start_broker(self, server: ServerIdentity | None = None) -> None:
        """Again, after stop_broker; with another certificate if one is given. Sessions don't survive it."""
        plugin = self._build / "simcloud/plugin.so"
        if not plugin.exists():
            raise BrokerError(f"there is no {plugin}: `make mosquitto` builds it")
        names = (self.broker_host, "localhost")
        self._judge = Judge(self._registry, self._services, self._journal, self._newcomer)
        self._wire = Wire(self._judge, self._journal)
        self._broker = Broker(
            self.directory,
            server or server_certificate(self.directory, self.server_authority, *names),
            self.device_ca_file,
            address=self.broker_host,
            port=self.broker_port,
            plugin=Plugin(plugin, self._wire.plugin_end),
            extra=[f"ciphers {CIPHERS}", f"capath {self._cas}"],
            build=self._build,
        )
        self._broker.start()

    def _trust(self, certificate_pem: str) -> None:
        """TLS takes a CA that is registered, or a certificate that is so without one; what counts, the judge knows.

        OpenSSL looks for them by the hash of their names, each time: the broker needs no restart.
        """
        told = ["openssl", "x509", "-noout", "-subject_hash"]
        found = subprocess.run(told, input=certificate_pem.encode(), capture_output=True, check=True)
        name = found.stdout.decode().strip()
        file = next(one for n in range(10**6) if not (one := self._cas / f"{name}.{n}").exists())
        file.write_text(certificate_pem)

    def stop_broker(self) -> None:
        """Devices find nobody at the address."""
        broker, self._broker = self._broker, None
        wire, self._wire = self._wire, None
        if broker:
            broker.stop()
        if wire:
            wire.close()

    def cut(self, client_id: str) -> None:
        """Cuts a device's connection off, within a fraction of a second."""
        self._judge.cut(client_id)

    # --- what its users need

    @property
    def decisions(self) -> list[Decision]:
        """What was decided so far, and why."""
        return list(self._journal.decisions)

    @property
    def settling_seconds(self) -> float:
        """How long the broker goes on refusing a certificate after the API has changed what it may (0)."""
        return self._registry.settling_seconds

    @settling_seconds.setter
    def settling_seconds(self, seconds: float) -> None:
        self._registry.settling_seconds = seconds

    def pass_time(self, seconds: float) -> None:
        """Put this cloud's clock forward: claims and ownership tokens end by it, and jobs go on."""
        self._registry.ahead += seconds

    @property
    def broker_log(self) -> str:
        return self._broker.log() if self._broker else ""

    def environment(self, credentials: AccessKey | None = None) -> Mapping[str, str]:
        """The environment variables with which boto3, and all that stands on it, talks to this cloud."""
        key = credentials or self.credentials
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
        }
