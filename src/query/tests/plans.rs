//! Statements keep to indexes.
