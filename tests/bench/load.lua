-- What wrk sends. Arguments after "--": KIND, then
--   get PATH               one path
--   any FIRST LAST         events of those ids, in random order
--   book TOKENS FIRST LAST
--                          bookings: the tokens' people (lines `email id token`) in turn, each for the next event of those ids,
--                          so that no pair comes twice before all have come
-- Ends with one line of JSON on standard output: requests, seconds, p50_ms, p99_ms, failed.

local next_request

local function random_event(first, last)
    return wrk.format("GET", "/events/" .. math.random(first, last))
end

local function booking(people, first, count, index)
    local person = people[index % #people + 1]
    local event = first + math.floor(index / #people + index) % count
    local headers = { ["Authorization"] = "Bearer " .. person, ["Content-Type"] = "application/json" }
    return wrk.format("POST", "/bookings", headers, '{"event_id":' .. event .. "}")
end

function init(arguments)
    local kind = arguments[1]
    if kind == "get" then
        local request = wrk.format("GET", arguments[2])
        next_request = function() return request end
    elseif kind == "any" then
        local first, last = tonumber(arguments[2]), tonumber(arguments[3])
        math.randomseed(os.time())
        next_request = function() return random_event(first, last) end
    else
        local people, first, last = {}, tonumber(arguments[3]), tonumber(arguments[4])
        for line in io.lines(arguments[2]) do
            people[#people + 1] = line:match("(%S+)$")
        end
        local index = 0
        next_request = function()
            index = index + 1
            return booking(people, first, last - first + 1, index - 1)
        end
    end
end

function request()
    return next_request()
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format('{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "failed": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
