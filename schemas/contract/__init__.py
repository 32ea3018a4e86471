"""The compiler of the contract: document (YAML with places) -> schema -> build and faces (which make the model) -> emit (C)."""
