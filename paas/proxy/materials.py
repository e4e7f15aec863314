"""Certificates and pages of apps as files: what nginx's master, and its workers, can read.

Touches: <state>/proxy/certificates (root's alone), <state>/proxy/pages, and the running
nginx, which is told of certificates. The store has the truth; here are copies, named by
their content, so that nginx can start without anybody.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from paas.errors import PaasError
from paas.model.route import Route
from paas.proxy.control import Control
from paas.proxy.nginx import Nginx
from paas.proxy.table import write_durably

log = logging.getLogger(__name__)
NOBODY = "nobody"  # what is shown to nobody
# what finds it elsewhere: PEM by digest, files of pages by digest; None: it is not there
Certificates = Callable[[str], str | None]
Pages = Callable[[str], Mapping[str, bytes] | None]


class Materials:
    """What routes refer to by its digest."""

    def __init__(
        self, nginx: Nginx, control: Control, certificate: Certificates, page: Pages
    ) -> None:
        self._certificates = nginx.certificates
        self._pages = nginx.pages
        self._control = control
        self._certificate = certificate
        self._page = page

    def bring(self, route: Route) -> None:
        """Have the files of a route's certificate and page."""
        if route.certificate:
            self._pem(route.certificate)
        if route.page:
            self._bring_page(route.page)

    def show(self, route: Route) -> None:
        """Have the running nginx know the route's certificate."""
        pem = self._pem(route.certificate) if route.certificate else None
        if pem is not None:
            self._control.put_certificate(route.certificate, pem)

    def _pem(self, digest: str) -> str | None:
        """The certificate, as a file too; None when nobody has it."""
        path = self._certificates / f"{digest}.pem"
        if path.exists():
            return path.read_text()
        pem = self._certificate(digest)
        if pem is not None:
            write_durably(path, pem)
        return pem

    def _bring_page(self, digest: str) -> None:
        """The files of a page, where workers can read them; nothing when nobody has them."""
        directory = self._pages / digest
        files = None if directory.exists() else self._page(digest)
        if files is None:
            return
        draft = self._pages / f".{digest}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for name, content in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o644)
        for each in (draft, *filter(Path.is_dir, draft.rglob("*"))):
            each.chmod(0o711)  # workers pass through
        draft.rename(directory)

    def keep(self, routes: Iterable[Route]) -> None:
        """Drop what is of none of these routes."""
        known = [*routes]
        certificates = {NOBODY, *(one.certificate for one in known)}
        pages = {one.page for one in known}
        for path in self._certificates.glob("*.pem"):
            if path.stem not in certificates:
                self._drop_certificate(path.stem)
        for directory in self._pages.iterdir():
            if directory.name not in pages:
                shutil.rmtree(directory, ignore_errors=True)

    def drop(self, old: Route, routes: Iterable[Route]) -> None:
        """Forget what a route had and none of these has."""
        known = [*routes]
        if old.certificate and all(one.certificate != old.certificate for one in known):
            self._drop_certificate(old.certificate)
        if old.page and all(one.page != old.page for one in known):
            shutil.rmtree(self._pages / old.page, ignore_errors=True)

    def _drop_certificate(self, digest: str) -> None:
        (self._certificates / f"{digest}.pem").unlink(missing_ok=True)
        try:
            self._control.delete_certificate(digest)
        except (PaasError, OSError) as error:
            log.info("nginx was not told to forget a certificate: %s", error)
