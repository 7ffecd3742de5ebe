"""Every setting, read from the environment once. `.env.example` and the README list them all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from clients.kernel.api_schema import INTRODUCTION
from clients.kernel.scrub import scrub_log
from config.unfold import UNFOLD, UNFOLD_PLATFORM  # noqa: F401 - unfold reads them here

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
ENVIRONMENT = env.str("ENVIRONMENT", default="development")
IS_PRODUCTION = ENVIRONMENT == "production"
REQUIRED_IN_PRODUCTION = (
    "SECRET_KEY",
    "FIELD_KEYS",
    "JWT_SIGNING_KEY",
    "DATABASE_URL",
    "DATABASE_INGEST_URL",
    "REDIS_URL",
    "ALLOWED_HOSTS",
)
_missing = [name for name in REQUIRED_IN_PRODUCTION if not env.str(name, default="")]
if IS_PRODUCTION and _missing:
    raise ImproperlyConfigured(f"Production needs these settings: {', '.join(_missing)}.")


def secret(name: str) -> str:
    """A secret from the environment. Outside production a fixed, worthless one stands in."""
    stand_in = "" if IS_PRODUCTION else f"not-a-secret-{name}-{'x' * 40}"
    return str(env.str(name, default=stand_in))


SECRET_KEY = secret("SECRET_KEY")
JWT_SIGNING_KEY = secret("JWT_SIGNING_KEY")
# AES-256 keys in base64, the newest first; older ones still open what they sealed.
FIELD_KEYS = env.list("FIELD_KEYS", default=["bm90LWEtc2VjcmV0LW5vdC1hLXNlY3JldC1ub3QtYS0="])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000")
PULSO_FOLDER = Path(env.str("PULSO_FOLDER", default=str(BASE_DIR / ".pulso")))
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# Applications

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "corsheaders",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_celery_beat",
    "django_ratelimit",
    "django_prometheus",
    "django_structlog",
    "pgtrigger",
    "pghistory",
    "clients",
    "meters",
    "messaging",
    "billing",
    "monitoring",
]
MIDDLEWARE = [
    "monitoring.web.health.ProbeMiddleware",  # before anything that could be broken
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "clients.api.middleware.TenantMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "clients" / "templates"],  # ours shadow unfold's
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database: one role per purpose (DESIGN §4); no alias is a superuser

ROLE_PREFIX = env.str("DATABASE_ROLE_PREFIX", default="pulso_")
DATABASE_ROLES = {
    name: f"{ROLE_PREFIX}{name}" for name in ("owner", "app", "ingest", "ops", "backup")
}


def database(url: str, **options: Any) -> dict[str, Any]:
    """A connection in schema `pulso`, never `public`. The URL names the role."""
    found: dict[str, Any] = env.db_url_config(url)
    found["ENGINE"] = "django.db.backends.postgresql"
    found["CONN_MAX_AGE"] = 60
    found["CONN_HEALTH_CHECKS"] = True
    found["OPTIONS"] = {
        **found.get("OPTIONS", {}),
        "connect_timeout": 2,
        "application_name": "pulso",
        "options": "-c search_path=pulso",
        **options,
    }
    return found


DATABASES = {"default": database(env.str("DATABASE_URL", default="postgres://127.0.0.1:1/none"))}
for _alias in ("owner", "ingest", "ops", "backup"):
    if _url := env.str(f"DATABASE_{_alias.upper()}_URL", default=""):
        DATABASES[_alias] = database(_url)
DATABASE_ROUTERS = ["clients.kernel.tenancy.ScopeRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PGTRIGGER_SCHEMA = "pulso"

# Valkey may vanish at any moment: nothing but speed is lost

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:1/0")
CACHES = {
    "default": {
        "BACKEND": "clients.kernel.cache.ValkeyCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "clients.kernel.cache.tenant_key",
        "TIMEOUT": 300,
    }
}
NUDGES_ENABLED = env.bool("NUDGES_ENABLED", default=True)
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the sweeper leases again; no poison loop
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# People and sign-in

AUTH_USER_MODEL = "clients.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
AXES_LOCKOUT_CALLABLE = "clients.web.errors.locked"
AXES_VERBOSE = False
AXES_USERNAME_FORM_FIELD = "username"  # as the sign-in form and authenticate() name it
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "clients.web.errors.locked"
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False  # every command would begin with its version
AXES_CLIENT_IP_CALLABLE = "clients.kernel.ratelimits.address_of"
OTP_TOTP_ISSUER = "Pulso"
CSRF_FAILURE_VIEW = "clients.web.errors.not_verified"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],  # the admin adds 'unsafe-eval', which Alpine needs
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["clients.api.authentication.DoorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["clients.kernel.api_formats.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["clients.kernel.api_formats.JsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "clients.kernel.api_errors.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["clients.kernel.api_formats.JsonRenderer"],
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ALGORITHM": "HS256",
    "AUDIENCE": "pulso-api",
    "ISSUER": "pulso",
    "USER_ID_FIELD": "public_id",
    "LEEWAY": 30,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pulso",
    "DESCRIPTION": INTRODUCTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "GET_LIB_DOC_EXCLUDES": "clients.kernel.api_document.undocumented",
    "POSTPROCESSING_HOOKS": [
        "clients.kernel.api_schema.plain_shapes",
        "meters.api.document.document_machines",
        "clients.kernel.api_schema.document_errors",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
RATE_LIMITS = {
    "user": "1200/m",
    "tenant": "6000/m",
    "ip": "300/m",  # visitors
    "sign_in": "30/m",  # per address
    "sign_in_account": "30/h",  # per e-mail, from wherever
}
RATELIMIT_USE_CACHE = "default"
RATELIMIT_FAIL_OPEN = True
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]

# Requests a minute for a device key that has no rate of its own.
INGEST_RATE_PER_MINUTE = env.int("INGEST_RATE_PER_MINUTE", default=10)
# Private networks in which drivers may look for devices, beside the open internet. Empty it where
# the companies are strangers: each types the addresses of its own devices. Simulated meters are on
# this machine, which is for trying only.
POLL_NETWORKS = env.list(
    "POLL_NETWORKS",
    default=[
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        *(() if IS_PRODUCTION else ("127.0.0.0/8",)),
    ],
)
# Serial ports that drivers may open, as patterns.
POLL_SERIAL_PORTS = env.list(
    "POLL_SERIAL_PORTS",
    default=["/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyAMA*", "/dev/ttyS*", "/dev/serial/*"],
)
# Bearer secret of /api/v1/cron/…, for schedulers outside; without it nobody may call there.
CRON_SECRET = env.str("CRON_SECRET", default="")

# Languages, time, files

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese")), ("en", _("English"))]
LOCALE_PATHS = [
    BASE_DIR / app / "locale" for app in ("clients", "meters", "messaging", "billing", "monitoring")
]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = ["config.formats"]  # fields that are only read: days as `kernel.when` has them
STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default="staticfiles" if IS_PRODUCTION else "") or None
STATICFILES_DIRS = [BASE_DIR / "clients" / "static_unfold"]  # shadows unfold's fonts and chart.js
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not IS_PRODUCTION
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 20_000_000

# Outside

EMAIL_URL = env.str("EMAIL_URL", default="")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="pulso@localhost")
# Hosts that outside calls may reach although their address is private: the simulators.
HTTP_ALLOWED_PRIVATE = env.list("HTTP_ALLOWED_PRIVATE", default=[])
# WhatsApp accounts use Meta's address unless they name another; simulated ones use our own server.
WHATSAPP_API_URL = env.str("WHATSAPP_API_URL", default="https://graph.facebook.com/v23.0")
WHATSAPP_SIMULATOR_URL = env.str("WHATSAPP_SIMULATOR_URL", default="http://127.0.0.1:8990")
# Letters of accounts without a mail server lie here, when EMAIL_URL is empty too.
MAILBOX_FOLDER = env.str("MAILBOX_FOLDER", default=str(PULSO_FOLDER / "mailbox"))
# The simulated bank (manage.py simulate_pix); its host must be in HTTP_ALLOWED_PRIVATE.
PIX_SIMULATOR_URL = env.str("PIX_SIMULATOR_URL", default="http://127.0.0.1:8091")
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default=ENVIRONMENT)
RELEASE = env.str("RELEASE", default="")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# Logs

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                scrub_log,
                structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Addresses of outside calls may hold tokens; tasks are told once, by django_structlog.
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
if SENTRY_DSN:
    from config.sentry import start_sentry

    start_sentry(SENTRY_DSN, SENTRY_ENVIRONMENT, RELEASE)
import config.celery  # noqa: E402, F401 - shared tasks belong to it in every process
