"""make fleet: two hundred simulated devices renew their certificates through one job; three fail on purpose."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("tests", "boards/SIM", "host")]

from fleet.rotation import rotate  # noqa: E402

DEVICES = 200


def main() -> None:
    found = rotate(int(sys.argv[1]) if len(sys.argv) > 1 else DEVICES)
    print(f"{found.devices} devices: {found.connected} connected afterwards, {found.renewed} renewed")
    for one in found.failures:
        print(f"  {one.thing} {one.status}: {one.reason}")
    print(
        f"certificates in the account: {dict(found.certificates)}; active on no device: {len(found.orphans)}"
    )
    for what, seconds in found.seconds.items():
        print(f"{what}: {seconds:.1f} s, {seconds / found.devices:.2f} s a device")
    for what, number in found.calls.items():
        print(f"{what}, a device: {number:.1f}")
    sys.exit(bool(found.orphans) or found.connected != found.devices)


if __name__ == "__main__":
    main()
