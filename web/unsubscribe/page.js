/* Where a mail's link to unsubscribe leads. Opening it changes nothing, for programs that look through mail open links,
 * too; the button sends what a mail program's own button would (RFC 8058). */
'use strict';

const KINDS = {
  booking: 'mails about your bookings',
  payment: 'mails about your payments',
  change: 'mails about changes of events',
  reminder: 'reminders of events',
  digest: 'daily digests',
};
const WRONG = 'This link is not one that we sent, or not all of it arrived. Open it from the mail again.';

const part = (id) => document.getElementById(id);

const token = new URLSearchParams(location.search).get('token') || '';
let asking = false;

function say(sentence, kind) {
  const notice = part('result');
  notice.hidden = !sentence;
  notice.className = 'notice ' + kind;
  notice.textContent = sentence;
}

function finish(sentence, kind) {
  say(sentence, kind);
  part('intro').textContent = '';
  part('ask').hidden = true;
  part('title').focus();
}

function refuse(answer, told) {
  const id = answer.headers.get('X-Request-Id');
  const wait = answer.headers.get('Retry-After');
  if (told.code === 'unsubscribe_link_invalid') finish(WRONG, 'bad');
  else say(told.error + '.' + (wait ? ' Try again in ' + wait + ' s.' : '') + (id ? ' (Request ' + id + ')' : ''), 'bad');
}

/* Without cookies: who is signed in here is of no interest. */
async function unsubscribe() {
  if (asking) return;
  asking = true;
  say('', '');
  try {
    const answer = await fetch('/mail/unsubscribe?' + new URLSearchParams({ token }), {
      method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }), credentials: 'omit',
    });
    const told = await answer.json();
    if (answer.ok) finish(told.message + '. You can have them again: the settings of your mail are in your profile.', 'good');
    else refuse(answer, told);
  } catch {
    say('The server does not answer. Try again.', 'bad');
  }
  asking = false;
}

function start() {
  const called = KINDS[token.split('.')[1]];
  if (!called) {
    finish(WRONG, 'bad');
    return;
  }
  part('intro').textContent = 'Do you want no more ' + called + '? Mails about your account itself come in any case.';
  part('ask').hidden = false;
}

part('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  unsubscribe();
});
start();
