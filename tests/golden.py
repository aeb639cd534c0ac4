"""The golden cases: a notebook, its arguments, and the whole tree that comes of them.

python tests/golden.py --accept     writes the trees anew, and the gallery; the diff is the review
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent / "golden"
CASES = tuple(sorted(path.name for path in ROOT.iterdir() if (path / "arguments.json").exists()))
# The versions installed where a tree is made: the one thing in it that may differ between machines.
VERSIONS = re.compile(r"\b(kfp|google-cloud-aiplatform|google-cloud-storage|pyyaml)==[0-9][\w.]*")


def notebook(case: str) -> Path:
    (path,) = (ROOT / case).glob("notebook.*")
    return path


def arguments(case: str) -> dict[str, object]:
    return json.loads((ROOT / case / "arguments.json").read_text(encoding="utf-8"))


def tree(folder: Path) -> dict[str, str]:
    """A folder as paths and texts, without what the journal keeps for itself."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): VERSIONS.sub(r"\1==<installed>", path.read_text(encoding="utf-8"))
        for path in sorted(files)
        if not {".automlops", "__pycache__"} & set(path.relative_to(folder).parts)
    }


def generate(case: str, into: Path, **more: object) -> object:
    """Generates a case into a folder."""
    from AutoMLOps import AutoMLOps

    return AutoMLOps.generate(notebook=notebook(case), output_dir=str(into), **{**arguments(case), **more})


def accept() -> None:
    """Writes what changed; a file that only names other versions of what is installed stays as it is."""
    import shutil
    import tempfile

    import gallery  # which needs what is above

    gallery.accept()
    for case in CASES:
        target = ROOT / case / "tree"
        with tempfile.TemporaryDirectory() as folder:  # outside of this repository, as the tests' own
            made = Path(folder) / "made"
            generate(case, made)
            before, after = tree(target), tree(made)
            for path in before.keys() - after.keys():
                (target / path).unlink()
            for path in after:
                if after[path] != before.get(path):
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(made / path, target / path)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT.parent.parent))
    if sys.argv[1:] == ["--accept"]:
        accept()
    else:
        print(__doc__)
