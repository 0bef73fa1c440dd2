"""How the encoder that ships with grounding3d is made; see README.md in this folder."""
