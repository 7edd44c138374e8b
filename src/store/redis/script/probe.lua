-- Probe: proves that this process may do all that the other scripts do, and that the server is the one that it takes it
-- for. It leaves nothing behind.
--
-- KEYS     on a single server two of different hash tags: on a node of a cluster no script may have two such keys
-- ARGV     1  this process
-- Returns  this server's clock in microseconds; or an error, which of a command that the user may not call names it

-- Calls a command; an error of one that the user may not call names it.
local function try(verb, ...)
  local went_well, fault = pcall(redis.call, verb, ...)
  if went_well then
    return
  end
  local text = type(fault) == 'table' and fault.err or tostring(fault)
  -- As Redis 6.2 and 7.0 say it, and as later ones do; the first do not say which command it was.
  if text:find("can't run this command", 1, true) or text:find('no permissions to run', 1, true) then
    fault = { err = 'NOPERM ' .. verb }
  end
  error(fault, 0)
end

local function prove()
  try('TIME')
  for at = 1, #KEYS do
    -- First, for who may write and not let expire would leave what lives for ever.
    try('PEXPIREAT', KEYS[at], 1)
    try('HSETNX', KEYS[at], 'era', ARGV[1])
    try('HSET', KEYS[at], ARGV[1], 1)
    try('HINCRBY', KEYS[at], 'returns', 0)
    try('HGETALL', KEYS[at])
    try('HDEL', KEYS[at], 'era', 'returns', ARGV[1])
  end
end

local is_proven, fault = pcall(prove)
if not is_proven then
  -- Redis 6.2 reports texts only as errors of scripts, and a table as an error only where it is returned.
  if type(fault) == 'table' then return fault end
  error(fault, 0)
end
local clock = redis.call('TIME')
return clock[1] * 1000000 + clock[2]
