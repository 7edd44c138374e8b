-- Beat: says that this process lives, and returns what tells whether the server still is what it was.
--
-- KEYS     1  a hash of "era", a random text that is lost when the server's data are, of "returns", how often something
--             that was spent has been returned, and of the processes, each with when it was last heard of
-- ARGV     1  this process
--          2  the era to begin if there is none
--          3  numbers, packed as one array: after how many microseconds of silence a process is forgotten; and 1 if this
--             process has returned something since its last beat; of one that is forgotten nobody knows, so it counts as if
--             it had
-- Returns  this server's clock in microseconds, the era, the number of processes heard of lately, this one included, and
--          how often something has been returned

local forgotten_after, returned = unpack(cmsgpack.unpack(ARGV[3]))
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

redis.call('HSETNX', KEYS[1], 'era', ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
local returns = redis.call('HINCRBY', KEYS[1], 'returns', returned)

local era
local processes = 0
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  if fields[at] == 'era' then
    era = fields[at + 1]
  elseif fields[at] ~= 'returns' and math.abs(now - tonumber(fields[at + 1])) > forgotten_after then
    redis.call('HDEL', KEYS[1], fields[at])
    returns = redis.call('HINCRBY', KEYS[1], 'returns', 1)
  elseif fields[at] ~= 'returns' then
    processes = processes + 1
  end
end

return { now, era, processes, returns }
