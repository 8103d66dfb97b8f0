/** The one stylesheet of every page. No scripts, no fonts, no images: the page allows itself nothing else. */

export const STYLE = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --dim: #5c6773; --line: #d5dae1; --soft: #f4f6f8;
  --good: #1a7f37; --bad: #c62828; --doubt: #9a6700; --shade: #c62828;
  --c0: #3b76c4; --c1: #d9822b; --c2: #3c9a5f; --c3: #8a5cc2; --c4: #c2486b; --c5: #2d9fa8; --c6: #9c8131; --c7: #6b7785; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e9ed; --dim: #9aa5b1; --line: #343b44;
  --soft: #1d2228; --good: #4cc36b; --bad: #ff7b72; --doubt: #e3b341; --shade: #ff7b72;
  --c0: #6aa5f0; --c1: #f0a14f; --c2: #5fc485; --c3: #b48cec; --c4: #ec7a9a; --c5: #55c8d0; --c6: #cfb45c; --c7: #98a4b3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem; }
p { margin: .4rem 0; }
.verdict { display: inline-block; font-weight: 700; letter-spacing: .04em; text-transform: uppercase; padding: .1rem .6rem;
  border: 2px solid; border-radius: .4rem; margin-bottom: .5rem; }
.pass { color: var(--good); } .fail { color: var(--bad); } .inconclusive { color: var(--doubt); }
.dim, figcaption { color: var(--dim); }
code, pre { font: .9em/1.45 ui-monospace, monospace; background: var(--soft); border-radius: .3rem; }
code { padding: .1rem .3rem; overflow-wrap: anywhere; } pre { padding: .8rem; overflow-x: auto; margin: .5rem 0; }
header pre, .beside pre { white-space: pre-wrap; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; margin: .4rem 0; }
.scroll { overflow-x: auto; background: linear-gradient(to right, var(--paper) 30%, transparent), linear-gradient(to left, var(--paper) 30%, transparent) 100% 0,
  linear-gradient(to right, var(--line), transparent), linear-gradient(to left, var(--line), transparent) 100% 0;
  background-repeat: no-repeat; background-size: 2rem 100%, 2rem 100%, .7rem 100%, .7rem 100%; background-attachment: local, local, scroll, scroll; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.long { min-width: 11rem; } td.verylong { min-width: 17rem; }
th { font-weight: 600; color: var(--dim); white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; margin: .2rem 0 .4rem; }
svg { display: block; width: 100%; min-width: 42rem; height: auto; font: 11px system-ui, sans-serif; }
svg.narrow { min-width: 0; max-width: 34rem; }
svg text { fill: var(--dim); } svg .title { fill: var(--ink); font-weight: 600; }
.axis, .grid { stroke: var(--line); fill: none; stroke-width: 1; }
.fault { fill: var(--shade); opacity: .13; } .faultline { fill: var(--shade); opacity: .75; }
.broken { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 1 3; }
.window { stroke: var(--dim); stroke-dasharray: 2 3; opacity: .6; }
.run { stroke: var(--c0); fill: none; stroke-width: 1.8; } .twin { stroke: var(--c7); fill: none; stroke-width: 1.3; stroke-dasharray: 4 3; }
.second { stroke: var(--c1); fill: none; stroke-width: 1.5; }
.mark { stroke: var(--ink); stroke-width: 1.5; } .up { fill: var(--bad); } .down { fill: var(--good); } .sum { fill: var(--c7); }
.open, .ejected { fill: var(--bad); } .cooling { fill: var(--doubt); } .half_open { fill: var(--c0); }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); } .f3 { fill: var(--c3); }
.f4 { fill: var(--c4); } .f5 { fill: var(--c5); } .f6 { fill: var(--c6); } .f7 { fill: var(--c7); }
.ribbon { opacity: .45; } .whisker { stroke: currentColor; stroke-width: 1.8; fill: none; } .dot { fill: currentColor; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; }
.legend svg { display: inline-block; width: .8rem; min-width: 0; height: .8rem; margin-right: .35rem; vertical-align: -.08rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 1rem; }
.beside figure { min-width: 0; }
details > summary { cursor: pointer; color: var(--dim); }
@media print { main { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  details > *:not(summary) { display: block; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } svg { min-width: 0; }
  table { font-size: .75rem; } th, td { padding: .25rem .3rem; } th, td.n, th.n { white-space: normal; } td.long, td.verylong { min-width: 0; }
  td.long, td.verylong, td code { overflow-wrap: anywhere; } .scroll { overflow: visible; background: none; } }
`
