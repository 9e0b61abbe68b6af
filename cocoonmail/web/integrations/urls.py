"""Addresses of the Integrations pages."""

from __future__ import annotations

from django.urls import include, path

from cocoonmail.web.integrations import backfills, deliveries, settings, views

of_endpoint = [
    path("", views.setup, name="endpoint"),
    path("/events", settings.events, name="endpoint_events"),
    path("/secrets", settings.secrets, name="endpoint_secrets"),
    path("/secrets/made", settings.made_secret, name="endpoint_made_secret"),
    path("/secrets/<int:secret>/remove", settings.remove_secret, name="endpoint_remove_secret"),
    path("/rehearsals", views.rehearsals, name="endpoint_rehearsals"),
    path("/options", settings.options, name="endpoint_options"),
    path("/only-log-test-events", settings.only_log_test_events, name="endpoint_only_log_test"),
    path("/enable", settings.enable, name="endpoint_enable"),
    path("/delete", settings.delete, name="endpoint_delete"),
    path("/backfills", backfills.backfills, name="endpoint_backfills"),
    path("/backfills/<int:backfill>/stop", backfills.stop_backfill, name="endpoint_stop_backfill"),
    path("/deliveries", deliveries.log, name="endpoint_deliveries"),
]

of_delivery = [
    path("", deliveries.delivery, name="delivery"),
    path("/body", deliveries.body, name="delivery_body"),
    path("/process-again", deliveries.again, name="delivery_process_again"),
]

urlpatterns = [
    path("integrations", views.overview, name="integrations"),
    path("integrations/<slug:platform>", views.platform, name="platform"),
    path("integrations/<slug:platform>/<int:pk>", include(of_endpoint)),
    path("integrations/<slug:platform>/deliveries/<int:pk>", include(of_delivery)),
]
