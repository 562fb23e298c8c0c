//! Conditions: `cip.mux = 1`, `<enable> = 1 -> <hostname> given`; three-valued, so that what is unknown accuses nobody.

use std::borrow::Cow;

/// A condition over parameters and state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Compare(Compare, Term, Term),
    Given(u32),
    Implies(Box<Expr>, Box<Expr>),
    In(Term, Vec<(Term, Term)>),
    Not(Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    Less,
    LessEqual,
    More,
    MoreEqual,
    NotEqual,
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    Add(Box<Term>, Box<Term>),
    /// What a state becomes where some of its bits change.
    Bits(BitsOf),
    Int(i64),
    Len(u32),
    Modulo(Box<Term>, i64),
    /// A parameter, by the number of its name.
    Param(u32),
    State(StateRef),
    Word(Box<str>),
}

/// A change of some bits of a state: those in `mask` become 1 where `to` is not 0, else 0; both are parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BitsOf {
    pub(crate) state: StateRef,
    pub(crate) mask: u32,
    pub(crate) to: u32,
    /// All bits that the state has.
    pub(crate) all: i64,
}

impl BitsOf {
    /// The state's new value; `None` where a bit stays that is not known.
    pub(crate) fn change(&self, old: Option<i64>, mask: i64, to: i64) -> Option<i64> {
        let old = old.or_else(|| (self.all & !mask == 0).then_some(0))?;
        Some(if to != 0 { old | mask } else { old & !mask })
    }
}

/// A state key, with an index where it has one per link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateRef {
    pub(crate) key: u16,
    pub(crate) index: Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// True of any index for which it is true of one.
    Any,
    At(u8),
    None,
    Param(u32),
}

/// A value while a condition is worked out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val<'a> {
    Int(i64),
    Bytes(Cow<'a, [u8]>),
}

