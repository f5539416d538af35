"""AWS IoT as the issuer for provisioning: thing and policy before the key is made, the certificate after.

The certificate counts for nothing until it is on the board; what it replaces is retired when the board is connected
with it. Whatever happens in between, this run or the next one takes away what is on no board.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from atecc.aws import certificates, owned, registry
from atecc.aws.board import Board
from atecc.aws.certificates import ACTIVE, INACTIVE, Certificate, Issuing
from atecc.aws.cloud import Cloud, Planned, amazon_roots
from atecc.aws.granting import Granting
from atecc.aws.journal import SWITCHING, Entry, Journal
from atecc.aws.leftovers import KEEP_PREVIOUS, retire, take_away
from atecc.aws.naming import check_thing
from atecc.aws.owned import OwnCa
from atecc.aws.policy import arn_prefix
from atecc.broker.address import MQTT_TLS_PORT, parse_broker
from atecc.errors import ArgumentError, AwsError, RefusedError
from atecc.provisioning.authority import Authority, Issued, Look, Seen, Target, Unchanged, Wish
from atecc.provisioning.order import Connection, Renewal, left_alone
from atecc.steps import Steps
from atecc.x509 import library
from atecc.x509.authority import LocalCA
from atecc.x509.requests import names_in, pem, when

if TYPE_CHECKING:
    from cryptography import x509

    from atecc.device import Device

TAKEN_BACK = "The certificate that AWS had issued was deactivated and deleted; thing and policy stay."


@dataclass(frozen=True)
class AwsOrder:
    """A certificate from AWS IoT for a thing, which is made if there is none.

    `policy` None is the tool's own, made if there is none. `endpoint` None (host and port of the broker), `region`
    and `profile` None are what AWS and its configuration say; `endpoint_url` is where a stand-in for AWS answers.

    `renewal` is for a board that is that thing already.
    `take_over`: also if the thing is another board, or the board another thing. The certificate that is replaced is
    kept for `keep_previous` seconds, deactivated. `own_ca` signs it instead of AWS, where it is registered.
    """

    wish: Wish
    connection: Connection
    thing: str
    policy: str | None = None
    policy_document: dict[str, Any] | None = None
    endpoint: tuple[str, int] | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    renewal: Renewal = field(default_factory=Renewal)
    take_over: bool = False
    keep_previous: float = KEEP_PREVIOUS
    thing_type: str | None = None
    groups: list[str] = field(default_factory=list)
    dry_run: bool = False
    own_ca: OwnCa | None = None

    def __post_init__(self) -> None:
        check_thing(self.thing)

    def settle(self, device: Device) -> tuple[Wish, AwsAuthority]:
        cloud = Cloud(self.region, self.profile, self.endpoint_url)
        if self.dry_run:
            cloud.rehearse()
        return self.wish, AwsAuthority(cloud, self, self.own_ca.load() if self.own_ca else None)


class AwsAuthority(Authority):
    """Has AWS IoT issue the certificate; takes it back when a later step fails."""

    # A policy attached a moment ago is not known in every corner of AWS at once.
    try_attempts = 3

    def __init__(self, cloud: Cloud, order: AwsOrder, own: LocalCA | None = None) -> None:
        self._cloud = cloud
        self._order = order
        self._own = own
        if own is not None:
            self.issuer, self.chain = own.certificate, own.chain
        self._thing = registry.Thing(order.thing)
        self._there: list[Certificate] = []
        self._label: registry.Label | None = None
        self._journal: Journal | None = None
        self._entry: Entry | None = None
        self._issuing: Issuing | None = None
        self._issued: Certificate | None = None
        self._retired: list[str] = []

    # Is there anything to do?

    def already(self, seen: Seen, steps: Steps) -> Unchanged | None:
        order = self._order
        if self._cloud.elsewhere:
            who = (
                "--aws-endpoint-url" if order.endpoint_url else "$AWS_ENDPOINT_URL, or the AWS configuration"
            )
            steps.warn(f"AWS is not asked: {self._cloud.elsewhere} stands in for it ({who}).")
        self._board = Board.of(seen)
        self._cloud.sign_in()
        with steps.step("aws", "asking AWS IoT") as step:
            self._broker = self._endpoint()
            self._thing = registry.look(self._cloud, order.thing)
            if self._thing.arn:
                self._resume(steps)
                self._there = certificates.of_thing(self._cloud, order.thing)
            mine = next((one for one in self._there if one.id == self._board.active), None)
            why = self._why_not(mine)
            if not why:
                self._check_names()
                if self._own is None:
                    self._cloud.check_may_issue()
            step.meaning = (
                f"AWS IoT in {self._cloud.region}: credentials work, devices connect to {self._broker[0]}"
            )
        if not why or mine is None:
            return None
        self._remark(mine, steps)
        if registry.CLAIM in self._thing.attributes:
            registry.check_free(self._thing, registry.Claim.mine())
            self._new_label().finish()  # of a run that came to nothing
        return Unchanged(why, self._facts(mine), steps)

    def _why_not(self, mine: Certificate | None) -> str:
        """Why nothing is done: the board is the thing already, and nobody wants its certificate renewed."""
        order = self._order
        if mine is None or order.renewal.always:
            return ""
        if mine.status == ACTIVE and order.renewal.due(mine.not_after):
            return ""
        if mine.status != ACTIVE:
            raise RefusedError(
                f"The board is {order.thing} already, but its certificate {mine.short} is {mine.status} at AWS.",
                f"--renew gives it another one; `aws iot update-certificate --certificate-id {mine.id} --new-status "
                "ACTIVE` makes this one count again.",
            )
        return left_alone(order.thing, f"its certificate {mine.short} is active", mine.not_after)

    def _check_names(self) -> None:
        """One board is one thing: both names are told before a key is made."""
        order, board = self._order, self._board
        if order.take_over:
            return
        hint = "--take-over does it all the same: {}."
        others = [one for one in self._there if one.id not in board.own and one.status == ACTIVE]
        # A board whose files are gone is still itself.
        if others and self._thing.chip != board.chip:
            theirs = f"chip {self._thing.chip}" if self._thing.chip else "another device"
            shown = ", ".join(one.short for one in others)
            raise RefusedError(
                f"The thing {order.thing} is {theirs}: its certificate {shown} is active. This board is "
                f"{board.name or 'nobody yet'}, with chip {board.chip}.",
                hint.format("that certificate is deactivated when this board is connected"),
            )
        if board.name is not None and board.name != order.thing:
            raise RefusedError(
                f"This board is {board.name} already, at {board.endpoint}: it would become {order.thing}.",
                hint.format(f"{board.name} is then on no board"),
            )

    def _remark(self, mine: Certificate, steps: Steps) -> None:
        """What was asked for and is not so."""
        wanted, board = self._order.connection.client_id, self._board
        if wanted and wanted != board.client_id:
            steps.warn(f"Its client ID is {board.client_id}, not {wanted}: --renew changes that.")
        if self._own is not None and not self._own.has_issued(mine.parsed):
            steps.warn(f"Its certificate {mine.short} is not from that CA: --renew changes that.")

    # What a run that was killed has left

    def _resume(self, steps: Steps) -> None:
        journal = Journal(certificates.account_of(self._thing.arn), self._cloud.region, self._order.thing)
        if not journal.path.exists():
            return
        self._journal = journal.open()
        left = journal.left
        if left is None:
            return
        same = left.chip == self._board.chip
        if left.step == SWITCHING and not same and not self._order.take_over:
            raise RefusedError(
                f"A run of this computer ended while chip {left.chip} was becoming {left.thing}: whether it did is not "
                f"known. This board's chip is {self._board.chip}.",
                "Plug that board in and run the same command again; --take-over withdraws its certificate.",
            )
        if same and left.certificate and left.certificate == self._board.active:
            self._entry = left
            self._label = self._new_label()
            self._complete(steps)
            rest = "would be" if self._cloud.rehearsing else "is"
            steps.warn(
                f"A run before this one was cut off after the board had switched: the rest {rest} done now."
            )
        else:
            gone = "would be" if self._cloud.rehearsing else "is"
            for one in take_away(self._cloud, left):
                steps.warn(
                    f"A run before this one was cut off: its certificate {one.short} {gone} taken away."
                )
        self._end_journal(finished=True)

    def _end_journal(self, finished: bool) -> None:
        if self._journal is not None:
            self._journal.close(finished and not self._cloud.rehearsing)
        self._journal = None

    # Before there is a key

    def prepare(self, steps: Steps, look: Look) -> Target:
        order = self._order
        target = order.connection.target(order.thing, self._broker, amazon_roots(), order.thing)
        if order.connection.check_broker:
            look(target)
        if self._own is not None and order.own_ca is not None:
            with steps.step("ca", "checking the CA") as step:
                self._own.refuse_operators()
                self._own.rehearse(order.wish.subject, order.wish.san, order.own_ca.days)
                step.meaning = owned.prepare(self._cloud, self._own)
            shortened = self._own.validity(order.own_ca.days)[2]
            if shortened:
                steps.warn(shortened)
        granting = Granting(self._cloud, order.policy, order.policy_document)
        granting.check_client_id(order.thing, target.client_id)
        self._policy = granting.name
        made = self._done(steps)
        with made.step("thing", "making the thing") as step:
            registry.check_groups(self._cloud, order.groups)
            if order.thing_type:
                registry.ensure_type(self._cloud, order.thing_type)
            self._label = self._new_label()
            arn = (
                self._label.make().arn
                or f"{arn_prefix(self._cloud.region, self._cloud.account)}:thing/{order.thing}"
            )
            self._thing = replace(self._thing, arn=arn)
            self._begin_journal(steps)
            registry.join(self._cloud, order.thing, order.groups)
            step.meaning = f"thing {order.thing} is there"
        if self._label.left_out:
            steps.warn(
                f"The thing {order.thing} has attributes of its own, and AWS allows it few: there is no room for "
                f"{', '.join(self._label.left_out)}. With --thing-type there is."
            )
        with made.step("policy", "making the policy") as step:
            step.meaning = granting.ensure(self._thing.arn)
        return target

    def _done(self, steps: Steps) -> Steps:
        """Who is told of what is done: in a rehearsal nothing is, and the calls are shown instead."""
        return Steps() if self._cloud.rehearsing else steps

    def _new_label(self) -> registry.Label:
        return registry.Label(self._cloud, self._thing, self._board.facts, self._order.thing_type)

    def _begin_journal(self, steps: Steps) -> None:
        if self._cloud.rehearsing:
            return
        account = certificates.account_of(self._thing.arn)
        self._entry = Entry(
            self._order.thing,
            account,
            self._cloud.region,
            self._board.chip,
            time.time(),
            before=self._board.active,
        )
        try:
            self._journal = Journal(account, self._cloud.region, self._order.thing).open()
            self._journal.note(self._entry)
        except ArgumentError as error:
            self._journal = None
            steps.warn(f"{error.message} If this run is killed, nobody will know what it has left at AWS.")

    def _note(self, **changes: Any) -> None:
        if self._entry is not None:
            self._entry = replace(self._entry, **changes)
            if self._journal is not None:
                self._journal.note(self._entry)

    # The certificate

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        self._note(key=certificates.key_id(request.public_key()))
        if self._own is None:
            certificate = self._signed_there(request, steps)
        else:
            certificate = self._signed_here(request, self._own, steps)
        assert self._issued is not None
        with steps.step("attach", "attaching policy and thing to the certificate") as step:
            certificates.attach(self._cloud, self._issued.arn, self._policy, self._order.thing)
            step.meaning = f"policy {self._policy} and thing {self._order.thing} are attached to it"
        return Issued(certificate, self.chain)

    def _signed_there(self, request: x509.CertificateSigningRequest, steps: Steps) -> x509.Certificate:
        with steps.step("certificate", "AWS IoT signs the certificate") as step:
            key = certificates.key_id(request.public_key())
            began = self._entry.began if self._entry else self._cloud.now()
            self._issuing = Issuing(self._cloud, pem(request), key, began)
            self._issued = self._issuing.issue()
            self._note(certificate=self._issued.id)
            certificate = library.certificate(self._issued.pem.encode(), "The certificate that AWS sent")
            step.meaning = (
                f"certificate issued by AWS IoT, valid until {when(certificate.not_valid_after_utc)}"
            )
        return certificate

    def _signed_here(
        self, request: x509.CertificateSigningRequest, own: LocalCA, steps: Steps
    ) -> x509.Certificate:
        assert self._order.own_ca is not None
        with steps.step("certificate", "signing the certificate, and registering it at AWS IoT") as step:
            certificate = own.issue(request, self._order.own_ca.days, names=names_in(request))
            identifier = certificates.certificate_id(pem(certificate))
            self._note(certificate=identifier)
            account = certificates.account_of(self._thing.arn)
            arn = f"{arn_prefix(self._cloud.region, account)}:cert/{identifier}"
            # It may be there as soon as it is asked for: `undo` takes it away.
            self._issued = Certificate(identifier, arn, INACTIVE, pem(certificate), 0, 0, 0, 0)
            self._issued = owned.register(self._cloud, certificate, own)
            until = when(certificate.not_valid_after_utc)
            step.meaning = f"certificate issued by the CA, valid until {until}, and registered at AWS IoT"
        return certificate

    def activate(self, steps: Steps) -> None:
        if self._issued is not None:
            with steps.step("activate", "activating the certificate") as step:
                certificates.set_status(self._cloud, self._issued.id, ACTIVE)
                step.meaning = f"certificate {self._issued.short} is active"

    def switching(self) -> None:
        self._note(step=SWITCHING)

    # Afterwards

    def finish(self, steps: Steps) -> None:
        if self._cloud.throttling:
            steps.warn(self._cloud.throttling)
        try:
            self._complete(steps)
        except AwsError as error:
            steps.warn(
                f"{error.message} The board is connected all the same; `atecc aws sweep` does what is left, or the "
                "next run for this thing."
            )
            self._end_journal(finished=False)
            return
        self._end_journal(finished=True)

    def _complete(self, steps: Steps) -> None:
        """The board is connected: it is told on the thing, and what it had before is retired."""
        assert self._label is not None and self._entry is not None
        self._label.finish()
        used = self._entry.certificate
        for stray in self._issuing.made() if self._issuing else []:
            if stray.id != used:
                certificates.withdraw(self._cloud, stray.id, stray.arn)
        rehearsing = self._cloud.rehearsing
        there = self._there if rehearsing else certificates.of_thing(self._cloud, self._order.thing, but=used)
        before = certificates.describe(self._cloud, self._entry.before) if self._entry.before else None
        elsewhere = [before] if before and before.id not in {one.id for one in there} else []
        for one in [*there, *elsewhere]:
            if one.id != used:
                # The board's key of the identity that was idle is another one by now.
                rollback = one.id == self._entry.before or one.id not in self._board.own
                if retire(self._cloud, one, self._order.keep_previous, rollback, self._done(steps).warn):
                    self._retired.append(one.id)

    def undo(self) -> list[str]:
        notes = []
        doomed = [self._issued] if self._issued else []
        certain = True
        try:
            if self._issuing is not None and self._issuing.uncertain:
                made = [one for one in self._issuing.made() if one.id not in {known.id for known in doomed}]
                certain = bool(doomed or made)
                doomed += made
            while doomed:
                certificates.withdraw(self._cloud, doomed[-1].id, doomed[-1].arn)
                doomed.pop()
                notes = [TAKEN_BACK]
            if self._label is not None:
                self._label.release()
        except AwsError as error:
            what = f"Certificate {doomed[-1].id}" if doomed else "What was begun at AWS"
            notes.append(f"{what} could not be taken back ({error.message}).")
            certain = False
        if not certain:
            notes += self.left()
        self._end_journal(finished=certain)
        return notes

    def close(self) -> None:
        self._end_journal(finished=False)

    def left(self) -> list[str]:
        return ["`atecc aws sweep` takes away what is left at AWS, or the next run for this thing does."]

    def facts(self) -> dict[str, Any]:
        return self._facts(self._issued) if self._issued else {}

    def _facts(self, certificate: Certificate) -> dict[str, Any]:
        return {
            "account": certificate.account,
            "region": self._cloud.region,
            "thing_arn": self._thing.arn,
            "certificate_id": certificate.id,
            "certificate_arn": certificate.arn,
            "retired": list(self._retired),
        }

    # A rehearsal

    def plan(self, steps: Steps, look: Look) -> list[Planned]:
        """Every call that would change something, in order; none is made."""
        cloud, order = self._cloud, self._order
        self.prepare(steps, look)
        account = certificates.account_of(self._thing.arn)
        arn = f"{arn_prefix(cloud.region, account)}:cert/NEW"
        if self._own is None:
            params = {"certificateSigningRequest": "the chip's request", "setAsActive": False}
            cloud.change("create_certificate_from_csr", **params)
        else:
            there = owned.known(cloud, self._own.certificate) is not None
            operation = "register_certificate" if there else "register_certificate_without_ca"
            cloud.change(operation, certificatePem="the certificate", status=INACTIVE)
        certificates.attach(cloud, arn, self._policy, order.thing)
        certificates.set_status(cloud, "NEW", ACTIVE)
        self._entry = Entry(
            order.thing,
            account,
            cloud.region,
            self._board.chip,
            0,
            certificate="NEW",
            before=self._board.active,
        )
        self._complete(steps)
        return cloud.planned or []

    # Endpoint and policy

    def _endpoint(self) -> tuple[str, int]:
        address = self._cloud.endpoint()
        return self._order.endpoint or parse_broker(address, MQTT_TLS_PORT)
