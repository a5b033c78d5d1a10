//! How the pages look that an app shows of itself while it signs somebody in: one look for the web and for a native app.

/// What stands in a page's `<style>` before what it adds.
pub(crate) const STYLE: &str = "\
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.0625rem/1.5 system-ui, sans-serif;
  background: light-dark(#f6f7f9, #14161a); color: light-dark(#1b1f24, #e8eaed); }
main { box-sizing: border-box; width: min(34rem, 100%); padding: 2rem 1.25rem; overflow-wrap: anywhere; }
h1 { font-size: 1.375rem; line-height: 1.3; margin: 0 0 1.25rem; }";
