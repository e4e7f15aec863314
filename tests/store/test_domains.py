import pytest

from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.store.store import Store


@pytest.fixture
def blog(store: Store) -> App:
    return store.apps.create("blog")


@pytest.fixture
def shop(store: Store) -> App:
    return store.apps.create("shop")


def test_an_app_answers_on_its_name_under_the_instances_domain(store: Store, blog: App):
    assert store.domains.effective(blog) == ("blog.localhost",)
    assert store.domains.owner("blog.localhost") == "blog"


def test_added_domains_come_first_and_the_default_stays(store: Store, blog: App):
    store.domains.add(blog, ["Blog.Example.COM.", "*.blog.example.com"])
    assert store.domains.effective(blog) == (
        "blog.example.com",
        "*.blog.example.com",
        "blog.localhost",
    )


def test_a_domain_belongs_to_one_app(store: Store, blog: App, shop: App):
    store.domains.add(blog, ["www.example.com"])
    with pytest.raises(PaasError, match=r"www.example.com belongs to app blog"):
        store.domains.add(shop, ["other.example.com", "WWW.example.com."])
    assert store.domains.list(shop) == []
    store.domains.remove(blog, ["www.example.com"])
    store.domains.add(shop, ["www.example.com"])
    assert store.domains.owner("www.example.com") == "shop"


def test_a_wildcard_and_a_name_under_it_may_belong_to_different_apps(
    store: Store, blog: App, shop: App
):
    store.domains.add(blog, ["*.example.com"])
    store.domains.add(shop, ["shop.example.com"])
    with pytest.raises(PaasError):
        store.domains.add(shop, ["*.example.com"])


def test_another_apps_default_domain_cannot_be_taken(store: Store, blog: App, shop: App):
    with pytest.raises(PaasError, match=r"blog.localhost belongs to app blog"):
        store.domains.add(shop, ["blog.localhost"])


def test_an_app_made_later_does_not_take_a_domain_away(store: Store, shop: App):
    store.domains.add(shop, ["blog.localhost"])
    blog = store.apps.create("blog")
    assert store.domains.effective(blog) == ()
    assert store.domains.owner("blog.localhost") == "shop"


def test_two_ways_to_the_same_default_lead_to_the_older_app(store: Store):
    store.domains.set(None, ["localhost", "b.localhost"])
    first, second = store.apps.create("a.b"), store.apps.create("a")
    assert "a.b.localhost" in store.domains.effective(first)
    assert "a.b.localhost" not in store.domains.effective(second)


def test_global_domains_take_the_place_of_the_instances_own(store: Store, blog: App):
    store.domains.add(None, ["example.com", "example.org"])
    assert store.domains.effective(blog) == ("blog.example.com", "blog.example.org")
    store.domains.remove(None, ["example.org"])
    assert store.domains.effective(blog) == ("blog.example.com",)
    store.domains.clear(None)
    assert store.domains.effective(blog) == ("blog.localhost",)


def test_the_default_follows_a_new_name(store: Store, blog: App):
    store.domains.add(blog, ["www.example.com"])
    renamed = store.apps.rename(blog, "diary")
    assert store.domains.effective(renamed) == ("www.example.com", "diary.localhost")


def test_set_and_clear_drop_the_default_and_reset_brings_it_back(store: Store, blog: App):
    store.domains.set(blog, ["one.example.com"])
    assert store.domains.effective(blog) == ("one.example.com",)
    store.domains.clear(blog)
    assert store.domains.effective(blog) == ()
    store.domains.reset(blog)
    assert store.domains.effective(blog) == ("blog.localhost",)


def test_the_default_can_be_removed_by_its_name(store: Store, blog: App):
    store.domains.add(None, ["example.com", "example.org"])
    store.domains.add(blog, ["www.example.net"])
    store.domains.remove(blog, ["blog.example.org"])
    assert set(store.domains.effective(blog)) == {"www.example.net", "blog.example.com"}


def test_removing_one_that_is_not_there_changes_nothing(store: Store, blog: App):
    store.domains.add(blog, ["www.example.com"])
    with pytest.raises(PaasError, match=r"missing.example.com is not a domain of blog"):
        store.domains.remove(blog, ["www.example.com", "missing.example.com"])
    assert store.domains.list(blog) == ["www.example.com"]


def test_a_disabled_app_answers_on_nothing_and_keeps_its_domains(store: Store, blog: App):
    store.domains.add(blog, ["www.example.com"])
    store.domains.enable(blog, False)
    assert store.domains.effective(blog) == ()
    store.domains.enable(blog, True)
    assert store.domains.effective(blog) == ("www.example.com", "blog.localhost")


@pytest.mark.parametrize("name", ["", "a b", "-a.com", "a..b", "x" * 300, "a\n.com", "*", "a.*.b"])
def test_what_is_no_domain_is_refused(store: Store, blog: App, name: str):
    with pytest.raises(UsageError):
        store.domains.add(blog, ["good.example.com", name])
    assert store.domains.list(blog) == []
