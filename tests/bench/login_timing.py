"""Sign-ins that fail, one after the other and in turn: with a wrong password, and for an address without an account. Does the time tell whether
there is one?"""

import statistics
import time

TRIES = 2000
TRIES_QUICK = 100
ACCOUNTS = 250  # each fails eight times: the tenth failure would delay the next


def login_time(client, email):
    """Milliseconds of a sign-in that fails."""
    started = time.monotonic()
    answer = client.http.post(client.base_url + "/auth/login", json={"email": email, "password": "not the password"})
    elapsed = time.monotonic() - started
    assert answer.status_code == 401 and answer.json()["code"] == "invalid_credentials", answer.text
    return elapsed * 1000


def measure(stack, tries):
    """Cells of a table, and what they say."""
    known = [stack.register()["email"] for _ in range(ACCOUNTS)]
    times = {"wrong password": [], "no account": []}
    for number in range(tries):
        pair = [("wrong password", known[number % ACCOUNTS]), ("no account", f"nobody-{number % ACCOUNTS}@example.com")]
        for kind, email in pair if number % 2 else reversed(pair):
            times[kind].append(login_time(stack.anonymous, email))
    cells = [("sign-in", "median ms", "p25 ms", "p75 ms")]
    for kind, measured in times.items():
        low, middle, high = statistics.quantiles(measured, n=4)
        cells.append((kind, f"{middle:.2f}", f"{low:.2f}", f"{high:.2f}"))
    medians = [statistics.median(measured) for measured in times.values()]
    apart = 100 * (max(medians) / min(medians) - 1)
    return cells, f"The medians are {apart:.1f} % apart; 5 % are allowed."
