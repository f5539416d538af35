"""boards/SIM/debian.py: which sources it takes, and what it says when there is no way."""

import shutil
import tarfile
from pathlib import Path

import debian
import pytest

DEB822 = """\
# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main
Enabled: no

Types: deb
URIs: https://elsewhere.example/node_20.x
Suites: nodistro
Components: main
"""

ONE_LINE = """\
# deb http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian bookworm main contrib # why
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb https://elsewhere.example/linux/debian bookworm stable
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An /etc/apt of the test's own."""
    (tmp_path / "sources.list.d").mkdir()
    monkeypatch.setattr(debian, "APT", tmp_path)
    return tmp_path


def stanzas(suite: str | None) -> list[list[str]]:
    return [source.stanza("deb-src", suite).splitlines() for source in debian.machine_sources()]


def test_deb822_sources(machine: Path) -> None:
    (machine / "sources.list.d" / "debian.sources").write_text(DEB822)
    (stanza,) = stanzas("trixie")
    assert stanza[:4] == [
        "Types: deb-src",
        "URIs: http://mirror.example/debian",
        "Suites: trixie trixie-updates",
        "Components: main",
    ]
    assert stanza[4:] == [
        "Signed-By: -----BEGIN PGP PUBLIC KEY BLOCK-----",
        " .",
        " -----END PGP PUBLIC KEY BLOCK-----",
    ]


def test_one_line_sources(machine: Path) -> None:
    (machine / "sources.list").write_text(ONE_LINE)
    assert stanzas(None) == [
        [
            "Types: deb-src",
            "URIs: http://mirror.example/debian",
            "Suites: bookworm",
            "Components: main",
            "Signed-By: /usr/share/keyrings/debian.gpg",
        ],
        [
            "Types: deb-src",
            "URIs: http://mirror.example/debian-security",
            "Suites: bookworm-security",
            "Components: main",
        ],
    ]


def test_a_machine_without_debian_sources(machine: Path) -> None:
    (machine / "sources.list.d" / "other.sources").write_text(DEB822.rpartition("\n\n")[2])
    with pytest.raises(debian.Problem, match="No Debian package source found"):
        debian.machine_sources()


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_an_unreachable_mirror(machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "RETRIES", 0)
    (machine / "sources.list").write_text("deb http://127.0.0.1:1/debian bookworm main\n")
    with pytest.raises(debian.Problem, match=r"is the network up(.|\n)*127\.0\.0\.1"):
        debian.fetch("binary", ["mosquitto"], tmp_path / "root", None)
    assert not (tmp_path / "root").exists()


def test_what_is_complete_is_not_fetched_again(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "src" / "micropython").mkdir(parents=True)
    debian.fetch("source", ["micropython"], tmp_path / "src", None)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / ".packages").write_text("a\nb\n")
    debian.fetch("binary", ["b", "a"], tmp_path / "root", None)


@pytest.fixture
def mirror(machine: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where something was downloaded to: a tree, or one for each source package, with a link and a program."""
    downloads = []

    def download(use: str, packages: list[str], into: Path, apt: object) -> None:
        downloads.append(into)
        for tree in [into / name for name in packages] if use == "source" else [into]:
            (tree / "bin").mkdir(parents=True)
            (tree / "bin" / "program").write_text("#!/bin/sh\n")
            (tree / "bin" / "program").chmod(0o755)
            (tree / "link").symlink_to("bin/program")
        if use == "binary":
            (into / ".packages").write_text(debian.listing(packages))

    monkeypatch.setattr(debian, "download", download)
    monkeypatch.setattr(debian, "dpkg_status", lambda without: "Package: libc6\n")
    monkeypatch.setattr(debian, "Apt", lambda home, sources, without: home.mkdir())
    (machine / "sources.list").write_text(ONE_LINE)
    return downloads


@pytest.mark.parametrize("use", ["source", "binary"])
def test_what_one_clone_has_fetched_another_takes(mirror: list[Path], tmp_path: Path, use: str) -> None:
    cache, first, second = (tmp_path / name for name in ("cache", "first", "second"))
    for into in (first, second):
        debian.fetch(use, ["a", "b"], into, None, cache)
    assert mirror == [first]
    for tree in [second / "a", second / "b"] if use == "source" else [second]:
        assert (tree / "link").readlink() == Path("bin/program")
        assert (tree / "link").stat().st_mode & 0o777 == 0o755
    (second / "a" / "bin").mkdir(parents=True, exist_ok=True)
    (second / "a" / "bin" / "program").write_text("changed")
    debian.fetch(use, ["a", "b"], tmp_path / "third", None, cache)
    assert not any(file.read_text() == "changed" for file in (tmp_path / "third").rglob("program"))


def test_other_packages_and_another_release_are_fetched(mirror: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    debian.fetch("binary", ["a"], tmp_path / "1", None, cache)
    debian.fetch("binary", ["a", "b"], tmp_path / "2", None, cache)
    debian.fetch("binary", ["a"], tmp_path / "3", "trixie", cache)
    assert [into.name for into in mirror] == ["1", "2", "3"]


def test_without_a_cache_nothing_is_kept(mirror: list[Path], tmp_path: Path) -> None:
    debian.fetch("binary", ["a"], tmp_path / "1", None)
    debian.fetch("binary", ["a"], tmp_path / "2", None)
    assert [into.name for into in mirror] == ["1", "2"]


def test_a_cache_that_can_not_be_written_costs_nothing(
    mirror: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("a file")
    debian.fetch("binary", ["a"], tmp_path / "1", None, tmp_path / "cache")
    assert (tmp_path / "1" / ".packages").exists()
    assert "no copy of 1 is kept" in capsys.readouterr().err


def test_unpacking_goes_on_after_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "package-1.0").mkdir()
    (tmp_path / "package-1.0" / "file").write_text("whole")
    with tarfile.open(tmp_path / "package.orig.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "package-1.0", "package-1.0")
    (tmp_path / "package.part" / "half").mkdir(parents=True)
    debian.unpack_source(tmp_path / "package.orig.tar.xz", tmp_path / "package")
    assert [file.name for file in (tmp_path / "package").iterdir()] == ["file"]
    assert not (tmp_path / "package.part").exists()
