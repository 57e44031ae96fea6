"""The only package that talks to Google Cloud."""
