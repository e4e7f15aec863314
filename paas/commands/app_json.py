"""app-json: where in the repository app.json is."""

from paas.commands import report
from paas.deploy.source import APP_JSON
from paas.model.names import tree_path

report.register(
    report.Namespace(
        "app-json",
        "app-json",
        "where app.json is",
        properties=(
            report.Property(
                "appjson-path",
                "the file that is read as app.json, from the directory that is built",
                tree_path,
                lambda _: APP_JSON,
            ),
        ),
        after_set="The next push takes it",
    )
)
