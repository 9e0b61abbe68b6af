# Cocoonmail in a container: no root, nothing written but /data and /tmp. docs/scale.md tells how to start it.
FROM python:3.13-slim-bookworm AS libraries
COPY requirements.lock .
RUN python -m venv /opt/cocoonmail \
    && /opt/cocoonmail/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.13-slim-bookworm
COPY --from=libraries /opt/cocoonmail /opt/cocoonmail
COPY cocoonmail /app/cocoonmail
COPY CHANGELOG.md LICENSE /app/
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cocoonmail \
    && install -d -o cocoonmail -g cocoonmail -m 700 /data \
    && /opt/cocoonmail/bin/python -m compileall -q /app/cocoonmail
ENV PATH=/opt/cocoonmail/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 COCOONMAIL_DATA=/data COCOONMAIL_LOG_FORMAT=json
WORKDIR /data
USER 10001
VOLUME /data
EXPOSE 8000
# What is begun is ended within 25 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
ENTRYPOINT ["python", "-m", "cocoonmail"]
CMD ["up", "--host", "0.0.0.0"]
