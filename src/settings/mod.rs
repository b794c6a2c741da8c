//! The settings document: defaults, validation, redaction, encryption at rest; one live snapshot (contract/20).
