"""Settings of the program's own: the keys `app.…` of the device's configuration."""

_START = "app."


class Values:
    """`settings` (Settings), of which a program sees what is its own."""

    def __init__(self, settings):
        self._settings = settings

    def get(self, name, default=None):
        """The value; `default` (true or false, a number or a text) as long as there is none, and by it its type."""
        if default is not None:
            self._settings.declare(_START + name, default)
        return self._settings.get(_START + name)

    def set(self, name, value):
        """Keep a value; ValueError for one of another type, OSError if the flash does not take it."""
        self._settings.keep({_START + name: value})
