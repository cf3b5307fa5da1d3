import subprocess
from pathlib import Path


def library(source: Path, folder: Path) -> Path:
    """Build a library of one C file there, to preload."""
    made = folder / f"{source.stem}.so"
    compiler = ["cc", "-shared", "-fPIC", "-O2", "-o", str(made)]
    subprocess.run([*compiler, str(source), "-ldl"], check=True)
    return made
