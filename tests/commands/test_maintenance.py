"""maintenance: a page in place of an app."""

import pytest

from paas.model import maintenance
from paas.model.app import App
from paas.model.route import RouteState
from tests.commands.conftest import Admin
from tests.commands.test_certs import archive
from tests.commands.test_proxy import published


def test_an_app_in_maintenance_shows_the_page_until_it_is_over(admin: Admin, deployed: App):
    said = admin.ok("maintenance:enable", "blog")
    assert "Enabling maintenance mode for blog..." in said
    assert published(admin).state is RouteState.MAINTENANCE
    assert admin.ok("maintenance:report", "blog", "--maintenance-enabled").strip() == "true"
    admin.ok("ps:pause", "blog")  # what else happens to the app does not end it
    assert published(admin).state is RouteState.MAINTENANCE
    admin.ok("ps:resume", "blog")
    admin.ok("maintenance:disable", "blog")
    assert published(admin).state is RouteState.SERVING


def test_an_app_can_have_a_page_of_its_own(admin: Admin, deployed: App):
    page = archive(maintenance_html="<p>soon", img__cat_png="PNG")
    admin.ok("maintenance:enable", "blog")
    assert published(admin).page == ""
    assert "img/cat.png" in admin.ok("maintenance:custom-page", "blog", stdin=page)
    digest = published(admin).page
    files = admin.platform.store.pages.files(digest)
    assert files == {"maintenance.html": b"<p>soon", "img/cat.png": b"PNG"}
    assert admin.ok("maintenance:report", "blog", "--maintenance-custom-page").strip() == "true"
    admin.ok("maintenance:custom-page-remove", "blog")
    assert published(admin).page == ""
    assert "no page of its own" in admin.fails("maintenance:custom-page-remove", "blog").err


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no archive on standard input"),
        (b"x" * 2000, "no tar archive"),
        (archive(index_html="x"), "no maintenance.html"),
        (archive(maintenance_html="x", __etc__passwd_txt="x"), "cannot be served"),
        (archive(maintenance_html="x" * (maintenance.MOST_BYTES + 1)), "more than 2 MiB"),
    ],
)
def test_what_cannot_be_served_is_refused(admin: Admin, deployed: App, data: bytes, why: str):
    assert why in admin.fails("maintenance:custom-page", "blog", stdin=data).err
    assert admin.platform.store.pages.digest(deployed) == ""


@pytest.mark.parametrize("name", ["../x.html", ".hidden/x.css", "a//b.css", "a.html\n", "-x", "a"])
def test_names_that_lead_elsewhere_are_refused(name: str):
    with pytest.raises(maintenance.UsageError, match="cannot be served"):
        maintenance.checked({"maintenance.html": b"", name: b""})
