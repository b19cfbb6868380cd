"""How training images are changed each time they are seen: one file a class."""
