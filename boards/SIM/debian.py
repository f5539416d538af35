#!/usr/bin/env python3
"""Download Debian packages and unpack them under a directory, without root and without touching the system.

    debian.py source micropython mbedtls --suite trixie --into build/src
    debian.py binary mosquitto mosquitto-clients --into build/debian

`source` leaves each package's upstream source in its own directory under --into; Debian's patches aren't
applied. `binary` unpacks the packages, and whatever they depend on that this machine doesn't have, into one
tree: programs are in usr/bin and usr/sbin, libraries in usr/lib (for LD_LIBRARY_PATH).

apt does the downloading and checks the signatures. It gets a state, a cache and a source list of its own; the
list is made from the machine's own Debian sources. What is there already is not fetched again, and what
was interrupted goes on where it stopped: a directory with its final name is always complete. A copy of what was
unpacked is kept in the directory that ATECC_CACHE names, for the next clone.

Only the standard library, for this runs before there is a virtual environment.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUITE = re.compile(r"(?!experimental)[a-z]+(-updates|-security)?")
APT = Path("/etc/apt")
RETRIES = 3
DPKG_STATUS = Path("/var/lib/dpkg/status")


class Problem(Exception):
    """Something the user has to know, as a sentence."""


@dataclass
class Source:
    """One stanza of a deb822 source list."""

    uris: list[str]
    suites: list[str]
    components: list[str]
    options: dict[str, str] = field(default_factory=dict)

    def is_debian(self) -> bool:
        """Debian itself: a path like /debian or /debian-security, and a component called main."""
        paths = (uri.partition("://")[2].partition("/")[2] for uri in self.uris)
        return "main" in self.components and any(re.search(r"(^|/)debian", path) for path in paths)

    def stanza(self, kind: str, suite: str | None) -> str:
        """For apt; `suite` takes the place of the release that the machine runs."""
        suites = [name if suite is None else retarget(name, suite) for name in self.suites]
        fields = {
            "Types": kind,
            "URIs": " ".join(self.uris),
            "Suites": " ".join(dict.fromkeys(suites)),
            "Components": "main",
            **self.options,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def retarget(name: str, suite: str) -> str:
    """bookworm-security → trixie-security"""
    return re.sub(r"^[^-]+", suite, name)


# --- the machine's own sources


def machine_sources() -> list[Source]:
    files = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]
    readers = {".list": one_line_sources, ".sources": deb822_sources}
    found: list[Source] = []
    for file in files:
        reader = readers.get(file.suffix)
        if reader and file.is_file():
            found += reader(file.read_text(errors="replace"))
    usable = [kept for source in found if source.is_debian() and (kept := with_plain_suites(source))]
    if not usable:
        raise Problem(
            f"No Debian package source found in {APT}/sources.list or {APT}/sources.list.d. "
            "Is this a Debian machine?"
        )
    return usable


def with_plain_suites(source: Source) -> Source | None:
    """Without backports, proposed updates and the like, which nobody asked for."""
    suites = [name for name in source.suites if SUITE.fullmatch(name)]
    return Source(source.uris, suites, source.components, source.options) if suites else None


KEPT_OPTIONS = {"signed-by": "Signed-By", "check-valid-until": "Check-Valid-Until"}


def one_line_sources(text: str) -> Iterator[Source]:
    """`deb [signed-by=FILE] URI SUITE COMPONENT…`"""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if match:
            options, uri, suite, components = match.groups()
            pairs = (option.partition("=") for option in (options or "").split())
            kept = {KEPT_OPTIONS[name]: value for name, _, value in pairs if name in KEPT_OPTIONS}
            yield Source([uri], [suite], components.split(), kept)


def deb822_sources(text: str) -> Iterator[Source]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = {
            name.lower(): value.strip()
            for name, value in re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza)
        }
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() in (
            "yes",
            "true",
            "1",
        ):
            yield Source(
                fields.get("uris", "").split(),
                fields.get("suites", "").split(),
                fields.get("components", "").split(),
                {name: fields[key] for key, name in KEPT_OPTIONS.items() if key in fields},
            )


# --- apt with a state of its own


class Apt:
    """apt-get whose state, cache and configuration are in one directory."""

    def __init__(self, home: Path, sources: str, without: list[str]) -> None:
        self.home = home
        for directory in ("lists/partial", "archives/partial"):
            (home / directory).mkdir(parents=True, exist_ok=True)
        (home / "debian.sources").write_text(sources)
        (home / "status").write_text(dpkg_status(without))
        (home / "apt.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        """Ours, then how the machine reaches its mirrors (proxies and the like); no hooks, no pins."""
        acquire = self._run(["apt-config", "dump", "Acquire"], os.environ)
        reach = [line for line in acquire.splitlines() if not line.startswith("Acquire::IndexTargets")]
        return "\n".join(
            [
                f'Dir::State "{self.home}";',
                f'Dir::State::lists "{self.home}/lists";',
                f'Dir::State::status "{self.home}/status";',
                f'Dir::Cache "{self.home}";',
                f'Dir::Cache::archives "{self.home}/archives";',
                f'Dir::Etc::sourcelist "{self.home}/debian.sources";',
                'Dir::Etc::sourceparts "/dev/null";',
                'Dir::Etc::parts "/dev/null";',
                'Dir::Etc::main "/dev/null";',
                'Dir::Etc::preferencesparts "/dev/null";',
                'Dir::Etc::preferences "/dev/null";',
                'Debug::NoLocking "true";',
                'APT::Sandbox::User "root";',
                *reach,
                'Acquire::Languages "none";',
                f'Acquire::Retries "{RETRIES}";',
                "",
            ]
        )

    def get(self, *arguments: str, cwd: Path | None = None) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self.home / "apt.conf"), "LC_ALL": "C.UTF-8"}
        return self._run(["apt-get", "-q", "-y", *arguments], environment, cwd)

    @staticmethod
    def _run(
        command: list[str], environment: "os._Environ[str] | dict[str, str]", cwd: Path | None = None
    ) -> str:
        try:
            done = subprocess.run(
                command, env=environment, cwd=cwd, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise Problem(f"{command[0]} isn't on this machine: this needs Debian's package tools.") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            raise Problem(
                "Debian's packages can't be downloaded; is the network up, and the mirror in "
                f"{APT}/sources.list.d reachable? It goes on from here when started again. apt-get said:\n  "
                + "\n  ".join(said[:4] or done.stderr.splitlines()[-4:])
            )
        return done.stdout


def dpkg_status(without: list[str]) -> str:
    """What is installed, but not `without`: apt then downloads those even where the machine has them."""
    try:
        stanzas = DPKG_STATUS.read_text(errors="replace").split("\n\n")
    except FileNotFoundError:
        raise Problem(f"{DPKG_STATUS} isn't on this machine: this needs Debian's package tools.") from None
    return "\n\n".join(stanza for stanza in stanzas if package_name(stanza) not in without)


def package_name(stanza: str) -> str:
    match = re.search(r"(?m)^Package: (\S+)", stanza)
    return match[1] if match else ""


def file_names(uris: str) -> list[str]:
    """From the lines of --print-uris: 'URI' NAME SIZE HASH"""
    return re.findall(r"(?m)^'[^']+' (\S+) \d+", uris)


# --- the two commands


def fetch_sources(packages: list[str], into: Path, apt: Apt) -> None:
    for package in packages:
        if (into / package).is_dir():
            continue
        apt.get("source", "--only-source", "--download-only", package, cwd=apt.home / "archives")
        names = file_names(
            apt.get("source", "--only-source", "--print-uris", "--download-only", package, cwd=into)
        )
        for name in names:
            if ".orig.tar." in name:
                say(f"unpack {package}")
                unpack_source(apt.home / "archives" / name, into / package)


def unpack_source(archive: Path, tree: Path) -> None:
    part = tree.with_name(tree.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(part, filter="data")
        else:  # Python before 3.11.4; the archive's hash stands in a signed index
            tar.extractall(part)  # noqa: S202
    (top,) = part.iterdir()
    top.rename(tree)
    part.rmdir()


def fetch_binaries(packages: list[str], into: Path, apt: Apt) -> None:
    install = ("install", "--no-install-recommends", "--download-only")
    nothing_yet = f"Dir::Cache::archives={apt.home}"  # --print-uris leaves out what is there already
    names = file_names(apt.get(*install, "--print-uris", "-o", nothing_yet, *packages))
    apt.get(*install, *packages)
    part = into.with_name(into.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    say(f"unpack {into.name}: {len(names)} packages")
    for name in names:
        subprocess.run(["dpkg-deb", "--extract", apt.home / "archives" / name, part], check=True)
    (part / ".packages").write_text(listing(packages))
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)


def listing(packages: list[str]) -> str:
    return "".join(f"{name}\n" for name in sorted(packages))


def complete(use: str, packages: list[str], into: Path) -> bool:
    if use == "source":
        return all((into / package).is_dir() for package in packages)
    stamp = into / ".packages"
    return stamp.is_file() and stamp.read_text() == listing(packages)


def say(text: str) -> None:
    print(f"debian.py: {text}", file=sys.stderr, flush=True)


# --- what other clones have unpacked


def kept_copy(cache: Path, use: str, packages: list[str], sources: str) -> Path:
    """Where a copy of the tree that these make is, or will be. It goes by all that decides what is in it."""
    installed = dpkg_status([]) if use == "binary" else ""
    digest = hashlib.sha256("\n".join([use, *sorted(packages), sources, installed]).encode()).hexdigest()
    return cache / "debian" / f"{packages[0]}-{digest[:16]}"


def copy(tree: Path, into: Path) -> None:
    """Its final name is that of a complete copy."""
    into.parent.mkdir(parents=True, exist_ok=True)
    part = into.with_name(f"{into.name}.{os.getpid()}.part")
    shutil.copytree(tree, part, symlinks=True)
    shutil.rmtree(into, ignore_errors=True)
    part.rename(into)


def keep(tree: Path, there: Path) -> None:
    if not there.is_dir():
        try:
            copy(tree, there)
        except OSError as error:
            say(f"no copy of {tree.name} is kept for the next clone: {error}")


def fetch(use: str, packages: list[str], into: Path, suite: str | None, cache: Path | None = None) -> None:
    """Downloads and unpacks what isn't complete yet, or takes the copy that is kept in `cache`."""
    home = into.with_name(into.name + ".apt")
    home.parent.mkdir(parents=True, exist_ok=True)
    with open(home.with_name(home.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if complete(use, packages, into):
            return
        kind = "deb-src" if use == "source" else "deb"
        sources = "\n".join(source.stanza(kind, suite) for source in machine_sources())
        trees = {into / name: [name] for name in packages} if use == "source" else {into: packages}
        kept = {tree: kept_copy(cache, use, names, sources) for tree, names in trees.items()} if cache else {}
        for tree, there in kept.items():
            if there.is_dir() and not complete(use, trees[tree], into):
                say(f"take {' '.join(trees[tree])} from {cache}")
                copy(there, tree)
        if not complete(use, packages, into):
            download(use, packages, into, Apt(home, sources, without=packages if use == "binary" else []))
            shutil.rmtree(home)
        for tree, there in kept.items():
            keep(tree, there)


def download(use: str, packages: list[str], into: Path, apt: Apt) -> None:
    say(f"download {' '.join(packages)}")
    apt.get("update", "--error-on=any")
    if use == "source":
        into.mkdir(exist_ok=True)
        fetch_sources(packages, into, apt)
    else:
        fetch_binaries(packages, into, apt)


def main() -> None:
    parser = argparse.ArgumentParser(description="Download Debian packages and unpack them, without root.")
    parser.add_argument("use", choices=("source", "binary"))
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="where to unpack")
    parser.add_argument("--suite", help="the Debian release to take (trixie, say); default: the machine's")
    arguments = parser.parse_args()
    cache = Path(os.environ["ATECC_CACHE"]).absolute() if os.environ.get("ATECC_CACHE") else None
    try:
        fetch(arguments.use, arguments.packages, arguments.into.resolve(), arguments.suite, cache)
    except (Problem, OSError, subprocess.CalledProcessError) as problem:
        sys.exit(f"debian.py: {problem}")


if __name__ == "__main__":
    main()
