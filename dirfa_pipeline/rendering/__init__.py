"""What the renderer draws: masks, mesh, eyes, mouth, lips, teeth, skin, background, hair, eyewear."""
