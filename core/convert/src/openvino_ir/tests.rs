//! Whole exports of the fixtures.
