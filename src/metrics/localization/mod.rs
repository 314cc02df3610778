//! Localization: does the map point to where the evidence is known to be?

pub mod pointing_game;
