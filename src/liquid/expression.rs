//! The expressions of LiquidJS: values, comparisons and filter chains, as a tree.
//!
//! The grammar of the `liquid` crate is not used: it refuses variables that begin like a literal (`empty_cart`),
//! panics on an integer beyond 64 bits and recurses without a bound, and templates come from outside.

use super::{
    characters::{identifier_at, is_identifier_char, unescape},
    error::RenderError,
    filters::{self, FilterFunction},
    scan::excerpt,
};

/// Nesting of one expression (indexes, ranges, conditions) beyond which a template is refused.
const MAX_NESTING: usize = 200;

/// A value followed by filters: what stands in `{{ }}`, after `assign x =` and after `if`.
#[derive(Debug, Clone)]
pub(super) struct Filtered {
    pub(super) subject: Condition,
    pub(super) filters: Vec<FilterCall>,
}

impl Filtered {
    /// Whether a missing subject is made good by `default`. It has to be the first filter, as in LiquidJS: after
    /// another one the read has failed already.
    pub(super) fn has_fallback(&self) -> bool {
        self.filters.first().is_some_and(|filter| filter.name == "default")
    }
}

/// A filter with its arguments.
#[derive(Clone)]
pub(super) struct FilterCall {
    pub(super) name: String,
    pub(super) function: FilterFunction,
    pub(super) arguments: Vec<Operand>,
    pub(super) named: Vec<(String, Operand)>,
}

impl std::fmt::Debug for FilterCall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "| {}: {:?} {:?}", self.name, self.arguments, self.named)
    }
}

/// A value, or values joined by operators.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Value(Operand),
    Not(Box<Condition>),
    Compare(Comparison, Box<Condition>, Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Contains,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Nil,
    Empty,
    Blank,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Range(Box<Operand>, Box<Operand>),
    Path(Path),
}

/// A variable: a root and what is read from it.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) root: String,
    pub(super) segments: Vec<Segment>,
    /// The path as the template writes it.
    pub(super) text: String,
    pub(super) line: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Segment {
    Key(String),
    Index(Operand),
}

/// Parses a whole source as a value with filters.
pub(super) fn filtered(source: &str, line: usize) -> Result<Filtered, RenderError> {
    let mut parser = Parser::new(source, line);
    let value = parser.filtered()?;
    parser.expect_end()?;
    Ok(value)
}

