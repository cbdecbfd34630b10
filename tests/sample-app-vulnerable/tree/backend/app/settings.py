"""Settings that should come from the environment."""

DATABASE_HOST = "postgres"
DATABASE_PASSWORD = "fixture-password-1"
LISTEN = ("0.0.0.0", 8000)

# Only for the bundled demo database, which is not reachable from outside.
DEMO_PASSWORD = "fixture-password-2"  # nosec B105
