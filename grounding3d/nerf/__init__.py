"""A language NeRF on nerfstudio, for the environment that nerfstudio lives in.

Everything here may import nerfstudio; nothing else of the package imports this folder. The rest of
the product talks to it through files and `python -m grounding3d.nerf.job`.
"""