/// Reads expressions out of the arguments of a tag.
pub(super) struct Parser<'s> {
    source: &'s str,
    at: usize,
    nesting: usize,
    pub(super) line: usize,
}

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s str, line: usize) -> Self {
        Self { source, at: 0, nesting: 0, line }
    }

    pub(super) fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    pub(super) fn skip_blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn at_end(&mut self) -> bool {
        self.skip_blank();
        self.rest().is_empty()
    }

    pub(super) fn expect_end(&mut self) -> Result<(), RenderError> {
        if self.at_end() { Ok(()) } else { Err(self.error("unexpected token")) }
    }

    pub(super) fn error(&self, what: &str) -> RenderError {
        RenderError::syntax(format!("{what}: \"{}\"", excerpt(self.rest())), self.line)
    }

    /// Takes `token` if it is next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        self.skip_blank();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes `word` if it is next and is not the beginning of a longer name.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.skip_blank();
        let found = identifier_at(self.rest()) == word;
        if found {
            self.at += word.len();
        }
        found
    }

    pub(super) fn identifier(&mut self) -> Result<&'s str, RenderError> {
        self.skip_blank();
        let name = identifier_at(self.rest());
        if name.is_empty() {
            return Err(self.error("a name is expected"));
        }
        self.at += name.len();
        Ok(name)
    }

    pub(super) fn filtered(&mut self) -> Result<Filtered, RenderError> {
        let subject = self.condition()?;
        let mut filters = Vec::new();
        while self.take("|") {
            filters.push(self.filter()?);
        }
        Ok(Filtered { subject, filters })
    }

    fn filter(&mut self) -> Result<FilterCall, RenderError> {
        let name = self.identifier()?;
        let function =
            filters::find(name).ok_or_else(|| RenderError::syntax(format!("undefined filter: {name}"), self.line))?;
        let (mut arguments, mut named) = (Vec::new(), Vec::new());
        if self.take(":") {
            loop {
                match self.keyword() {
                    Some(key) => named.push((key, self.operand()?)),
                    None => arguments.push(self.operand()?),
                }
                if !self.take(",") {
                    break;
                }
            }
        }
        Ok(FilterCall { name: name.to_owned(), function, arguments, named })
    }

    /// The name before a colon, taken with the colon.
    pub(super) fn keyword(&mut self) -> Option<String> {
        self.skip_blank();
        let name = identifier_at(self.rest());
        let after = self.rest()[name.len()..].trim_start();
        if name.is_empty() || !after.starts_with(':') {
            return None;
        }
        self.at = self.source.len() - after.len() + 1;
        Some(name.to_owned())
    }

    /// `and` and `or` have one rank and group from the right, as in LiquidJS.
    fn condition(&mut self) -> Result<Condition, RenderError> {
        self.nested(|parser| {
            let left = parser.negation()?;
            if parser.take_word("and") {
                return Ok(Condition::And(Box::new(left), Box::new(parser.condition()?)));
            }
            if parser.take_word("or") {
                return Ok(Condition::Or(Box::new(left), Box::new(parser.condition()?)));
            }
            Ok(left)
        })
    }

    fn negation(&mut self) -> Result<Condition, RenderError> {
        if !self.take_word("not") {
            return self.comparison();
        }
        self.nested(|parser| Ok(Condition::Not(Box::new(parser.negation()?))))
    }

    fn comparison(&mut self) -> Result<Condition, RenderError> {
        let mut left = Condition::Value(self.operand()?);
        let mut count = 0;
        while let Some(comparison) = self.operator() {
            count += 1;
            if count > MAX_NESTING {
                return Err(self.error("the expression is too long"));
            }
            let right = Condition::Value(self.operand()?);
            left = Condition::Compare(comparison, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self) -> Option<Comparison> {
        const SIGNS: [(&str, Comparison); 6] = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
        ];
        if self.take_word("contains") {
            return Some(Comparison::Contains);
        }
        SIGNS.iter().find(|(sign, _)| self.take(sign)).map(|(_, comparison)| *comparison)
    }

    pub(super) fn operand(&mut self) -> Result<Operand, RenderError> {
        self.nested(Self::plain_operand)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, RenderError>) -> Result<T, RenderError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error("the expression is nested too deeply"));
        }
        let value = read(self);
        self.nesting -= 1;
        value
    }

    fn plain_operand(&mut self) -> Result<Operand, RenderError> {
        self.skip_blank();
        let rest = self.rest();
        match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.text(quote),
            Some('(') => self.range(),
            Some(c) if c.is_ascii_digit() || (c == '-' && rest[1..].starts_with(|d: char| d.is_ascii_digit())) => {
                match self.number() {
                    Some(number) => Ok(number),
                    None => self.path(),
                }
            }
            _ => self.word(),
        }
    }

    fn text(&mut self, quote: char) -> Result<Operand, RenderError> {
        let start = self.at + 1;
        let mut escaped = false;
        for (offset, c) in self.source[start..].char_indices() {
            if c == quote && !escaped {
                let raw = &self.source[start..start + offset];
                self.at = start + offset + 1;
                return Ok(Operand::Text(unescape(raw)));
            }
            escaped = c == '\\' && !escaped;
        }
        Err(self.error("unclosed quotation"))
    }

    fn range(&mut self) -> Result<Operand, RenderError> {
        self.at += 1;
        let from = self.operand()?;
        if !self.take("..") {
            return Err(self.error("invalid range syntax, \"..\" is expected"));
        }
        let to = self.operand()?;
        if !self.take(")") {
            return Err(self.error("invalid range syntax, \")\" is expected"));
        }
        Ok(Operand::Range(Box::new(from), Box::new(to)))
    }

    /// A number that is not the beginning of a name.
    fn number(&mut self) -> Option<Operand> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut end = usize::from(rest.starts_with('-'));
        end += digits(end);
        let fraction = if rest[end..].starts_with('.') { digits(end + 1) } else { 0 };
        if fraction > 0 {
            end += 1 + fraction;
        }
        if rest[end..].starts_with(is_identifier_char) {
            return None;
        }
        self.at += end;
        let text = &rest[..end];
        let integer = text.parse().ok().filter(|_| fraction == 0).map(Operand::Integer);
        integer.or_else(|| text.parse().ok().map(Operand::Float))
    }

    fn word(&mut self) -> Result<Operand, RenderError> {
        let word = identifier_at(self.rest());
        let literal = match word {
            "" => return Err(self.error("invalid value expression")),
            "nil" | "null" => Operand::Nil,
            "empty" => Operand::Empty,
            "blank" => Operand::Blank,
            "true" => Operand::Boolean(true),
            "false" => Operand::Boolean(false),
            _ => return self.path(),
        };
        if self.rest()[word.len()..].starts_with(['.', '[']) {
            return self.path();
        }
        self.at += word.len();
        Ok(literal)
    }

    fn path(&mut self) -> Result<Operand, RenderError> {
        let start = self.at;
        let root = self.identifier()?.to_owned();
        let mut segments = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with('.') && rest[1..].starts_with(is_identifier_char) {
                self.at += 1;
                segments.push(Segment::Key(self.identifier()?.to_owned()));
            } else if rest.starts_with('[') {
                self.at += 1;
                segments.push(Segment::Index(self.operand()?));
                if !self.take("]") {
                    return Err(self.error("\"]\" is expected"));
                }
            } else {
                break;
            }
        }
        let text = self.source[start..self.at].to_owned();
        Ok(Operand::Path(Path { root, segments, text, line: self.line }))
    }
}
