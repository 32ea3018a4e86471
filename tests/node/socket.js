// A WebSocket as browsers' code uses it: socket.js URL [ORIGIN]. Reads {"send": text}, {"ping": text} and {"close": [code, reason]} from
// standard input, a line each; writes what happens, a line each: {"open": protocol}, {"message": text}, {"pong": text},
// {"close": [code, reason]}, {"refused": [status, body]}.
'use strict';

const readline = require('readline');
const WebSocket = require('ws');

const [url, origin] = process.argv.slice(2);
const socket = new WebSocket(url, { origin });

function tell(event) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
}

socket.on('open', () => tell({ open: socket.protocol }));
socket.on('message', (data) => tell({ message: data.toString() }));
socket.on('pong', (data) => tell({ pong: data.toString() }));
socket.on('close', (code, reason) => {
    tell({ close: [code, reason.toString()] });
    process.exit();
});
socket.on('unexpected-response', (request, response) => {
    let body = '';
    response.on('data', (chunk) => (body += chunk));
    response.on('end', () => {
        tell({ refused: [response.statusCode, body] });
        process.exit();
    });
});
socket.on('error', (error) => {
    tell({ error: error.message });
    process.exit(1);
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const [[action, value]] = Object.entries(JSON.parse(line));
    if (action === 'close') socket.close(...value);
    else socket[action](value);
});
