"""Fixtures of all tests that need a running stack. TITHI_TEST_URL and TITHI_STATE (and TITHI_TEST_CRM_URL) choose one that runs
already; it must have been started with the keys in harness.py."""

import os

import pytest

from harness import Receiver, Stack, start_stack, stop_stack


@pytest.fixture(scope="session")
def crm_receiver():
    """What CRM_WEBHOOK_URL names."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def receiver():
    """A facilitator's own address."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def stack(crm_receiver):
    url = os.environ.get("TITHI_TEST_URL")
    if url:
        yield Stack(url, os.environ.get("TITHI_TEST_CRM_URL", url), os.environ["TITHI_STATE"])
        return
    # Chatty, since nothing secret may stand in lines for debugging either: stop_stack() looks for it.
    stack = start_stack({"CRM_WEBHOOK_URL": f"{crm_receiver.url}/crm-webhook", "LOG_LEVEL": "debug"})
    yield stack
    stop_stack(stack)


@pytest.fixture(scope="session")
def user(stack):
    return stack.user(name="John Doe", phone="+1234567890")


@pytest.fixture(scope="session")
def facilitator(stack):
    return stack.facilitator(name="John Facilitator")


@pytest.fixture
def person(stack):
    """Somebody new."""
    return stack.user()


@pytest.fixture
def event(stack, facilitator):
    """A new free event with ten places."""
    return stack.event(facilitator)
