-- Exchange: stores the lines of this process, decides over candidates, and returns the sums of the others' lines.
--
-- KEYS     one account each: a hash of "e", the window's end by this server's clock in microseconds, and of one line
--             per process, packed: its number, when it was stored, spent, running, held, admitted, waiting (which
--             lines of older versions lack). What was granted is taken off what was spent, which may so be below 0.
-- ARGV     1  this process
--          2  numbers, packed as one array:
--             how long a line goes on after it was stored, in microseconds
--             how long an account is kept after its window has ended, in milliseconds
--             the number of candidates
--             then for each account   number left spent running held admitted waiting   (left below 0: no window)
--             then for each candidate force claims, and for each of its claims
--                                     account kind quota amount rule counts shadow
--               kind    0 time, amount is what it is expected to cost; 1 requests, amount is the cost; 2 a place;
--                       of an account that clients share, and that stands before these two claims: the number of its
--                       clients, 3 of time, 4 of requests; and what this client has spent of it, 5 of time, 6 of requests;
--                       7 grants the amount, 8 forgets what all have spent: both are taken off this process's line
--               counts  0 served, 1 all, 2 refusals
-- Returns  numbers, packed as one array:
--          this server's clock in microseconds,
--          for each account    of this process's own line that was stored: 0 older than this one, 1 newer (nothing was
--                              written then), 2 there was none; the others' spent, running, held, admitted and
--                              waiting;
--                              what is left of the window, below 0 if there is none
--          for each candidate  0 refused, 1 admitted, 2 undecided; for each claim 1 if charged, plus 2 if it refuses,
--                              plus 4 if a client is seen for the first time
--
-- A line is an absolute value: whoever repeats a call, or makes it late, changes nothing.
--
-- A busy server is kept busy by this script, so it makes no table of a candidate or a claim: these are where their numbers
-- begin in what is asked.

local TIME, REQUESTS, PLACE = 0, 1, 2
local CLIENTS_OF_TIME, CLIENTS_OF_REQUESTS, SHARE_OF_TIME, SHARE_OF_REQUESTS = 3, 4, 5, 6
local GRANT, RESET = 7, 8
local SERVED, ALL, REFUSALS = 0, 1, 2
local OLDER, NEWER, UNKNOWN = 0, 1, 2
-- How long an account without a window is kept: who runs something there says so once a second, and after three seconds of
-- silence it counts no more.
local UNWINDOWED_MS = 45000
local DEAD_AFTER = 60000000

-- Where a claim's numbers stand, from its first one on, and how many they are; its account's is the first.
local KIND, QUOTA, AMOUNT, RULE, COUNTS, SHADOW, CLAIM = 1, 2, 3, 4, 5, 6, 7

-- The most that a number of an answer may be: above it not every number is one, and above 2^63 none is.
local MOST = 2 ^ 53

local call, pack, unpack = redis.call, cmsgpack.pack, cmsgpack.unpack
local min, max, abs, floor = math.min, math.max, math.abs, math.floor

local process = ARGV[1]
local asked = unpack(ARGV[2])
local frozen_after, grace_ms, candidates = asked[1], asked[2], asked[3]
local position = 4

local clock = call('TIME')
local now = clock[1] * 1000000 + clock[2]
local reply, replied = { now }, 1

local function say(number)
  replied = replied + 1
  reply[replied] = number
end

-- Adds another process's line; of one that has been silent for too long, only what it had spent. Where there is no
-- window, that is nothing for ever: such a line goes. One from the future was stored before the clock was set back: who
-- lives has stored a newer one within a second.
local function add(account, process_of, packed)
  local _, stored, spent, running, held, admitted, waiting = unpack(packed)
  local age = now - stored
  if abs(age) > frozen_after then
    account.spent = account.spent + spent
    if account.left < 0 and abs(age) > DEAD_AFTER then
      call('HDEL', account.key, process_of)
    end
    return
  end
  local risen = running * max(age, 0)
  account.spent = account.spent + spent + risen
  account.running = account.running + running
  account.held = account.held + held + risen
  account.admitted = account.admitted + admitted
  account.waiting = account.waiting + (waiting or 0)
end

-- An account, with this process's line as it was sent from a position on.
local function read(key, from)
  local account = {
    key = key, number = asked[from], left = asked[from + 1], ends = false,
    own_spent = asked[from + 2], own_running = asked[from + 3], own_held = asked[from + 4],
    own_admitted = asked[from + 5], own_waiting = asked[from + 6],
    spent = 0, running = 0, held = 0, admitted = 0, waiting = 0, own = UNKNOWN, exists = false,
  }
  local fields = call('HGETALL', key)
  for at = 1, #fields, 2 do
    local name = fields[at]
    if name == 'e' then
      account.ends = tonumber(fields[at + 1])
    elseif name == process then
      account.own = unpack(fields[at + 1]) >= account.number and NEWER or OLDER
    else
      add(account, name, fields[at + 1])
    end
  end
  account.exists = #fields > (account.ends and 2 or 0) or account.own_spent ~= 0 or account.own_admitted > 0
  if account.ends then
    account.left = min(account.left, max(account.ends - now, 0))
  end
  return account
end

local accounts = {}
for at = 1, #KEYS do
  local a = read(KEYS[at], position)
  position = position + 7
  accounts[at] = a
  say(a.own)
  say(min(a.spent, MOST))
  say(min(a.running, MOST))
  say(min(a.held, MOST))
  say(min(a.admitted, MOST))
  say(min(a.waiting, MOST))
  say(min(a.left, MOST))
