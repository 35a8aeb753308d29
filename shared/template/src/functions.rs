//! The functions: Go's own, and Docker's.

mod compare;
mod escape;
mod go;
mod text;

use crate::item::Item;

/// A function and what it takes.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) fixed: &'static [Parameter],
    /// The type of any number of further arguments.
    pub(crate) rest: Option<Parameter>,
    pub(crate) run: Run,
}

type Run = fn(&[Item]) -> Result<Item, String>;

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// Whatever it is, missing or not: Go's `reflect.Value`.
    Item,
    /// `interface {}`, where what is missing is nil.
    Any,
    String,
    Int,
}

use Parameter::{Any, Int, Item as Whole, String as Text};

#[rustfmt::skip]
const FUNCTIONS: &[Function] = &[
    function("and", &[Whole], Some(Whole), go::unreachable),
    function("call", &[Whole], Some(Whole), go::unreachable),
    function("eq", &[Whole], Some(Whole), compare::eq),
    function("ge", &[Whole, Whole], None, compare::ge),
    function("gt", &[Whole, Whole], None, compare::gt),
    function("html", &[], Some(Any), escape::html),
    function("index", &[Whole], Some(Whole), go::index),
    function("join", &[Any, Text], None, text::join),
    function("js", &[], Some(Any), escape::js),
    function("json", &[Any], None, text::json),
    function("le", &[Whole, Whole], None, compare::le),
    function("len", &[Whole], None, go::len),
    function("lower", &[Text], None, text::lower),
    function("lt", &[Whole, Whole], None, compare::lt),
    function("ne", &[Whole, Whole], None, compare::ne),
    function("not", &[Whole], None, go::not),
    function("or", &[Whole], Some(Whole), go::unreachable),
    function("pad", &[Text, Int, Int], None, text::pad),
    function("print", &[], Some(Any), go::print),
    function("printf", &[Text], Some(Any), go::printf),
    function("println", &[], Some(Any), go::println),
    function("slice", &[Whole], Some(Whole), go::slice),
    function("split", &[Text, Text], None, text::split),
    function("title", &[Text], None, text::title),
    function("truncate", &[Text, Int], None, text::truncate),
    function("upper", &[Text], None, text::upper),
    function("urlquery", &[], Some(Any), escape::urlquery),
];

/// What stands for the text functions in the header of a table, which is to keep its words. `pad` is not among them, for
/// the header has to stay above its column.
#[rustfmt::skip]
const HEADER: &[Function] = &[
    function("join", &[Text, Text], None, text::unchanged),
    function("json", &[Text], None, text::unchanged),
    function("lower", &[Text], None, text::unchanged),
    function("split", &[Text, Text], None, text::unchanged),
    function("title", &[Text], None, text::unchanged),
    function("truncate", &[Text, Int], None, text::unchanged),
    function("upper", &[Text], None, text::unchanged),
];

const fn function(
    name: &'static str,
    fixed: &'static [Parameter],
    rest: Option<Parameter>,
    run: Run,
) -> Function {
    Function {
        name,
        fixed,
        rest,
        run,
    }
}

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<Function> {
    FUNCTIONS.iter().find(|known| known.name == name).copied()
}

/// The same, but where `header` is set what a header has in its place.
pub(crate) fn find_in(name: &str, header: bool) -> Option<Function> {
    let own = HEADER.iter().find(|known| header && known.name == name);
    own.copied().or_else(|| find(name))
}

impl Function {
    /// The type of the argument at that place.
    pub(crate) fn parameter(&self, index: usize) -> Parameter {
        let fixed = self.fixed.get(index).copied();
        fixed.or(self.rest).unwrap_or(Any)
    }
}
