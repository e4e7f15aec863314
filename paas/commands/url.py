"""url and urls: where an app answers."""

from paas.commands.context import Context
from paas.commands.parameters import app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import pipeline
from paas.errors import PaasError
from paas.model.app import App


@command("url", Permission.READ)
@app_argument
@format_option
def url(context: Context, app: App, format_: str) -> None:
    """Show the first address at which an app answers; exit 1 when there is none."""
    first = addresses(context, app)[0]
    if format_ == "json":
        context.console.json({"url": first})
    else:
        context.console.line(first)


@command("urls", Permission.READ)
@app_argument
@format_option
def urls(context: Context, app: App, format_: str) -> None:
    """Show every address at which an app answers, one a line; exit 1 when there is none."""
    found = addresses(context, app)
    if format_ == "json":
        context.console.json(found)
    else:
        context.console.line("\n".join(found))


def addresses(context: Context, app: App) -> list[str]:
    found = pipeline.urls(context.platform, app)
    if not found:
        raise PaasError(f"{app.name} answers at no address", f"paas domains:add {app.name} ...")
    return found
