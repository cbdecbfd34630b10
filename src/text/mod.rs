//! Foreign and own text on its way to people: shown whole, cut to a limit, made a sentence. Names,
//! messages and error texts are a pull request's or a server's to choose.

mod cut;
mod sentence;
mod visible;

pub(crate) use cut::{cut, cut_utf16};
pub(crate) use sentence::{capitalised, sentence};
pub(crate) use visible::{acts, flat, line, visible};
