-- Probe: proves that this process may do all that the other scripts do, and that the server is the one that it takes it
-- for. It leaves nothing behind.
--
-- KEYS     on a single server two of different hash tags: on a node of a cluster no script may have two such keys
-- ARGV     1  this process
-- Returns  this server's clock in microseconds

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

for at = 1, #KEYS do
  -- First, for who may write and not let expire would leave what lives for ever.
  redis.call('PEXPIREAT', KEYS[at], math.floor(now / 1000))
  redis.call('HSETNX', KEYS[at], 'era', ARGV[1])
  redis.call('HSET', KEYS[at], ARGV[1], string.format('%.0f', now))
  redis.call('HINCRBY', KEYS[at], 'returns', 0)
  redis.call('HGETALL', KEYS[at])
  redis.call('HDEL', KEYS[at], 'era', 'returns', ARGV[1])
end

return now
