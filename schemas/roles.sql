-- The workers' roles, one per kind. Run by the cluster's owner before the migrations, as often as one likes.
-- They may log in but have no password here: whoever starts the stack sets those, or lets them in by socket and role map.
-- What a role may touch stands in the migrations; what every connection of a worker sets, in workers/runtime/db_connect.c.

DO $$
DECLARE
    worker text;
BEGIN
    FOREACH worker IN ARRAY ARRAY['auth', 'event', 'booking', 'payment', 'crm'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tithi_' || worker) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'tithi_' || worker);
        END IF;
    END LOOP;
END
$$;

-- Planner settings of one role only, from its next connection on.
-- A page of a list reads an index in the order of the sort until it is full; by guess, without values, the planner would rather
-- fetch and sort everything. Where no index has the order, these settings forbid nothing.
ALTER ROLE tithi_event SET enable_bitmapscan = off;
ALTER ROLE tithi_event SET enable_sort = off;
-- Reports sum up the whole ledger into a few groups: by hashing, where the planner by guess would rather sort a million rows.
ALTER ROLE tithi_payment SET enable_sort = off;
