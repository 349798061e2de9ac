"""How Sphinx builds the documentation."""

from __future__ import annotations

import hookchain

project = "hookchain"
author = "The hookchain authors"
project_copyright = "2026, The hookchain authors"
version = release = hookchain.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Source", "notes")]

html_theme = "furo"
html_title = f"hookchain {version}"
html_static_path = ["_static"]
