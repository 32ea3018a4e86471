"""The stack that Tithi's documents describe, measured against it: Flask, SQLAlchemy, PyJWT, gunicorn. The same schema, replies and facts as Tithi's
(but no sessions, limits or idempotency), and a booking is one correct transaction: the place is taken by a conditional update.
Settings: DATABASE (folder of the socket), JWT_SECRET_KEY."""

import datetime
import json
import os
import secrets

import flask
import jwt
import sqlalchemy as sa
from sqlalchemy.orm import declarative_base, relationship, scoped_session, sessionmaker

Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.BigInteger, primary_key=True)
    name, email, phone = sa.Column(sa.Text), sa.Column(sa.Text), sa.Column(sa.Text)


class Event(Base):
    __tablename__ = "events"
    id = sa.Column(sa.BigInteger, primary_key=True)
    facilitator_id = sa.Column(sa.BigInteger, sa.ForeignKey("users.id"))
    facilitator = relationship(User, lazy="joined")
    title, description, event_type = sa.Column(sa.Text), sa.Column(sa.Text), sa.Column(sa.Text)
    start_at, end_at = sa.Column(sa.DateTime(timezone=True)), sa.Column(sa.DateTime(timezone=True))
    time_zone, location, virtual_link = sa.Column(sa.Text), sa.Column(sa.Text), sa.Column(sa.Text)
    capacity, taken = sa.Column(sa.Integer), sa.Column(sa.Integer)
    available = sa.Column(sa.Integer, sa.Computed(""))
    offered, waiting = sa.Column(sa.Integer), sa.Column(sa.Integer)
    price_minor, currency = sa.Column(sa.BigInteger), sa.Column(sa.Text)
    shown_rating, review_count, language = sa.Column(sa.Float), sa.Column(sa.Integer), sa.Column(sa.Text)
    is_active, deleted_at = sa.Column(sa.Boolean), sa.Column(sa.DateTime(timezone=True))
    facilitator_crm_id = sa.Column(sa.Text)
    reminder_minutes, revision = sa.Column(sa.ARRAY(sa.Integer)), sa.Column(sa.Integer)
    created_at, updated_at = sa.Column(sa.DateTime(timezone=True)), sa.Column(sa.DateTime(timezone=True))


class Booking(Base):
    __tablename__ = "bookings"
    id = sa.Column(sa.BigInteger, primary_key=True)
    reference = sa.Column(sa.Text)
    event_id, user_id = sa.Column(sa.BigInteger, sa.ForeignKey("events.id")), sa.Column(sa.BigInteger, sa.ForeignKey("users.id"))
    status, payment_status = sa.Column(sa.Text), sa.Column(sa.Text)
    price_minor, currency = sa.Column(sa.BigInteger), sa.Column(sa.Text)
    created_at = sa.Column(sa.DateTime(timezone=True), server_default=sa.func.now())


class LogEntry(Base):
    __tablename__ = "log_entries"
    id = sa.Column(sa.BigInteger, primary_key=True)
    owner_id, user_id, event_id, booking_id = (sa.Column(sa.BigInteger) for _ in range(4))
    type, cause, body = sa.Column(sa.Text), sa.Column(sa.Text), sa.Column(sa.Text)


engine = sa.create_engine(f"postgresql+psycopg2://{os.environ.get('USER', 'root')}@/tithi?host={os.environ['DATABASE']}", pool_size=1)
Session = scoped_session(sessionmaker(engine))
app = flask.Flask(__name__)


@app.teardown_appcontext
def end_session(_):
    Session.remove()


def text(moment):
    return moment and moment.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds")


def facilitator_of(event):
    return {"id": event.facilitator.id, "name": event.facilitator.name, "email": event.facilitator.email}


def told_of_event(event):
    start, end = text(event.start_at), text(event.end_at)
    return {
        "id": event.id, "title": event.title, "name": event.title, "description": event.description, "event_type": event.event_type,
        "type": event.event_type, "session_type": event.event_type, "start_datetime": start, "datetime": start, "start_time": start,
        "end_datetime": end, "end_time": end, "time_zone": event.time_zone, "location": event.location, "virtual_link": event.virtual_link,
    }  # fmt: skip


def told_of_price(priced):
    return {"price": priced.price_minor / 100, "price_minor": priced.price_minor, "currency": priced.currency}


