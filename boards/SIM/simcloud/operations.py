"""Which operations of the API the stand-in answers itself (see own.py), and how."""

from collections.abc import Callable
from typing import Any

from simcloud.model import AwsError
from simcloud.own import Handler, page
from simcloud.policy import Request, evaluate
from simcloud.registry import Principal, Registry

LARGEST_PAGE = 250

Params = dict[str, Any]


class Operations:
    """By AWS's names; called with the registry's lock held."""

    def __init__(
        self,
        registry: Registry,
        checked_config: Callable[[Params | None], Params | None] = lambda config: config,
    ) -> None:
        self._registry = registry
        self._checked_config = checked_config  # of a CA's just-in-time provisioning
        self.handlers: dict[str, Handler] = {
            "AttachThingPrincipal": self._attach_thing_principal,
            "GetThingConnectivityData": self._connectivity,
            "DescribeCACertificate": self._describe_ca,
            "RegisterCACertificate": self._register_ca,
            "UpdateCACertificate": self._update_ca,
            "RegisterCertificate": self._register,
            "TestAuthorization": self._test_authorization,
            "ListCACertificates": self._list_cas,
            "ListCertificates": self._list_certificates,
            "ListThingsInThingGroup": self._list_things_in_group,
            "ListThingPrincipalsV2": self._list_thing_principals,
            "UpdateThing": self._update_thing,
        }

    def _attach_thing_principal(self, params: Params) -> None:
        exclusive = params.get("thingPrincipalType") == "EXCLUSIVE_THING"
        self._registry.attach_to_thing(params["thingName"], params["principal"], exclusive)

    def _list_thing_principals(self, params: Params) -> Params:
        thing = params["thingName"]
        listed, token = page(
            self._registry.list_thing_principals(thing),
            int(params.get("maxResults") or LARGEST_PAGE),
            params.get("nextToken"),
        )
        kinds = {True: "EXCLUSIVE_THING", False: "NON_EXCLUSIVE_THING"}
        return {
            "thingPrincipalObjects": [
                {"principal": arn, "thingPrincipalType": kinds[self._registry.is_exclusive(thing, arn)]}
                for arn in listed
            ],
            "nextToken": token,
        }

    def _list_things_in_group(self, params: Params) -> Params:
        """In no order that AWS would promise; page by page."""
        group = self._registry.describe_thing_group(params["thingGroupName"])
        listed, token = page(
            self._registry.things_in(group.arn, bool(params.get("recursive"))),
            int(params.get("maxResults") or LARGEST_PAGE),
            params.get("nextToken"),
        )
        return {"things": listed, "nextToken": token}

    def _list_certificates(self, params: Params) -> Params:
        """The newest first, unless asked otherwise; page by page."""
        found = sorted(self._registry.list_certificates(), key=lambda one: one.creation_date)
        if not params.get("ascendingOrder"):
            found.reverse()
        listed, marker = page(found, int(params.get("pageSize") or LARGEST_PAGE), params.get("marker"))
        return {"certificates": [_listed(one) for one in listed], "nextMarker": marker}

    def _list_cas(self, params: Params) -> Params:
        found = sorted(self._registry.ca_certificates.values(), key=lambda one: one.creation_date)
        listed, marker = page(found, int(params.get("pageSize") or LARGEST_PAGE), params.get("marker"))
        return {"certificates": [_listed(one) for one in listed], "nextMarker": marker}

    def _register_ca(self, params: Params) -> Params:
        made = self._registry.register_ca(
            params["caCertificate"],
            params.get("verificationCertificate"),
            params.get("certificateMode", "DEFAULT"),
            bool(params.get("setAsActive")),
            bool(params.get("allowAutoRegistration")),
            self._checked_config(params.get("registrationConfig")),
        )
        return {"certificateId": made.certificate_id, "certificateArn": made.arn}

    def _describe_ca(self, params: Params) -> Params:
        found = self._registry.describe_ca_certificate(params["certificateId"])
        registers = self._registry.auto_registration.get(found.certificate_id)
        description = _listed(found) | {
            "certificatePem": found.certificate_pem,
            "autoRegistrationStatus": "ENABLE" if registers else "DISABLE",
        }
        return {"certificateDescription": description, "registrationConfig": found.registration_config}

    def _update_ca(self, params: Params) -> None:
        config = self._checked_config(params.get("registrationConfig"))
        found = self._registry.describe_ca_certificate(params["certificateId"])
        self._registry.update_ca_certificate(found.certificate_id, params.get("newStatus"), config)
        registers = params.get("newAutoRegistrationStatus")
        if registers is not None:
            self._registry.auto_registration[found.certificate_id] = registers == "ENABLE"
        if params.get("removeAutoRegistration"):
            self._registry.auto_registration[found.certificate_id] = False
            found.registration_config = {}

    def _register(self, params: Params) -> Params:
        status = "ACTIVE" if params.get("setAsActive") else params.get("status", "INACTIVE")
        made = self._registry.register_from_ca(
            params["certificatePem"], params.get("caCertificatePem", ""), status
        )
        return {"certificateId": made.certificate_id, "certificateArn": made.arn}

    def _update_thing(self, params: Params) -> None:
        self._registry.change_thing(
            params["thingName"],
            params.get("thingTypeName"),
            params.get("attributePayload"),
            bool(params.get("removeThingType")),
            params.get("expectedVersion"),
        )

    def _connectivity(self, params: Params) -> Params:
        thing = params["thingName"]
        found = self._registry.connectivity(thing)
        if found is None:
            return {"thingName": thing, "connected": False}
        answer = {"thingName": thing, "connected": found.connected, "timestamp": found.timestamp}
        return answer | {"disconnectReason": found.reason, "clientId": found.client_id}

    def _test_authorization(self, params: Params) -> Params:
        """For a certificate's ARN; the variables are those of a connection with `clientId`."""
        identifier = str(params.get("principal", "")).rpartition("/")[2]
        principal = self._registry.principal(identifier, params.get("clientId", ""))
        if principal is None:
            raise AwsError("ResourceNotFoundException", "The principal does not exist")
        return {"authResults": [_judged(principal, info) for info in params["authInfos"]]}


def _judged(principal: Principal, info: Params) -> Params:
    """Of several resources every one has to be allowed."""
    decision = "ALLOWED"
    for resource in info["resources"]:
        request = Request(f"iot:{info['actionType'].capitalize()}", resource, principal.variables)
        verdict = evaluate(principal.policies, request)
        if not verdict.allowed:
            decision = "EXPLICIT_DENY" if " denies " in verdict.reason else "IMPLICIT_DENY"
            break
    return {"authInfo": info, "authDecision": decision}


def _listed(certificate: Any) -> Params:
    shown = certificate.to_dict()
    return {name: value for name, value in shown.items() if value is not None} | {
        "creationDate": certificate.creation_date.timestamp()
    }
