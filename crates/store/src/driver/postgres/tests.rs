//! Claims about this driver alone.
