// The look of the report, light and dark.

export const style = `
:root {
  color-scheme: light dark;
  --page: #fbfaf8; --text: #1d2127; --quiet: #5c636e; --line: #dcdad5; --tile: #ffffff;
  --with: #0b63b8; --without: #b8480b; --right: #0b63b8; --wrong: #c02a1d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --text: #e6e4df; --quiet: #a1a8b3; --line: #343a43; --tile: #1c2027;
    --with: #6cb4ff; --without: #ff9d5c; --right: #3f8ee0; --wrong: #ff6a5a;
  }
  .digits img { filter: invert(1); }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 70rem; padding: 2.5rem 1.5rem 4rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 3rem 0 .4rem; }
p { margin: 0 0 1rem; max-width: 44rem; }
.quiet { color: var(--quiet); }
.with { color: var(--with); }
.without { color: var(--without); }
.result { display: flex; flex-wrap: wrap; gap: 1rem 3.5rem; margin: 1.5rem 0 0; padding: 0; list-style: none; }
.result b { display: block; font-size: 2.6rem; line-height: 1.15; font-weight: 650; letter-spacing: -.02em; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1.5rem 2.5rem; }
figure { margin: 0; }
figcaption { font-weight: 600; margin-bottom: .4rem; }
.charts svg { width: 100%; height: auto; display: block; overflow: visible; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.75rem; list-style: none; margin: 0 0 1.25rem; padding: 0; }
.legend li { display: flex; align-items: center; gap: .55rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
.numbers th, .numbers td { padding: .35rem 0 .35rem 2.5rem; text-align: right; border-bottom: 1px solid var(--line); }
.numbers td { white-space: nowrap; }
.numbers th[scope=row] { padding-left: 0; text-align: left; font-weight: 400; }
.confusion th, .confusion td { min-width: 3rem; height: 2.35rem; padding: 0 .5rem; text-align: center; }
.confusion td { border: 2px solid var(--page); border-radius: 5px; }
.confusion th { font-weight: 600; }
.confusion thead tr:first-child th { font-weight: 400; color: var(--quiet); text-align: center; height: 1.8rem; }
.confusion .none { color: var(--quiet); opacity: .8; }
.confusion .share { color: var(--quiet); text-align: right; white-space: nowrap; padding-left: 1rem; }
.digits {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(7.25rem, 1fr)); gap: .9rem;
  list-style: none; margin: 1.25rem 0 0; padding: 0;
}
.digits li { background: var(--tile); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .5rem .5rem; text-align: center; }
.digits img { width: 84px; height: 84px; image-rendering: pixelated; display: block; margin: 0 auto .4rem; }
.digits b { font-size: 1.1rem; }
.digits .wrong { color: var(--wrong); }
.digits li > span { display: block; font-size: .875rem; line-height: 1.35; color: var(--quiet); }
pre { overflow-x: auto; font: .9rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; margin: .75rem 0; }
@media (max-width: 38rem) {
  body { padding: 1.5rem 1rem 3rem; }
  .numbers th, .numbers td { padding-left: 1rem; vertical-align: bottom; }
  .confusion { font-size: .8125rem; }
  .confusion th, .confusion td { min-width: 1.6rem; padding: 0 .1rem; }
  .confusion .share { padding-left: .4rem; }
}
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
`;
