"""The RPC's services: each module has `methods(…)`, which returns a dict of names to Methods."""
