"""Every setting of an instance: where it lives, which ports, ranges and names it owns.

Touches: os.environ and the settings file. Two instances with different `name`,
directories, ports, `uid_base` and `subnet_pool` never meet.
"""

import os
import re
import socket
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from paas.errors import PaasError

SETTINGS_FILE = Path("/etc/paas/paas.toml")
UIDS_PER_SLOT = 65536


@dataclass(frozen=True, slots=True)
class Settings:
    """One instance. Read once at start; never changed while it runs."""

    # the first part of every kernel object's name; short, since a link's name has 15 bytes
    name: str = "paas"
    state_dir: Path = Path("/var/lib/paas")
    run_dir: Path = Path("/run/paas")
    # where state is kept; empty: SQLite in <state_dir>/paas.db
    database_url: str = ""

    listen_address: str = "0.0.0.0"  # noqa: S104 - a server is for the world
    ssh_port: int = 2222
    http_port: int = 80
    https_port: int = 443

    # apps get <app>.<domain>; localhost resolves to this machine in every browser
    domain: str = "localhost"

    # slot 0 belongs to the platform's own services, slot n to app n
    uid_base: int = 1_000_000_000
    subnet_pool: str = "10.210.0.0/16"
    subnet_prefix: int = 26
    # where containers may not go, beside the host, the pool and other apps: clouds tell a
    # machine its secrets there (AWS, Google and most; Alibaba; Azure)
    egress_denied: tuple[str, ...] = ("169.254.0.0/16", "100.100.100.200", "168.63.129.16")

    # names of kernel objects; empty means: made from `name`
    bridge_prefix: str = ""
    nft_table: str = ""
    cgroup: str = ""

    # the stack
    stack_suite: str = "trixie"
    stack_dir: str = ""  # a stack made elsewhere to share, read-only; empty: <state_dir>/stack

    # health checks and retiring
    check_timeout_s: float = 5.0
    check_attempts: int = 3
    check_wait_s: float = 5.0
    boot_timeout_s: float = 60.0
    check_uptime_s: float = 1.0
    drain_s: float = 60.0
    stop_grace_s: float = 30.0

    # a release whose processes fail this often, this soon after its switch, is rolled back
    rollback_window_s: float = 60.0
    rollback_crashes: int = 3
    # how long requests wait for a paused app
    hold_s: float = 30.0
    events_kept: int = 10_000

    # builds
    build_timeout_s: float = 900.0
    build_memory_bytes: int = 2 << 30
    build_disk_bytes: int = 4 << 30
    build_pids: int = 512
    build_log_bytes: int = 32 << 20
    # folders of the server that administrators may choose buildpacks from
    buildpack_dirs: tuple[str, ...] = ("/usr/local/share/paas/buildpacks",)
    # what an image from elsewhere may come to, unpacked
    image_max_bytes: int = 4 << 30
    image_max_files: int = 1_000_000
    # registries that are spoken to without TLS, or whose certificate nobody signed
    insecure_registries: tuple[str, ...] = ()
    # folders of the server below which administrators may have apps mount what there is
    storage_roots: tuple[str, ...] = ("/var/lib/dokku/data/storage",)
    builds_at_once: int = field(default_factory=lambda: os.cpu_count() or 1)

    # apps
    app_memory_bytes: int = 512 << 20
    app_pids: int = 256
    app_scratch_bytes: int = 1 << 30
    log_max_bytes: int = 10 << 20
    log_files: int = 5

    # one-off containers: of one app at once, and of all apps' jobs together
    runs_at_once: int = 20
    cron_at_once: int = 8
    # how long a terminal that its caller left or lost waits to be come back to
    unattended_s: float = 86400.0
    # what sends the mail of jobs; called as sendmail(8) is
    sendmail: str = "/usr/sbin/sendmail"

    # pushes
    push_max_bytes: int = 1 << 30
    push_memory_bytes: int = 1 << 30  # git's, while it takes a push in
    releases_kept: int = 10

    # room on the disk: below `low` space is freed and people are told, below `full` what
    # would take more is refused; the ballast is let go so that freeing still works then
    disk_low_bytes: int = 2 << 30
    disk_full_bytes: int = 512 << 20
    disk_low_inodes: int = 100_000
    disk_full_inodes: int = 20_000
    disk_ballast_bytes: int = 16 << 20
    disk_watch_s: float = 5.0

    # what nobody needs now and may serve again: how often it is looked at (0: never), and
    # how much of it is kept for how long
    gc_interval_s: float = 3600.0
    layers_unused_s: float = 604_800.0
    cache_app_bytes: int = 2 << 30
    cache_bytes: int = 10 << 30
    cache_unused_s: float = 2_592_000.0
    build_logs_kept: int = 20
    build_logs_s: float = 7_776_000.0

    # plugins: how long a trigger of one may take, and the memory of what it starts
    plugin_timeout_s: float = 60.0
    plugin_memory_bytes: int = 512 << 20

    # whom the platform itself trusts at the other end of HTTPS
    ca_bundle: Path = Path("/etc/ssl/certs/ca-certificates.crt")

    # how often what a fault left half done is looked for
    patrol_s: float = 30.0
    # how often a changed database is copied, for when it is damaged
    database_copy_s: float = 300.0

    @property
    def socket(self) -> Path:
        """The local door."""
        return self.run_dir / "paasd.sock"

    @property
    def webhook_socket(self) -> Path:
        """Where nginx hands over what git servers tell."""
        return self.run_dir / "webhooks.sock"

    @property
    def cgroup_name(self) -> str:
        """The cgroup under which every container's cgroup is made."""
        return self.cgroup or self.name

    @property
    def table_name(self) -> str:
        """The nftables table (family inet) with all our rules."""
        return self.nft_table or self.name

    def bridge(self, slot: int) -> str:
        """The bridge of an app's network."""
        return f"{self.bridge_prefix or self.name + '-'}{slot}"

    def link(self, container_id: str) -> str:
        """The host end of a container's veth."""
        return f"{self.name}{container_id}"

    def uids(self, slot: int) -> int:
        """First uid of a slot's range of 65,536."""
        return self.uid_base + slot * UIDS_PER_SLOT

    @property
    def common_uids(self) -> int:
        """First uid of the range in which layers are stored that any app may have: nobody's own."""
        return self.uids(self.slots + 1)

    def subnet(self, slot: int) -> IPv4Network:
        """The subnet of a slot; its first address is the bridge's."""
        pool = IPv4Network(self.subnet_pool)
        size = 1 << (32 - self.subnet_prefix)
        first = int(pool.network_address) + slot * size
        if slot < 0 or first + size > int(pool.broadcast_address) + 1:
            raise PaasError(
                f"the address pool {pool} has no room for network {slot}",
                "choose a larger subnet_pool or a longer subnet_prefix in the settings",
            )
        return IPv4Network((first, self.subnet_prefix))

    @property
    def slots(self) -> int:
        """How many apps the address pool has room for, beside slot 0."""
        return (1 << (self.subnet_prefix - IPv4Network(self.subnet_pool).prefixlen)) - 1

    @property
    def dns_address(self) -> IPv4Address:
        """Where every container asks for names: slot 0's first address."""
        return self.subnet(0)[1]

    @property
    def git_uid(self) -> int:
        """The uid that owns the repositories and runs git."""
        return self.uids(0) + 1


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Defaults, then the settings file, then PAAS_* variables; checked.

    The file is /etc/paas/paas.toml or what PAAS_SETTINGS names: flat TOML keys
    named as the fields of Settings. Raises PaasError naming the key that is wrong.
    """
    environ = os.environ if environ is None else environ
    path = Path(environ.get("PAAS_SETTINGS", SETTINGS_FILE))
    values = read_file(path, required="PAAS_SETTINGS" in environ)
    for entry in fields(Settings):
        variable = f"PAAS_{entry.name.upper()}"
        if variable in environ:
            values[entry.name] = environ[variable]
    return check(replace(Settings(), **{key: typed(key, value) for key, value in values.items()}))


def read_file(path: Path, *, required: bool) -> dict[str, Any]:
    """The settings file's keys; none when it does not exist and was not asked for by name."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        if required:
            raise PaasError(f"the settings file {path} does not exist") from error
        return {}
    except tomllib.TOMLDecodeError as error:
        raise PaasError(f"{path} is not valid TOML: {error}") from error


