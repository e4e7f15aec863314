"""Hooks: what a Python module may implement, inside the daemon, with values instead of words.

A stable promise: these three hooks, and the occasions of paas.model.occasion. A module's
function may leave out arguments that it does not need.

    from paas.model.occasion import Deployed
    from paas.plugins.hooks import hookimpl

    @hookimpl
    def happened(occasion):
        match occasion:
            case Deployed(app=app, image_tag=tag):
                ...
"""

import pluggy

from paas.model.occasion import Occasion

PROJECT = "paas"
ENTRY_POINTS = "paas.plugins"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def happened(occasion: Occasion, actor: str) -> None:
    """Told after something was done; what goes wrong here is told and changes nothing."""


@hookspec
def allowed(occasion: Occasion, actor: str) -> None:
    """Asked before something is done; a PaasError keeps it from being done, in its words."""


@hookspec
def answered(occasion: Occasion, actor: str, text: str) -> str | None:
    """Asked for what is shown: other text in place of this, or None to leave it."""
