"""Devices for these tests: a key, a certificate from the cloud, and an MQTT connection made of paho."""

import json
import ssl
import threading
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from simcloud.pki import private_pem

PATIENCE = 5.0
numbers = count(1)


def csr(key=None, hash_algorithm=None):
    """A CSR in PEM, for a new P-256 key if none is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the device's wish")])
    unsigned = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return unsigned.sign(key, hash_algorithm or SHA256()).public_bytes(Encoding.PEM).decode()


def allow(*actions, resource="*", effect="Allow", condition=None):
    """A policy's statement."""
    return {
        "Effect": effect,
        "Action": list(actions),
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


EVERYTHING = allow("iot:*")


@dataclass
class Identity:
    certificate_file: Path
    key_file: Path
    certificate_id: str
    arn: str


class Device:
    """One MQTT connection. `cut` is set when it ends, `inbox` has (topic, payload) of what arrived."""

    def __init__(self, host, port, ca_file, identity, client_id, *, clean_session=True):
        self.client_id = client_id
        self.inbox = []
        self.connack = None
        self.cut = threading.Event()
        self._address = (host, port)
        self._up = threading.Event()
        self._arrived = threading.Condition()
        self._acked = {}
        self.mqtt = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session,
            reconnect_on_failure=False,
        )
        self.mqtt.on_connect = self._on_connect
        self.mqtt.on_disconnect = self._on_disconnect
        self.mqtt.on_message = self._on_message
        self.mqtt.on_subscribe = lambda c, u, mid, codes, p: self._ack(mid)
        self.mqtt.on_publish = lambda c, u, mid, code, p: self._ack(mid)
        self.mqtt.tls_set(
            str(ca_file),
            str(identity.certificate_file) if identity else None,
            str(identity.key_file) if identity else None,
            tls_version=ssl.PROTOCOL_TLS_CLIENT,
        )

    def connect(self):
        """Whether the broker took us."""
        self.mqtt.connect(*self._address, keepalive=60)
        self.mqtt.loop_start()
        while not (self._up.wait(0.01) or self.cut.wait(0.01)):
            pass
        return self._up.is_set() and not self.cut.is_set()

    def publish(self, topic, payload=b"", qos=1, retain=False):
        """Whether it was acknowledged, rather than cut off."""
        return self._answered(self.mqtt.publish(topic, payload, qos, retain).mid)

    def subscribe(self, topic, qos=0):
        return self._answered(self.mqtt.subscribe(topic, qos)[1])

    def received(self, number=1, patience=PATIENCE):
        """The inbox, once it has so many messages (or patience has run out)."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.inbox) >= number, patience)
            return list(self.inbox)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def _answered(self, mid):
        acked = self._acked.setdefault(mid, threading.Event())
        while not (acked.wait(0.01) or self.cut.wait(0.01)):
            pass
        return acked.is_set()

    def _ack(self, mid):
        self._acked.setdefault(mid, threading.Event()).set()

    def _on_connect(self, client, userdata, flags, code, properties):
        self.connack = code
        (self.cut if code.is_failure else self._up).set()

    def _on_disconnect(self, client, userdata, flags, code, properties):
        self.cut.set()

    def _on_message(self, client, userdata, message):
        with self._arrived:
            self.inbox.append((message.topic, message.payload))
            self._arrived.notify_all()


class Fleet:
    def __init__(self, cloud, iot, directory):
        self.cloud = cloud
        self.iot = iot
        self.directory = directory
        self._devices = []

    def name(self):
        return f"thing-{next(numbers)}"

    def identity(self, *statements, active=True, thing=None):
        """A certificate with one policy of these statements, attached to a thing if one is named."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self.iot.create_certificate_from_csr(certificateSigningRequest=csr(key), setAsActive=active)
        if statements:
            self.attach(issued["certificateArn"], document(*statements))
        if thing:
            self.iot.create_thing(thingName=thing)
            self.iot.attach_thing_principal(thingName=thing, principal=issued["certificateArn"])
        return self.files(key, issued["certificatePem"], issued["certificateId"], issued["certificateArn"])

    def attach(self, arn, policy):
        name = f"policy-{next(numbers)}"
        self.iot.create_policy(policyName=name, policyDocument=policy)
        self.iot.attach_policy(policyName=name, target=arn)

    def files(self, key, certificate_pem, certificate_id="", arn=""):
        stem = self.directory / f"{next(numbers)}"
        certificate_file, key_file = stem.with_suffix(".crt.pem"), stem.with_suffix(".key.pem")
        certificate_file.write_text(certificate_pem)
        key_file.write_bytes(private_pem(key))
        return Identity(certificate_file, key_file, certificate_id, arn)

    def device(self, identity, client_id=None, **options):
        made = Device(
            self.cloud.broker_host,
            self.cloud.broker_port,
            self.cloud.server_ca_file,
            identity,
            self.name() if client_id is None else client_id,
            **options,
        )
        self._devices.append(made)
        return made

    def connected(self, *statements, client_id=None):
        """A device whose policy has these statements, connected."""
        device = self.device(self.identity(*(statements or [EVERYTHING])), client_id)
        assert device.connect()
        return device

    def last_reason(self, device, action=None):
        """Why, by the stand-in's journal, this device's last request ended as it did."""
        for decision in reversed(self.cloud.decisions):
            if decision.who == device.client_id and action in (None, decision.action):
                return decision.reason
        return None

    def close(self):
        for device in self._devices:
            device.close()
