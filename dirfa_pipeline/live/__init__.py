"""A face to talk with: it takes sound at any time, gives frames at a steady rate, and moves while nobody speaks."""
