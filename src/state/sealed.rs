//! Showing types that carry sealed values without what is sealed: a log line needs no ciphertext.

use std::fmt;

use super::Digest;

/// What is shown of a sealed value.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for Vec<u8> {
    fn shown(&self) -> String {
        format!("[{} bytes]", self.len())
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "None".to_owned(), Shown::shown)
    }
}

impl Shown for (Vec<Digest>, Vec<u8>) {
    fn shown(&self) -> String {
        format!("({:?}, {})", self.0, self.1.shown())
    }
}

/// Implements `Debug` for a type: its plain fields as they are, its sealed ones by their length.
macro_rules! debug_unsealed {
    ($name:ident { $($plain:ident),* } sealed { $($sealed:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($plain,)* $($sealed,)* } = self;
                let mut shown = f.debug_struct(stringify!($name));
                $(shown.field(stringify!($plain), $plain);)*
                $(shown.field(stringify!($sealed), &$crate::state::sealed::Verbatim($sealed));)*
                shown.finish()
            }
        }
    };
}
pub(super) use debug_unsealed;

/// Text without quotes.
pub(super) struct Verbatim<'a, T>(pub(super) &'a T);

impl<T: Shown> fmt::Debug for Verbatim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown())
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{CachedPerson, Digest};

    #[test]
    fn a_sealed_value_shows_its_length_alone() {
        let person =
            CachedPerson { key: Digest([1; 32]), person: Digest([2; 32]), sealed: vec![7; 40], expires_at_ms: 5 };
        insta::assert_snapshot!(
            format!("{person:?}"),
            @"CachedPerson { key: 0101010101010101, person: 0202020202020202, expires_at_ms: 5, sealed: [40 bytes] }"
        );
    }
}
