/* Where a mail's link to unsubscribe leads. Opening it changes nothing, for programs that look through mail open links,
 * too; the button sends what a mail program's own button would (RFC 8058). It asks in a language of the browser's, and
 * goes on in the person's own, which only the answer tells. */
'use strict';

const TEXTS = {
  en: {
    title: 'Unsubscribe',
    kinds: {
      booking: 'mails about your bookings',
      payment: 'mails about your payments',
      change: 'mails about changes of events',
      reminder: 'reminders of events',
      digest: 'daily digests',
    },
    ask: 'Do you want no more {kind}? Mails about your account itself come in any case.',
    button: 'Unsubscribe',
    done: 'You will get no more {kind}. You can have them again: the settings of your mail are in your profile.',
    wrong: 'This link is not one that we sent, or not all of it arrived. Open it from the mail again.',
    busy: 'Too much is asked of the server just now. Try again in {wait} s.',
    failed: 'That did not work. Try again later.',
    request: 'Request {id}',
    away: 'The server does not answer. Try again.',
  },
  hi: {
    title: 'सदस्यता समाप्त करें',
    kinds: {
      booking: 'आपकी बुकिंग के ईमेल',
      payment: 'आपके भुगतानों के ईमेल',
      change: 'कार्यक्रमों में बदलाव के ईमेल',
      reminder: 'कार्यक्रमों के रिमाइंडर',
      digest: 'दैनिक सारांश',
    },
    ask: 'क्या आप चाहते हैं कि {kind} अब न आएँ? आपके खाते से जुड़े ईमेल फिर भी आते रहेंगे।',
    button: 'सदस्यता समाप्त करें',
    done: '{kind} अब नहीं आएँगे। आप इन्हें फिर से चालू कर सकते हैं: ईमेल की सेटिंग आपकी प्रोफ़ाइल में है।',
    wrong: 'यह लिंक हमारा भेजा हुआ नहीं है, या पूरा नहीं पहुँचा। इसे ईमेल से फिर खोलें।',
    busy: 'सर्वर अभी बहुत व्यस्त है। {wait} सेकंड बाद फिर कोशिश करें।',
    failed: 'यह नहीं हो पाया। बाद में फिर कोशिश करें।',
    request: 'अनुरोध {id}',
    away: 'सर्वर उत्तर नहीं दे रहा है। फिर कोशिश करें।',
  },
  es: {
    title: 'Cancelar la suscripción',
    kinds: {
      booking: 'correos sobre sus reservas',
      payment: 'correos sobre sus pagos',
      change: 'correos sobre cambios de eventos',
      reminder: 'recordatorios de eventos',
      digest: 'resúmenes diarios',
    },
    ask: '¿Ya no desea recibir {kind}? Los correos sobre la cuenta misma llegan en todo caso.',
    button: 'Cancelar la suscripción',
    done: 'Ya no recibirá {kind}. Puede volver a recibirlos: los ajustes de correo están en su perfil.',
    wrong: 'Este enlace no es uno que hayamos enviado, o no llegó entero. Ábralo otra vez desde el correo.',
    busy: 'El servidor está ahora demasiado ocupado. Inténtelo de nuevo dentro de {wait} s.',
    failed: 'No ha funcionado. Inténtelo de nuevo más tarde.',
    request: 'Solicitud {id}',
    away: 'El servidor no responde. Inténtelo de nuevo.',
  },
  de: {
    title: 'Abbestellen',
    kinds: {
      booking: 'E-Mails zu Ihren Buchungen',
      payment: 'E-Mails zu Ihren Zahlungen',
      change: 'E-Mails zu Änderungen von Veranstaltungen',
      reminder: 'Erinnerungen an Veranstaltungen',
      digest: 'täglichen Übersichten',
    },
    ask: 'Möchten Sie keine {kind} mehr bekommen? E-Mails zu Ihrem Konto selbst kommen in jedem Fall.',
    button: 'Abbestellen',
    done: 'Sie bekommen keine {kind} mehr. Sie können das wieder ändern: Die E-Mail-Einstellungen stehen in Ihrem Profil.',
    wrong: 'Dieser Link stammt nicht von uns oder ist nicht vollständig angekommen. Öffnen Sie ihn noch einmal aus der E-Mail.',
    busy: 'Der Server hat gerade zu viel zu tun. Versuchen Sie es in {wait} s noch einmal.',
    failed: 'Das hat nicht geklappt. Versuchen Sie es später noch einmal.',
    request: 'Anfrage {id}',
    away: 'Der Server antwortet nicht. Versuchen Sie es noch einmal.',
  },
  fr: {
    title: 'Se désabonner',
    kinds: {
      booking: 'les messages sur vos réservations',
      payment: 'les messages sur vos paiements',
      change: 'les messages sur les changements d’événements',
      reminder: 'les rappels d’événements',
      digest: 'les résumés quotidiens',
    },
    ask: 'Ne souhaitez-vous plus recevoir {kind} ? Les messages sur votre compte lui-même arrivent dans tous les cas.',
    button: 'Se désabonner',
    done: 'Vous ne recevrez plus {kind}. Vous pouvez les recevoir à nouveau : les réglages des messages sont dans votre profil.',
    wrong: 'Ce lien n’est pas de nous, ou n’est pas arrivé en entier. Ouvrez-le à nouveau depuis le message.',
    busy: 'Le serveur est trop occupé en ce moment. Réessayez dans {wait} s.',
    failed: 'Cela n’a pas fonctionné. Réessayez plus tard.',
    request: 'Requête {id}',
    away: 'Le serveur ne répond pas. Réessayez.',
  },
};

const part = (id) => document.getElementById(id);

const token = new URLSearchParams(location.search).get('token') || '';
const kind = token.split('.')[1];
let texts = TEXTS.en;
let asking = false;

/* The first of those that somebody would like, without its region, that there is. */
function speak(wanted) {
  const language = wanted.map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => Object.hasOwn(TEXTS, tag)) || 'en';
  texts = TEXTS[language];
  document.documentElement.lang = language;
  document.title = part('title').textContent = texts.title;
  part('button').textContent = texts.button;
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function say(sentence, manner) {
  const notice = part('result');
  notice.hidden = !sentence;
  notice.className = 'notice ' + manner;
  notice.textContent = sentence;
}

function finish(sentence, manner) {
  say(sentence, manner);
  part('intro').textContent = '';
  part('ask').hidden = true;
  part('title').focus();
}

function refuse(answer, told) {
  const id = answer.headers.get('X-Request-Id');
  const wait = answer.headers.get('Retry-After');
  const sentence = wait ? fill(texts.busy, { wait }) : texts.failed;
  if (told.code === 'unsubscribe_link_invalid') finish(texts.wrong, 'bad');
  else say(sentence + (id ? ' (' + fill(texts.request, { id }) + ')' : ''), 'bad');
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
    if (answer.ok) {
      speak([told.language]);
      finish(fill(texts.done, { kind: texts.kinds[kind] }), 'good');
    } else {
      refuse(answer, told);
    }
  } catch {
    say(texts.away, 'bad');
  }
  asking = false;
}

function start() {
  speak(navigator.languages);
  if (!Object.hasOwn(texts.kinds, kind)) {
    finish(texts.wrong, 'bad');
    return;
  }
  part('intro').textContent = fill(texts.ask, { kind: texts.kinds[kind] });
  part('ask').hidden = false;
}

part('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  unsubscribe();
});
start();
