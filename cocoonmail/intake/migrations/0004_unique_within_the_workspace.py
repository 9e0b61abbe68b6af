from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_workspace_domain_rates'),
        ('intake', '0003_due_by_workspace'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='eventchoice',
            name='event_choice_once',
        ),
        migrations.RemoveConstraint(
            model_name='refusal',
            name='refusal_slot_once',
        ),
        migrations.AddConstraint(
            model_name='eventchoice',
            constraint=models.UniqueConstraint(fields=('workspace', 'endpoint', 'type'), name='event_choice_once'),
        ),
        migrations.AddConstraint(
            model_name='refusal',
            constraint=models.UniqueConstraint(fields=('workspace', 'endpoint', 'slot'), name='refusal_slot_once'),
        ),
    ]
