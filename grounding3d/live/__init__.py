"""The running map: frames in, scenes and answers out."""
