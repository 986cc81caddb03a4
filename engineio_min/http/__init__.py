"""A small HTTP/1.1 server. It knows no rule of Engine.IO."""
