-- Which app a host belongs to, and which of its peers answers: read from the shared dictionary
-- `routes`, which control.lua alone writes. Runs for every request, so it is kept cheap: each
-- worker keeps what it decoded until the dictionary's version moves on.

local balancer = require "ngx.balancer"
local routes = ngx.shared.routes

local HOSTS_KEPT = 10000 -- a wildcard domain has any number of hosts
local CERTIFICATES_KEPT = 2000
-- what stands for the ports that every app answers on, whichever they are
local HTTP, HTTPS = "80", "443"
local ORDINARY, TLS_PORT = {}, ""
local RETRIES = 2
local BENCH_S = 5 -- how long a peer that failed is tried last
local HELD_AT_ONCE = 2000 -- waiting requests of an app in one worker: others need connections too
local FIRST_LOOK_S, LAST_LOOK_S = 0.005, 0.05
local LOGIN_S = 300 -- how long a password that was right need not be compared again
local GUESSES, GUESSES_S = 20, 60 -- wrong ones of an address before it must wait

local STATUS = {
    undeployed = 404, starting = 503, stopped = 503, down = 502, held = 503, maintenance = 503,
}
local RETRY_AFTER_S = { starting = "1", held = "10", maintenance = "300" }
local MESSAGE = {
    undeployed = "nothing is deployed here yet",
    starting = "the app is starting",
    stopped = "the app is stopped",
    down = "the app did not answer",
    held = "the app is paused for a moment",
    maintenance = "the app is down for maintenance",
}
local TYPES = {
    html = "text/html; charset=utf-8", css = "text/css; charset=utf-8", js = "text/javascript; charset=utf-8",
    json = "application/json", svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg",
    jpeg = "image/jpeg", gif = "image/gif", webp = "image/webp", ico = "image/x-icon",
    txt = "text/plain; charset=utf-8", woff = "font/woff", woff2 = "font/woff2", ttf = "font/ttf",
}

local M = {}
local pages, custom_pages = {}, ""
local version, by_host, by_app, hosts = nil, {}, {}, 0

-- What each line of a route says; control.lua tells what a route is.
local LINES = {
    state = function(route, value)
        route.state = value
    end,
    hold = function(route, value)
        route.hold_s = tonumber(value)
    end,
    peer = function(route, value)
        local host, port = value:match("^(%S+) (%d+)$")
        table.insert(route.peers, { host = host, port = tonumber(port) })
    end,
    port = function(route, value)
        local port, inside = value:match("^%l+ (%d+) (%d+)$")
        route.ports = route.ports or {}
        route.ports[port] = tonumber(inside)
    end,
    upgrade = function(route)
        route.upgrade = true
    end,
    certificate = function(route, value)
        route.certificate = value
    end,
    hsts = function(route, value)
        route.hsts = value
    end,
    redirect = function(route, value)
        local source, destination, code = value:match("^(%S+) (%S+) (%d+)$")
        route.redirects = route.redirects or {}
        route.redirects[source] = { destination = destination, code = tonumber(code) }
    end,
    guard = function(route)
        route.guarded = true
        route.users = {}
    end,
    user = function(route, value)
        local name, hash = value:match("^(%S+) (%S+)$")
        route.users[name] = hash
    end,
    address = function(route, value)
        route.addresses = route.addresses or {}
        route.addresses[value] = true
    end,
    page = function(route, value)
        route.page = value
    end,
}

local function decode(app, text)
    -- workers begin at different peers, or all would send their first requests to the same one
    local route = { app = app, peers = {}, hold_s = 0, at = ngx.worker.id() or 0 }
    for key, value in text:gmatch("(%l+) ([^\n]+)\n") do
        local line = LINES[key]
        if line then
            line(route, value)
        end
    end
    -- a request that was let in just before the app was held still finds its peers
    if route.state ~= "serving" and route.state ~= "held" then
        route.peers = {}
    end
    return route
end

local function owner(host)
    local app = routes:get("domain " .. host)
    local dot = host:find(".", 1, true)
    while not app and dot do
        app = routes:get("domain *" .. host:sub(dot))
        dot = host:find(".", dot + 1, true)
    end
    return app
end

local function route_of(app)
    local route = by_app[app]
    if not route then
        local record = routes:get("app " .. app)
        route = record and decode(app, record)
        by_app[app] = route
    end
    return route
