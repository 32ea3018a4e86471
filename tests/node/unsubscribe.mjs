// Opens the page to unsubscribe (base URL, token, the browser's languages) as far as its script sees a browser, and presses its button, if it
// shows one. Writes what somebody sees before and after as JSON.
import vm from 'node:vm';

const [base, token, ...languages] = process.argv.slice(2);
const path = '/mail/unsubscribe';
const page = await (await fetch(base + path)).text();
const script = await (await fetch(`${base}${path}/page.js`)).text();

const parts = {};
for (const [, hidden, id] of page.matchAll(/<(?=\w+[^>]*?( hidden)?>)\w+[^>]* id="(\w+)"/g)) {
    parts[id] = { hidden: Boolean(hidden), textContent: '', focus() {}, addEventListener: (_, act) => { parts[id].act = act; } };
}
const document = { documentElement: { lang: '' }, title: '', getElementById: (id) => parts[id] };

function seen() {
    const { title, intro, button, result, ask } = parts;
    return {
        lang: document.documentElement.lang,
        title: [document.title, title.textContent],
        intro: intro.textContent,
        button: ask.hidden ? null : button.textContent,
        result: result.hidden ? null : result.textContent,
    };
}

const calls = [];
vm.runInNewContext(script, {
    document,
    URLSearchParams,
    location: { search: '?' + new URLSearchParams({ token }) },
    navigator: { languages },
    fetch: (url, options) => {
        const call = fetch(base + url, options);
        calls.push(call);
        return call;
    },
});
const before = seen();
if (before.button) {
    parts.ask.act({ preventDefault() {} });
    await (await calls[0]).clone().text();
    while (parts.result.hidden) await new Promise(setImmediate);
}
console.log(JSON.stringify({ before, after: seen() }));
