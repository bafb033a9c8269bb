"""How the pages become a site: ``python -m sphinx -W -b html docs docs/_build``.

Nothing is fetched: no fonts, scripts or badges from elsewhere, so the site works offline.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_site"), str(HERE.parent)]

from axon.version import __version__  # noqa: E402

project = "AXON"
author = "The AXON authors"
project_copyright = author
version = release = __version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "reference",  # writes docs/api
    "gallery",  # writes docs/gallery/*.rst
]
if os.environ.get("AXON_DOCS_SOURCE") != "no":  # a third of the time, and half of the bytes
    extensions.append("sphinx.ext.viewcode")  # the source of each name, as a page
exclude_patterns = ["_build", "_site", "_static"]
html_theme = "furo"
html_title = f"AXON {__version__}"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = []
if "AXON_DOCS_VERSIONS" in os.environ:  # the address of the list, such as /axon/versions.json
    about = {"data-versions": os.environ["AXON_DOCS_VERSIONS"], "data-current": __version__}
    html_js_files = [("versions.js", {**about, "defer": "defer"})]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#7cb8ff", "color-brand-content": "#7cb8ff"},
}
pygments_style = "colours.Light"
pygments_dark_style = "github-dark"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4  # as GitHub makes them: the same links work in both places

nitpicky = True  # a name in a text that leads nowhere is a warning
nitpick_ignore_regex = [
    ("py:class", "[a-z]+"),  # what stands in brackets behind an attribute is a shape
    ("py:exc", "ModelFileError|NotFittedError"),
]

trim_doctest_flags = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

python_display_short_literal_types = True
python_maximum_signature_line_length = 88
toc_object_entries = False  # 1,500 names in each page's menu would double the time: pages list them
