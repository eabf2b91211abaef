"""What a video says of itself: signed credentials, container metadata and an invisible watermark."""
