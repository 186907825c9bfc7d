//! How two aligned things differ.
