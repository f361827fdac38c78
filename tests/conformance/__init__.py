"""Whether a running system is what its OpenAPI document says: schemathesis, told what no schema can say."""
