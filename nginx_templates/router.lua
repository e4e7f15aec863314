-- Which app a host belongs to, and which of its peers answers: read from the shared dictionary
-- `routes`, which control.lua alone writes. Runs for every request, so it is kept cheap: each
-- worker keeps what it decoded until the dictionary's version moves on.

local balancer = require "ngx.balancer"
local routes = ngx.shared.routes

local HOSTS_KEPT = 10000 -- a wildcard domain has any number of hosts
local RETRIES = 2
local BENCH_S = 5 -- how long a peer that failed is tried last
local HELD_AT_ONCE = 2000 -- waiting requests of an app in one worker: others need connections too
local ORDINARY = "80" -- what stands for the port that every app answers on
local FIRST_LOOK_S, LAST_LOOK_S = 0.005, 0.05

local STATUS = { undeployed = 404, starting = 503, stopped = 503, down = 502, held = 503 }
local RETRY_AFTER_S = { starting = "1", held = "10" }
local MESSAGE = {
    undeployed = "nothing is deployed here yet",
    starting = "the app is starting",
    stopped = "the app is stopped",
    down = "the app did not answer",
    held = "the app is paused for a moment",
}

local M = {}
local pages = {}
local version, by_host, by_app, hosts = nil, {}, {}, 0

-- "serving\n10.0.0.2 5000\n10.0.0.3 5000" or "held 30\n10.0.0.2 5000", as control.lua stores it;
-- "http8080>9000" lines: port 9000 of every peer answers on our port 8080
local function decode(app, record)
    local state = record:match("^%l+")
    local peers = {}
    -- a request that was let in just before the app was held still finds it
    if state == "serving" or state == "held" then
        for host, port in record:gmatch("\n(%S+) (%d+)") do
            peers[#peers + 1] = { host = host, port = tonumber(port) }
        end
    end
    local ports = nil
    for host_port, port in record:gmatch("\nhttp(%d+)>(%d+)") do
        ports = ports or {}
        ports[host_port] = tonumber(port)
    end
    -- workers begin at different peers, or all would send their first requests to the same one
    local hold_s = tonumber(record:match("^%l+ ([%d.]+)")) or 0
    local route = { app = app, state = state, peers = peers, hold_s = hold_s, ports = ports }
    route.at = ngx.worker.id() or 0
    -- an app that has ports, and not the ordinary one, is not there for ordinary requests
    route.hidden = ports and not ports[ORDINARY] or false
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
    local app = owner(host)
    route = app and route_of(app)
    if route then
        by_host[host] = route
        hosts = hosts + 1
    end
    return route
end

local function bench(route, addresses)
    -- "10.0.0.2:5000 : ": the attempt about to be made is in the list already, without an address
    local host, port = addresses:match("([^%s,]+):(%d+)[%s,:]*$")
    for _, peer in ipairs(route.peers) do
        if peer.host == host and peer.port == tonumber(port) then
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

local function pass(route, port)
    local var = ngx.var
    if balancer.get_last_failure() then
        bench(route, var.upstream_addr or "")
    else
        var.app = route.app
        -- one retry for a single peer too: by then the route may have moved to another
        balancer.set_more_tries(math.max(1, math.min(#route.peers - 1, RETRIES)))
    end
    local peer = choose(route)
    local ok, problem = balancer.set_current_peer(peer.host, port or peer.port)
    if not ok then
        ngx.log(ngx.ERR, "peer of ", route.app, " refused: ", problem)
        return ngx.exit(ngx.ERROR)
    end
end

function M.balance()
    local route = find(ngx.var.host)
    if not route or not route.peers[1] or route.hidden then
        return ngx.exit(ngx.ERROR) -- 500, and so to M.page
    end
    return pass(route)
end

-- On a port that some app was given: it leads to one port of its containers, others have it not.
function M.balance_by_port()
    local route = find(ngx.var.host)
    local port = route and route.ports and route.ports[ngx.var.server_port]
    if not port or not route.peers[1] then
        return ngx.exit(ngx.ERROR)
    end
    return pass(route, port)
end

local function is_there(route, by_port)
    if by_port then
        return route.ports and route.ports[ngx.var.server_port]
    end
    return not route.hidden
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

-- The answer when there is no app to pass the request to, or it did not answer.
function M.page(by_port)
    local route = find(ngx.var.host)
    if not route or not is_there(route, by_port) then
        return ngx.exit(444)
    end
    local failed = route.state == "serving"
    local state = failed and "down" or route.state
    ngx.var.app = route.app
    ngx.status = failed and ngx.status == 504 and 504 or STATUS[state]
    local header, body = ngx.header, nil
    header["Cache-Control"] = "no-store"
    header["Retry-After"] = RETRY_AFTER_S[state]
    header["X-Content-Type-Options"] = "nosniff"
    if wants_json() then
        header["Content-Type"] = "application/json"
        body = ('{"error":"%s","app":"%s","message":"%s"}\n'):format(state, route.app, MESSAGE[state])
    else
        header["Content-Type"] = "text/html; charset=utf-8"
        header["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        body = html(state, route.app)
    end
    header["Content-Length"] = #body
    ngx.print(body)
end

-- In the master, as root: workers cannot read the site's directory.
function M.load_pages(site)
    for state in pairs(STATUS) do
        local file = assert(io.open(site .. "/" .. state .. ".html"))
        pages[state] = file:read("*a")
        file:close()
    end
end

return M
