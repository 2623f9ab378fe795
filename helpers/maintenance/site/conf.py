"""How Sphinx builds the site: `python -m helpers site` copies this file to the pages' sources."""

import json
from pathlib import Path

known = json.loads(Path("site.json").read_text(encoding="utf-8"))  # see site._sphinx

project = "Fashion-MNIST, model by model"
author = "the authors of Fashion-MNIST, model by model"
html_title = project
extensions = ["myst_nb"]
exclude_patterns = ["_build"]
nitpicky = True

nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_mime_priority_overrides = [("html", "text/html", 0)]
nb_ipywidgets_js = {}
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_static_path = known["static"]
html_css_files = ["site.css"]
html_favicon = known["icon"]
html_show_sourcelink = False
html_copy_source = True  # the download button of a notebook leads to its source
html_sourcelink_suffix = ""
html_permalinks_icon = "#"
html_context = {"default_mode": "auto"}
html_theme_options = {
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_fullscreen_button": False,
    "use_download_button": True,
    "use_repository_button": bool(known["repository"]),
    "path_to_docs": "",
    "logo": {"text": project},
    "footer_content_items": [],
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],  # the search stands in the sidebar
}
if known["repository"]:
    html_theme_options |= {
        "repository_url": known["repository"],
        "repository_branch": "main",
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }
