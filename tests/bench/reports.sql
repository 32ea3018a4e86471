-- A million payments of two years: 20,000 events of all facilitators there are, 200,000 people; every 20th was refunded, every 100th of
-- all refunds is still owed; and 500 places are held. History is loaded as it is: without triggers, which would enter it as of now.
SET session_replication_role = replica;
SET synchronous_commit = off;
SET timezone = 'UTC';

INSERT INTO users (email, name, role) SELECT 'facilitator' || n || '@example.com', 'Facilitator ' || n, 'facilitator'
FROM generate_series((SELECT count(*) FROM users WHERE role = 'facilitator') + 1, 1000) AS n;
CREATE TEMP TABLE person AS
WITH made AS (INSERT INTO users (email, name) SELECT 'person' || n || '@example.com', 'Person ' || n FROM generate_series(1, 200000) AS n RETURNING id)
SELECT id, row_number() OVER () - 1 AS n FROM made;
CREATE TEMP TABLE event AS
WITH made AS (
    INSERT INTO events (facilitator_id, title, event_type, start_at, price_minor, currency, taken)
    SELECT f.id, 'Retreat ' || i, 'retreat', now() - interval '2 years' + i * interval '2 years' / 20000, 2500, CASE WHEN i % 10 = 0 THEN 'EUR' ELSE 'INR' END, 50
    FROM generate_series(0, 19999) AS i JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM users WHERE role = 'facilitator') f ON f.n = i % 1000
    ORDER BY i
    RETURNING id, facilitator_id, price_minor, currency)
SELECT *, row_number() OVER () - 1 AS n FROM made;
ANALYZE person, event;

-- Neighbours in time are of different events, facilitators and people.
INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency, created_at)
SELECT 'BK' || i, e.id, p.id, CASE WHEN i % 20 = 0 THEN 'cancelled' ELSE 'confirmed' END, CASE WHEN i % 20 = 0 THEN 'refunded' ELSE 'completed' END,
       e.price_minor, e.currency, now() - interval '2 years' + i * interval '2 years' / 1000000
FROM generate_series(0, 999999) AS i JOIN event e ON e.n = i::bigint * 7907 % 20000 JOIN person p ON p.n = (i::bigint * 7919 + i / 20000 * 13) % 200000
ORDER BY i;
INSERT INTO payments (booking_id, user_id, event_id, facilitator_id, provider, order_id, provider_payment_id, status, amount_minor, currency,
                      captured_minor, refunded_minor, created_at, captured_at)
SELECT b.id, b.user_id, b.event_id, e.facilitator_id, 'sandbox', 'order_' || b.id, 'pay_' || b.id, CASE b.status WHEN 'cancelled' THEN 'refunded' ELSE 'captured' END,
       b.price_minor, b.currency, b.price_minor, CASE b.status WHEN 'cancelled' THEN b.price_minor ELSE 0 END, b.created_at, b.created_at
FROM bookings b JOIN event e ON e.id = b.event_id ORDER BY b.id;
INSERT INTO refunds (payment_id, booking_id, amount_minor, currency, cause, status, created_at)
SELECT id, booking_id, amount_minor, currency, 'cancelled', CASE WHEN row_number() OVER (ORDER BY id) % 100 = 0 THEN 'pending' ELSE 'processed' END, captured_at
FROM payments WHERE refunded_minor > 0 ORDER BY id;

CREATE TEMP TABLE step (kind text, account text, sign integer);
INSERT INTO step VALUES ('captured', 'provider', 1), ('captured', 'earnings', -1), ('owed', 'earnings', 1), ('owed', 'refunds_owed', -1),
                        ('paid_back', 'refunds_owed', 1), ('paid_back', 'provider', -1);
INSERT INTO ledger (transfer_id, kind, account, amount_minor, currency, provider, payment_id, booking_id, event_id, facilitator_id, entered_at)
SELECT p.id * 3, s.kind, s.account, s.sign * p.amount_minor, p.currency, p.provider, p.id, p.booking_id, p.event_id, p.facilitator_id, p.captured_at
FROM payments p, step s WHERE s.kind = 'captured' ORDER BY p.id;
INSERT INTO ledger (transfer_id, kind, account, amount_minor, currency, provider, payment_id, refund_id, booking_id, event_id, facilitator_id, entered_at)
SELECT p.id * 3 + CASE s.kind WHEN 'owed' THEN 1 ELSE 2 END, s.kind, s.account, s.sign * r.amount_minor, r.currency, p.provider, p.id, r.id, p.booking_id, p.event_id,
       p.facilitator_id, r.created_at + interval '5 days'
FROM refunds r JOIN payments p ON p.id = r.payment_id, step s WHERE s.kind = 'owed' OR s.kind = 'paid_back' AND r.status = 'processed' ORDER BY r.id;

INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency, hold_expires_at)
SELECT 'BKH' || p.n, e.id, p.id, 'pending', 'pending', e.price_minor, e.currency, now() + interval '1 day'
FROM person p JOIN event e ON e.n = p.n WHERE p.n % 40 = 1 AND p.n < 20000;
UPDATE events e SET taken = n.taken FROM (SELECT event_id, count(*) AS taken FROM bookings WHERE status IN ('pending', 'confirmed') GROUP BY 1) n WHERE e.id = n.event_id;
VACUUM ANALYZE;
CHECKPOINT;
