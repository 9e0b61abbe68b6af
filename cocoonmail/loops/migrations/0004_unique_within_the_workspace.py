from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_workspace_domain_rates'),
        ('contacts', '0002_suppression'),
        ('loops', '0003_due_by_workspace'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='loopversion',
            name='loop_version_once',
        ),
        migrations.AddConstraint(
            model_name='loopversion',
            constraint=models.UniqueConstraint(fields=('workspace', 'loop', 'number'), name='loop_version_once'),
        ),
    ]
