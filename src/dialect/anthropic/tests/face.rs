//! As the face of callers: requests read.
