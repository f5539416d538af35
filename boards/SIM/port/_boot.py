# Run first, before boot.py.
import vfs
from flashbdev import bdev


def is_blank():
    block = bytearray(bdev.ioctl(5, 0))
    bdev.readblocks(0, block)
    return block == b"\xff" * len(block)


def fs_corrupted():
    # MicroPython's own words on an ESP32 (inisetup.py), where its first block is neither blank nor of a file system.
    import micropython
    import time

    micropython.kbd_intr(3)
    while True:
        print(
            "The filesystem appears to be corrupted. If you had important data there, you\n"
            "may want to make a flash snapshot to try to recover it. Otherwise, perform\n"
            "factory reprogramming of MicroPython firmware (completely erase flash, followed\n"
            "by firmware programming).\n"
        )
        time.sleep(3)


try:
    vfs.mount(bdev, "/")
except OSError:
    if not is_blank():
        fs_corrupted()
    vfs.VfsLfs2.mkfs(bdev)
    vfs.mount(bdev, "/")
