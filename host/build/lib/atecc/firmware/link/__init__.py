"""The device on the network: its clock, and MQTT with a device identity."""
