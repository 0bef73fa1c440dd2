"""Questions with known answers about a simulated scene, of every kind people ask.

Each kind's file judges every thing in the scene: fits, does not fit, or a person could argue. A
question is asked only when no thing is arguable and every right answer was seen well.
"""
