"""`provision aws` once more, at one stand-in: no pause is waited for."""

import gc

import boto3
import pytest
from atecc.aws import certificates
from atecc.provisioning.workflow import Provisioning
from awsaccount import Account
from botocore.retries.standard import ExponentialBackoff


@pytest.fixture(autouse=True, scope="module")
def made_once(stand_in):
    """A client of boto3 takes longer to make than a whole provisioning; here all are alike."""
    with pytest.MonkeyPatch.context() as patch:
        real, made = boto3.Session.client, {}

        def once(self, service, *args, config=None, **more):
            key = (service, bool(config and config.retries["total_max_attempts"] == 1), str(more))
            if key not in made:
                made[key] = real(self, service, *args, config=config, **more)
                gc.freeze()  # for Cut.over
            return made[key]

        patch.setattr(boto3.Session, "client", once)
        yield


@pytest.fixture
def account(stand_in, iot, monkeypatch):
    monkeypatch.setattr(Provisioning, "retry_pause", 0)
    monkeypatch.setattr(certificates, "pause", lambda attempt: None)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0)
    return Account(stand_in)


@pytest.fixture
def provision(run, account):
    def provision(board, *more, thing=None):
        where = ["--endpoint", "broker.invalid:8883", "--no-broker-check"]
        return run(board, "provision", "aws", "--thing", thing or account.thing, *where, *more)

    return provision
