//! Sending: what is refused before it can fail, and where each channel's message ends.
