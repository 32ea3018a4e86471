/* The sandbox's payment page: shows an order, lets somebody act as the person who pays, and follows what becomes of the
 * booking. All it knows and does goes through GET and POST /sandbox/orders/{order_id}. */
'use strict';

const FOLLOW_MS = 10000; /* after an action, or the end of the hold, the order is read once a second for so long */
const TICK_MS = 1000;

const part = (id) => document.getElementById(id);
const orderId = decodeURIComponent(location.pathname.replace(/\/+$/, '').split('/').pop());
const address = '/sandbox/orders/' + encodeURIComponent(orderId);

let order = null; /* as it was read last */
let reading = false;
let acting = false;
let followUntil = 0;
let left = false; /* the window was closed, as far as it could be */
let problem = ''; /* why what was asked last was not done */

function money(amount, currency) {
  return new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(amount);
}

function holdEnds() {
  return order.hold_expires_at ? Date.parse(order.hold_expires_at) : 0;
}

function duration(ms) {
  const seconds = Math.ceil(ms / 1000);
  const pair = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const rest = pair(Math.floor(seconds / 60) % 60) + ':' + pair(seconds % 60);
  return hours ? hours + ':' + rest : rest;
}

function stands() {
  return order.booking_status === 'confirmed' || order.booking_status === 'completed';
}

function payable() {
  return order.state === 'open' || order.state === 'declined';
}

function follows() {
  return Date.now() < followUntil;
}

/* [sentence, kind of notice] for what the order and the booking are now; an empty sentence: nothing has happened yet. */
function result() {
  const waits = order.booking_status === 'pending';
  if (order.state === 'paid' && stands()) return ['Paid. The place is confirmed.', 'good'];
  if (order.state === 'paid' && waits) return ['The payment is on its way. The booking is still waiting for it.', ''];
  if (order.state === 'paid' && follows()) return ['Paid after the hold has run out. Is the place still free?', ''];
  if (order.state === 'paid') return ['Paid, but the place is gone: the money goes back by itself.', 'bad'];
  if (order.state === 'closed') return ['This order can no longer be paid.', 'bad'];
  if (left) return ['You can close this window. Nothing was paid; the order stays open.', ''];
  if (order.state === 'declined') return ['Declined. Nothing was paid; you can try again.', 'bad'];
  if (order.booking_status === 'cancelled') return ['The booking is cancelled. Who pays now gets the money back.', 'bad'];
  if (!waits) return ['The place is no longer held. Who pays now gets it if it is still free, else the money back.', 'bad'];
  return ['', ''];
}

function say(sentence, kind) {
  const notice = part('result');
  notice.hidden = !sentence;
  notice.className = 'notice ' + kind;
  if (notice.textContent !== sentence) notice.textContent = sentence;
}

function showTime() {
  const held = order.booking_status === 'pending' && holdEnds() > 0;
  part('hold').hidden = !held;
  if (held) part('left').textContent = duration(Math.max(0, holdEnds() - Date.now()));
}

function show() {
  part('amount').textContent = money(order.amount, order.currency);
  part('event').textContent = order.event_title;
  part('booking').textContent = order.booking_reference;
  part('number').textContent = order.order_id;
  part('state').textContent = order.booking_status;
  showTime();
  say(...(problem ? [problem, 'bad'] : result()));
  part('back').href = '/app/bookings?paid=' + encodeURIComponent(order.booking_reference); /* where a provider would lead by itself */
  part('order').hidden = part('actions').hidden = part('back').hidden = false;
  for (const button of document.querySelectorAll('[data-action]')) {
    if (!payable() && button === document.activeElement) part('leave').focus();
    button.disabled = !payable();
  }
}

/* Reads the order, or acts on it. What went wrong is said; the page stays as it was. */
async function ask(body) {
  try {
    const answer = await fetch(address, body && {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (answer.ok) order = told;
    problem = answer.ok ? '' : answer.status === 404 ? 'There is no such order: ' + orderId : told.error;
  } catch {
    problem = 'The server does not answer. Try again.';
  }
  if (order) show();
  else say(problem, 'bad');
}

async function read() {
  if (reading) return;
  reading = true;
  await ask();
  reading = false;
}

async function act(action) {
  if (acting) return;
  acting = true;
  left = false;
  const late = action === 'pay_late' ? holdEnds() : 0;
  followUntil = Math.max(Date.now(), late) + FOLLOW_MS;
  await ask({ action });
  acting = false;
}

function leave() {
  problem = '';
  window.close(); /* browsers let a script close only what a script has opened */
  left = true;
  show();
}

function tick() {
  if (!order) return;
  const over = order.booking_status === 'pending' && holdEnds() > 0 && holdEnds() <= Date.now();
  if (over && holdEnds() + FOLLOW_MS > followUntil) followUntil = holdEnds() + FOLLOW_MS;
  if (follows() && !acting) read();
  else show();
}

for (const button of document.querySelectorAll('[data-action]'))
  button.addEventListener('click', () => act(button.dataset.action));
part('leave').addEventListener('click', leave);
setInterval(tick, TICK_MS);
read();
