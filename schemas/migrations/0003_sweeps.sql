-- What the workers' sweeps look for: rows that are kept for a while only.

-- Instead of BRIN: that serves bitmap scans only, which tithi_event's planner does without, so its sweep read the whole table.
DROP INDEX commands_created;
CREATE INDEX commands_age ON commands (created_at);

CREATE INDEX outbox_delivered ON outbox (finished_at) WHERE state = 'delivered';
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
