-- Exchange: stores the lines of this process, decides over candidates, and returns the sums of the others' lines.
--
-- KEYS     one account each: a hash of "e", the window's end by this server's clock in microseconds, and of one line
--          per process, packed: its number, when it was stored, spent, running, held, admitted, waiting (which
--          lines of older versions lack).
-- ARGV     1  this process
--          2  how long a line goes on after it was stored, in microseconds
--          3  how long an account is kept after its window has ended, in milliseconds
--          4  the number of candidates
--          then for each account   number left spent running held admitted waiting   (left below 0: no window)
--          then for each candidate force claims, and for each of its claims
--                                  account kind quota amount rule counts shadow
--            kind    0 time, amount is what it is expected to cost; 1 requests, amount is the cost; 2 a place;
--                    of an account that clients share, and that stands before these two claims: the number of its
--                    clients, 3 of time, 4 of requests; and what this client has spent of it, 5 of time, 6 of requests
--            counts  0 served, 1 all, 2 refusals
-- Returns  this server's clock in microseconds,
--          for each account    of this process's own line that was stored: 0 older than this one, 1 newer (nothing was
--                              written then), 2 there was none; the others' spent, running, held, admitted and
--                              waiting;
--                              what is left of the window, below 0 if there is none
--          for each candidate  0 refused, 1 admitted, 2 undecided; for each claim 1 if charged, plus 2 if it refuses,
--                              plus 4 if a client is seen for the first time
--
-- A line is an absolute value: whoever repeats a call, or makes it late, changes nothing.

local TIME, REQUESTS, PLACE = 0, 1, 2
local CLIENTS_OF_TIME, CLIENTS_OF_REQUESTS, SHARE_OF_TIME, SHARE_OF_REQUESTS = 3, 4, 5, 6
local SERVED, ALL, REFUSALS = 0, 1, 2
local OLDER, NEWER, UNKNOWN = 0, 1, 2
local UNWINDOWED_MS = 600000
local DEAD_AFTER = 60000000

local process = ARGV[1]
local frozen_after = tonumber(ARGV[2])
local grace_ms = tonumber(ARGV[3])
local candidates = tonumber(ARGV[4])
local position = 4

local function take()
  position = position + 1
  return tonumber(ARGV[position])
end

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- The most that a number of an answer may be: above it not every number is one, and above 2^63 none is.
local MOST = 2 ^ 53

-- Adds another process's line; of one that has been silent for too long, only what it had spent. Where there is no
-- window, that is nothing for ever: such a line goes. One from the future was stored before the clock was set back: who
-- lives has stored a newer one within a second.
local function add(account, process_of, packed)
  local _, stored, spent, running, held, admitted, waiting = cmsgpack.unpack(packed)
  local age = now - stored
  if math.abs(age) > frozen_after then
    account.spent = account.spent + spent
    if account.left < 0 and math.abs(age) > DEAD_AFTER then
      redis.call('HDEL', account.key, process_of)
    end
    return
  end
  local risen = running * math.max(age, 0)
  account.spent = account.spent + spent + risen
  account.running = account.running + running
  account.held = account.held + held + risen
  account.admitted = account.admitted + admitted
  account.waiting = account.waiting + (waiting or 0)
end

local function read(key)
  local account = {
    key = key, number = take(), left = take(),
    own_spent = take(), own_running = take(), own_held = take(), own_admitted = take(),
    own_waiting = take(),
    spent = 0, running = 0, held = 0, admitted = 0, waiting = 0, own = UNKNOWN,
  }
  account.exists = account.own_spent > 0 or account.own_admitted > 0
  local fields = redis.call('HGETALL', key)
  for at = 1, #fields, 2 do
    if fields[at] == 'e' then
      account.ends = tonumber(fields[at + 1])
    elseif fields[at] == process then
      account.own = cmsgpack.unpack(fields[at + 1]) >= account.number and NEWER or OLDER
      account.exists = true
    else
      add(account, fields[at], fields[at + 1])
      account.exists = true
    end
  end
  if account.ends then
    account.left = math.min(account.left, math.max(account.ends - now, 0))
  end
  return account
end

local accounts = {}
for at = 1, #KEYS do
  accounts[at] = read(KEYS[at])