end

-- Whether a client may spend more: little of the whole is spent, or less than an equal share of it by the client.
local function is_fair(claim)
  local clients_claim, whole_claim = claim - CLAIM, claim - 2 * CLAIM
  local whole, clients, own = accounts[asked[whole_claim]], accounts[asked[clients_claim]], accounts[asked[claim]]
  local new, quota = own.exists and 0 or 1, asked[whole_claim + QUOTA]
  asked[clients_claim + AMOUNT] = new
  local spent = whole.spent + whole.own_spent
  if spent * 5 < quota * 4 then return true end
  local seen = clients.spent + clients.own_spent + new
  return (own.spent + own.own_spent) * max(seen, 1) < quota
end

local function fits(claim)
  local a, kind, quota = accounts[asked[claim]], asked[claim + KIND], asked[claim + QUOTA]
  local spent = max(a.spent + a.own_spent, 0)
  if kind == TIME then
    local hold = a.held + a.own_held
    if a.left >= 0 then
      hold = min(hold, (a.running + a.own_running) * a.left)
    end
    -- What waits for its client holds a tenth of the quota at most, or half of what is left, and as much again as what
    -- runs.
    local most = hold + min(floor(quota / 10), floor(max(quota - spent, 0) / 2))
    return spent + hold + min(a.waiting + a.own_waiting, most) < quota
  end
  if kind == REQUESTS then
    return spent + max(asked[claim + AMOUNT], 1) <= quota
  end
  if kind == PLACE then
    return a.admitted + a.own_admitted < quota
  end
  return (kind ~= SHARE_OF_TIME and kind ~= SHARE_OF_REQUESTS) or is_fair(claim)
end

local function charge(claim)
  local a, kind = accounts[asked[claim]], asked[claim + KIND]
  a.exists = true
  if kind == GRANT then
    a.own_spent = a.own_spent - asked[claim + AMOUNT]
    return
  end
  if kind == RESET then
    a.own_spent = a.own_spent - max(a.own_spent + a.spent, 0)
    return
  end
  if kind ~= TIME and kind ~= PLACE and kind ~= SHARE_OF_TIME then
    a.own_spent = a.own_spent + asked[claim + AMOUNT]
    return
  end
  a.own_admitted = a.own_admitted + 1
  if kind ~= PLACE then
    a.own_running = a.own_running + 1
    a.own_held = a.own_held + asked[claim + AMOUNT]
  end
end

-- Which claims refuse, by where they begin.
local full = {}

local function rule_fits(first, last, rule)
  for claim = first, last, CLAIM do
    if full[claim] and asked[claim + RULE] == rule then return false end
  end
  return true
end

local function others_refuse(first, last, rule)
  for claim = first, last, CLAIM do
    if full[claim] and asked[claim + RULE] ~= rule and asked[claim + SHADOW] == 0 then return true end
  end
  return false
end

-- Whether a claim is charged, once it is known which claims are full and whether the request is refused.
local function counted(first, last, claim, force, refused)
  local counts, rule, kind = asked[claim + COUNTS], asked[claim + RULE], asked[claim + KIND]
  if not refused then
    return counts ~= REFUSALS and (force or rule_fits(first, last, rule))
  end
  local is_of_requests = kind == REQUESTS or kind == CLIENTS_OF_REQUESTS or kind == SHARE_OF_REQUESTS
  if not is_of_requests or counts == SERVED then
    return false
  end
  if counts == ALL then
    return rule_fits(first, last, rule)
  end
  return others_refuse(first, last, rule)
end

-- Decides over a candidate whose claims stand from the first to the last.
local function decide(force, first, last)
  local refused, stale = false, false
  for claim = first, last, CLAIM do
    local is_full = not fits(claim)
    full[claim] = is_full
    stale = stale or accounts[asked[claim]].own == NEWER
    refused = refused or (is_full and asked[claim + SHADOW] == 0 and not force)
  end
  say((stale and 2) or (refused and 0) or 1)
  for claim = first, last, CLAIM do
    local code, kind = full[claim] and 2 or 0, asked[claim + KIND]
    if not stale and counted(first, last, claim, force, refused) then
      charge(claim)
      code = code + 1
    end
    local is_new = (kind == CLIENTS_OF_TIME or kind == CLIENTS_OF_REQUESTS) and asked[claim + AMOUNT] > 0
    say(is_new and code + 4 or code)
  end
end

for _ = 1, candidates do
  local first = position + 2
  position = first + CLAIM * asked[position + 1]
  decide(asked[first - 2] == 1, first, position - CLAIM)
end

for at = 1, #accounts do
  local a = accounts[at]
  local says_nothing = a.own_spent == 0 and a.own_admitted == 0
  if a.own == OLDER or (a.own == UNKNOWN and not says_nothing) then
    local dies
    if a.left < 0 then
      dies = floor(now / 1000) + UNWINDOWED_MS
    elseif not a.ends then
      dies = floor((now + a.left) / 1000) + grace_ms
    end
    -- Before anything is written: a user who may not do this would leave keys that live for ever.
    if dies then call('PEXPIREAT', a.key, dies) end
    call('HSET', a.key, process,
      pack(a.number, now, a.own_spent, a.own_running, a.own_held, a.own_admitted, a.own_waiting))
    if dies and a.left >= 0 then
      call('HSET', a.key, 'e', string.format('%.0f', now + a.left))
    end
    if dies then call('PEXPIREAT', a.key, dies) end
  end
end

return pack(reply)
