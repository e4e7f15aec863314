"""The configuration of the nginx that serves a static site inside its container."""

import re

from static.settings import Site

# a name with a content hash never changes its content: webpack's hex, Vite's and esbuild's
# base64, and the folders where frameworks keep only such files
HASHED = (
    r"[.-](?=[0-9a-f]*[0-9])[0-9a-f]{8,64}\.\w+$"
    r"|/assets/.*-(?=[\w-]*(?:[0-9]|[a-z][\w-]*[A-Z]|[A-Z][\w-]*[a-z]))[\w-]{8}\.\w+$"
    r"|^/(?:_next/static|_astro|_nuxt|_app/immutable)/."
)
COMPRESSED_TYPES = (
    "text/css text/plain text/xml text/javascript application/javascript application/json "
    "application/manifest+json application/xml application/rss+xml image/svg+xml font/ttf"
)
CONFIGURATION = """\
# made by the static buildpack on every build
daemon off;
pid /tmp/nginx.pid;
worker_processes 1;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  include /etc/nginx/mime.types;
  types {{ application/manifest+json webmanifest; text/javascript mjs; }}
  default_type application/octet-stream;
  charset utf-8;
  client_body_temp_path /tmp/nginx-body;
  proxy_temp_path /tmp/nginx-proxy;
  fastcgi_temp_path /tmp/nginx-fastcgi;
  uwsgi_temp_path /tmp/nginx-uwsgi;
  scgi_temp_path /tmp/nginx-scgi;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 75s;
  gzip on;
  gzip_static on;
  gzip_vary on;
  gzip_proxied any;
  gzip_min_length 1024;
  gzip_types {types};
  map $uri $kept {{
    default "public, max-age=300";
    "~{hashed}" "public, max-age=31536000, immutable";
    "~(?:/|\\.html?)$" "no-cache";
  }}
  map $sent_http_content_type $cache {{
    default $kept;
    "~^text/html" "no-cache";
  }}
  server {{
    include /tmp/listen.conf;
    root {root};
    index index.html index.htm;
    absolute_redirect off;
    add_header Cache-Control $cache;
    add_header X-Content-Type-Options nosniff;
{headers}{error_page}    location ~ /\\.(?!well-known/) {{ return 404; }}
    location ~ ^/_(redirects|headers)$ {{ return 404; }}
{private}{redirects}{locations}  }}
}}
"""


def configuration(site: Site) -> str:
    """The whole nginx.conf of a site."""
    return CONFIGURATION.format(
        types=COMPRESSED_TYPES,
        hashed=HASHED.replace('"', ""),
        root=quoted("/app/" + site.folder),
        headers="".join(header_lines(site, "/**")),
        error_page=error_page(site),
        private="" if site.folder else private_files(),
        redirects="".join(redirect_lines(site)),
        locations="".join(locations(site)),
    )


def quoted(text: str) -> str:
    """An nginx string; a dollar would begin a variable, which no path of ours needs."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "") + '"'


def error_page(site: Site) -> str:
    if not site.error_page:
        return ""
    path = quoted("/" + site.error_page.lstrip("/"))
    return f"    error_page 404 {path};\n"


def private_files() -> str:
    """What the platform reads is not part of the site when the whole repository is."""
    return "    location ~ ^/(Procfile|app\\.json|static\\.json)$ { return 404; }\n"


def header_lines(site: Site, path: str) -> list[str]:
    return [
        f"    add_header {quoted(name)} {quoted(value)};\n"
        for name, value in site.headers.get(path, {}).items()
    ]


def redirect_lines(site: Site) -> list[str]:
    """One block per redirect; `/old/*` leads to where `:splat` takes what the star stood for."""
    return [
        f"    location {place(path)} {{ return {status} {target(path, url)}; }}\n"
        for path, (status, url) in site.redirects.items()
    ]


def place(path: str) -> str:
    if not path.endswith("/*"):
        return f"= {quoted(path)}"
    return "~ " + quoted(f"^{re.escape(path[:-2])}/(.*)") if path != "/*" else '~ "^/(.*)"'


def target(path: str, url: str) -> str:
    text = quoted(url)
    return text.replace(":splat", "$1") if path.endswith("/*") else text


def locations(site: Site) -> list[str]:
    """One block per route and per path with headers of its own; the general one last."""
    found = []
    clean = " $uri.html" if site.clean_urls else ""
    for pattern, target in site.routes.items():
        if pattern != "/**":
            fallback = quoted("/" + target.lstrip("/"))
            found.append(
                f"    location ~ {quoted(glob(pattern))} {{ try_files $uri{clean} {fallback}; }}\n"
            )
    for pattern in site.headers:
        if pattern != "/**":
            repeated = "".join(header_lines(site, pattern) + header_lines(site, "/**"))
            own = f"    add_header Cache-Control $cache;\n{repeated}"
            if "cache-control" in {name.lower() for name in site.headers[pattern]}:
                own = repeated
            found.append(f"    location ~ {quoted(glob(pattern))} {{\n{own}    }}\n")
    return [*found, *general(site, clean)]


def general(site: Site, clean: str) -> list[str]:
    """A single page app answers every path but that of a missing file (which has a suffix)."""
    if site.single_page:
        return [
            f"    location / {{ try_files $uri $uri/index.html{clean} @page; }}\n",
            "    location @page {\n",
            '      if ($uri ~ "\\.[0-9A-Za-z]{1,8}$") { return 404; }\n',
            "      rewrite ^ /index.html break;\n    }\n",
        ]
    fallback = site.routes.get("/**")
    last = quoted("/" + fallback.lstrip("/")) if fallback else "=404"
    return [f"    location / {{ try_files $uri $uri/index.html{clean} $uri/ {last}; }}\n"]


def glob(pattern: str) -> str:
    """`/a/**` and `/a/*` as an anchored regular expression."""
    parts = re.split(r"(\*\*|\*)", pattern)
    translated = {"**": ".*", "*": "[^/]*"}
    return "^" + "".join(translated.get(part, re.escape(part)) for part in parts) + "$"
