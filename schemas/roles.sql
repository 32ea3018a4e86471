-- The workers' roles, one per kind. Run by the cluster's owner before the migrations, as often as one likes.
-- They may log in but have no password here: whoever starts the stack sets those, or lets them in by socket and role map.
-- What a role may touch stands in the migrations. The settings below apply to its connections from the next one on.

DO $$
DECLARE
    worker text;
BEGIN
    FOREACH worker IN ARRAY ARRAY['auth', 'event', 'booking', 'payment', 'crm'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tithi_' || worker) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', 'tithi_' || worker);
        END IF;
        -- Statements are prepared once and chosen for any parameters: planning anew costs more than it finds.
        EXECUTE format('ALTER ROLE %I SET plan_cache_mode = force_generic_plan', 'tithi_' || worker);
        EXECUTE format('ALTER ROLE %I SET jit = off', 'tithi_' || worker);
        EXECUTE format('ALTER ROLE %I SET timezone = ''UTC''', 'tithi_' || worker);
    END LOOP;
END
$$;

-- The batch of bookings is planned while its tables may still be empty; a plan that scans them would stay for good.
ALTER ROLE tithi_booking SET enable_seqscan = off;
-- A page of a list reads an index in the order of the sort until it is full; by guess, without values, the planner would rather
-- fetch and sort everything. Where no index has the order, these settings forbid nothing.
ALTER ROLE tithi_event SET enable_seqscan = off;
ALTER ROLE tithi_event SET enable_bitmapscan = off;
ALTER ROLE tithi_event SET enable_sort = off;
