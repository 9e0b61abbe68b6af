"""Stripe's objects as samples need them, in the shape of the newest API version, about one person at one time."""

from __future__ import annotations

from cocoonmail.platforms.stripe.scene import (
    AMOUNT,
    CURRENCY,
    DAY,
    LINE,
    MONTH,
    PRICE,
    PRODUCT,
    Json,
    Scene,
    letters,
    page,
)


def customer(scene: Scene) -> Json:
    """A customer."""
    return {
        "id": scene.customer,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": scene.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": scene.email,
        "invoice_prefix": letters(f"prefix {scene.customer}", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": scene.livemode,
        "metadata": {"source": "sample"},
        "name": scene.name or None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def line(scene: Scene) -> Json:
    """The line of a subscription's invoice."""
    return {
        "id": scene.new("il"),
        "object": "line_item",
        "amount": AMOUNT,
        "currency": CURRENCY,
        "description": LINE,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": scene.new("in"),
        "livemode": scene.livemode,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": scene.subscription,
                "subscription_item": f"si_{letters(f'item {scene.customer}', 14)}",
            },
            "type": "subscription_item_details",
        },
        "period": {"end": scene.now + MONTH, "start": scene.now},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": PRICE, "product": PRODUCT},
            "type": "price_details",
            "unit_amount_decimal": str(AMOUNT),
        },
        "quantity": 1,
        "subtotal": AMOUNT,
        "taxes": [],
    }


def invoice(scene: Scene) -> Json:
    """A subscription's invoice that is final and not paid yet."""
    return _invoice_head(scene) | _invoice_amounts(scene) | _invoice_links(scene)


def _invoice_head(scene: Scene) -> Json:
    return {
        "id": scene.new("in"),
        "object": "invoice",
        "account_country": "NO",
        "account_name": "Sample AS",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": scene.now - 3600,
        "customer": scene.customer,
        "customer_account": None,
        "customer_address": None,
        "customer_email": scene.email,
        "customer_name": scene.name or None,
        "customer_phone": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "description": None,
        "due_date": None,
        "footer": None,
        "livemode": scene.livemode,
        "metadata": {},
        "number": f"SAMPLE-{scene.short('number', 4)}",
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": scene.subscription},
            "type": "subscription_details",
        },
        "status_transitions": {
            "finalized_at": scene.now - 60,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": None,
    }


def _invoice_amounts(scene: Scene) -> Json:
    return {
        "amount_due": AMOUNT,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": AMOUNT,
        "amount_shipping": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": True,
        "currency": CURRENCY,
        "ending_balance": 0,
        "lines": page([line(scene)], f"/v1/invoices/{scene.new('in')}/lines"),
        "next_payment_attempt": None,
        "period_end": scene.now,
        "period_start": scene.now - MONTH,
        "starting_balance": 0,
        "status": "open",
        "subtotal": AMOUNT,
        "total": AMOUNT,
        "total_discount_amounts": [],
        "total_taxes": [],
    }


def _invoice_links(scene: Scene) -> Json:
    mode = "live" if scene.livemode else "test"
    path = f"acct_1SampleSampleSampl/{mode}_{letters(f'link {scene.token}', 24)}"
    return {
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{path}?s=ap",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{path}/pdf?s=ap",
    }


def subscription(scene: Scene) -> Json:
    """An active monthly subscription to one product."""
    return {
        "id": scene.subscription,
        "object": "subscription",
        "billing_cycle_anchor": scene.now,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": scene.now,
        "currency": CURRENCY,
        "customer": scene.customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "description": None,
        "discounts": [],
        "ended_at": None,
        "items": page([_item(scene)], f"/v1/subscription_items?subscription={scene.subscription}"),
        "latest_invoice": scene.new("in"),
        "livemode": scene.livemode,
        "metadata": {},
        "pause_collection": None,
        "schedule": None,
        "start_date": scene.now,
        "status": "active",
        "test_clock": None,
        "trial_end": None,
        "trial_start": None,
    }


