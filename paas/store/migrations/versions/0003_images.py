"""Images that have a name, the ports of apps, logins of registries, options of builds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    named_images()
    registry_logins()
    port_mappings()
    docker_options()


def app_id(table: str, *, nullable: bool = False) -> tuple[sa.Column[int], sa.Constraint]:
    """The app a row belongs to, and with which it goes."""
    key = sa.ForeignKeyConstraint(
        ["app_id"], ["apps.id"], name=f"fk_{table}_app_id", ondelete="CASCADE"
    )
    return sa.Column("app_id", sa.Integer, nullable=nullable), key


def named_images() -> None:
    op.create_table(
        "named_images",
        sa.Column("id", sa.Integer, nullable=False),
        *app_id("named_images", nullable=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("image", sa.JSON, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_named_images"),
        sa.UniqueConstraint("app_id", "name", name="uq_named_images_app_id_name"),
    )
    unique_for_the_instance("named_images", "name")


def registry_logins() -> None:
    op.create_table(
        "registry_logins",
        sa.Column("id", sa.Integer, nullable=False),
        *app_id("registry_logins", nullable=True),
        sa.Column("server", sa.String, nullable=False),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("sealed_password", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_logins"),
        sa.UniqueConstraint("app_id", "server", name="uq_registry_logins_app_id_server"),
    )
    unique_for_the_instance("registry_logins", "server")


def unique_for_the_instance(table: str, column: str) -> None:
    """No two rows of the same name without an app."""
    condition = sa.text("app_id IS NULL")
    op.create_index(
        f"uq_{table}_global",
        table,
        [column],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def port_mappings() -> None:
    op.create_table(
        "port_mappings",
        *app_id("port_mappings"),
        sa.Column("scheme", sa.String, nullable=False),
        sa.Column("host_port", sa.Integer, nullable=False),
        sa.Column("container_port", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "scheme", "host_port", name="pk_port_mappings"),
    )


def docker_options() -> None:
    op.create_table(
        "docker_options",
        *app_id("docker_options"),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("process", sa.String, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("option", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "phase", "process", "position", name="pk_docker_options"),
    )
