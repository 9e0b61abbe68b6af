"""Addresses of the loops' pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from cocoonmail.web.loops import builder, changes, editor, inside, listing, states

of_step = [
    path("", changes.set_wait, name="loop_step"),
    path("/move", changes.move, name="loop_step_move"),
    path("/remove", changes.remove, name="loop_step_remove"),
]

of_email = [
    path("", editor.email, name="loop_email"),
    path("/check", editor.check_draft, name="loop_email_check"),
    path("/preview", editor.preview, name="loop_email_preview"),
]

of_loop: list[URLPattern | URLResolver] = [
    path("", builder.loop, name="loop"),
    path("/metrics", inside.metrics, name="loop_metrics"),
    path("/people", inside.people, name="loop_people"),
    path("/name", changes.rename, name="loop_name"),
    path("/unknown", changes.set_unknown, name="loop_unknown"),
    path("/trigger", changes.set_trigger, name="loop_trigger"),
    path("/steps", changes.add, name="loop_steps"),
    path("/steps/<slug:step>", include(of_step)),
    path("/emails/<int:email_pk>", include(of_email)),
    path("/start", states.start_loop, name="loop_start"),
    path("/pause", states.pause_loop, name="loop_pause"),
    path("/publish", states.publish_loop, name="loop_publish"),
    path("/delete", states.delete_loop, name="loop_delete"),
]

urlpatterns = [
    path("loops", listing.loops, name="loops"),
    path("loops/new", listing.new, name="loop_new"),
    path("loops/<int:pk>", include(of_loop)),
]
