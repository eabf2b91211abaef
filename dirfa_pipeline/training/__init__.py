"""How the components are made from recordings and clips, with a command for each step."""
