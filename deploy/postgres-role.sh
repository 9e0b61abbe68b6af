#!/bin/bash
# Run once by PostgreSQL's image, in an empty data folder: a role that is no superuser, for walls do not stop those.
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --set=password="$COCOONMAIL_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE cocoonmail LOGIN PASSWORD :'password';
CREATE DATABASE cocoonmail OWNER cocoonmail;
SQL
