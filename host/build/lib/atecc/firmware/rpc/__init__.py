"""The device RPC: one dispatcher, services, channels (see README.md)."""
