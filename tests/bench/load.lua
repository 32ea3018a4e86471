-- What wrk sends. Arguments after "--": KIND, then
--   get PATH               one path
--   gzip PATH              one path, as browsers ask for it
--   any FIRST LAST         events of those ids, in random order
--   book TOKENS FIRST LAST
--                          bookings: the tokens' people (lines `email id token`) in turn, each for the next event of those ids,
--                          so that no pair comes twice before all have come
-- Ends with one line of JSON on standard output: requests, seconds, refused (statuses from 400 on), broken (connections), p50_ms, p99_ms,
-- p999_ms.

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
    if kind == "get" or kind == "gzip" then
        local request = wrk.format("GET", arguments[2], kind == "gzip" and { ["Accept-Encoding"] = "gzip" } or nil)
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
    local figures = { requests = summary.requests, seconds = summary.duration / 1e6, refused = errors.status,
        broken = errors.connect + errors.read + errors.write + errors.timeout }
    for name, percentile in pairs({ p50_ms = 50, p99_ms = 99, p999_ms = 99.9 }) do
        figures[name] = latency:percentile(percentile) / 1e3
    end
    local members = {}
    for name, value in pairs(figures) do
        members[#members + 1] = string.format('"%s": %.10g', name, value)
    end
    io.write("{", table.concat(members, ", "), "}\n")
end
