/* Where mailed links lead. The token stands in the address's fragment, which no server sees; it is taken out of the
 * address at once, kept in this page only, and sent when a button is pressed: opening a link changes nothing, for
 * programs that look through mail open links, too. */
'use strict';

const SHORTEST = 8; /* of passwords, in characters */

const TASKS = {
  verify: {
    title: 'Verify your e-mail address', intro: 'One click, and we know that this address is yours.', form: 'confirm',
    button: 'Verify the address', done: 'The address is verified. You can close this page.',
    over: 'This link is wrong, was used already or is too old. Sign in and ask for a new one.',
  },
  email: {
    title: 'Confirm your new e-mail address', intro: 'From then on you sign in with this address.', form: 'confirm',
    button: 'Use this address', done: 'This is the address of your account now. You can close this page.',
    over: 'This link is wrong, was used already or is too old, or somebody else has the address. Sign in and ask for a new one.',
  },
  reset: {
    title: 'Set a new password', intro: 'You will be signed out everywhere, and can sign in with the new password.', form: 'reset',
    done: 'The password is set. You can close this page and sign in with it.',
    over: 'This link is wrong, was used already or is too old. Have a new one mailed.',
  },
  forgot: {
    title: 'Set a new password', intro: 'We mail you a link with which you can set one.', form: 'forgot',
    done: 'If there is an account with this address, a link is on its way to it. Look into your mail, the spam folder too.',
  },
};

const part = (id) => document.getElementById(id);

let task = TASKS.forgot;
let token = '';
let asking = false;

function say(sentence, kind) {
  const notice = part('result');
  notice.hidden = !sentence;
  notice.className = 'notice ' + kind;
  notice.textContent = sentence;
}

/* What is wrong with a field is said beside it. */
function complain(field, sentence) {
  const problem = part(field + '_problem');
  problem.hidden = !sentence;
  problem.textContent = sentence;
  if (sentence) part(field).setAttribute('aria-invalid', 'true');
  else part(field).removeAttribute('aria-invalid');
  if (sentence) part(field).focus();
  return !sentence;
}

function show(name) {
  task = TASKS[name];
  document.title = part('title').textContent = task.title;
  part('intro').textContent = task.intro;
  part('confirm_button').textContent = task.button || '';
  for (const form of document.forms) form.hidden = form.id !== task.form;
}

function leaveNothing() {
  part('intro').textContent = '';
  for (const form of document.forms) form.hidden = true;
  part('title').focus();
}

function finish() {
  say(task.done, 'good');
  leaveNothing();
}

function refuse(answer, told) {
  const id = answer.headers.get('X-Request-Id');
  const wait = answer.headers.get('Retry-After');
  const weakness = told.details && told.details.new_password;
  if (told.code === 'link_invalid') {
    say(task.over, 'bad');
    if (task === TASKS.reset) show('forgot');
    else leaveNothing();
  } else if (weakness) {
    complain('password', 'It ' + weakness + '.');
  } else {
    say(told.error + '.' + (wait ? ' Try again in ' + wait + ' s.' : '') + (id ? ' (Request ' + id + ')' : ''), 'bad');
  }
}

/* Without cookies: who is signed in here is of no interest. */
async function ask(path, body) {
  if (asking) return;
  asking = true;
  say('', '');
  try {
    const answer = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), credentials: 'omit',
    });
    const told = await answer.json();
    if (answer.ok) finish();
    else refuse(answer, told);
  } catch {
    say('The server does not answer. Try again.', 'bad');
  }
  asking = false;
}

function reset() {
  const password = part('password').value;
  const enough = complain('password', [...password].length < SHORTEST ? 'It must have at least ' + SHORTEST + ' characters.' : '');
  const same = enough && complain('repeated', password === part('repeated').value ? '' : 'The two differ.');
  if (same) ask('/auth/password/reset', { token, new_password: password });
}

function forgot() {
  if (complain('email', part('email').checkValidity() ? '' : 'This is no e-mail address.'))
    ask('/auth/password/forgot', { email: part('email').value });
}

function reveal() {
  const shown = part('password').type === 'password';
  part('reveal').textContent = shown ? 'Hide' : 'Show';
  part('reveal').setAttribute('aria-label', part('reveal').textContent + ' the passwords');
  for (const id of ['password', 'repeated']) part(id).type = shown ? 'text' : 'password';
}

function start() {
  const [name, value] = location.hash.slice(1).split('=');
  const known = ['verify', 'email', 'reset'].includes(name) && value;
  if (!location.hash) return;
  history.replaceState(null, '', location.pathname);
  say('', '');
  token = known ? value : '';
  show(known ? name : 'forgot');
}

const submits = {
  confirm: () => ask('/auth/email/verify', { token }),
  reset,
  forgot,
};
for (const form of document.forms) {
  form.noValidate = true; /* the page says itself what is wrong */
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submits[form.id]();
  });
}
part('reveal').addEventListener('click', reveal);
addEventListener('hashchange', start); /* another link, opened in the same tab */
show('forgot');
start();