def _item(scene: Scene) -> Json:
    return {
        "id": f"si_{letters(f'item {scene.customer}', 14)}",
        "object": "subscription_item",
        "created": scene.now,
        "current_period_end": scene.now + MONTH,
        "current_period_start": scene.now,
        "discounts": [],
        "metadata": {},
        "price": {
            "id": PRICE,
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "currency": CURRENCY,
            "livemode": scene.livemode,
            "lookup_key": "pro_monthly",
            "metadata": {},
            "nickname": "Pro plan",
            "product": PRODUCT,
            "recurring": {"interval": "month", "interval_count": 1, "meter": None, "usage_type": "licensed"},
            "type": "recurring",
            "unit_amount": AMOUNT,
            "unit_amount_decimal": str(AMOUNT),
        },
        "quantity": 1,
        "subscription": scene.subscription,
    }


def session(scene: Scene) -> Json:
    """A checkout that was completed and paid."""
    return {
        "id": f"cs_{'live' if scene.livemode else 'test'}_a1{letters(f'session {scene.token}', 30)}",
        "object": "checkout.session",
        "amount_subtotal": AMOUNT,
        "amount_total": AMOUNT,
        "client_reference_id": None,
        "created": scene.now - 300,
        "currency": CURRENCY,
        "customer": scene.customer,
        "customer_account": None,
        "customer_creation": "always",
        "customer_details": {
            "address": {
                "city": None,
                "country": "NO",
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "business_name": None,
            "email": scene.email,
            "individual_name": None,
            "name": scene.name or None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "customer_email": None,
        "expires_at": scene.now + DAY,
        "invoice": None,
        "livemode": scene.livemode,
        "locale": "auto",
        "metadata": {},
        "mode": "payment",
        "payment_intent": scene.new("pi"),
        "payment_status": "paid",
        "status": "complete",
        "subscription": None,
        "success_url": "https://example.com/thanks",
    }


def charge(scene: Scene) -> Json:
    """A payment by card."""
    return {
        "id": scene.new("ch"),
        "object": "charge",
        "amount": AMOUNT,
        "amount_captured": AMOUNT,
        "amount_refunded": 0,
        "billing_details": {
            "address": {
                "city": None,
                "country": "NO",
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "email": scene.email,
            "name": scene.name or None,
            "phone": None,
            "tax_id": None,
        },
        "captured": True,
        "created": scene.now - DAY,
        "currency": CURRENCY,
        "customer": scene.customer,
        "description": "Subscription update",
        "disputed": False,
        "livemode": scene.livemode,
        "metadata": {},
        "paid": True,
        "payment_intent": scene.new("pi"),
        "payment_method_details": {"card": {"brand": "visa", "country": "NO", "last4": "4242"}, "type": "card"},
        "receipt_email": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{letters(f'receipt {scene.token}', 32)}?s=ap",
        "refunded": False,
        "status": "succeeded",
    }


def dispute(scene: Scene) -> Json:
    """A dispute about a payment. Stripe names no customer in it; the address in the evidence is often missing too."""
    return {
        "id": scene.new("du"),
        "object": "dispute",
        "amount": AMOUNT,
        "balance_transactions": [],
        "charge": scene.new("ch"),
        "created": scene.now,
        "currency": CURRENCY,
        "evidence": {
            "customer_email_address": scene.email,
            "customer_name": scene.name or None,
            "product_description": None,
            "uncategorized_text": None,
        },
        "evidence_details": {
            "due_by": scene.now + 9 * DAY,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": scene.livemode,
        "metadata": {},
        "payment_intent": scene.new("pi"),
        "reason": "product_not_received",
        "status": "needs_response",
    }


def quote(scene: Scene) -> Json:
    """A quote that is final."""
    return {
        "id": scene.new("qt"),
        "object": "quote",
        "amount_subtotal": AMOUNT,
        "amount_total": AMOUNT,
        "collection_method": "charge_automatically",
        "created": scene.now - 3600,
        "currency": CURRENCY,
        "customer": scene.customer,
        "customer_account": None,
        "description": None,
        "expires_at": scene.now + MONTH,
        "footer": None,
        "header": None,
        "invoice": None,
        "livemode": scene.livemode,
        "metadata": {},
        "number": f"QT-{scene.short('quote', 8)}-0001-1",
        "status": "open",
        "status_transitions": {"accepted_at": None, "canceled_at": None, "finalized_at": scene.now},
        "subscription": None,
        "test_clock": None,
    }
