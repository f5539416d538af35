import boto3
import pytest
from botocore.config import Config
from cloud.devices import Fleet
from simcloud import Cloud


@pytest.fixture(scope="session")
def cloud():
    with Cloud() as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults_left_over(cloud):
    yield
    cloud.faults.clear()


@pytest.fixture(scope="session")
def client(cloud):
    """client(key, **config) is boto3's, for AWS IoT."""

    session = boto3.Session()

    def make(key=None, *, region=cloud.region, service="iot", token=None, retries=1):
        key = key or cloud.credentials
        return session.client(
            service,
            region,
            endpoint_url=cloud.endpoint_url,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=token,
            config=Config(retries={"max_attempts": retries, "mode": "standard"}),
        )

    return make


@pytest.fixture(scope="session")
def iot(client):
    return client()


@pytest.fixture
def fleet(cloud, iot, tmp_path):
    """Makes devices; their connections end with the test."""
    made = Fleet(cloud, iot, tmp_path)
    yield made
    made.close()