end

-- What is found for a host: its app's route, or one that only redirects.
local function resolve(host)
    local app = owner(host)
    local route = app and route_of(app)
    local redirect = route and route.redirects and route.redirects[host]
    if redirect then
        return { app = app, peers = {}, redirect = redirect, certificate = route.certificate }
    end
    return route
end

-- The route of a host (lower case, no port, no trailing dot, as nginx's $host is), or nil.
local function find(host)
    local now = routes:get("version")
    if now ~= version or now % 2 == 1 or hosts > HOSTS_KEPT then
        version, by_host, by_app, hosts = now, {}, {}, 0
    end
    local route = by_host[host]
    if route then
        return route
    end
    route = resolve(host)
    if route then
        by_host[host] = route
        hosts = hosts + 1
    end
    return route
end

-- The route of a request: by its host, else by a port where every host leads to one app.
local function asked()
    local route = find(ngx.var.host)
    if route then
        return route
    end
    local app = routes:get("port " .. ngx.var.server_port)
    return app and route_of(app)
end

local function bench(route, addresses)
    -- "10.0.0.2:5000 : ": the attempt about to be made is in the list already, without an address
    local host = addresses:match("([^%s,]+):%d+[%s,:]*$")
    for _, peer in ipairs(route.peers) do
        if peer.host == host then
            peer.benched_until = ngx.now() + BENCH_S
        end
    end
end

-- Round robin over the peers that did not just fail; over all of them when all did.
local function choose(route)
    local peers = route.peers
    local count = #peers
    for _ = 1, count do
        route.at = route.at % count + 1
        local peer = peers[route.at]
        if not peer.benched_until or peer.benched_until <= ngx.now() then
            return peer
        end
    end
    route.at = route.at % count + 1
    return peers[route.at]
end

local waiting = {} -- requests that wait in this worker, by app

local function wait(host, seconds)
    local deadline, pause, route = ngx.now() + seconds, FIRST_LOOK_S, nil
    repeat
        ngx.sleep(pause)
        pause = math.min(pause * 1.2, LAST_LOOK_S)
        route = find(host)
    until not route or route.state ~= "held" or ngx.now() >= deadline
    return route
end

-- Requests come through here only while some app is held. Those for it wait, without a thread
-- and before a byte of their body is read, until it is released or they have waited enough.
function M.admit()
    local host = ngx.var.host
    local route = find(host)
    if not route or route.state ~= "held" then
        return
    end
    local app, before = route.app, waiting[route.app] or 0
    if before >= HELD_AT_ONCE then
        return ngx.exit(503)
    end
    waiting[app] = before + 1
    local ok, found = pcall(wait, host, route.hold_s)
    waiting[app] = waiting[app] > 1 and waiting[app] - 1 or nil
    if not ok or (found and found.state == "held") then
        return ngx.exit(503)
    end
end

-- What stands for every address of a kind.
local function any(address)
    return address:find(":", 1, true) and "::" or "0.0.0.0"
end

-- The container's port for the request (0: the peers' own), or nil when it is not to be passed on.
local function passage(route, var)
    if route.guarded and var.guarded ~= "yes" then
        return nil -- not through the server that asks for a password
    end
    if route.addresses and not (route.addresses[var.server_addr] or route.addresses[any(var.server_addr)]) then
        return nil
    end
    local port = ORDINARY[var.server_port] or var.server_port
    if route.ports then
        return route.ports[port]
    end
    -- https only by a certificate of its own: not on a connection that was made to another app
    return (port == HTTP or (port == HTTPS and route.certificate)) and 0 or nil
end

-- Whether the request has to come by https instead.
local function upgraded(route, var)
    return route.upgrade and ORDINARY[var.server_port] == HTTP
end

