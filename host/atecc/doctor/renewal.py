"""The device's next certificate, as far as no host brings it."""

from __future__ import annotations

from atecc.doctor.patient import Patient
from atecc.errors import DeviceError


def renewal(patient: Patient) -> str:
    """What renews it, unless that has failed."""
    status = patient.identities
    found = status.renewal
    if found is None:
        return "by a host alone: neither aws.jobs nor aws.renew is set"
    if not isinstance(found.last_error, dict):
        return found.how
    active = status.identities.get(status.active or "")
    error = DeviceError.from_reply(found.last_error)
    error.message = f"The device could not renew its certificate: {error.message}."
    error.hint = (
        "It tries again after a day, or `atecc reboot`. Its certificate needs the policy atecc-renewal, aws.template "
        "has to name the template of `atecc aws fleet setup`, whose hook lets it renew in the certificate's last 90 "
        f"days. By hand: `atecc provision aws --thing {(active and active.name) or 'NAME'} --renew`."
    )
    raise error
