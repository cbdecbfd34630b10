//! Picks the action.
