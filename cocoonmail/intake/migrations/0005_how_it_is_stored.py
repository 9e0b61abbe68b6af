from django.db import migrations

from cocoonmail.kit.storage import QUEUE, stored


class Migration(migrations.Migration):

    dependencies = [
        ('intake', '0004_unique_within_the_workspace'),
    ]

    operations = [
        stored('intake_delivery', QUEUE),
    ]
