"""apt's lists take room in a layer only where they are new."""

from pathlib import Path

from paas.image import package_lists


def test_lists_that_are_in_place_already_are_left_as_they_are(tmp_path: Path):
    lists, place = tmp_path / "lists", tmp_path / "place"
    for folder, text in ((lists, "new"), (place, "old")):
        (folder / "aux").mkdir(parents=True)
        (folder / "main_Packages").write_text("same")
        (folder / "security_Packages").write_text(text)
    (lists / "aux/more").write_text("more")
    before = (place / "main_Packages").stat().st_ctime_ns
    package_lists.renew(lists, place)
    assert (place / "main_Packages").stat().st_ctime_ns == before
    assert (place / "security_Packages").read_text() == "new"
    assert (place / "aux/more").read_text() == "more"


def test_a_place_that_is_none_yet_gets_them_all(tmp_path: Path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/main_Packages").write_text("all")
    package_lists.renew(tmp_path / "lists", tmp_path / "a/b")
    assert (tmp_path / "a/b/main_Packages").read_text() == "all"
