"""What a video says about its origin: signed credentials, container metadata and an invisible watermark."""
