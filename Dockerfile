# untrain: docker build -t untrain . && docker run --rm -v "$PWD:/work" untrain run Digits DEL --price
FROM python:3.12-slim

# The versions are those that the tests run with. Torch comes with CUDA, gigabytes, unless an index of builds without it is named:
# docker build --build-arg TORCH_INDEX=ADDRESS; the start page of torch has the address.
ARG TORCH_INDEX=""
COPY constraints.txt /tmp/constraints.txt
RUN pip install --no-cache-dir -c /tmp/constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch

# What the package is built of, and nothing else of the repository.
COPY pyproject.toml README.md LICENSE /tmp/untrain/
COPY src /tmp/untrain/src
RUN pip install --no-cache-dir -c /tmp/constraints.txt "/tmp/untrain[data,figures,search,transformers,text,service,skops]" \
    && rm -rf /tmp/untrain /tmp/constraints.txt

# No root: files that a run writes belong to the user that --user names, or to this one.
RUN useradd --create-home --uid 1000 untrain && mkdir /work /store && chown untrain /work /store && chmod 1777 /store
USER untrain
ENV UNTRAIN_HOME=/store
VOLUME /store
WORKDIR /work
ENTRYPOINT ["untrain"]
CMD ["--help"]
