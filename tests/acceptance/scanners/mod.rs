//! The scanners as children: the real Trivy and Bandit where they can be made to, scripts in their
//! place where they can't.

mod bench;
mod classification;
mod database;
mod hostile;
mod images;
mod orders;
mod python;
mod sample;
mod silence;
