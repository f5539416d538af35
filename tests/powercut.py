"""Power cuts while identity.record writes: code for a board, to be put before a test's own."""

CUT = """
import builtins, io, identity.record as record
class Cut(BaseException):
    '''The power is gone; nothing in the firmware may catch it.'''
class File(io.IOBase):
    def __init__(self, file):
        self.file = file
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.file.close()
    def seek(self, offset):
        return self.file.seek(offset)
    def read(self, *size):
        return self.file.read(*size)
    def readinto(self, buffer):
        return self.file.readinto(buffer)
    def write(self, data):
        taken = bytes(data)[:left[0]]
        left[0] -= len(taken)
        self.file.write(taken)
        if len(taken) < len(data):
            raise Cut
        return len(data)
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
