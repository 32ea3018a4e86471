-- Rows of lanes in trouble are held back: out of the way of who looks for lanes (outbox_due_by_lane) until their lane has recovered, or one of
-- them is its next attempt.

ALTER TABLE outbox ADD COLUMN held boolean NOT NULL DEFAULT false, ADD CONSTRAINT outbox_held_sleeps CHECK (asleep OR NOT held);
ALTER TABLE outbox_archive ADD COLUMN held boolean NOT NULL DEFAULT false;
CREATE INDEX outbox_held ON outbox (channel, lane, next_attempt_at, id) WHERE state = 'due' AND held;
DROP INDEX outbox_asleep;
CREATE INDEX outbox_asleep ON outbox (channel, next_attempt_at) WHERE state = 'due' AND asleep AND NOT held;
