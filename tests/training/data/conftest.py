"""What the tests of data sets share."""

from __future__ import annotations

import tarfile

import pytest


@pytest.fixture
def unpacking() -> None:
    """Skips where this Python is one of those that are refused to unpack archives."""
    if not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has no safe way to unpack: tarfile.data_filter came with 3.10.12 and 3.11.4")
