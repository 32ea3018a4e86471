// A strong Node stack that Tithi is measured against: fastify, pg with prepared statements, fast-jwt with its cache, a cluster of two. The same
// schema, replies and facts as Tithi's (but no sessions, limits or idempotency), a booking as one statement.
// Settings: PORT, DATABASE (folder of the socket), JWT_SECRET_KEY, POOL (connections per process).
import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import fastify from 'fastify'
import pg from 'pg'

const PROCESSES = 2
const EVENT = `e.id, e.title, e.description, e.event_type, e.start_at, e.end_at, e.time_zone, e.location, e.virtual_link, e.capacity, e.taken,
  e.available, e.offered, e.waiting, e.price_minor, e.currency, e.shown_rating, e.review_count, e.language, e.is_active, e.facilitator_id,
  e.facilitator_crm_id, e.reminder_minutes, e.revision, e.created_at, e.updated_at, f.name AS facilitator_name, f.email AS facilitator_email`
const ONE = `SELECT ${EVENT} FROM events e JOIN users f ON f.id = e.facilitator_id WHERE e.id = $1 AND e.deleted_at IS NULL`
const PAGE = `SELECT ${EVENT} FROM events e JOIN users f ON f.id = e.facilitator_id WHERE e.deleted_at IS NULL ORDER BY e.start_at, e.id LIMIT $1`
// What webhooks carry is written by the database, where all of it is.
const BOOK = `
WITH person AS (
  SELECT id, name, email, phone FROM users WHERE id = $2 AND is_active
), e AS (
  UPDATE events e SET taken = taken + 1 WHERE id = $1 AND is_active AND deleted_at IS NULL AND start_at > now()
    AND (available > 0 OR capacity IS NULL) AND EXISTS (SELECT FROM person)
    AND (SELECT 1 FROM bookings WHERE user_id = $2 AND event_id = $1 AND status IN ('pending', 'confirmed') LIMIT 1) IS NULL
  RETURNING e.*
), f AS (
  SELECT id, name, email FROM users WHERE id = (SELECT facilitator_id FROM e)
), b AS (
  INSERT INTO bookings (reference, event_id, user_id, status, payment_status, price_minor, currency)
  SELECT $3, e.id, person.id, 'confirmed', 'not_required', e.price_minor, e.currency FROM e, person RETURNING *
), told AS (
  INSERT INTO log_entries (owner_id, user_id, event_id, booking_id, type, cause, body)
  SELECT e.facilitator_id, b.user_id, b.event_id, b.id, 'booking.created', 'booking:' || b.id, json_build_object(
    'type', 'booking.created', 'timestamp', now(), 'action', 'created', 'booking_id', b.id, 'booking_reference', b.reference, 'status', b.status,
    'booking_status', b.status, 'payment_status', 'completed', 'notes', b.notes, 'price', b.price_minor / 100.0, 'price_minor', b.price_minor,
    'currency', b.currency, 'user', json_build_object('id', person.id, 'name', person.name, 'email', person.email), 'event_id', e.id,
    'session_id', e.id, 'event', json_build_object('id', e.id, 'title', e.title, 'name', e.title, 'start_datetime', e.start_at,
      'start_time', e.start_at, 'datetime', e.start_at, 'date', e.start_at, 'end_datetime', e.end_at, 'end_time', e.end_at,
      'facilitator_id', e.facilitator_id),
    'facilitator_id', e.facilitator_id, 'facilitator_crm_id', e.facilitator_crm_id, 'created_at', b.created_at, 'booking_date', b.created_at)::text
  FROM b, e, person
)
SELECT b.id AS booking_id, b.reference, b.created_at AS booked_at, person.id AS user_id, person.name, person.email, person.phone,
  ${EVENT} FROM b, person, e, f`

const facilitator = row => ({ id: row.facilitator_id, name: row.facilitator_name, email: row.facilitator_email })

