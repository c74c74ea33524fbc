"""The pages: the only code that imports Streamlit."""