end
local reply = { now }
for at = 1, #accounts do
  local a = accounts[at]
  for _, value in ipairs({ a.own, a.spent, a.running, a.held, a.admitted, a.waiting, a.left }) do
    reply[#reply + 1] = math.min(value, MOST)
  end
end

-- Whether a client may spend more: little of the whole is spent, or less than an equal share of it by the client.
local function is_fair(whole, clients, own)
  clients.amount = own.account.exists and 0 or 1
  local spent = whole.account.spent + whole.account.own_spent
  if spent * 5 < whole.quota * 4 then return true end
  local seen = clients.account.spent + clients.account.own_spent + clients.amount
  return (own.account.spent + own.account.own_spent) * math.max(seen, 1) < whole.quota
end

local function fits(claims, at)
  local claim = claims[at]
  if claim.kind == CLIENTS_OF_TIME or claim.kind == CLIENTS_OF_REQUESTS then
    return true
  end
  if claim.kind == SHARE_OF_TIME or claim.kind == SHARE_OF_REQUESTS then
    return is_fair(claims[at - 2], claims[at - 1], claim)
  end
  local a = claim.account
  if claim.kind == PLACE then
    return a.admitted + a.own_admitted < claim.quota
  end
  local spent = a.spent + a.own_spent
  if claim.kind == REQUESTS then
    return spent + math.max(claim.amount, 1) <= claim.quota
  end
  local hold = a.held + a.own_held
  if a.left >= 0 then
    hold = math.min(hold, (a.running + a.own_running) * a.left)
  end
  -- What waits for its client holds a tenth of the quota at most, or half of what is left, and as much again as what runs.
  local left = math.max(claim.quota - spent, 0)
  local of_quota, of_left = math.floor(claim.quota / 10), math.floor(left / 2)
  local most = hold + math.min(of_quota, of_left)
  return spent + hold + math.min(a.waiting + a.own_waiting, most) < claim.quota
end

local function charge(claim)
  local a = claim.account
  a.exists = true
  if claim.kind ~= TIME and claim.kind ~= PLACE and claim.kind ~= SHARE_OF_TIME then
    a.own_spent = a.own_spent + claim.amount
    return
  end
  a.own_admitted = a.own_admitted + 1
  if claim.kind ~= PLACE then
    a.own_running = a.own_running + 1
    a.own_held = a.own_held + claim.amount
  end
end

local function rule_fits(claims, rule)
  for _, claim in ipairs(claims) do
    if claim.rule == rule and claim.full then return false end
  end
  return true
end

local function others_refuse(claims, rule)
  for _, claim in ipairs(claims) do
    if claim.rule ~= rule and claim.full and not claim.shadow then return true end
  end
  return false
end

-- Whether a claim is charged, once it is known which claims are full and whether the request is refused.
local function counted(claims, claim, force, refused)
  if not refused then
    return claim.counts ~= REFUSALS and (force or rule_fits(claims, claim.rule))
  end
  local is_of_requests = claim.kind == REQUESTS or claim.kind == CLIENTS_OF_REQUESTS
    or claim.kind == SHARE_OF_REQUESTS
  if not is_of_requests or claim.counts == SERVED then
    return false
  end
  if claim.counts == ALL then
    return rule_fits(claims, claim.rule)
  end
  return others_refuse(claims, claim.rule)
end

local function read_claims()
  local claims = {}
  for at = 1, take() do
    claims[at] = {
      account = accounts[take()], kind = take(), quota = take(), amount = take(),
      rule = take(), counts = take(), shadow = take() == 1,
    }
  end
  return claims
end

for _ = 1, candidates do
  local force = take() == 1
  local claims = read_claims()
  local refused, stale = false, false
  for at, claim in ipairs(claims) do
    claim.full = not fits(claims, at)
    stale = stale or claim.account.own == NEWER
    refused = refused or (claim.full and not claim.shadow and not force)
  end
  local verdict = (stale and 2) or (refused and 0) or 1
  reply[#reply + 1] = verdict
  for _, claim in ipairs(claims) do
    local charged = not stale and counted(claims, claim, force, refused)
    if charged then charge(claim) end
    local is_new = (claim.kind == CLIENTS_OF_TIME or claim.kind == CLIENTS_OF_REQUESTS) and claim.amount > 0
    reply[#reply + 1] = (charged and 1 or 0) + (claim.full and 2 or 0) + (is_new and 4 or 0)
  end
end

for at = 1, #accounts do
  local a = accounts[at]
  local says_nothing = a.own_spent == 0 and a.own_admitted == 0
  if a.own == OLDER or (a.own == UNKNOWN and not says_nothing) then
    local dies
    if a.left < 0 then
      dies = math.floor(now / 1000) + UNWINDOWED_MS
    elseif not a.ends then
      dies = math.floor((now + a.left) / 1000) + grace_ms
    end
    -- Before anything is written: a user who may not do this would leave keys that live for ever.
    if dies then redis.call('PEXPIREAT', a.key, dies) end
    redis.call('HSET', a.key, process,
      cmsgpack.pack(a.number, now, a.own_spent, a.own_running, a.own_held, a.own_admitted, a.own_waiting))
    if dies and a.left >= 0 then
      redis.call('HSET', a.key, 'e', string.format('%.0f', now + a.left))
    end
    if dies then redis.call('PEXPIREAT', a.key, dies) end
  end
end

return reply