const toldOfEvent = row => ({
  id: row.id, title: row.title, name: row.title, description: row.description, event_type: row.event_type, type: row.event_type,
  session_type: row.event_type, start_datetime: row.start_at, datetime: row.start_at, start_time: row.start_at, end_datetime: row.end_at,
  end_time: row.end_at, time_zone: row.time_zone, location: row.location, virtual_link: row.virtual_link
})

const toldOfPrice = row => ({ price: row.price_minor / 100, price_minor: row.price_minor, currency: row.currency })

const tellEvent = row => ({
  ...toldOfEvent(row), max_participants: row.capacity, capacity: row.capacity, current_participants: row.taken, available_spots: row.available,
  places_offered: row.offered, waitlist_count: row.waiting, ...toldOfPrice(row), rating: row.shown_rating, review_count: row.review_count,
  language: row.language, is_active: row.is_active, status: 'active', facilitator: facilitator(row), facilitator_id: row.facilitator_id,
  facilitator_crm_id: row.facilitator_crm_id, reminder_minutes: row.reminder_minutes, revision: row.revision, created_at: row.created_at,
  updated_at: row.updated_at
})

const tellBooking = row => ({
  message: 'Booking created successfully', msg: 'Booking created successfully',
  booking: {
    id: row.booking_id, booking_reference: row.reference, status: 'confirmed', booking_status: 'confirmed', notes: null, payment_status: 'completed',
    payment_id: null, payment_reference: null, order_id: null, payment_url: null, refund: null, ...toldOfPrice(row), cancelled_at: null,
    hold_expires_at: null, ticket: '1-NE4M-V9DA-Y804-3M7K', checked_in_at: null,
    user: { id: row.user_id, name: row.name, email: row.email, phone: row.phone }, event_id: row.id, session_id: row.id,
    event: {
      ...toldOfEvent(row), ...toldOfPrice(row), is_active: row.is_active, status: 'active', facilitator: facilitator(row),
      facilitator_id: row.facilitator_id, facilitator_crm_id: row.facilitator_crm_id
    },
    created_at: row.booked_at, booking_date: row.booked_at, updated_at: row.booked_at
  },
  payment_due: false, payment_url: null, order_id: null, key_id: null, provider: null
})

function serve() {
  pg.types.setTypeParser(pg.types.builtins.INT8, Number)
  const pool = new pg.Pool({ host: process.env.DATABASE, database: 'tithi', user: process.env.USER ?? 'root', max: Number(process.env.POOL) })
  const verify = createVerifier({ key: process.env.JWT_SECRET_KEY, algorithms: ['HS256'], cache: 10000 })
  const app = fastify()
  const rows = async (name, text, values) => (await pool.query({ name, text, values })).rows

  app.get('/events/:id', async (request, reply) => {
    const [row] = await rows('one', ONE, [request.params.id])
    return row ? tellEvent(row) : reply.code(404).send({ error: 'Event not found' })
  })
  app.get('/events', async request => ({ events: (await rows('page', PAGE, [request.query.limit ?? 20])).map(tellEvent), next: null }))
  app.post('/bookings', {
    schema: { body: { type: 'object', required: ['event_id'], properties: { event_id: { type: 'integer', minimum: 1 } } } }
  }, async (request, reply) => {
    let user
    try {
      user = verify((request.headers.authorization ?? '').slice('Bearer '.length)).sub
    } catch {
      return reply.code(401).send({ error: 'Unauthorized' })
    }
    const reference = 'BK' + randomBytes(6).toString('hex').toUpperCase()
    const [row] = await rows('book', BOOK, [request.body.event_id, user, reference])
    return row ? reply.code(201).send(tellBooking(row)) : reply.code(409).send({ error: 'Event is full' })
  })
  app.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 })
}

if (cluster.isPrimary)
  for (let i = 0; i < PROCESSES; i++)
    cluster.fork()
else
  serve()
