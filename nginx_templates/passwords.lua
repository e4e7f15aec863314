-- Whether a password is the one of a bcrypt hash, asked by router.lua in a thread of its own: at
-- the cost that hashes are made with it takes tens of milliseconds, which nobody else may wait for.

local ffi = require "ffi"

ffi.cdef [[ char *crypt_rn(const char *phrase, const char *setting, void *data, int size); ]]

local SIZE = 32768 -- struct crypt_data of libxcrypt, crypt(3)
local crypt = ffi.load("crypt.so.1")

local M = {}

function M.matches(password, hash)
    local data = ffi.new("char[?]", SIZE)
    local found = crypt.crypt_rn(password, hash, data, SIZE)
    return found ~= nil and ffi.string(found) == hash
end

return M
