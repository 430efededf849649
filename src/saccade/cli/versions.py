"""Versions of what a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

PACKAGES = ("saccade", "torch", "torchvision", "numpy", "av", "pillow", "onnx", "matplotlib", "typer", "rich")


def version_of(package: str) -> str | None:
    """Returns an installed package's version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Returns the versions of Python, the system, and the packages that saccade stands on."""
    found: dict[str, str | None] = {"python": platform.python_version(), "system": platform.platform()}
    return found | {package: version_of(package) for package in PACKAGES}
