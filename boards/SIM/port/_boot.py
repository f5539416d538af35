# Run first, before boot.py: the filesystem in flash takes the place of the host's.
import vfs
from flashbdev import bdev

vfs.umount("/")
try:
    vfs.mount(bdev, "/")
except OSError:
    vfs.VfsLfs2.mkfs(bdev)
    vfs.mount(bdev, "/")
