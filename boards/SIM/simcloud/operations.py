"""Which operations of the API the stand-in answers itself (see own.py), and how."""

from typing import Any

from simcloud.own import Handler, page
from simcloud.registry import Registry

LARGEST_PAGE = 250

Params = dict[str, Any]


class Operations:
    """By AWS's names; called with the registry's lock held."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.handlers: dict[str, Handler] = {
            "AttachThingPrincipal": self._attach_thing_principal,
            "ListCertificates": self._list_certificates,
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

    def _list_certificates(self, params: Params) -> Params:
        """The newest first, unless asked otherwise; page by page."""
        found = sorted(self._registry.list_certificates(), key=lambda one: one.creation_date)
        if not params.get("ascendingOrder"):
            found.reverse()
        listed, marker = page(found, int(params.get("pageSize") or LARGEST_PAGE), params.get("marker"))
        return {"certificates": [_listed(one) for one in listed], "nextMarker": marker}

    def _update_thing(self, params: Params) -> None:
        self._registry.change_thing(
            params["thingName"],
            params.get("thingTypeName"),
            params.get("attributePayload"),
            bool(params.get("removeThingType")),
            params.get("expectedVersion"),
        )


def _listed(certificate: Any) -> Params:
    shown = certificate.to_dict()
    return {name: value for name, value in shown.items() if value is not None} | {
        "creationDate": certificate.creation_date.timestamp()
    }
