"""dokku 0.38's commands, flags and properties, as its documentation lists them. Data alone.

A line is `namespace: subcommand(flags) subcommand ...`; `.` is the namespace's own command.
"""

COMMANDS = """
apps: clone(--skip-deploy --ignore-existing) create destroy exists list lock locked
apps: rename(--skip-deploy) report(--format) set unlock
config: show(--merged --format) get(--quoted) set(--no-restart --encoded) unset(--no-restart)
config: clear(--no-restart) keys(--merged) export(--format --merged) bundle(--merged)
config: import(--replace --no-restart)
domains: add remove set clear reset enable disable report(--format)
domains: add-global remove-global set-global clear-global
ps: scale(--skip-deploy --format) start(--all --parallel) stop(--all --parallel)
ps: restart(--all --parallel) rebuild(--all --parallel) restore(--all --parallel)
ps: inspect report(--format) set
checks: enable disable skip run report(--format) set
ports: list(--format) add set remove clear report(--format)
proxy: enable(--all --parallel) disable(--all --parallel) build-config(--all --parallel)
proxy: clear-config(--all --parallel) set report(--format)
nginx: access-logs(-t) error-logs(-t) reload start stop show-config validate-config(--clean)
nginx: set report(--format)
certs: add update generate remove show report(--format)
letsencrypt: enable(--force --all) disable auto-renew cron-job set list active revoke cleanup
letsencrypt: report(--format)
git: from-archive(--archive-type) from-image load-image sync(--build --build-if-changes)
git: initialize set status unlock auth auth-status allow-host generate-deploy-key public-key
git: report(--format)
builder: set report(--format)
builder-dockerfile: set report(--format)
builder-herokuish: set report(--format)
builder-pack: set report(--format)
buildpacks: add(--index) set(--index) remove(--index) clear list report(--format) set-property
buildpacks: detect
builds: list(--status --kind --format) info output cancel prune set report(--format)
cron: list(--format) run(--detach --ttl-seconds) suspend resume set report(--format)
logs: .(-t --tail -n --num -p --ps -q --quiet) failed(--all) set report(--format)
logs: vector-logs vector-start vector-stop
storage: create destroy mount unmount list(--format) list-entries info exec(--image) set
storage: ensure-directory labels:set labels:report annotations:set annotations:report wait migrate
storage: report(--format)
network: create destroy exists info list(--format) rebuild rebuildall set report(--format)
resource: limit(--cpu --memory --memory-swap --network --network-ingress --network-egress)
resource: limit(--nvidia-gpu --process-type) limit-clear(--process-type)
resource: reserve(--cpu --memory --memory-swap --network --network-ingress --network-egress)
resource: reserve(--nvidia-gpu --process-type) reserve-clear(--process-type) report(--format)
run: .(-e --env --no-tty --ttl-seconds) detached(-e --env --no-tty --ttl-seconds)
run: list(--format) logs(-t -n -q) stop
registry: login(--password-stdin --global) logout set report(--format)
ssh-keys: add list(--format) remove(--fingerprint)
docker-options: add(--process) remove(--process) list(--process --phase) clear(--process)
docker-options: report(--format)
app-json: set report(--format)
scheduler: set report(--format)
scheduler-docker-local: set report(--format)
plugin: install uninstall update enable disable list installed trigger install-dependencies
events: .(-t) on off list
trace: on off
repo: gc purge-cache
tags: create deploy destroy list
tar: in from
enter: .
shell: .
url: .
urls: .
cleanup: .
report: .
version: .
help: .(--all)
maintenance: enable disable report(--format)
redirect: set unset report(--format)
http-auth: enable disable add-user remove-user add-allowed-ip remove-allowed-ip report(--format)
"""

PROPERTIES = """
apps: disable-autocreation
ps: restart-policy stop-timeout-seconds procfile-path skip-deploy start-cmd dockerfile-start-cmd
checks: wait timeout attempts wait-to-retire default-wait
proxy: type
nginx: access-log-format access-log-path bind-address-ipv4 bind-address-ipv6 client-body-timeout
nginx: client-header-timeout client-max-body-size disable-custom-config error-log-path hsts
nginx: hsts-include-subdomains hsts-max-age hsts-preload keepalive-timeout lingering-timeout
nginx: nginx-conf-sigil-path nginx-service-command proxy-buffer-size proxy-buffering proxy-buffers
nginx: proxy-busy-buffers-size proxy-connect-timeout proxy-keepalive proxy-read-timeout
nginx: proxy-send-timeout send-timeout underscore-in-headers x-forwarded-for-value
nginx: x-forwarded-port-value x-forwarded-proto-value x-forwarded-ssl
git: deploy-branch keep-git-dir rev-env-var
builder: selected build-dir skip-cleanup
builder-dockerfile: dockerfile-path
buildpacks: stack
builds: retention
cron: mailto maintenance
logs: max-size vector-sink vector-image
network: initial-network attach-post-create attach-post-deploy bind-all-interfaces
network: static-web-listener tld
registry: push-on-release image-repo image-repo-template server
app-json: appjson-path
scheduler: selected shell
scheduler-docker-local: init-process parallel-schedule-count
letsencrypt: email server
"""

GLOBAL_FLAGS = ("--quiet", "--trace", "--force", "--app")
