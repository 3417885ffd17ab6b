"""The page's templates, everything in them escaped."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from chiasma.core.files import plain
from chiasma.report.words import humanise

if TYPE_CHECKING:
    from jinja2 import Environment


def template(name: str) -> Any:
    """A template of this package, everything in it escaped unless made by this package."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("chiasma.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["humanise"] = humanise
    return environment


def embedded_json(value: Any) -> str:
    """JSON that may stand inside a <script type="application/json"> element."""
    return json.dumps(plain(value), ensure_ascii=False).replace("&", "\\u0026").replace("<", "\\u003c")
