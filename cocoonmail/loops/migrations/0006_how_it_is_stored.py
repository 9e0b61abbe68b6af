from django.db import migrations

from cocoonmail.kit.storage import QUEUE, stored


class Migration(migrations.Migration):

    dependencies = [
        ('loops', '0005_newest_at_the_end'),
    ]

    operations = [
        stored('loops_run', QUEUE),
    ]
