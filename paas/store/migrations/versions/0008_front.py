"""What stands before an app: its certificate, its redirects, who may see it, its own page."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def app_id(table: str) -> tuple[sa.Column[int], sa.Constraint]:
    """The app a row belongs to, and with which it goes."""
    key = sa.ForeignKeyConstraint(
        ["app_id"], ["apps.id"], name=f"fk_{table}_app_id", ondelete="CASCADE"
    )
    return sa.Column("app_id", sa.Integer, nullable=False), key


def upgrade() -> None:
    certificates()
    op.create_table(
        "redirects",
        *app_id("redirects"),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("code", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "source", name="pk_redirects"),
    )
    http_auth()
    op.create_table(
        "maintenance_pages",
        *app_id("maintenance_pages"),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("app_id", name="pk_maintenance_pages"),
    )
    op.create_index("ix_maintenance_pages_digest", "maintenance_pages", ["digest"])


def certificates() -> None:
    op.create_table(
        "certificates",
        *app_id("certificates"),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", name="pk_certificates"),
    )
    op.create_index("ix_certificates_digest", "certificates", ["digest"])
    op.create_table(
        "acme_accounts",
        sa.Column("server", sa.String, nullable=False),
        sa.Column("email", sa.String, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("server", "email", name="pk_acme_accounts"),
    )


def http_auth() -> None:
    op.create_table(
        "http_auth_users",
        *app_id("http_auth_users"),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "name", name="pk_http_auth_users"),
    )
    op.create_table(
        "http_auth_addresses",
        *app_id("http_auth_addresses"),
        sa.Column("address", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("app_id", "address", name="pk_http_auth_addresses"),
    )
