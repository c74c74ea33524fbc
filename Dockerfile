# For Hugging Face Spaces (sdk: docker) and for any other host.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 user
USER user
ENV HOME=/home/user \
    PATH=/home/user/.local/bin:$PATH \
    ULTIMUS_PUBLIC=1 \
    ULTIMUS_RUNS=/home/user/runs \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    STREAMLIT_SERVER_HEADLESS=true \
    # in the Space's frame uploads would fail with 403 otherwise
    STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION=false
WORKDIR /home/user/app

# torch without CUDA, as a step of its own: it is most of the image and seldom changes
COPY --chown=user requirements.txt .
RUN grep -E '^torch(vision)?==' requirements.txt > torch.txt \
 && pip install --no-cache-dir --user --index-url https://download.pytorch.org/whl/cpu -r torch.txt \
 && pip install --no-cache-dir --user -r requirements.txt

COPY --chown=user . .
EXPOSE 8501
HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://localhost:8501/_stcore/health')"
CMD ["streamlit", "run", "app.py"]
