"""Addresses of the audience's pages."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.audience import contacts, listing

urlpatterns = [
    path("audience", listing.audience, name="audience"),
    path("audience/new", listing.new, name="contact_new"),
    path("audience/properties", contacts.define, name="contact_property"),
    path("audience/<int:pk>", contacts.contact, name="contact"),
    path("audience/<int:pk>/stop", contacts.stop, name="contact_stop"),
    path("audience/<int:pk>/allow", contacts.allow, name="contact_allow"),
    path("audience/<int:pk>/delete", contacts.delete, name="contact_delete"),
]
