"""The compiler of the contract: document (YAML with places) -> schema -> model (records, operations, routes) -> emit (C)."""
