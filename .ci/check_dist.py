"""Checks that a wheel and an sdist hold the tree: `python .ci/check_dist.py DIST_FOLDER`.

The wheel must have every module, `py.typed` and guest image of the packages, byte for byte, and
nothing else; the sdist every committed file that somebody needs to rebuild the wheel.
"""

import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]
PACKAGES: list[str] = SETUPTOOLS["packages"]


def folder_of(package: str) -> Path:
    """Where a package is here: one that has no folder of its own is in that of its parent."""
    if package in FOLDERS:
        return ROOT / FOLDERS[package]
    parent, _, name = package.rpartition(".")
    return folder_of(parent) / name


def shipped() -> dict[str, Path]:
    """What the wheel should hold: path in it -> file here."""
    files: dict[str, Path] = {}
    for package in PACKAGES:
        inside, folder = package.replace(".", "/"), folder_of(package)
        patterns = ("*.py", "*.bin", "*.o", "*.h", "*.inc", "py.typed", "guest/*", "guests/*",
                    "templates/*/*.in", "templates/*/tests/*.in")  # fmt: skip
        found = [file for pattern in patterns for file in folder.glob(pattern)]
        files |= {f"{inside}/{file.relative_to(folder)}": file for file in found}
    return files


def wheel_faults(path: Path) -> list[str]:
    """What is missing, changed or too much in a wheel."""
    wanted, faults = shipped(), []
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        faults += [f"missing: {name}" for name in sorted(wanted.keys() - names)]
        faults += [f"too much: {name}" for name in sorted(names - wanted.keys())]
        for name in sorted(names & wanted.keys()):
            if wheel.read(name) != wanted[name].read_bytes():
                faults.append(f"differs from the tree: {name}")
        if not any(name.endswith("/entry_points.txt") for name in wheel.namelist()):
            faults.append("missing: entry_points.txt, so there are no cards")
    return faults


def sdist_faults(path: Path) -> list[str]:
    """What somebody who has only the sdist would lack."""
    with tarfile.open(path) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = [str(file.relative_to(ROOT)) for file in shipped().values()]
    for folder in (".ci", "cpu", "docs", "examples", "tests"):
        files = (file for file in (ROOT / folder).rglob("*") if file.is_file())
        wanted += [
            str(file.relative_to(ROOT))
            for file in files
            if not {"__pycache__", "build"} & set(file.parts) and file.suffix != ".pyc"
        ]
    return [f"missing: {name}" for name in sorted(set(wanted) - inside)]


def main() -> int:
    """Check the one wheel and the one sdist in the folder."""
    folder = Path(sys.argv[1])
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    faults = [f"{wheel.name}: {fault}" for fault in wheel_faults(wheel)]
    faults += [f"{sdist.name}: {fault}" for fault in sdist_faults(sdist)]
    print("\n".join(faults) or f"{wheel.name} holds {len(shipped())} files, {sdist.name} the rest")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
