-- The limit that bookings are measured against: what one booking writes, as one statement and one transaction, straight into the database:
-- place, booking, answer under the command's id, entry of the log; texts are as long as Tithi's. Only what Tithi asks and locks besides is
-- missing. :hot, :first, :last, :first_user and :users come from pgbench's command line.
\if :hot
\set event :first
\else
\set event random(:first, :last)
\endif
WITH person AS (
    SELECT number, :first_user + number % :users AS id FROM nextval('bench_person') AS number
), place AS (
    UPDATE events SET taken = taken + 1 WHERE id = :event AND is_active AND start_at > now() AND (capacity IS NULL OR available > 0)
    RETURNING id, facilitator_id, price_minor, currency
), booking AS (
    INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)
    SELECT 'PG' || person.number, place.id, person.id, 'confirmed', 'not_required', price_minor, currency FROM place, person
    RETURNING id, event_id, user_id
), command AS (
    INSERT INTO commands (id, fingerprint, reply) SELECT gen_random_uuid(), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 1140), 'hex')
    FROM booking
)
INSERT INTO log_entries (owner_id, user_id, event_id, booking_id, type, cause, body, trace)
SELECT place.facilitator_id, user_id, event_id, booking.id, 'booking.created', 'booking:' || booking.id, repeat('x', 800), repeat('x', 55)
FROM booking, place;
