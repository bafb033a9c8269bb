# A server of one model. What it adds to Python's own image: 74 MB of packages, 20 MB packed.
#
#   docker build -t axon-serve .
#   docker run --rm -p 8000:8000 -v "$PWD/net.axon:/net.axon:ro" axon-serve
#   curl -s http://127.0.0.1:8000/health
#
# Table estimators want scikit-learn, too, and so do images Pillow: --build-arg EXTRAS=serve,cli,tabular,images
FROM python:3.13-slim AS build
ARG EXTRAS=serve,cli
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY axon axon
RUN pip install --no-cache-dir --no-compile --prefix /made ".[${EXTRAS}]"

FROM python:3.13-slim
COPY --from=build /made /usr/local
# Nothing has to be written: the container can run with --read-only.
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["axon", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["/net.axon"]
