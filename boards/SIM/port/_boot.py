# Run first, before boot.py.
import vfs
from flashbdev import bdev

try:
    vfs.mount(bdev, "/")
except OSError:
    vfs.VfsLfs2.mkfs(bdev)
    vfs.mount(bdev, "/")
