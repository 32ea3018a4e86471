// npm's smtp-server for tests. The first argument is {"host", "greylists", "logins", "key", "certificate", "idle_ms"}; standard input takes
// what it does next, a line of JSON each: {"at": "connect|mail|rcpt|data|rest", "do": "<code> <text>|drop|stall"}, once, but for "rest", which
// is done at once to all connections. Standard output tells what happens, a line of JSON each.
import { createInterface } from 'node:readline';
import { SMTPServer } from 'smtp-server';

const options = JSON.parse(process.argv[2]);
const planned = { connect: [], mail: [], rcpt: [], data: [] };
const known = new Set();

const tell = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));
const connections = () => [...server.connections];
const socketOf = (session) => connections().find((connection) => connection.id === session.id)._socket;

// Goes on as planned for that step, else with what is usual.
function step(at, session, done, usual = () => done()) {
    const plan = planned[at].shift();
    tell(at, { plan });
    if (plan === 'drop') socketOf(session).destroy();
    else if (plan === undefined) usual();
    else if (plan !== 'stall') done(Object.assign(new Error(plan.slice(4)), { responseCode: Number(plan.slice(0, 3)) }));
}

const server = new SMTPServer({
    key: options.key,
    cert: options.certificate,
    authMethods: options.logins ?? ['PLAIN'],
    authOptional: !options.logins,
    hideSTARTTLS: !options.key,
    hidePIPELINING: true,
    socketTimeout: options.idle_ms ?? 60000,
    disableReverseLookup: true,
    onConnect: (session, done) => step('connect', session, done),
    onAuth(auth, session, done) {
        tell('auth', { method: auth.method, user: auth.username, password: auth.password, secure: session.secure });
        done(null, { user: auth.username });
    },
    onMailFrom: (address, session, done) => step('mail', session, done),
    onRcptTo: (address, session, done) =>
        step('rcpt', session, done, () => {
            const grey = options.greylists && !known.has(address.address);
            known.add(address.address);
            done(grey ? Object.assign(new Error('4.7.1 Greylisted, come again'), { responseCode: 451 }) : undefined);
        }),
    onData(stream, session, done) {
        const chunks = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('end', () => {
            const { mailFrom, rcptTo } = session.envelope;
            const content = Buffer.concat(chunks).toString('base64');
            step('data', session, (problem) => {
                tell(problem ? 'refused' : 'taken', { from: mailFrom.address, to: rcptTo.map((rcpt) => rcpt.address), content, secure: session.secure, user: session.user });
                done(problem);
            });
        });
    },
    onClose: () => tell('close'),
});
server.on('error', (error) => tell('error', { message: error.message }));
server.listen(0, options.host ?? '127.0.0.1', () => tell('listening', { port: server.server.address().port }));

createInterface({ input: process.stdin })
    .on('line', (line) => {
        const { at, do: plan } = JSON.parse(line);
        if (at !== 'rest') planned[at].push(plan);
        else if (plan === 'drop') connections().forEach((connection) => connection._socket.destroy());
        else connections().forEach((connection) => connection.send(Number(plan.slice(0, 3)), plan.slice(4)));
        tell('planned');
    })
    .on('close', () => process.exit());
