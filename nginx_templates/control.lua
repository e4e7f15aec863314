-- The only writer of the shared dictionary `routes`: from the table on disk at start, and from
-- the daemon through the control socket afterwards.
--
-- A route is text: `app blog`, `state serving`, `domain blog.example.com` and `peer 10.0.0.2 5000`
-- lines, `hold 30` where requests wait so many seconds while the state is held, and where an app
-- was given ports `port http 8080 9000`; a table is routes one after another. Keys of the
-- dictionary: `domain <name>` -> app,
-- `app <name>` -> state, peers and ports, `domains <app>` -> its domains, `version` -> a number that
-- is odd during a change and even, and another one, after it.

local routes = ngx.shared.routes
local M = {}
local digest = ""

local function parse(text)
    local list, route = {}, nil
    for key, value in text:gmatch("(%l+) ([^\n]+)\n") do
        if key == "app" then
            route = { app = value, state = "undeployed", domains = {}, peers = {} }
            list[#list + 1] = route
        elseif route and key == "state" then
            route.state = value
        elseif route and key == "hold" then
            route.hold = value
        elseif route and key == "domain" then
            table.insert(route.domains, value)
        elseif route and key == "peer" then
            table.insert(route.peers, value)
        elseif route and key == "port" then
            table.insert(route.peers, (value:gsub("^(%l+) (%d+) ", "%1%2>")))
        end
    end
    return list
end

local function set(key, value)
    local ok, problem = routes:safe_set(key, value)
    if not ok then
        error({ status = 507, text = problem })
    end
end

local function domains_of(app)
    local found = {}
    for domain in (routes:get("domains " .. app) or ""):gmatch("%S+") do
        found[domain] = true
    end
    return found
end

local function check_domains(route)
    for _, domain in ipairs(route.domains) do
        local app = routes:get("domain " .. domain)
        if app and app ~= route.app then
            error({ status = 409, text = domain .. " belongs to " .. app })
        end
    end
end

-- The record first, then the names that lead to it, then the names that no longer do: at every
-- moment each name leads to the old record or to the new one.
local function store(route)
    local old = domains_of(route.app)
    local state = route.hold and route.state .. " " .. route.hold or route.state
    set("app " .. route.app, state .. "\n" .. table.concat(route.peers, "\n"))
    for _, domain in ipairs(route.domains) do
        set("domain " .. domain, route.app)
        old[domain] = nil
    end
    set("domains " .. route.app, table.concat(route.domains, " "))
    for domain in pairs(old) do
        if routes:get("domain " .. domain) == route.app then
            routes:delete("domain " .. domain)
        end
    end
end

local function forget(app)
    for domain in pairs(domains_of(app)) do
        if routes:get("domain " .. domain) == app then
            routes:delete("domain " .. domain)
        end
    end
    routes:delete("domains " .. app)
    routes:delete("app " .. app)
end

local function store_all(list)
    local kept = {}
    for _, route in ipairs(list) do
        kept[route.app] = true
        store(route)
    end
    for _, key in ipairs(routes:get_keys(0)) do
        local app = key:match("^app (.+)$")
        if app and not kept[app] then
            forget(app)
        end
    end
end

-- While the version is odd workers remember nothing. Otherwise one that decodes a route for the
-- first time during a change would already send requests to the new peers while another one
-- still sent them to the old: a client could see the new release and then the old one again.
local function changing(change, ...)
    local version = routes:get("version") or 0
    set("version", version + 1 + version % 2)
    local ok, problem = pcall(change, ...)
    routes:incr("version", 1)
    if not ok then
        error(problem, 0)
    end
end

-- In the master. The dictionary outlives a reload, and is then newer than what could be read
-- without stopping the world.
function M.load(path, site_digest)
    digest = site_digest
    if routes:get("version") then
        return
    end
    local file = io.open(path)
    changing(store_all, file and parse(file:read("*a")) or {})
    if file then
        file:close()
    end
end

local function put(app, body)
    local list = parse(body)
    if app then
        local route = list[1]
        if #list ~= 1 or route.app ~= app then
            error({ status = 400, text = "not one route of " .. app })
        end
        check_domains(route)
        changing(store, route)
    else
        changing(store_all, list)
    end
end

local function dump()
    local lines = {}
    for _, key in ipairs(routes:get_keys(0)) do
        local app = key:match("^app (.+)$")
        local state, hold, peers = (app and routes:get(key) or ""):match("^(%l+) ?([%d.]*)\n?(.*)$")
        if state then
            lines[#lines + 1] = "app " .. app .. "\nstate " .. state
            if hold ~= "" then
                lines[#lines + 1] = "hold " .. hold
            end
            for domain in pairs(domains_of(app)) do
                lines[#lines + 1] = "domain " .. domain
            end
            for line in peers:gmatch("[^\n]+") do
                local scheme, host_port, port = line:match("^(%l+)(%d+)>(%d+)$")
                lines[#lines + 1] = scheme and ("port %s %s %s"):format(scheme, host_port, port)
                    or "peer " .. line
            end
        end
    end
    return table.concat(lines, "\n") .. "\n"
end

local function act()
    local method, app = ngx.req.get_method(), ngx.var.uri:match("^/routes/([%w.-]+)$")
    local all = ngx.var.uri == "/routes"
    if method == "GET" and ngx.var.uri == "/site" then
        return digest
    elseif method == "GET" and all then
        return dump()
    elseif method == "PUT" and (app or all) then
        ngx.req.read_body()
        put(app, ngx.req.get_body_data() or "")
    elseif method == "DELETE" and app then
        changing(forget, app)
    else
        error({ status = 404, text = "no such request" })
    end
    return ""
end

function M.answer()
    local ok, result = pcall(act)
    if not ok then
        ngx.status = type(result) == "table" and result.status or 500
        result = type(result) == "table" and result.text or tostring(result)
    end
    ngx.header["Content-Length"] = #result
    ngx.print(result)
end

return M
