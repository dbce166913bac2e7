//! Behaviour over public surfaces, one module per noun.

mod api;
