"""The policy that a device's certificate gets: the tool's own, or one of the user's, which is never overwritten."""

from __future__ import annotations

from typing import Any

from atecc.aws.cloud import Cloud
from atecc.aws.document import may_connect
from atecc.aws.policy import DEFAULT_NAME, arn_prefix, device_policy
from atecc.errors import AwsError, RefusedError


class Granting:
    """`name` and `document` are the user's, if they are not None; the policy is looked at once, here."""

    def __init__(self, cloud: Cloud, name: str | None, document: dict[str, Any] | None) -> None:
        self._cloud = cloud
        self._given = name
        self.name = name or DEFAULT_NAME
        self._document = document
        self._present = cloud.policy(self.name)

    def check_client_id(self, thing: str, client_id: str) -> None:
        """AWS cuts off who connects with another ID than the policy allows, without a word."""
        anywhere = device_policy(f"{arn_prefix(self._cloud.region, '*')}:thing/{thing}")
        if may_connect(self._present or self._document or anywhere, client_id, thing) is False:
            raise RefusedError(
                f"Policy {self.name} does not let the thing {thing} connect with the client ID {client_id}: "
                "AWS would cut it off.",
                "Without --client-id it is the thing's name, as the tool's own policy wants it; --policy NAME and "
                "--policy-file FILE use a policy of yours.",
            )

    def ensure(self, thing_arn: str) -> str:
        """It is there afterwards; what was done, as a sentence."""
        wanted = self._document if self._document is not None else device_policy(thing_arn)
        if self._present is None:
            try:
                self._cloud.create_policy(self.name, wanted)
            except AwsError as error:
                # Somebody was faster, or the answer to our own request was lost.
                if error.kind != "aws-exists" or self._cloud.policy(self.name) != wanted:
                    raise
            scope = "yours" if self._document else "a device may only be itself: its client ID, its topics"
            return f"policy {self.name} made ({scope})"
        if self._present == wanted:
            return f"policy {self.name} is there, as it should be"
        if self._given and not self._document:
            return f"policy {self.name} is there, and used as it is"
        raise RefusedError(
            f"There is a policy {self.name} already, and it says something else: it is not overwritten.",
            f"Use it as it is: --policy {self.name} without --policy-file; or give another name.",
        )