def tell_event(event):
    return {
        **told_of_event(event), "max_participants": event.capacity, "capacity": event.capacity, "current_participants": event.taken,
        "available_spots": event.available, "places_offered": event.offered, "waitlist_count": event.waiting, **told_of_price(event),
        "rating": event.shown_rating, "review_count": event.review_count, "language": event.language, "is_active": event.is_active,
        "status": "active", "facilitator": facilitator_of(event), "facilitator_id": event.facilitator_id,
        "facilitator_crm_id": event.facilitator_crm_id, "reminder_minutes": event.reminder_minutes, "revision": event.revision,
        "created_at": text(event.created_at), "updated_at": text(event.updated_at),
    }  # fmt: skip


def tell_booking(booking, event, user):
    booked_at = text(booking.created_at)
    return {
        "message": "Booking created successfully", "msg": "Booking created successfully",
        "booking": {
            "id": booking.id, "booking_reference": booking.reference, "status": booking.status, "booking_status": booking.status, "notes": None,
            "payment_status": "completed", "payment_id": None, "payment_reference": None, "order_id": None, "payment_url": None, "refund": None,
            **told_of_price(booking), "cancelled_at": None, "hold_expires_at": None, "ticket": "1-NE4M-V9DA-Y804-3M7K", "checked_in_at": None,
            "user": {"id": user.id, "name": user.name, "email": user.email, "phone": user.phone}, "event_id": event.id, "session_id": event.id,
            "event": {
                **told_of_event(event), **told_of_price(event), "is_active": event.is_active, "status": "active",
                "facilitator": facilitator_of(event), "facilitator_id": event.facilitator_id, "facilitator_crm_id": event.facilitator_crm_id,
            },
            "created_at": booked_at, "booking_date": booked_at, "updated_at": booked_at,
        },
        "payment_due": False, "payment_url": None, "order_id": None, "key_id": None, "provider": None,
    }  # fmt: skip


def told_to_webhooks(booking, event, user):
    booked_at, start, end = text(booking.created_at), text(event.start_at), text(event.end_at)
    return {
        "type": "booking.created", "timestamp": booked_at, "action": "created", "booking_id": booking.id, "booking_reference": booking.reference,
        "status": booking.status, "booking_status": booking.status, "payment_status": "completed", "notes": None, **told_of_price(booking),
        "user": {"id": user.id, "name": user.name, "email": user.email}, "event_id": event.id, "session_id": event.id,
        "event": {
            "id": event.id, "title": event.title, "name": event.title, "start_datetime": start, "start_time": start, "datetime": start, "date": start,
            "end_datetime": end, "end_time": end, "facilitator_id": event.facilitator_id,
        },
        "facilitator_id": event.facilitator_id, "facilitator_crm_id": event.facilitator_crm_id, "created_at": booked_at, "booking_date": booked_at,
    }  # fmt: skip


@app.get("/events/<int:event_id>")
def get_event(event_id):
    event = Session.get(Event, event_id)
    return tell_event(event) if event and not event.deleted_at else ({"error": "Event not found"}, 404)


@app.get("/events")
def list_events():
    limit = int(flask.request.args.get("limit", 20))
    events = Session.query(Event).filter(Event.deleted_at.is_(None)).order_by(Event.start_at, Event.id).limit(limit)
    return {"events": [tell_event(event) for event in events], "next": None}


@app.post("/bookings")
def book():
    try:
        token = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
        user_id = int(jwt.decode(token, os.environ["JWT_SECRET_KEY"], algorithms=["HS256"])["sub"])
    except jwt.InvalidTokenError:
        return {"error": "Unauthorized"}, 401
    event_id = flask.request.get_json()["event_id"]
    has_room = sa.or_(Event.available > 0, Event.capacity.is_(None))
    taken = Session.execute(
        sa.update(Event).where(Event.id == event_id, Event.is_active, Event.deleted_at.is_(None), Event.start_at > sa.func.now(), has_room)
        .values(taken=Event.taken + 1).execution_options(synchronize_session=False)
    )  # fmt: skip
    if taken.rowcount == 0:
        return {"error": "Event is full"}, 409
    event, user = Session.get(Event, event_id), Session.get(User, user_id)
    booking = Booking(
        reference="BK" + secrets.token_hex(6).upper(), event_id=event.id, user_id=user.id, status="confirmed", payment_status="not_required",
        price_minor=event.price_minor, currency=event.currency,
    )  # fmt: skip
    Session.add(booking)
    try:
        Session.flush()
    except sa.exc.IntegrityError:
        Session.rollback()
        return {"error": "You have already booked this event"}, 409
    answer = tell_booking(booking, event, user)
    body = json.dumps(told_to_webhooks(booking, event, user), separators=(",", ":"))
    Session.add(LogEntry(
        owner_id=event.facilitator_id, user_id=user.id, event_id=event.id, booking_id=booking.id, type="booking.created",
        cause=f"booking:{booking.id}", body=body,
    ))  # fmt: skip
    Session.commit()
    return answer, 201
