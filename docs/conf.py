"""Settings of the documentation; ``nox -s docs`` builds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbarnn import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "numbarnn"
author = "The numbarnn developers"
version = release = __version__
exclude_patterns = ["_build", "img"]
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]

default_role = "literal"
nitpicky = False
suppress_warnings = ["myst.xref_missing"]  # links to files beside the pages; the tests check that these exist
templates_path = ["_templates"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"
autosummary_generate = True

# The inventories hold the few names that the pages refer to, so that a build needs no network.
intersphinx_mapping = {
    "sklearn": ("https://scikit-learn.org/stable", "inventories/sklearn.inv"),
    "scipy": ("https://docs.scipy.org/doc/scipy", "inventories/scipy.inv"),
}

# Examples are run by the tests; the gallery shows their source, with the pictures of `img`.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "examples",
    "plot_gallery": False,
    "filename_pattern": r"$^",
    "ignore_pattern": r"__init__\.py",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "within_subsection_order": "ExampleTitleSortKey",
}

html_theme = "pydata_sphinx_theme"
html_title = "numbarnn"
html_show_sourcelink = False
html_static_path: list[str] = []
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}


def setup(app: Sphinx) -> None:
    """Connect the functions below to the events of Sphinx."""
    app.connect("autodoc-skip-member", _skip_request)
    app.connect("source-read", _add_picture)


def _skip_request(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:  # noqa: ARG001
    """Leave out methods of scikit-learn for metadata and output formats; its own guide explains them."""
    inherited = name in ("get_metadata_routing", "set_output") or (
        name.startswith("set_") and name.endswith("_request")
    )
    return True if inherited else None


def _add_picture(app: Sphinx, docname: str, source: list[str]) -> None:  # noqa: ARG001
    """Show the picture of an example above its source."""
    picture = HERE / "img" / f"{Path(docname).name}.png"
    if docname.startswith("examples/") and picture.exists():
        before, code, after = source[0].partition(".. GENERATED FROM PYTHON SOURCE LINES")
        marker = after.partition(".. code-block:: Python")
        image = f".. image:: /img/{picture.name}\n\n"
        source[0] = before + code + marker[0] + image + marker[1] + marker[2]
