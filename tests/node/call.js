// Makes calls with a vendor's client library. Reads from standard input {"library", "url", "key", "secret", "calls": [[name, argument…], …]},
// writes for each call {"value": …} or {"error": …}. "$0.id" as an argument is taken from the first call's value.
'use strict';

const makers = {
    razorpay({ url, key, secret }) {
        const Razorpay = require('razorpay');
        const client = new Razorpay({ key_id: key, key_secret: secret });
        client.api.rq.defaults.baseURL = url;
        // The library has no way to send the header that makes a refund idempotent.
        client.refundOnce = async (payment, parameters, idempotencyKey) => {
            client.api.rq.defaults.headers.common['X-Refund-Idempotency'] = idempotencyKey;
            try {
                return await client.payments.refund(payment, parameters);
            } finally {
                delete client.api.rq.defaults.headers.common['X-Refund-Idempotency'];
            }
        };
        client.validateWebhookSignature = Razorpay.validateWebhookSignature;
        Object.assign(client, require('razorpay/dist/utils/razorpay-utils'));
        return client;
    },
    stripe({ url, key }) {
        const Stripe = require('stripe');
        const { hostname, port } = new URL(url);
        return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
    },
    standardwebhooks({ secret }) {
        const { Webhook } = require('standardwebhooks');
        return new Webhook(secret);
    },
};

function resolved(argument, values) {
    const named = typeof argument === 'string' && argument.match(/^\$(\d+)((?:\.\w+)*)$/);
    if (!named) return argument;
    return named[2].split('.').slice(1).reduce((value, name) => value[name], values[named[1]]);
}

async function main() {
    const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const client = makers[asked.library](asked);
    const values = [];
    const results = [];
    for (const [name, ...given] of asked.calls) {
        const steps = name.split('.');
        const method = steps.pop();
        const object = steps.reduce((value, step) => value[step], client);
        try {
            const value = await object[method](...given.map((argument) => resolved(argument, values)));
            values.push(value);
            results.push({ value, replayed: value?.lastResponse?.headers?.['idempotent-replayed'] });
        } catch (error) {
            values.push(null);
            const { statusCode, type, code, param, rawType } = error;
            results.push({ error: error.error ?? { message: error.message, type, rawType, code, param }, status: statusCode });
        }
    }
    process.stdout.write(JSON.stringify(results));
}

main();
