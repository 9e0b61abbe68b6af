"""Somebody who knows nothing of Cocoonmail but its pages: clicks, reads, and notes what a developer should see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Response, expect

from tests.browser import findings
from tests.house import PATIENCE

SECRET = "whsec_0123456789abcdefghijklmnopqrstuv"
TEMPLATES = ("Stripe - New Customer", "Stripe - Payment Successful", "Stripe - Payment Failed")
EMAILS = {
    "customer.created": "Welcome to Acme, Ada",
    "invoice.paid": "We received your payment of €19.99",
    "invoice.payment_failed": "Your payment of €19.99 to Acme did not go through",
}


@dataclass
class Stranger:
    """Clicks and reads; `troubles` is what a person would not see and a developer should."""

    page: Page
    troubles: list[str] = field(default_factory=list)
    looked_at: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("console", self.overhear)
        self.page.on("pageerror", lambda error: self.troubles.append(f"{self.page.url}: {error}"))
        self.page.on("response", self.check)

    def overhear(self, said: ConsoleMessage) -> None:
        """Note the console's complaints."""
        if said.type in ("error", "warning"):
            self.troubles.append(f"{self.page.url}: {said.text}")

    def check(self, answer: Response) -> None:
        """Note what was not found, and what broke."""
        if answer.status >= 400:
            self.troubles.append(f"{answer.status} {answer.url}")

    def look(self) -> None:
        """Let axe look at the page, once at each kind of page."""
        kind = (re.sub(r"\d+|welcome/.*", "…", self.page.url), self.page.locator("h1").inner_text())
        if kind not in self.looked_at:
            self.looked_at.add(kind)
            self.troubles += [f"{self.page.url}: {found}" for found in findings(self.page)]

    def press(self, name: str, where: str = "main") -> None:
        """Press the one button with this name."""
        self.page.locator(where).get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str, where: str = "main") -> None:
        """Follow the first link with this name."""
        self.page.locator(where).get_by_role("link", name=name, exact=True).first.click()

    def section(self, name: str) -> None:
        """Go to a section by the menu, and look at it."""
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("heading", name=name, level=1).wait_for()
        self.look()

    def fill(self, label: str, text: str) -> None:
        """Fill in the field with this label."""
        self.page.get_by_label(label, exact=True).fill(text)

    def sees(self, words: str) -> None:
        """Wait until these words are on the page."""
        self.page.locator("main").get_by_text(words).first.wait_for()

    # The way

    def create_the_account(self, link: str) -> None:
        """Come in by the one-time link."""
        self.page.goto(link)
        self.look()
        self.fill("Company or product", "Acme")
        self.fill("Your name", "Alice")
        self.fill("Email", "alice@acme.test")
        self.fill("Password", "correct horse battery")
        self.press("Create account")
        self.sees("Welcome to Cocoonmail")
        self.look()

    def connect_stripe(self) -> None:
        """The first of Home's first steps."""
        self.press("Connect Stripe")
        self.sees("Endpoint URL")
        self.look()
        self.fill("Stripe secret", SECRET)
        self.press("Save secret")
        self.sees("whsec_…stuv")
        for event in EMAILS:
            expect(self.page.get_by_role("checkbox", name=event)).to_be_checked()
        self.press("Save events")
        expect(self.page.get_by_text("4 events are switched on.")).to_be_in_viewport()
        self.look()

    def choose_a_sender(self) -> None:
        """The third of Home's first steps."""
        self.page.get_by_role("link", name="Acme", exact=True).click()
        self.follow("Choose a sender")
        self.look()
        self.fill("Name", "Acme")
        self.fill("Email address", "hello@acme.test")
        self.fill("Postal address", "1 Main St, Oslo")
        self.press("Save")
        self.sees("1 Main St, Oslo")

    def start_a_loop(self, template: str) -> None:
        """From the gallery."""
        self.section("Templates")
        self.page.get_by_role("button", name=re.compile(f"Create loop from template.*{re.escape(template)}")).click()
        self.look()
        self.press("Start")
        self.page.get_by_role("button", name="Pause").wait_for()

    def try_transport(self, port: int) -> None:
        """Settings → Transport: a mail server on this machine by STARTTLS, saved and tested."""
        self.page.goto("/settings/transport")
        self.page.get_by_label("Sent by SMTP").check()
        self.look()
        self.fill("Server", "127.0.0.1")
        self.fill("Port", str(port))
        self.page.get_by_label("Encryption").select_option("starttls")
        self.press("Save")
        self.sees("Send a test to see it work")
        self.press("Send a test")
        self.look()

    def send_a_test_event(self, event: str, subject: str, outcome: str) -> None:
        """From the Stripe page, where its result must appear by itself."""
        self.page.goto("/")
        self.section("Integrations")
        self.page.get_by_role("link", name=re.compile("Stripe")).click()
        rehearsal = self.page.locator("#rehearsal")
        rehearsal.get_by_label("Event").select_option(event)
        rehearsal.get_by_label("Email").fill("ada@example.com")
        rehearsal.get_by_role("button", name="Send a test event").click()
        rehearsal.get_by_role("link", name=subject).wait_for()
        rehearsal.get_by_text(outcome, exact=True).first.wait_for()
        expect(self.page.locator("#latest").get_by_text("Waiting")).to_have_count(0)
        self.look()

    def read_the_emails(self) -> None:
        """On the Messages page."""
        self.section("Messages")
        for subject in EMAILS.values():
            expect(self.page.locator("main").get_by_role("link", name=subject)).to_have_count(1)
        assert self.page.locator("main").get_by_text("Captured", exact=True).count() >= len(EMAILS)
        self.follow(EMAILS["invoice.paid"])
        self.page.frame_locator("main iframe").get_by_text("€19.99").first.wait_for()
        self.look()
        self.follow("Text")
        self.sees("Thank you for being a customer of Acme.")
