from django.db import migrations

from cocoonmail.kit.storage import COUNTERS, QUEUE, stored


class Migration(migrations.Migration):

    dependencies = [
        ('emails', '0007_newest_at_the_end'),
    ]

    operations = [
        stored('emails_message', QUEUE),
        stored('emails_pace', COUNTERS),
    ]
