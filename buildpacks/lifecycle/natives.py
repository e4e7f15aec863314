"""Libraries of the system that a compiler or a program missed, and the Debian package with each.

For all packs: what compilers, linkers and pkg-config say is the same whatever language
called them.
"""

import os
import re

from lifecycle import child
from lifecycle.say import Failure

HEADER = re.compile(r"fatal error: '?([\w./+-]+\.h(?:pp)?)'?(?::| file) (?:No such file|not found)")
LIBRARY = re.compile(
    r"(?:ld|lld|gold)(?:\.\w+)?: (?:error: )?(?:cannot find|unable to find library) -l:?([\w.+-]+)"
)
MODULE = re.compile(
    r"Package '?([\w.+-]+?)'?,? (?:required by '[^']+', )?(?:was )?not found"
    r"|No package '([\w.+-]+)' found"
    r"|The system library `([\w.+-]+)` required by crate"
    r"|Dependency [\"']([\w.+-]+)[\"'] not found"
    r"|Command 'pkg-config --exists ([\w.+-]+)' returned"
    r"|headers or library files could not be found for (\w+)"
)
CONFIGURE = "pg_config|mysql_config|xml2-config|xslt-config|curl-config|gdal-config"
TOOLS = "cmake|protoc|nasm|yasm|clang|gfortran|pkg-config"
PROGRAM = re.compile(
    rf"\b({CONFIGURE}|{TOOLS})(?:`|'|\")?(?: executable)?(?: is)?[: ]*"
    r"(?:(?:command )?not (?:be )?found|not installed|is required)"
    rf"|No such file or directory: '({CONFIGURE}|{TOOLS})'"
    r"|is `(\w+)` not installed"
    r"|exec: \"([\w+-]+)\": executable file not found"
    r"|(?:Could not|Unable to) find [`']?(protoc|libclang)"
)
MISSES = (
    (HEADER, "the header {0} of a system library is missing"),
    (MODULE, "the system library {0} is missing"),
    (LIBRARY, "the system library {0} is missing"),
    (PROGRAM, "the program {0} is missing"),
)
# Debian's packages, and what is missed without them: the first part of a header's path, the
# name after -l, a pkg-config module, a program
PACKAGES = """
clang: clang
cmake: cmake
default-jdk-headless: jni.h
default-libmysqlclient-dev: mysql.h mysql mysqlclient mysql_config
g++: stdc++
gcc: gcc
gfortran: gfortran
git: git
libarchive-dev: archive.h
libasound2-dev: alsa alsa-lib
libattr1-dev: attr
libavcodec-dev: libavcodec
libavformat-dev: libavformat
libavutil-dev: libavutil
libblas-dev: blas
libboost-dev: boost
libbz2-dev: bzlib.h bz2
libcairo2-dev: cairo cairo.h
libclang-dev: libclang
libcups2-dev: cups
libcurl4-openssl-dev: curl libcurl curl-config
libdbus-1-dev: dbus-1
libevent-dev: event.h
libexpat1-dev: expat.h
libffi-dev: ffi.h libffi
libfontconfig-dev: fontconfig
libfreetype-dev: ft2build.h freetype2
libgd-dev: gd.h
libgdal-dev: gdal.h gdal-config
libgeos-dev: geos_c.h
libgit2-dev: git2.h libgit2
libgl-dev: GL
libglib2.0-dev: glib.h glib-2.0 gobject-2.0
libgmp-dev: gmp.h
libgraphviz-dev: graphviz
libgtk-3-dev: gtk gtk+-3.0
libhdf5-dev: hdf5.h
libicu-dev: icu-i18n icu-uc icu-io unicode icuuc icui18n icudata
libjpeg-dev: jpeglib.h jpeg libjpeg
libkrb5-dev: gssapi krb5.h gssapi_krb5
liblapacke-dev: lapacke.h
libldap-dev: ldap.h lber.h lber
libleptonica-dev: leptonica
libleveldb-dev: leveldb
liblz4-dev: lz4.h
liblzma-dev: lzma.h lzma
libmagic-dev: magic.h
libmagickcore-dev: MagickCore
libmagickwand-dev: MagickWand wand MagickWand-7.Q16
libmariadb-dev: mariadb
libmemcached-dev: libmemcached memcached
libmpfr-dev: mpfr.h
libncurses-dev: ncurses.h curses.h
libnghttp2-dev: nghttp2
libopenblas-dev: cblas.h openblas
libopencv-dev: opencv2
libpam0g-dev: security pam
libpango1.0-dev: pango pangocairo
libpcap-dev: pcap.h
libpcre2-dev: pcre2.h
libpng-dev: png.h libpng
libpoppler-cpp-dev: poppler
libpq-dev: libpq-fe.h pq libpq pg_config
libproj-dev: proj.h
libprotobuf-dev: google
librados-dev: rados
librdkafka-dev: rdkafka.h librdkafka rdkafka
libre2-dev: re2
libreadline-dev: readline
librocksdb-dev: rocksdb
libsasl2-dev: sasl
libseccomp-dev: seccomp.h
libsnappy-dev: snappy.h snappy-c.h
libsndfile1-dev: sndfile.h
libsodium-dev: sodium.h sodium libsodium
libsqlite3-dev: sqlite3.h sqlite3
libssh2-1-dev: ssh2.h libssh2.h libssh2
libssl-dev: openssl ssl crypto libssl libcrypto
libswscale-dev: libswscale
libsystemd-dev: systemd libsystemd
libtesseract-dev: tesseract
libtiff-dev: tiff.h
libudev-dev: libudev.h libudev
libusb-1.0-0-dev: libusb-1.0 libusb
libuv1-dev: uv.h uv
libvips-dev: vips vips-cpp
libwebp-dev: webp
libx11-dev: X11 x11
libxml2-dev: libxml libxml-2.0 xml2 xml2-config
libxslt1-dev: libxslt xslt xslt-config
libyaml-dev: yaml.h yaml yaml-0.1
libzmq3-dev: zmq.h zmq libzmq
libzstd-dev: zstd.h libzstd
make: make
nasm: nasm
pkg-config: pkg-config
portaudio19-dev: portaudio.h
protobuf-compiler: protoc
python3-dev: Python.h
ruby-dev: ruby.h
unixodbc-dev: sql.h sqlext.h odbc
uuid-dev: uuid
yasm: yasm
zlib1g-dev: zlib.h z zlib
"""


