"""Sphinx: MyST pages, and one page a method written from its card before each build."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cards import write_experiments, write_pages  # noqa: E402

from chiasma import __version__  # noqa: E402

project = "chiasma"
author = "The chiasma developers"
copyright = "2026, the chiasma developers"
release = version = __version__

extensions = ["myst_nb"]
source_suffix = {".md": "myst-nb"}
exclude_patterns = ["_build"]
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_static_path = ["_static"]
html_css_files = ["wrap.css"]
smartquotes = False  # --fasta stays --fasta
html_theme = "furo"
html_title = "chiasma"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}

write_pages(HERE / "methods" / "cards")
write_experiments(HERE / "results" / "experiments.md")
