"""Which account at AWS, in which region: the options of all commands that go there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App
from atecc.cli.options import together

if TYPE_CHECKING:
    from atecc.aws.cloud import Cloud


account_options = together(
    click.option("--region", help="AWS region. Default: that of the AWS configuration."),
    click.option("--profile", help="Profile of the AWS configuration."),
    click.option(
        "--aws-endpoint-url",
        help="Another endpoint than AWS's, for a stand-in. Default: $AWS_ENDPOINT_URL.",
    ),
)


def cloud_of(app: App, options: dict[str, Any]) -> Cloud:
    from atecc.aws.cloud import Cloud

    cloud = Cloud(options["region"], options["profile"], options["aws_endpoint_url"])
    if cloud.elsewhere:
        app.warn(f"AWS is not asked: {cloud.elsewhere} stands in for it.")
    click.get_current_context().call_on_close(lambda: _tell_throttled(app, cloud))
    return cloud


def _tell_throttled(app: App, cloud: Cloud) -> None:
    if cloud.throttling:
        app.say(cloud.throttling)
