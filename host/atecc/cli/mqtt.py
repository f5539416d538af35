"""`atecc mqtt`: the board's own MQTT link."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.files import read_stdin_text
from atecc.cli.screen import Block
from atecc.errors import ArgumentError, AteccError, NetworkError

if TYPE_CHECKING:
    from atecc.device import Device
    from atecc.device.replies import Message, MqttStatus

PATIENCE_S = 10.0  # for one message; then the board is asked again
QOS = click.IntRange(0, 1)


@click.group("mqtt", cls=Group)
def command() -> None:
    """Use the board's MQTT connection."""


@command.command("status", cls=Command, examples="atecc mqtt status")
@pass_app
def status(app: App) -> None:
    """Show whether the board is connected, to what, and since when."""
    with app.device() as device:
        _show(app, device.mqtt_status())


@command.command("connect", cls=Command, examples="atecc mqtt connect --timeout 60")
@pass_app
def connect(app: App) -> None:
    """Connect with the active identity and wait until the link is up."""
    with app.device() as device:
        _show(app, device.mqtt_connect())


@command.command("disconnect", cls=Command, examples="atecc mqtt disconnect")
@pass_app
def disconnect(app: App) -> None:
    """Close the link, until it is asked for again."""
    with app.device() as device:
        _show(app, device.mqtt_disconnect())


@command.command(
    "publish",
    cls=Command,
    examples="""atecc mqtt publish sensor-1/hello 'hello, world' --round-trip
    date | atecc mqtt publish sensor-1/time -""",
)
@click.argument("topic")
@click.argument("message")
@click.option(
    "--qos", type=QOS, default=1, show_default=True, help="1 waits for the broker's acknowledgement."
)
@click.option("--retain", is_flag=True, help="The broker keeps it for later subscribers.")
@click.option("--wait", metavar="TOPIC", help="Then wait for a message on this topic, and print it.")
@click.option("--round-trip", is_flag=True, help="Wait for this very message to come back.")
@pass_app
def publish(
    app: App, topic: str, message: str, qos: int, retain: bool, wait: str | None, round_trip: bool
) -> None:
    """Publish MESSAGE on TOPIC (- reads it from standard input)."""
    if wait and round_trip:
        raise ArgumentError("--wait and --round-trip exclude each other.")
    text = read_stdin_text() if message == "-" else message
    answer_topic = topic if round_trip else wait
    with app.device() as device:
        started = time.monotonic()
        with _listening(device, answer_topic, qos):
            device.publish(topic, text, qos, retain)
            received = device.receive(answer_topic) if answer_topic else None
    ms = round((time.monotonic() - started) * 1000)
    _check_answer(answer_topic, received, text if round_trip else None, app.timeout)
    data = {
        "topic": topic,
        "sent": text,
        "qos": qos,
        "received": received.message if received else None,
        "ms": ms,
    }
    app.emit(data, *([Block(received.message)] if received and wait else []))
    if not app.json:
        app.say(f"Published on {topic}{', and it came back' if round_trip else ''} ({ms} ms).")


@contextlib.contextmanager
def _listening(device: Device, topic: str | None, qos: int) -> Iterator[None]:
    """Subscribed to `topic` meanwhile, and no longer if nobody was before: mail that nobody takes is of no use."""
    if topic is None:
        yield
        return
    before = device.mqtt_status().subscriptions
    device.subscribe(topic, qos)
    try:
        yield
    finally:
        if topic not in before:
            with contextlib.suppress(
                AteccError
            ):  # what has ended the block is what counts; and the device does it later
                device.unsubscribe(topic)


def _check_answer(topic: str | None, received: Message | None, expected: str | None, timeout: float) -> None:
    if topic and received is None:
        raise NetworkError(
            f"Nothing came on {topic} within {timeout:.0f} s.",
            "May this identity subscribe to it? Both AWS and mosquitto drop what the policy forbids.",
        )
    if received and expected is not None and received.message != expected:
        raise NetworkError(f"Another message came on {topic}: {received.message!r}.")


@command.command(
    "subscribe",
    cls=Command,
    examples="""atecc mqtt subscribe 'sensor-1/#' --count 3
    atecc mqtt subscribe 'sensor-1/#' --timeout 60""",
)
@click.argument("topic")
@click.option("--qos", type=QOS, default=1, show_default=True)
@click.option("--count", type=click.IntRange(1), help="Stop after so many messages; default: at Ctrl-C.")
@pass_app
def subscribe(app: App, topic: str, qos: int, count: int | None) -> None:
    """Print the messages on TOPIC as they come; with --json one document a line.

    With --timeout it ends after so many seconds: with status 8 if there were fewer messages than --count, or none.
    """
    limit = app.timeout if app.timeout_given else None
    with app.device() as device, _listening(device, topic, qos):
        app.say(f"Waiting for messages on {topic}; Ctrl-C ends it.")
        end = None if limit is None else time.monotonic() + limit
        seen = 0
        while count is None or seen < count:
            left = PATIENCE_S if end is None else end - time.monotonic()
            if left <= 0:
                break
            message = device.receive(timeout=min(left, PATIENCE_S))
            if message:
                seen += 1
                _tell(app, message)
    if limit is not None and seen < (count or 1):
        raise NetworkError(
            f"{seen or 'No'} message{'' if seen == 1 else 's'} came on {topic} within {limit:.0f} s.",
            "May this identity subscribe to it? Both AWS and mosquitto drop what the policy forbids.",
        )


def _tell(app: App, message: Message) -> None:
    """A line a message, whatever is in it."""
    if app.json:
        app.document(asdict(message), indent=None)
    else:
        app.out.show(f"{message.topic}: {message.message}")


def _show(app: App, found: MqttStatus) -> None:
    from atecc.cli.show import pairs, plain, utc

    rows = [("State", found.state)]
    if found.endpoint:
        rows.append(
            ("Broker", f"{found.endpoint}:{found.port} as {found.client_id} (identity {found.identity})")
        )
    if found.tls:
        rows.append(("TLS", f"{found.tls.version}, {found.tls.cipher}"))
    if found.since:
        rows.append(("Since", utc(found.since)))
    if found.last_error:
        rows.append(("Last error", plain(found.last_error)))
    if found.subscriptions:
        rows.append(("Topics", ", ".join(map(str, found.subscriptions))))
    rows += [("Given up", f"{one.get('topic')}: {one.get('why')}") for one in found.dropped]
    if found.lost:
        rows.append(("Lost", f"{found.lost} messages that nobody took in time"))
    app.emit(asdict(found), pairs(rows))
