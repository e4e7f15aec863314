"""Occasions: what plugins are told, asked and may change, each by the trigger dokku has for it.

Pure values, and a promise to plugins: a field may be added at the end of one, none goes. A
trigger's executable gets the fields as its arguments, a Python hook the value itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

LEGACY_BUILDERS = {"herokuish": "buildpack", "pack": "buildpack", "dockerfile": "dockerfile"}
Call = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happens. veto: a failure of a plugin keeps it from happening."""

    trigger: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    veto: ClassVar[bool] = False
    answers: ClassVar[bool] = False  # what a plugin writes takes the place of what there was

    @property
    def arguments(self) -> tuple[str, ...]:
        """The fields in their order; one that is several is several arguments."""
        return tuple(flattened(getattr(self, one.name) for one in fields(self)))

    @property
    def subject(self) -> str:
        """The app it is about; "" when it is the instance's, or nobody's."""
        name = str(getattr(self, "app", ""))
        return "" if name.startswith("-") else name

    def calls(self) -> tuple[Call, ...]:
        """Each trigger it has a name as, with its arguments."""
        return tuple((name, self.arguments) for name in (self.trigger, *self.aliases))


def flattened(values: object) -> Sequence[str]:
    """Texts, those in tuples on the same level."""
    found: list[str] = []
    for value in values:  # type: ignore[attr-defined]
        found.extend(value if isinstance(value, tuple) else [str(value)])
    return found


# -- an app's life ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AppCreated(Occasion):
    """An app was made, also by its first push."""

    trigger = "post-create"
    app: str


@dataclass(frozen=True, slots=True)
class AppDeleting(Occasion):
    """An app is about to be destroyed."""

    trigger = "pre-delete"
    veto = True
    app: str
    image_tag: str


@dataclass(frozen=True, slots=True)
class AppDeleted(Occasion):
    """An app was destroyed."""

    trigger = "post-delete"
    app: str
    image_tag: str


@dataclass(frozen=True, slots=True)
class AppRenamed(Occasion):
    """An app got another name."""

    trigger = "post-app-rename"
    aliases = ("post-app-rename-setup",)
    old_app: str
    app: str


@dataclass(frozen=True, slots=True)
class AppCloned(Occasion):
    """An app was cloned."""

    trigger = "post-app-clone"
    aliases = ("post-app-clone-setup",)
    old_app: str
    app: str


# -- a deploy ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BranchReceived(Occasion):
    """A branch was pushed, whether it deploys or not."""

    trigger = "receive-branch"
    veto = True
    app: str
    commit: str
    ref: str


@dataclass(frozen=True, slots=True)
class CommitReceived(Occasion):
    """A commit is about to be built."""

    trigger = "receive-app"
    veto = True
    app: str
    commit: str


@dataclass(frozen=True, slots=True)
class OfBuilder(Occasion):
    """A step of a build; dokku's older triggers have the builder in their name."""

    def calls(self) -> tuple[Call, ...]:
        builder, *rest = self.arguments
        legacy = LEGACY_BUILDERS.get(builder, "")
        older = self.trigger.removesuffix("-builder")
        return ((self.trigger, self.arguments), (f"{older}-{legacy}", tuple(rest)))


@dataclass(frozen=True, slots=True)
class BuildStarting(OfBuilder):
    """The builder is about to begin."""

    trigger = "pre-build"
    veto = True
    builder: str
    app: str


@dataclass(frozen=True, slots=True)
class BuildDone(OfBuilder):
    """The builder made an image."""

    trigger = "post-build"
    veto = True
    builder: str
    app: str


@dataclass(frozen=True, slots=True)
class ReleaseStarting(OfBuilder):
    """An image is about to become a release."""

    trigger = "pre-release-builder"
    veto = True
    builder: str
    app: str
    image: str


@dataclass(frozen=True, slots=True)
class ReleaseDone(OfBuilder):
    """The release is numbered, and nothing of it runs."""

    trigger = "post-release-builder"
    veto = True
    builder: str
    app: str
    image: str


@dataclass(frozen=True, slots=True)
class DeployStarting(Occasion):
    """Containers of a release are about to start."""

    trigger = "pre-deploy"
    veto = True
    app: str
    image_tag: str