def missing(output: str) -> Failure | None:
    """The Failure for the first system library or program that output says is not there."""
    for pattern, words in MISSES:
        if match := pattern.search(output):
            name = next(group for group in match.groups() if group)
            return Failure(words.format(name), remedy(name))
    return None


def remedy(name: str) -> str:
    package = package_of(name)
    if package:
        return f"add a file named Aptfile with the line: {package}"
    return "find the Debian package that has it, and name it in a file called Aptfile, one a line"


def package_of(name: str) -> str:
    """The Debian package with a header, library, pkg-config module or program; "" if unknown."""
    known = table()
    if found := known.get(name) or known.get(name.partition("/")[0]):
        return found
    stem = re.sub(r"\.h(pp)?$", "", name.rpartition("/")[2]).removeprefix("lib").lower()
    guesses = [f"lib{stem}-dev", f"{stem}-dev", f"lib{stem.rstrip('0123456789.-')}-dev"]
    existing = debian_names()
    return next((guess for guess in guesses if guess in existing), "")


def table() -> dict[str, str]:
    """The package by what is missed."""
    found = {}
    for line in PACKAGES.split("\n"):
        package, _, names = line.partition(": ")
        found.update(dict.fromkeys(names.split(), package))
    return found


def debian_names() -> set[str]:
    """Names of all packages, from the lists in the build's stack."""
    argv = ["apt-cache", "-o", "Dir::Cache=/tmp/apt-names", "pkgnames"]
    status, output = child.capture(argv, dict(os.environ), "/")
    return set(output.split()) if status == 0 else set()
