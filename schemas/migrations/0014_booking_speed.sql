-- That what a booking names exists is looked up once per statement, not row by row with a lock each: a mailbox of bookings holds its
-- events and its people already (lock_events, hold_people), so neither can go away while it is booked.
ALTER TABLE bookings DROP CONSTRAINT bookings_event_id_fkey, DROP CONSTRAINT bookings_user_id_fkey;

CREATE FUNCTION check_booked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT 1 FROM added LEFT JOIN events ON events.id = added.event_id LEFT JOIN users ON users.id = added.user_id
        WHERE events.id IS NULL OR users.id IS NULL LIMIT 1) IS NOT NULL THEN
        RAISE foreign_key_violation USING MESSAGE = 'a booking names an event or a person that does not exist', TABLE = 'bookings';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER bookings_name_what_exists AFTER INSERT ON bookings
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_booked();

CREATE FUNCTION refuse_if_booked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    booked boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM bookings WHERE %I = $1)', TG_ARGV[0]) INTO booked USING OLD.id;
    IF booked THEN
        RAISE foreign_key_violation USING MESSAGE = format('bookings name row %s of %s', OLD.id, TG_TABLE_NAME), TABLE = 'bookings';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER events_booked BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_if_booked('event_id');
CREATE TRIGGER users_booked BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION refuse_if_booked('user_id');
REVOKE DELETE ON users FROM tithi_auth; -- erasure keeps the row

-- As in 0005, but planned once per connection, not once per call.
CREATE OR REPLACE FUNCTION hold_people(ids bigint[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM users WHERE id = ANY (ids) ORDER BY id FOR KEY SHARE;
    RETURN cardinality(ids);
END
$$;
