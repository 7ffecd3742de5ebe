from django.db import migrations

from clients.kernel import rls

READ = "SELECT"


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0001_create_tenants_and_clients"),
        ("sessions", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("token_blacklist", "0013_alter_blacklistedtoken_options_and_more"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("otp_totp", "0003_add_timestamps"),
        ("otp_static", "0003_add_timestamps"),
    ]
    operations = [
        rls.GrantTables(
            {
                "django_migrations": READ,
                "django_content_type": READ,
                "auth_permission": READ,
                "django_session": rls.EVERYTHING,
                "axes_accessattempt": rls.EVERYTHING,
                "axes_accessattemptexpiration": rls.EVERYTHING,
                "axes_accesslog": rls.EVERYTHING,
                "axes_accessfailurelog": rls.EVERYTHING,
                "token_blacklist_outstandingtoken": rls.EVERYTHING,
                "token_blacklist_blacklistedtoken": rls.EVERYTHING,
                "otp_totp_totpdevice": rls.EVERYTHING,
                "otp_static_staticdevice": rls.EVERYTHING,
                "otp_static_statictoken": rls.EVERYTHING,
                "django_celery_beat_periodictask": rls.EVERYTHING,
                "django_celery_beat_periodictasks": rls.EVERYTHING,
                "django_celery_beat_intervalschedule": rls.EVERYTHING,
                "django_celery_beat_crontabschedule": rls.EVERYTHING,
                "django_celery_beat_solarschedule": rls.EVERYTHING,
                "django_celery_beat_clockedschedule": rls.EVERYTHING,
            }
        )
    ]
