"""builder: what turns an app's commit into an image, and which part of the commit."""

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import one_of
from paas.deploy import builders
from paas.model.app import App
from paas.model.names import tree_path


def values(context: Context, app: App | None) -> dict[str, str]:
    """What built the app last."""
    if app is None:
        return {"available": ",".join(builders.names())}
    return {"detected": context.platform.store.properties.get(app, "builder", "detected") or ""}


report.register(
    report.Namespace(
        "builder",
        "builder",
        "what builds apps, and from which directory",
        values,
        properties=(
            report.Property(
                "selected",
                f"the builder: {', '.join(builders.names())}; unset: the one that fits",
                one_of(*builders.names()),
            ),
            report.Property(
                "build-dir",
                "the directory of the repository that is built, as if there were nothing else",
                tree_path,
            ),
            report.Property(
                "skip-cleanup",
                "true: layers that no kept release needs stay on disk after a deploy",
                one_of("true", "false"),
                lambda _: "false",
            ),
        ),
        after_set="The next push takes it",
    )
)
