"""Certificates that a device obtains by itself, over MQTT. Loaded while one is."""