/// Where parameters and state come from. `None`: unknown.
pub(crate) trait Env {
    fn param(&self, name: u32) -> Option<Val<'_>>;
    fn given(&self, name: u32) -> bool;
    fn len(&self, name: u32) -> Option<i64>;
    fn state(&self, key: StateRef) -> Option<Val<'_>>;
    /// For `link.any`: whether `test` holds for some index; unknown where it cannot be told.
    fn any(&self, key: u16, test: &dyn Fn(&Val<'_>) -> bool) -> Option<bool>;
}

impl Expr {
    /// Whether the condition holds; `None` where that is unknown.
    pub(crate) fn eval(&self, env: &dyn Env) -> Option<bool> {
        match self {
            Self::And(a, b) => match (a.eval(env), b.eval(env)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(a, b) => match (a.eval(env), b.eval(env)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(a) => a.eval(env).map(|holds| !holds),
            Self::Implies(a, b) => match (a.eval(env), b.eval(env)) {
                (Some(false), _) | (_, Some(true)) => Some(true),
                (Some(true), Some(false)) => Some(false),
                _ => None,
            },
            Self::Given(name) => Some(env.given(*name)),
            Self::Compare(op, Term::State(StateRef { key, index: Index::Any }), term) => {
                let right = term.eval(env)?;
                env.any(*key, &|left| op.holds(left, &right))
            }
            Self::Compare(op, a, b) => {
                let (a, b) = (a.eval(env)?, b.eval(env)?);
                Some(op.holds(&a, &b))
            }
            Self::In(term, ranges) => {
                let value = term.eval(env)?;
                let mut found = false;
                for (low, high) in ranges {
                    let (low, high) = (low.eval(env)?, high.eval(env)?);
                    found |= Compare::MoreEqual.holds(&value, &low) && Compare::LessEqual.holds(&value, &high);
                }
                Some(found)
            }
        }
    }

    /// The `key = value` facts that follow if the condition held, for conditions that are nothing but that.
    pub(crate) fn facts(&self, out: &mut Vec<(StateRef, Term)>) {
        match self {
            Self::And(a, b) => {
                a.facts(out);
                b.facts(out);
            }
            Self::Compare(Compare::Equal, Term::State(key), value @ (Term::Int(_) | Term::Word(_)))
                if key.index != Index::Any =>
            {
                out.push((*key, value.clone()));
            }
            _ => {}
        }
    }
}

impl Compare {
    fn holds(self, a: &Val<'_>, b: &Val<'_>) -> bool {
        let order = match (a, b) {
            (Val::Int(a), Val::Int(b)) => a.cmp(b),
            (Val::Bytes(a), Val::Bytes(b)) => a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()),
            // A number and a word are never equal, and neither is less.
            _ => return self == Self::NotEqual,
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::More => order.is_gt(),
            Self::MoreEqual => order.is_ge(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

impl Term {
    pub(crate) fn eval<'a>(&'a self, env: &'a dyn Env) -> Option<Val<'a>> {
        let int = |term: &'a Self| match term.eval(env)? {
            Val::Int(number) => Some(number),
            Val::Bytes(_) => None,
        };
        match self {
            Self::Add(a, b) => Some(Val::Int(int(a)?.checked_add(int(b)?)?)),
            Self::Bits(bits) => {
                let number = |val: Option<Val<'_>>| match val {
                    Some(Val::Int(number)) => Some(number),
                    _ => None,
                };
                let (mask, to) = (number(env.param(bits.mask))?, number(env.param(bits.to))?);
                bits.change(number(env.state(bits.state)), mask, to).map(Val::Int)
            }
            Self::Int(number) => Some(Val::Int(*number)),
            Self::Len(name) => env.len(*name).map(Val::Int),
            Self::Modulo(a, b) => Some(Val::Int(int(a)?.checked_rem_euclid(*b)?)),
            Self::Param(name) => env.param(*name),
            Self::State(key) => env.state(*key),
            Self::Word(word) => Some(Val::Bytes(Cow::Borrowed(word.as_bytes()))),
        }
    }
}

/// What names mean to the parser of conditions.
pub(super) trait Names {
    /// The number of a parameter's name; an error where nothing of that name is in reach.
    fn param(&mut self, name: &str) -> Result<u32, String>;
    /// The number of a state key, and whether it is indexed.
    fn state(&mut self, name: &str) -> Option<(u16, bool)>;
}

/// Parses a condition.
pub(super) fn parse(text: &str, names: &mut dyn Names) -> Result<Expr, String> {
    let tokens = lex(text)?;
    if tokens.len() > 256 {
        return Err("the condition is too long".to_owned());
    }
    let mut parser = Parser { tokens: &tokens, names };
    let expr = parser.implies()?;
    match parser.tokens.first() {
        None => Ok(expr),
        Some(token) => Err(format!("`{token}` is out of place")),
    }
}

/// Parses a state key as it stands on the left of `sets`.
pub(super) fn parse_state(text: &str, names: &mut dyn Names) -> Result<StateRef, String> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, names };
    match (parser.term()?, parser.tokens.first()) {
        (Term::State(key), None) if key.index != Index::Any => Ok(key),
        _ => Err(format!("`{text}` is no state key")),
    }
}

fn lex(text: &str) -> Result<Vec<&str>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '<' if rest
                .get(1..)
                .is_some_and(|r| r.starts_with(|c: char| c.is_alphabetic() || c == '"' || c == '_')) =>
            {
                1 + rest.find('>').ok_or("`<` without `>`")?
            }
            '"' => 2 + rest.get(1..).and_then(|r| r.find('"')).ok_or("`\"` without `\"`")?,
            '-' if rest.starts_with("->") => 2,
            '<' | '>' | '!' if rest.get(1..2) == Some("=") => 2,
            '.' if rest.starts_with("..") => 2,
            '=' | '<' | '>' | '(' | ')' | ',' | '%' | '+' => 1,
            c if c.is_alphanumeric() || c == '-' || c == '_' => {
                let mut end = rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
                // `1..3` is a range, not a name.
                if let Some(dots) = rest.get(..end).and_then(|word| word.find("..")) {
                    end = dots;
                }
                end
            }
            other => return Err(format!("`{other}` is out of place")),
        };
        let token = rest.get(..len).unwrap_or_default();
        tokens.push(token);
        rest = rest.get(len..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

struct Parser<'t, 'n> {
    tokens: &'t [&'t str],
    names: &'n mut dyn Names,
}

impl<'t> Parser<'t, '_> {
    fn accept(&mut self, token: &str) -> bool {
        match self.tokens.split_first() {
            Some((&first, rest)) if first == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn next(&mut self, wanted: &str) -> Result<&'t str, String> {
        let (&first, rest) =
            self.tokens.split_first().ok_or_else(|| format!("the condition ends, expected {wanted}"))?;
        self.tokens = rest;
        Ok(first)
    }

    fn implies(&mut self) -> Result<Expr, String> {
        let left = self.or()?;
        if self.accept("->") { Ok(Expr::Implies(Box::new(left), Box::new(self.implies()?))) } else { Ok(left) }
    }

    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.accept("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.not()?;
        while self.accept("and") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, String> {
        if self.accept("not") {
            return Ok(Expr::Not(Box::new(self.not()?)));
        }
        if self.accept("(") {
            let inner = self.implies()?;
            return if self.accept(")") { Ok(inner) } else { Err("`(` without `)`".to_owned()) };
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Expr, String> {
        let left = self.sum()?;
        if self.accept("given") {
            return match left {
                Term::Param(name) => Ok(Expr::Given(name)),
                _ => Err("`given` stands behind a parameter".to_owned()),
            };
        }
        if self.accept("in") {
            let mut ranges = Vec::new();
            loop {
                let low = self.term()?;
                let high = if self.accept("..") { self.term()? } else { low.clone() };
                ranges.push((low, high));
                if !self.accept(",") {
                    return Ok(Expr::In(left, ranges));
                }
            }
        }
        let op = match self.next("a comparison")? {
            "=" => Compare::Equal,
            "!=" => Compare::NotEqual,
            "<" => Compare::Less,
            "<=" => Compare::LessEqual,
            ">" => Compare::More,
            ">=" => Compare::MoreEqual,
            other => return Err(format!("`{other}` is no comparison: expected = != < <= > >= in given")),
        };
        Ok(Expr::Compare(op, left, self.sum()?))
    }

    fn sum(&mut self) -> Result<Term, String> {
        let mut left = self.term()?;
        loop {
            if self.accept("+") {
                left = Term::Add(Box::new(left), Box::new(self.term()?));
            } else if self.accept("%") {
                match self.term()? {
                    Term::Int(by) if by > 0 => left = Term::Modulo(Box::new(left), by),
                    _ => return Err("`%` needs a number above 0 behind it".to_owned()),
                }
            } else {
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Result<Term, String> {
        let token = self.next("a value")?;
        if let Some(name) = param_name(token) {
            return self.names.param(name).map(Term::Param);
        }
        if token == "len" && self.accept("(") {
            let inner = self.next("a parameter")?;
            let name = param_name(inner).ok_or("`len` needs a parameter")?;
            let name = self.names.param(name)?;
            return if self.accept(")") { Ok(Term::Len(name)) } else { Err("`(` without `)`".to_owned()) };
        }
        if let Some(word) = token.strip_prefix('"') {
            return Ok(Term::Word(word.trim_end_matches('"').into()));
        }
        let number = match token.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => token.parse().ok(),
        };
        if let Some(number) = number {
            return Ok(Term::Int(number));
        }
        self.state(token)
    }

    fn state(&mut self, token: &str) -> Result<Term, String> {
        let unknown = || format!("`{token}` is no state key: declare it as [state.\"{token}\"]");
        if let Some(base) = token.strip_suffix('.') {
            let (key, indexed) = self.names.state(base).ok_or_else(unknown)?;
            let inner = self.next("a parameter")?;
            let name = param_name(inner).ok_or_else(|| format!("`{inner}` is no parameter"))?;
            let index = Index::Param(self.names.param(name)?);
            return if indexed {
                Ok(Term::State(StateRef { key, index }))
            } else {
                Err(format!("`{base}` is not indexed"))
            };
        }
        if let Some((key, indexed)) = self.names.state(token) {
            return if indexed {
                Err(format!("`{token}` is indexed: write `{token}.<…>`, `{token}.any` or `{token}.0`"))
            } else {
                Ok(Term::State(StateRef { key, index: Index::None }))
            };
        }
        let (base, index) = token.rsplit_once('.').ok_or_else(unknown)?;
        let (key, _) = self.names.state(base).filter(|found| found.1).ok_or_else(unknown)?;
        let index = match (index, index.parse::<u8>()) {
            ("any", _) => Index::Any,
            (_, Ok(at)) => Index::At(at),
            _ => return Err(unknown()),
        };
        Ok(Term::State(StateRef { key, index }))
    }
}

fn param_name(token: &str) -> Option<&str> {
    let inner = token.strip_prefix('<')?.strip_suffix('>')?;
    (!inner.is_empty()).then(|| inner.trim().trim_matches('"'))
}
