"""How the user's own files are read: arrays, pictures, archives."""
