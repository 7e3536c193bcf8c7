# Three stages: the page, the wheel with the page in it, and an image that holds only what runs.
FROM node:24-slim AS page
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY ui/ ./
RUN npm run build

FROM python:3.13-slim AS wheel
WORKDIR /src
# The development lock holds the build backend, so nothing unpinned comes in through the build.
COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/dev.txt
COPY . .
COPY --from=page /src/api/static api/static
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:3.13-slim
COPY requirements/base.txt /tmp/base.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/base.txt
COPY --from=wheel /wheel /tmp/wheel
RUN pip install --no-cache-dir --no-deps /tmp/wheel/*.whl
USER nobody
ENTRYPOINT ["vitalstream"]
