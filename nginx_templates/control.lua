-- The only writer of the shared dictionaries: from the table on disk at start, and from the
-- daemon through the control socket afterwards.
--
-- A route is text, `key value` lines that begin with `app blog`; a table is routes one after
-- another, with lines that are not for us before the first. Keys of `routes`: `app <name>` -> the
-- text, which router.lua reads; `domain <name>` and `port <number>`, where every host leads to
-- that app -> the app; `claims <app>` -> its keys of those two kinds; `version` -> a number that
-- is odd during a change and even, and another one, after it. `certificates` has PEM by digest,
-- `challenges` what a certificate authority shall be answered, by host and token.

local routes = ngx.shared.routes
local certificates = ngx.shared.certificates
local challenges = ngx.shared.challenges
local CHALLENGE_S = 3600
local M = {}
local digest = ""

local function parse(text)
    local list, route = {}, nil
    for key, value in text:gmatch("(%l+) ([^\n]+)\n") do
        if key == "app" then
            route = { app = value, lines = {}, claims = {} }
            list[#list + 1] = route
        end
        if route then
            route.lines[#route.lines + 1] = key .. " " .. value .. "\n"
            if key == "domain" then
                table.insert(route.claims, "domain " .. value)
            elseif key == "open" then
                table.insert(route.claims, "port " .. value)
            elseif key == "certificate" then
                route.certificate = value
            end
        end
    end
    return list
end

local function set(dictionary, key, value, ttl)
    local ok, problem = dictionary:safe_set(key, value, ttl or 0)
    if not ok then
        error({ status = 507, text = problem })
    end
end

local function claims_of(app)
    local found = {}
    for claim in (routes:get("claims " .. app) or ""):gmatch("[^\n]+") do
        found[claim] = true
    end
    return found
end

local function check_claims(route)
    for _, claim in ipairs(route.claims) do
        local app = routes:get(claim)
        if app and app ~= route.app then
            error({ status = 409, text = claim .. " belongs to " .. app })
        end
    end
end

local function drop(app, claims)
    for claim in pairs(claims) do
        if routes:get(claim) == app then
            routes:delete(claim)
        end
    end
end

-- The record first, then the names that lead to it, then the names that no longer do: at every
-- moment each name leads to the old record or to the new one.
local function store(route)
    local old = claims_of(route.app)
    set(routes, "app " .. route.app, table.concat(route.lines))
    for _, claim in ipairs(route.claims) do
        set(routes, claim, route.app)
        old[claim] = nil
    end
    set(routes, "claims " .. route.app, table.concat(route.claims, "\n"))
    drop(route.app, old)
end

local function forget(app)
    drop(app, claims_of(app))
    routes:delete("claims " .. app)
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
    set(routes, "version", version + 1 + version % 2)
    local ok, problem = pcall(change, ...)
    routes:incr("version", 1)
    if not ok then
        error(problem, 0)
    end
end

local function read(path)
    local file = io.open(path)
    local text = file and file:read("*a")
    if file then
        file:close()
    end
    return text
end

-- In the master, which alone can read the certificates. The dictionaries outlive a reload, and are
-- then newer than what could be read without stopping the world.
function M.load(path, certificates_path, site_digest)
    digest = site_digest
    if routes:get("version") then
        return
    end
    local list = parse(read(path) or "")
    changing(store_all, list)
    for _, route in ipairs(list) do
        local pem = route.certificate and read(certificates_path .. "/" .. route.certificate .. ".pem")
        if pem then
            set(certificates, route.certificate, pem)
        end
    end
end

local function put(app, body)
    local list = parse(body)
    if app then
        local route = list[1]
        if #list ~= 1 or route.app ~= app then
            error({ status = 400, text = "not one route of " .. app })
        end
        check_claims(route)
        changing(store, route)
    else
        changing(store_all, list)
    end
end

local function dump()
    local found = {}
    for _, key in ipairs(routes:get_keys(0)) do
        if key:find("^app ") then
            found[#found + 1] = routes:get(key)
        end
    end
    return table.concat(found)
end

local function body()
    ngx.req.read_body()
    return ngx.req.get_body_data() or ""
end

local ACTIONS = {
    ["GET /site"] = function()
        return digest
    end,
    ["GET /routes"] = dump,
    ["PUT /routes"] = function(name)
        put(name, body())
    end,
    ["DELETE /routes"] = function(name)
        changing(forget, name)
    end,
    ["PUT /certificates"] = function(name)
        set(certificates, name, body())
    end,
    ["DELETE /certificates"] = function(name)
        certificates:delete(name)
    end,
    ["PUT /challenges"] = function(name)
        set(challenges, name, body(), CHALLENGE_S)
    end,
    ["DELETE /challenges"] = function(name)
        challenges:delete(name)
    end,
}

local function act()
    local kind, name = ngx.var.uri:match("^(/%l+)/?([%w._/-]*)$")
    local action = kind and ACTIONS[ngx.req.get_method() .. " " .. kind]
    if not action then
        error({ status = 404, text = "no such request" })
    end
    return action(name ~= "" and name or nil) or ""
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
