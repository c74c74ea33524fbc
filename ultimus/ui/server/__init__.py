"""What Streamlit is given to serve; not beside pages/, whose files it would take for its own."""
