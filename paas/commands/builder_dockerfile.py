"""builder-dockerfile: where an app's Dockerfile is."""

from paas.commands import report
from paas.model.names import tree_path

report.register(
    report.Namespace(
        "builder-dockerfile",
        "builder-dockerfile",
        "where Dockerfiles are",
        properties=(
            report.Property(
                "dockerfile-path",
                "the path of the Dockerfile, as seen from the directory that is built",
                tree_path,
                lambda _: "Dockerfile",
            ),
        ),
        after_set="The next push takes it",
    )
)
