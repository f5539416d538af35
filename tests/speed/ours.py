"""The jobs as this project's firmware does them, on the simulated board."""

from bench import DRIVER, benches
from handshake import HANDSHAKE_WITH, context_for, tls_server
from simcloud import pki
from speed.cost import Cost, TimedChip
from speed.jobs import GENKEY, HANDSHAKE, NONCE, REQUEST, SIGN

SLOT = 2
SETUP = """
from hashlib import sha256
from identity.store import Store
store = Store(chip, "/identities", (0, 1))
digest = sha256(b"a message").digest()
"""


def measured(chip: TimedChip) -> dict[str, Cost]:
    """Before the first job the chip is found, no more: what it takes for a command is learned on the way."""
    authority = pki.Authority.root(pki.name(common_name="a CA"))
    with benches() as make, tls_server(authority) as port:
        repl = make(chip).repl

        def cost(code: str) -> Cost:
            return chip.cost(lambda: repl.run_in_main(code))

        repl.run_in_main(DRIVER + HANDSHAKE_WITH + SETUP + "chip.Info()")
        costs = {
            GENKEY: cost(f"chip.GenKey({SLOT})"),
            NONCE: cost("chip.Nonce(digest)"),
            SIGN: cost(f"chip.Sign({SLOT}, digest)"),
            REQUEST: cost("store.begin([[['CN', 'thing-1']]])"),
        }
        repl.run_in_main(context_for(repl, authority, SLOT))
        return costs | {HANDSHAKE: cost(f"handshake(context, {port})")}
