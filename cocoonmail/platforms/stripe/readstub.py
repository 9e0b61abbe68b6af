"""Stand-in readers."""
from __future__ import annotations
from datetime import UTC, datetime
from typing import Any
from cocoonmail.contacts.changes import Claim, ContactChange, Customer, Facts, Happening, Rank, Reading, Unreadable
from cocoonmail.platforms.base import Announcement, Payload
def _obj(p: Payload, kind: str) -> dict[str, Any]:
    o = (p.get("data") or {}).get("object") if isinstance(p.get("data"), dict) else None
    if not isinstance(o, dict) or o.get("object") != kind:
        raise Unreadable(f"data.object is not a {kind}")
    return o
def customer(said: Announcement, p: Payload) -> Reading:
    o = _obj(p, "customer"); prev = p["data"].get("previous_attributes") or {}
    claims = {}
    if o.get("email"): claims["email"] = Claim(o["email"], (prev["email"] or "") if "email" in prev else None)
    if o.get("name"):
        a, _, b = o["name"].partition(" ")
        pa = pb = None
        if "name" in prev: pa, _, pb = (prev["name"] or "").partition(" ")
        claims["first_name"] = Claim(a, pa)
        if b: claims["last_name"] = Claim(b, pb)
    rank = Rank.CREATED if said.type.endswith("created") else Rank.UPDATED
    return Reading(ContactChange(Customer(o["id"], said.account, said.livemode), o.get("email") or "", claims, said.created, rank, said.id),
        Happening(f"{said.type}:{o['id']}" if rank is Rank.CREATED else said.id, {"customerName": o.get("name") or ""}, datetime.fromtimestamp(said.created, UTC)), Facts(said.livemode), f"Customer {o.get('name')}")
def invoice(said: Announcement, p: Payload) -> Reading:
    o = _obj(p, "invoice")
    claims = {"email": Claim(o["customer_email"])} if o.get("customer_email") else {}
    return Reading(ContactChange(Customer(o["customer"], said.account, said.livemode) if o.get("customer") else None, o.get("customer_email") or "", claims, said.created, Rank.COPY, said.id),
        Happening(f"{said.type}:{o['id']}:{o.get('attempt_count')}", {"amountPaidDisplay": str(o.get("amount_paid"))}, datetime.fromtimestamp(said.created, UTC)), Facts(said.livemode), "Invoice")