function M.balance()
    local var = ngx.var
    local route = asked()
    local port = route and route.peers[1] and not upgraded(route, var) and passage(route, var)
    if not port then
        return ngx.exit(ngx.ERROR) -- 500, and so to M.page
    end
    if balancer.get_last_failure() then
        bench(route, var.upstream_addr or "")
    else
        var.app = route.app
        if route.hsts and var.https == "on" then
            var.hsts = route.hsts
        end
        -- one retry for a single peer too: by then the route may have moved to another
        balancer.set_more_tries(math.max(1, math.min(#route.peers - 1, RETRIES)))
    end
    local peer = choose(route)
    local ok, problem = balancer.set_current_peer(peer.host, port > 0 and port or peer.port)
    if not ok then
        ngx.log(ngx.ERR, "peer of ", route.app, " refused: ", problem)
        return ngx.exit(ngx.ERROR)
    end
end

-- TLS: what is shown for the name a client asks for. Without one the handshake is refused.

local parsed, parsed_count = {}, 0

local function material(digest)
    local found = parsed[digest]
    if found then
        return found
    end
    local ssl = require "ngx.ssl"
    local pem = ngx.shared.certificates:get(digest)
    local chain = pem and ssl.parse_pem_cert(pem)
    local key = pem and ssl.parse_pem_priv_key(pem)
    if not chain or not key then
        ngx.log(ngx.ERR, "certificate ", digest, " is not here")
        return nil
    end
    if parsed_count >= CERTIFICATES_KEPT then
        parsed, parsed_count = {}, 0
    end
    found = { chain = chain, key = key }
    parsed[digest], parsed_count = found, parsed_count + 1
    return found
end

function M.certificate()
    local ssl = require "ngx.ssl"
    local name = ssl.server_name()
    local route = name and find(name:lower():gsub("%.$", ""))
    local found = route and route.certificate and material(route.certificate)
    if not found then
        return ngx.exit(ngx.ERROR)
    end
    ssl.clear_certs()
    if not ssl.set_cert(found.chain) or not ssl.set_priv_key(found.key) then
        return ngx.exit(ngx.ERROR)
    end
end

-- Guarded apps: their own servers send every request through here, before a byte of its body is
-- read, and say which addresses are let in without a password.

local logins = ngx.shared.logins
local seed = "" -- chosen before the workers are there, so that all have the same one

-- The key under which a right password is remembered; it tells nothing of it.
local function remembered(app, hash, password)
    local text = app .. "\n" .. hash .. "\n" .. password
    return "right " .. ngx.encode_base64(ngx.hmac_sha1(seed, text))
end

local function credentials()
    local text = (ngx.var.http_authorization or ""):match("^[Bb]asic +([%w+/=]+)$")
    return ((text and ngx.decode_base64(text)) or ""):match("^([^:]+):(.*)$")
end

local function refuse()
    ngx.header["WWW-Authenticate"] = 'Basic realm="Restricted", charset="UTF-8"'
    return ngx.exit(401)
end

local function authenticate(route)
    local name, password = credentials()
    if not name or password:find("%z") then
        return refuse()
    end
    local hash = route.users[name]
    local known = hash and remembered(route.app, hash, password)
    if known and logins:get(known) then
        return
    end
    local address = "wrong " .. ngx.var.binary_remote_addr
    if (logins:get(address) or 0) >= GUESSES then
        ngx.header["Retry-After"] = tostring(GUESSES_S)
        return ngx.exit(429)
    end
    -- a name that nobody has costs as much as a wrong password, and tells no more
    local ok, right = ngx.run_worker_thread("passwords", "passwords", "matches", password, hash or M.nobody)
    if not ok then
        ngx.log(ngx.WARN, "a password of ", route.app, " could not be compared: ", right)
        return ngx.exit(503)
    end
    if not hash or not right then
        logins:incr(address, 1, 0, GUESSES_S)
        return refuse()
    end
    logins:set(known, true, LOGIN_S)
end

-- bcrypt of nothing anybody has, at the cost that hashes are made with
M.nobody = "$2b$10$hbK/.UuarxLAnHTz.yhuZelhvF7gqydPZMAjo4BeMXjMKsD0Ihlcq"

function M.enter()
    local route = asked()
    if route and route.guarded and ngx.var.let_in ~= "yes" then
        authenticate(route)
    end
    return M.admit()
end

-- What a certificate authority asks of the domains whose certificate was asked for here.
function M.challenge()
    local token = ngx.var.uri:match("^/%.well%-known/acme%-challenge/([%w_-]+)$")
    local answer = token and ngx.shared.challenges:get(ngx.var.host .. "/" .. token)
    if answer then
        ngx.header["Content-Type"] = "application/octet-stream"
        ngx.header["Content-Length"] = #answer
        ngx.print(answer)
        return ngx.exit(200)
    end
    local route = asked()
    if route and route.guarded then
        ngx.var.guarded = "yes"
        return M.enter()
    end
    return M.admit()
end

-- What the platform itself answers, it answers on hosts that are somebody's.
function M.known()
    if not asked() then
        return ngx.exit(444)
    end
end

local ENTITIES = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function html(state, app)
    local values = { app = app, host = ngx.var.host:gsub("[<>&\"']", ENTITIES) }
    return (pages[state]:gsub("@(%l+)@", values))
end

local function wants_json()
    local accept = (ngx.var.http_accept or ""):lower()
    return accept:find("application/json", 1, true) and not accept:find("text/html", 1, true)
end

local function port_of(scheme, number)
    local usual = (scheme == "https" and number == "443") or (scheme == "http" and number == "80")
    return usual and "" or ":" .. number
end

-- Where a request has to go instead, and with which status; nil where it is right here.
local function elsewhere(route)
    local var = ngx.var
    if route.redirect then
        local host = route.redirect.destination
        local target = find(host)
        local tls = target and target.upgrade
        local scheme = tls and "https" or var.scheme
        return scheme .. "://" .. host .. port_of(scheme, tls and TLS_PORT or var.server_port), route.redirect.code
    end
    if upgraded(route, var) then
        return "https://" .. var.host .. port_of("https", TLS_PORT), 301
    end
end

-- A file of the app's own for the time of its maintenance.
local function own_page(route)
    local uri = ngx.var.uri
    local root = custom_pages .. "/" .. route.page
    local name = uri:match("^/[%w._/-]+%.(%l%w*)$") and not uri:find("/.", 1, true) and uri
    local file = name and io.open(root .. name)
    if not file then
        name = "/maintenance.html"
        file = io.open(root .. name)
    end
    local body = file and file:read("*a")
    if file then
        file:close()
    end
    return body, TYPES[name:match("%.(%l%w*)$")] or "application/octet-stream"
end

local function say(status, kind, body)
    ngx.status = status
    ngx.header["Content-Type"] = kind
    ngx.header["Content-Length"] = #body
    ngx.print(body)
end

-- Whether nothing of the request can have been read that would be missing when it is passed on.
local function bodiless(var)
    return not var.http_transfer_encoding and (var.content_length or "0") == "0"
end

-- The answer when there is no app to pass the request to, or it did not answer. may_enter: there
-- is a location here that asks for a password.
function M.page(may_enter)
    local route, var = asked(), ngx.var
    if not route then
        return ngx.exit(444)
    end
    local place, code = elsewhere(route)
    if place then
        return ngx.redirect(place .. var.request_uri, code)
    end
    if may_enter and route.guarded and var.guarded ~= "yes" and bodiless(var) then
        return ngx.exec("@enter")
    end
    if not passage(route, var) then
        return ngx.exit(var.https == "on" and 421 or 444)
    end
    local failed = route.state == "serving"
    local state = failed and "down" or route.state
    var.app = route.app
    local status = failed and ngx.status == 504 and 504 or STATUS[state]
    local header = ngx.header
    header["Cache-Control"] = "no-store"
    header["Retry-After"] = RETRY_AFTER_S[state]
    header["X-Content-Type-Options"] = "nosniff"
    if state == "maintenance" and route.page then
        local body, kind = own_page(route)
        if body then
            return say(status, kind, body)
        end
    end
    if wants_json() then
        local text = '{"error":"%s","app":"%s","message":"%s"}\n'
        return say(status, "application/json", text:format(state, route.app, MESSAGE[state]))
    end
    header["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return say(status, TYPES.html, html(state, route.app))
end

-- In the master, as root: workers cannot read the site's directory.
function M.prepare(site, own, http_port, https_port)
    custom_pages = own
    ORDINARY = { [http_port] = HTTP, [https_port] = HTTPS }
    TLS_PORT = https_port
    for state in pairs(STATUS) do
        local file = assert(io.open(site .. "/" .. state .. ".html"))
        pages[state] = file:read("*a")
        file:close()
    end
    local random = assert(io.open("/dev/urandom"))
    seed = random:read(32)
    random:close()
end

return M
