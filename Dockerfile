# soundmill with all it needs, as `make` installs it, from the same lock. The project's tests cannot
# build images: they hold this file in step with the Makefile, no more.
#   docker build -t soundmill .
#   docker run --rm -u $(id -u):$(id -g) -v "$PWD:/work" soundmill --cores 8 --configfile mine.yaml
FROM python:3.11-slim-bookworm
# libgomp1: LightGBM's wheel needs it of the system
RUN apt-get update && apt-get install --yes --no-install-recommends make libgomp1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/soundmill
COPY . .
RUN make .venv/installed PYTHON=python3.11
ENV PATH=/opt/soundmill/.venv/bin:$PATH XDG_CACHE_HOME=/tmp/cache NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /work
ENTRYPOINT ["snakemake", "--snakefile", "/opt/soundmill/Snakefile"]
