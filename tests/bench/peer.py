"""Makes the environment of google-cloud-automlops 1.3.4, the public package this one is measured against."""

import subprocess
import sys
import venv
from pathlib import Path

NAME, VERSION = "google-cloud-automlops", "1.3.4"


def python(root: Path, given: str | None) -> str:
    """The interpreter that has the peer: the one given, else that of .venv-peer in the clone, made once."""
    chosen = Path(given) if given else root / ".venv-peer" / "bin" / "python"
    if not given and not _has_it(chosen):
        _make(chosen)
    if not _has_it(chosen):
        raise SystemExit(f"{chosen} has no {NAME} {VERSION}: install it there, or give another with --peer PYTHON")
    return str(chosen.absolute())


def _make(chosen: Path) -> None:
    """Of the same Python as ours: what differs between versions is not what is measured."""
    print(f"making .venv-peer with {NAME}=={VERSION} (once; some minutes)", file=sys.stderr, flush=True)
    venv.create(chosen.parent.parent, clear=True, with_pip=True)
    install = (str(chosen), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if subprocess.run((*install, f"{NAME}=={VERSION}")).returncode:
        raise SystemExit(f"pip could not install {NAME}=={VERSION}: install it anywhere, and give --peer PYTHON")


def _has_it(chosen: Path) -> bool:
    if not chosen.exists():
        return False
    ask = f"from importlib.metadata import version; assert version({NAME!r}) == {VERSION!r}"
    return subprocess.run((str(chosen), "-c", ask), stderr=subprocess.DEVNULL).returncode == 0
