//! Protocol analyzer for modules that speak AT commands on a serial line.
//!
//! Bytes flow one way, and each layer knows only the ones before it: [`capture`] reads recordings, [`uart`] makes bytes of
//! logic levels, [`syntax`]
//! frames bytes into lines, prompts and counted payloads, [`catalog`] holds the vendors' manuals as data,
//! [`session`] decodes both directions into typed events, [`check`] holds them against the manual, [`report`]
//! prints them.
//!
//! Without default features the crate is the sans-IO decoder and the catalogs: no file, no clock, no thread.

#[cfg(feature = "capture")]
pub mod capture;
pub mod catalog;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod diff;
#[cfg(feature = "capture")]
mod direction;
pub mod escape;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
#[cfg(feature = "generate")]
pub mod generate;
#[cfg(feature = "simulate")]
pub mod module;
#[cfg(feature = "mutate")]
pub mod mutate;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod planted;
#[cfg(not(feature = "fuzzing"))]
#[allow(dead_code)]
mod planted;
#[cfg(feature = "simulate")]
pub mod port;
#[cfg(feature = "cli")]
pub mod report;
pub mod session;
pub mod syntax;
#[cfg(feature = "capture")]
pub mod uart;
mod wire;

pub use wire::{Sender, Time};

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
