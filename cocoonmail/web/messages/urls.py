"""Addresses of the Messages pages."""

from __future__ import annotations

from django.urls import include, path

from cocoonmail.web.messages import decisions, listing, paused, views

of_message = [
    path("", views.message, name="message"),
    path("/text", views.text, name="message_text"),
    path("/source", views.source, name="message_source"),
    path("/conversation", views.conversation, name="message_conversation"),
    path("/rendered", views.rendered, name="message_rendered"),
    path("/raw", views.raw, name="message_raw"),
    path("/send-again", decisions.send_again, name="message_send_again"),
    path("/arrived", decisions.it_arrived, name="message_arrived"),
]

urlpatterns = [
    path("messages", listing.messages, name="messages"),
    path("messages/send-again", decisions.send_many_again, name="messages_send_again"),
    path("messages/arrived", decisions.many_arrived, name="messages_arrived"),
    path("messages/start-sending", paused.start_sending, name="messages_start_sending"),
    path("messages/discard-waiting", paused.discard_waiting, name="messages_discard_waiting"),
    path("messages/<int:pk>", include(of_message)),
]
