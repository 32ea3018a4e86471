/** Takes webhooks, as somebody's CRM would. */
import http from 'node:http';
import path from 'node:path';
import { createRequire } from 'node:module';
import { site } from './site.js';

const { Webhook } = createRequire(path.join(site.root, 'tests/node/'))('standardwebhooks');

/** A server of its own: {url, received: [{headers, body}]}. */
export async function openReceiver() {
  const received = [];
  const server = http.createServer((request, answer) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => (body += part));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      answer.writeHead(200, { Connection: 'close' }).end('thank you');
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}/hook`, received };
}

/** What one is told, as the standard's own library reads it; throws where the signature is not by that secret. */
export function readWebhook(secret, { headers, body }) {
  return new Webhook(secret).verify(body, headers);
}
