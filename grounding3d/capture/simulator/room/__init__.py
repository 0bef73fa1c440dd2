"""A simulated room: furniture along its walls, things on tables, shelves and floor, a walk."""
