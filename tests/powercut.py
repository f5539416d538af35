"""Power cuts while identity.record writes: code for a board, to be put before a test's own."""

CUT = """
import builtins, identity.record as record
class Cut(BaseException):
    '''The power is gone; nothing in the firmware may catch it.'''
class File:
    def __init__(self, file):
        self.file = file
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.file.close()
    def read(self):
        return self.file.read()
    def write(self, data):
        data = data.encode()
        taken = data[:left[0]]
        left[0] -= len(taken)
        self.file.write(taken.decode())
        if len(taken) < len(data):
            raise Cut
left = [0]
def cut_after(n, work):
    '''Whether the power fails after n more bytes on flash, while `work()` runs.'''
    left[:] = [n]
    record.open = lambda path, mode="r": File(builtins.open(path, mode))
    try:
        work()
        return False
    except Cut:
        return True
    finally:
        record.open = builtins.open
"""
