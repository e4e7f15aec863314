"""builder-pack: which Cloud Native Buildpacks there are, and where an app names its own."""

from pathlib import Path

from paas.commands import report
from paas.deploy.images import cnb
from paas.errors import UsageError
from paas.model.names import tree_path


def directory(text: str) -> str:
    """A directory of the host with buildpacks in it, as its real path."""
    path = Path(text)
    if not path.is_absolute() or not path.is_dir():
        raise UsageError(
            f"{text[:200]!r} is no directory of this machine", "give its absolute path"
        )
    if not any(path.glob("*/buildpack.toml")):
        raise UsageError(
            f"{text[:200]!r} holds no buildpacks",
            "each is a directory in it with a buildpack.toml",
        )
    return str(path.resolve())


report.register(
    report.Namespace(
        cnb.NAMESPACE,
        cnb.NAMESPACE,
        "Cloud Native Buildpacks",
        properties=(
            report.Property(
                cnb.PATH_PROPERTY,
                "the path of project.toml, as seen from the directory that is built",
                tree_path,
                lambda _: cnb.DESCRIPTOR,
            ),
            report.Property(
                cnb.GIVEN_PROPERTY,
                "a directory of this machine: buildpacks, and perhaps an order.toml",
                directory,
            ),
        ),
        after_set="The next push takes it",
    )
)
