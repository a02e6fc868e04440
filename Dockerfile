# exprun in a container, with the locked versions in requirements/. The folder /work should be one of the host:
#   docker build -t exprun .
#   docker run --rm -it -v "$PWD:/work" --user "$(id -u):$(id -g)" exprun check experiment=stuck_vgg16 data=digits
# With an NVIDIA GPU, whose driver and container toolkit are on the host:
#   docker build -t exprun-gpu --build-arg HARDWARE=gpu .
#   docker run --rm -it --gpus all -v "$PWD:/work" --user "$(id -u):$(id -g)" exprun-gpu experiment=smoke
FROM python:3.12-slim-bookworm

ARG HARDWARE=base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1

# The packages are a layer of their own, which changes of the code do not build again.
COPY requirements/${HARDWARE}.txt /requirements.txt
RUN pip install --require-hashes -r /requirements.txt

COPY pyproject.toml README.md LICENSE /source/
COPY conf /source/conf
COPY src /source/src
RUN pip install --no-deps --no-build-isolation /source && rm -r /source /requirements.txt

# Any user may run it: settings and caches of MLflow, Matplotlib and Keras go to a folder that everyone may write to.
RUN useradd --uid 1000 --create-home exprun && chmod 1777 /home/exprun && mkdir --mode=1777 /work
ENV HOME=/home/exprun
USER 1000:1000
WORKDIR /work
EXPOSE 5000
ENTRYPOINT ["exprun"]
CMD ["--help"]