@dataclass(frozen=True, slots=True)
class ContainerChecked(Occasion):
    """A new container passed its checks, and gets no requests."""

    trigger = "check-deploy"
    veto = True
    app: str
    container_id: str
    process_type: str
    port: str
    address: str


@dataclass(frozen=True, slots=True)
class Deployed(Occasion):
    """A release serves."""

    trigger = "post-deploy"
    aliases = ("core-post-deploy",)
    app: str
    port: str
    address: str
    image_tag: str


@dataclass(frozen=True, slots=True)
class RetireFailed(Occasion):
    """A replaced container could not be ended."""

    trigger = "retire-container-failed"
    app: str


# -- what runs ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AppStarting(Occasion):
    """An app is about to be started by hand."""

    trigger = "pre-start"
    veto = True
    app: str


@dataclass(frozen=True, slots=True)
class AppStopped(Occasion):
    """An app was stopped by hand."""

    trigger = "post-stop"
    app: str


@dataclass(frozen=True, slots=True)
class RestoreStarting(Occasion):
    """The daemon is about to bring the apps back."""

    trigger = "pre-restore"
    scheduler: str


# -- settings of an app --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfigChanged(Occasion):
    """Variables were set, unset or cleared; their names and never a value."""

    trigger = "post-config-update"
    app: str  # --global for the instance
    action: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainsChanged(Occasion):
    """Domains of an app were added, removed, set or cleared."""

    trigger = "post-domains-update"
    app: str
    action: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VhostEnabling(Occasion):
    """Domains of an app are about to be switched on."""

    trigger = "pre-enable-vhost"
    veto = True
    app: str


@dataclass(frozen=True, slots=True)
class VhostDisabling(Occasion):
    """Domains of an app are about to be switched off."""

    trigger = "pre-disable-vhost"
    veto = True
    app: str


@dataclass(frozen=True, slots=True)
class PortsChanged(Occasion):
    """Ports of an app were mapped otherwise."""

    trigger = "post-proxy-ports-update"
    app: str
    action: str


@dataclass(frozen=True, slots=True)
class CertificateUpdated(Occasion):
    """An app got a certificate."""

    trigger = "post-certs-update"
    app: str


@dataclass(frozen=True, slots=True)
class CertificateRemoved(Occasion):
    """An app's certificate was removed."""

    trigger = "post-certs-remove"
    app: str


@dataclass(frozen=True, slots=True)
class TagCreated(Occasion):
    """An image of an app was kept under a tag."""

    trigger = "tags-create"
    app: str
    tag: str


@dataclass(frozen=True, slots=True)
class TagDestroyed(Occasion):
    """A tag was forgotten."""

    trigger = "tags-destroy"
    app: str
    tag: str


# -- who may what, and what is shown -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommandCalled(Occasion):
    """Somebody calls a command, pushes or fetches."""

    trigger = "user-auth"
    veto = True
    user: str
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppsListed(Occasion):
    """Apps are listed: a plugin writes those that the caller may see."""

    trigger = "user-auth-app"
    veto = True
    answers = True
    user: str
    name: str
    apps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UrlsAsked(Occasion):
    """An app's addresses are shown: a plugin writes others."""

    trigger = "app-urls"
    answers = True
    app: str
    kind: str  # url or urls


@dataclass(frozen=True, slots=True)
class ReportAsked(Occasion):
    """The report of an app is shown: a plugin adds lines."""

    trigger = "report"
    app: str


@dataclass(frozen=True, slots=True)
class PullStarting(Occasion):
    """An app's repository is about to be fetched."""

    trigger = "git-pre-pull"
    veto = True
    app: str


@dataclass(frozen=True, slots=True)
class PullDone(Occasion):
    """An app's repository was fetched."""

    trigger = "git-post-pull"
    app: str


def every() -> tuple[type[Occasion], ...]:
    """All kinds of occasions that have a trigger, in the order they are told of here."""
    found = [one for one in globals().values() if isinstance(one, type)]
    return tuple(one for one in found if issubclass(one, Occasion) and one.trigger)
