-- The limit that bookings are measured against: what one booking writes, as one statement and one transaction, straight into
-- the database. :hot, :first, :last, :first_user and :users come from pgbench's command line.
\if :hot
\set event :first
\else
\set event random(:first, :last)
\endif
WITH place AS (
    UPDATE events SET taken = taken + 1 WHERE id = :event AND (capacity IS NULL OR taken < capacity)
    RETURNING id, price_minor, currency
), person AS (
    SELECT :first_user + nextval('bench_person') % :users AS id
), booking AS (
    INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)
    SELECT 'PG' || nextval('bench_person') || '-' || :client_id, place.id, person.id, 'confirmed', 'not_required', price_minor, currency
    FROM place, person ON CONFLICT DO NOTHING RETURNING id
), command AS (
    INSERT INTO commands (id, fingerprint, reply) SELECT gen_random_uuid(), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 700), 'hex')
    FROM booking
)
INSERT INTO outbox (channel, type, cause, body) SELECT 'webhook', 'bench', id, repeat('x', 900) FROM booking RETURNING id;
