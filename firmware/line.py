"""The line to the computer: whoever types at the prompt, hosts, and what programs print share it."""

import _thread

main = _thread.get_ident()  # in it runs the prompt
# Whether a host asks there (the raw prompt, frames), which rpc.console sees. Until it was seen nobody knows.
hosted = True
lock = _thread.allocate_lock()  # held by who prints while no host asks