def typed(key: str, value: Any) -> Any:
    """The value in the field's type, or PaasError."""
    known = {entry.name: entry for entry in fields(Settings)}
    if key not in known:
        raise PaasError(f"there is no setting {key}", f"known settings: {', '.join(sorted(known))}")
    default = getattr(Settings(), key)
    try:
        if isinstance(default, tuple):
            return tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        return type(default)(value)
    except (TypeError, ValueError) as error:
        kind = type(default).__name__
        raise PaasError(f"setting {key} is {value!r}, which is not a valid {kind}") from error


def check(settings: Settings) -> Settings:
    """The same settings, or PaasError for the first one that cannot work."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,4}", settings.name):
        raise PaasError(
            f"setting name is {settings.name!r}",
            "use one to five lower-case letters and digits, a letter first",
        )
    for key in ("ssh_port", "http_port", "https_port"):
        if not 1 <= getattr(settings, key) <= 65535:
            raise PaasError(f"setting {key} is {getattr(settings, key)}, not a port (1 to 65535)")
    for key in ("state_dir", "run_dir"):
        if not getattr(settings, key).is_absolute():
            raise PaasError(f"setting {key} is {getattr(settings, key)}, not an absolute path")
    try:
        IPv4Network(settings.subnet_pool)
    except ValueError as error:
        raise PaasError(f"setting subnet_pool is not an IPv4 network: {error}") from error
    return settings


def hostname() -> str:
    """This machine's name, for messages."""
    return socket.gethostname()


def environment(key: str, default: str = "") -> str:
    """One variable of the daemon's own environment, for the few that are not settings."""
    return os.environ.get(key, default)


def environment_of(names: Collection[str], prefixes: tuple[str, ...] = ()) -> dict[str, str]:
    """The daemon's own variables that a child may see: those named, and those so prefixed."""
    return {
        key: value
        for key, value in os.environ.items()
        if key in names or (prefixes and key.startswith(prefixes))
    }
