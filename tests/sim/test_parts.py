"""What a board's firmware brings along besides the project's own: asyncio, umqtt.simple and microdot."""

from repl import Repl


def test_mqtt_client(repl: Repl) -> None:
    assert repl.value("callable(umqtt.simple.MQTTClient)", "import umqtt.simple") is True


def test_web_server_and_nothing_else_of_its_package(repl: Repl) -> None:
    assert repl.value("microdot.__version__", "import microdot, microdot.websocket") == "2.7.0"
    for unused in ("session", "auth", "jinja", "test_client"):
        assert "ImportError" in repl.error(f"import microdot.{unused}")
