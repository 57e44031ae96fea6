"""Builds the image that trains and serves, and looks up images in Artifact Registry."""
