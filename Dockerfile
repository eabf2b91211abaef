# The demo page for those who host it themselves:
#   docker build -t dirfa . && docker run --rm -p 7860:7860 dirfa
FROM python:3.11-slim

# Gradio's streamed video needs ffmpeg, and typed text a voice.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ffmpeg espeak-ng \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /dirfa
COPY pyproject.toml README.md LICENSE NOTICE constraints.txt ./
COPY dirfa_pipeline dirfa_pipeline
COPY weights weights
COPY spaces spaces
RUN pip install --no-cache-dir --constraint constraints.txt torch \
    && pip install --no-cache-dir --constraint constraints.txt ".[app]"

COPY app.py ./
RUN useradd --create-home dirfa
USER dirfa
# Threads that spin while they wait slow small machines down.
ENV OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0
EXPOSE 7860
CMD ["python", "app.py", "--host", "0.0.0.0"]
