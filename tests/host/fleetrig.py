"""A fleet at the stand-in, and whoever asks it for certificates."""

from atecc.aws import fleet as fleets
from atecc.aws.cloud import Cloud as Account
from cloud.test_provisioning import Asker
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SERIAL, OTHER = "0123a1b2c3d4e5f6ee", "0123ffffffffffffee"


class Rig:
    """A fleet, and whoever asks it for certificates."""

    def __init__(self, stand_in, iot, devices, fleet):
        self.iot, self.devices, self.fleet = iot, devices, fleet
        fleets.set_up(Account(), fleet)

    def thing(self, serial):
        return self.fleet.prefix + serial

    def claim(self, client_id):
        """Somebody who has a claim, connected."""
        got = self.iot.create_provisioning_claim(templateName=self.fleet.template)
        key = load_pem_private_key(got["keyPair"]["PrivateKey"].encode(), None)
        device = self.devices.device(self.devices.files(key, got["certificatePem"]), client_id)
        assert device.connect()
        return Asker(device)

    def member(self, serial):
        """A device of the fleet, connected with its own certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        asker = self.claim(f"claim-{serial}")
        issued = asker.certificate(key)
        thing = self.ask(asker, issued, SerialNumber=serial)["thingName"]
        device = self.devices.device(self.devices.files(key, issued["certificatePem"]), thing)
        assert device.connect()
        return Asker(device), key

    def ask(self, asker, issued, **parameters):
        token = issued["certificateOwnershipToken"]
        return asker.register(self.fleet.template, token, **parameters)[1]

    def denied(self, asker, **parameters):
        """Whether the hook says no; the certificate stays as it was, inactive."""
        issued = asker.certificate()
        answer = self.ask(asker, issued, **parameters)
        described = self.iot.describe_certificate(certificateId=issued["certificateId"])
        waits = described["certificateDescription"]["status"] == "PENDING_ACTIVATION"
        return answer.get("errorCode") == "ACCESS_DENIED" and waits
