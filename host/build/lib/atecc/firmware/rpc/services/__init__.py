"""The RPC's services: a class each, whose `methods()` gives the dispatcher its Methods by name."""
