# saccade on the CPU.
#   docker build -t saccade .
#   docker run --rm saccade doctor
#   docker run --rm -v "$PWD":/work saccade run clip.mp4 --model torchvision:resnet18 --output out.mp4

FROM python:3.12-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY --from=build /wheels /wheels
# The extra index has torch for the CPU alone, a tenth of the size.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu /wheels/*.whl && rm -rf /wheels
RUN useradd --create-home saccade
USER saccade
WORKDIR /work
ENTRYPOINT ["saccade"]
CMD ["--help"]
