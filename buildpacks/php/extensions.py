"""PHP's extensions, as Composer's files name them, and Debian's packages with them."""

import os
from typing import Any

from lifecycle import suite
from lifecycle.say import Failure

from php import manifest

VERSION = suite.versions().php
# what most apps want is there for all, so that they share one layer
USUAL = ("bcmath", "curl", "gd", "intl", "mbstring", "mysql", "pgsql", "sqlite3", "xml", "zip")
BASE = ("fpm", "cli")
# php-fpm wants some of systemd; this is the part it needs
BESIDE = ("systemd-standalone-tmpfiles",)
# in php itself, or in the package with everything common
BUILT_IN = """
    calendar core ctype date exif ffi fileinfo filter ftp gettext hash iconv json libxml
    openssl pcntl pcre pdo phar posix random readline reflection session shmop sockets sodium
    spl standard sysvmsg sysvsem sysvshm tokenizer zlib zend-opcache opcache
"""
# Debian's packages that are named otherwise than what they have
ELSEWHERE = {
    "dom": "xml", "simplexml": "xml", "xmlreader": "xml", "xmlwriter": "xml", "xsl": "xml",
    "mysqli": "mysql", "mysqlnd": "mysql", "pdo_mysql": "mysql", "pdo_pgsql": "pgsql",
    "pdo_sqlite": "sqlite3", "sqlite": "sqlite3", "dba": "dba", "pdo_odbc": "odbc",
    "pdo_dblib": "sybase", "pdo_firebird": "interbase",
}  # fmt: skip
# all that Debian has for this version
PACKAGES = """
    amqp apcu ast bcmath bz2 curl dba ds enchant excimer gd gearman gmagick gmp gnupg http
    igbinary imagick inotify interbase intl ldap libvirt-php mailparse maxminddb mbstring
    mcrypt memcache memcached mongodb msgpack mysql oauth odbc pcov pgsql pq ps pspell psr
    raphf redis rrd smbclient snmp soap solr sqlite3 ssh2 stomp sybase tidy uopz
    uploadprogress uuid xdebug xml xmlrpc xsl yac yaml zip zmq zstd
"""


def packages(root: str) -> list[str]:
    """Debian's packages with PHP and all extensions that are asked for. Or Failure naming one."""
    names = {*USUAL, *(package for name in wanted(root) if (package := package_of(name)))}
    return [*(f"php{VERSION}-{name}" for name in (*BASE, *sorted(names))), *BESIDE]


def wanted(root: str) -> set[str]:
    """Extensions that the app or one of its locked packages requires; polyfilled ones are not."""
    lock = manifest.read(root, "composer.lock")
    locked = [item for item in lock.get("packages") or [] if isinstance(item, dict)]
    documents: list[dict[str, Any]] = [manifest.read(root, "composer.json"), *locked]
    asked = {name for one in documents for name in manifest.table(one, "require")}
    provided = {
        name
        for one in locked
        for key in ("provide", "replace")
        for name in manifest.table(one, key)
    }
    return {
        name.removeprefix("ext-").lower() for name in asked - provided if name.startswith("ext-")
    }


def package_of(name: str) -> str:
    """The last part of the package's name; "" for what is there anyway."""
    if name in BUILT_IN.split():
        return ""
    package = ELSEWHERE.get(name, name)
    if package in PACKAGES.split():
        return package
    raise Failure(
        f"composer.json requires ext-{name}, and Debian has no such extension of PHP {VERSION}",
        "correct its name, or leave it out",
    )


def configuration_folder() -> str:
    return os.path.join("/etc/php", VERSION)
