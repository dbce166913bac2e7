//! Behaviour over public surfaces, one module per noun.

// The attribute tells the linter that helpers of tests may unwrap as the tests themselves do.
#[cfg(test)]
mod api;
