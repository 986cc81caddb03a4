"""The provider without a model: what it understands, looks for and writes by itself."""
