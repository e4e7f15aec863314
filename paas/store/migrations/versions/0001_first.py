"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def app_id(*, nullable: bool = False) -> sa.Column[int]:
    return sa.Column("app_id", sa.Integer, nullable=nullable)


def of_app(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["app_id"], ["apps.id"], name=f"fk_{table}_app_id", ondelete="CASCADE"
    )


def upgrade() -> None:
    apps()
    settings()
    domains()
    releases()
    keys()


def apps() -> None:
    op.create_table(
        "apps",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked", sa.Boolean, nullable=False),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("last_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_apps"),
        sa.UniqueConstraint("name", name="uq_apps_name"),
        sa.UniqueConstraint("slot", name="uq_apps_slot"),
        sqlite_autoincrement=True,
    )


def settings() -> None:
    op.create_table(
        "config",
        app_id(nullable=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        of_app("config"),
        sa.UniqueConstraint("app_id", "key", name="uq_config_app_id_key"),
    )
    unique_where("uq_config_global", "config", ["key"], "app_id IS NULL")
    op.create_table(
        "properties",
        app_id(nullable=True),
        sa.Column("namespace", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        of_app("properties"),
        sa.UniqueConstraint(
            "app_id", "namespace", "key", name="uq_properties_app_id_namespace_key"
        ),
    )
    unique_where("uq_properties_global", "properties", ["namespace", "key"], "app_id IS NULL")
    op.create_table(
        "formation",
        app_id(),
        sa.Column("process_type", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        of_app("formation"),
        sa.PrimaryKeyConstraint("app_id", "process_type", name="pk_formation"),
    )
    op.create_table(
        "limits",
        app_id(),
        sa.Column("process_type", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        of_app("limits"),
        sa.PrimaryKeyConstraint("app_id", "process_type", "key", name="pk_limits"),
    )
    op.create_table(
        "buildpacks",
        app_id(),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        of_app("buildpacks"),
        sa.PrimaryKeyConstraint("app_id", "position", name="pk_buildpacks"),
    )


def domains() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.Integer, nullable=False),
        app_id(),
        sa.Column("name", sa.String, nullable=False),
        of_app("domains"),
        sa.PrimaryKeyConstraint("id", name="pk_domains"),
        sa.UniqueConstraint("name", name="uq_domains_name"),
    )
    op.create_index("ix_domains_app_id", "domains", ["app_id"])
    op.create_table(
        "global_domains",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_global_domains"),
        sa.UniqueConstraint("name", name="uq_global_domains_name"),
    )
    op.create_table(
        "domain_settings",
        app_id(),
        sa.Column("defaults", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        of_app("domain_settings"),
        sa.PrimaryKeyConstraint("app_id", name="pk_domain_settings"),
    )


def releases() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Integer, nullable=False),
        app_id(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("image", sa.JSON, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        of_app("releases"),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
        sa.UniqueConstraint("app_id", "version", name="uq_releases_app_id_version"),
    )
    unique_where("uq_releases_current", "releases", ["app_id"], "current")


def keys() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("blob", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("comment", sa.String, nullable=False),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("name", name="uq_keys_name"),
        sa.UniqueConstraint("fingerprint", name="uq_keys_fingerprint"),
    )


def unique_where(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)
