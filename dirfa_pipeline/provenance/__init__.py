"""Marks videos as AI-generated with signed credentials, container metadata and an invisible watermark."""
