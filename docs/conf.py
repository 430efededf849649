"""How Sphinx builds these pages: sphinx-build -W docs docs/_build, with nothing compiled beforehand."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

project = "saccade"
author = "the saccade authors"
copyright = "the saccade authors, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
exclude_patterns = ["_build"]

# The compiled engine need not be there to read about it.
autodoc_mock_imports = ["saccade.runtime.native"]
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
myst_enable_extensions = ["deflist"]
