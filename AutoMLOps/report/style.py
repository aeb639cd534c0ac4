"""How the page looks: on a screen or on paper, light or dark."""

STYLE = """
:root { color-scheme: light dark;
  --ground: #f5f6f8; --sheet: #fff; --ink: #1c2128; --soft: #57606a; --line: #d8dee4; --link: #0b57b8;
  --well: #f3f5f8;
  --succeeded: #1a7340; --cached: #5a49b5; --running: #0b57b8; --failed: #b3261e; --cancelled: #8a5200;
  --skipped: #5f6670; --waiting: #5f6670; --blush: #fdf0ef; --mark: #ffdcd8; --bar: #8a929c;
  --heat: 11, 87, 184; --keyword: #8a2590; --string: #17663a; --comment: #5f6670; --literal: #0b57b8; }
@media screen and (prefers-color-scheme: dark) { :root {
  --ground: #0f1317; --sheet: #171c22; --ink: #e4e8ed; --soft: #a4aeb9; --line: #303841; --link: #8ebcff;
  --well: #10151a;
  --succeeded: #5fcb8a; --cached: #b7a8ff; --running: #8ebcff; --failed: #ff8f86; --cancelled: #f0b35e;
  --skipped: #a4aeb9; --waiting: #a4aeb9; --blush: #2b1a1b; --mark: #5a2320; --bar: #7b8590;
  --heat: 93, 152, 240; --keyword: #e3a3ea; --string: #8fd6a6; --comment: #a4aeb9; --literal: #8ebcff; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; unicode-bidi: isolate; }
code, bdi { overflow-wrap: anywhere; }
small { color: var(--soft); font-weight: 400; }
.off { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.defs { position: absolute; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; z-index: 2; background: var(--sheet); padding: .5rem 1rem; }
.icon { width: 1em; height: 1em; vertical-align: -.125em; flex: none; }
.sign { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
body > header { background: var(--sheet); border-bottom: 1px solid var(--line);
  border-top: 6px solid var(--tone, var(--soft));
  padding: 1.6rem clamp(1rem, 3vw, 2.5rem) 1.4rem; }
header p { margin: .2rem 0; color: var(--soft); }
h1 { margin: 0; font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.25; letter-spacing: -.01em; }
header .verdict { font-size: 1.35rem; font-weight: 600; color: var(--tone); margin: .3rem 0 .5rem; }
.verdict span { color: var(--ink); font-weight: 400; }
.succeeded { --tone: var(--succeeded); } .cached { --tone: var(--cached); } .running { --tone: var(--running); }
.failed { --tone: var(--failed); } .cancelled { --tone: var(--cancelled); } .skipped { --tone: var(--skipped); }
.waiting { --tone: var(--waiting); }
.icon, .state, .brief { color: var(--tone); }
.state { white-space: nowrap; }
.chips { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; margin: .8rem 0 0; padding: 0; }
.chips li { border: 1px solid var(--line); border-radius: 99px; padding: .1rem .8rem;
  background: var(--ground); }
.frame { display: grid; grid-template-columns: minmax(0, 1fr); max-width: 92rem; margin: 0 auto; }
nav { padding: 1rem clamp(1rem, 3vw, 2.5rem); font-size: .93rem; }
nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1rem; }
nav a, nav span { display: inline-block; padding: .2rem 0; text-decoration: none; }
nav a:hover { text-decoration: underline; }
nav h2 { font-size: .93rem; margin: .8rem 0 .1rem; }
nav h2 + ul { max-height: 11rem; overflow-y: auto; }
main { padding: 0 clamp(1rem, 3vw, 2.5rem) 2rem; min-width: 0; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; margin: 1.2rem 0;
  padding: 1.1rem clamp(.9rem, 2vw, 1.5rem) 1.3rem; }
h2 { font-size: 1.2rem; margin: 0 0 .7rem; }
h3 { font-size: 1.02rem; margin: 0; }
h4 { font-size: .95rem; margin: 1.3rem 0 .4rem; }
.wide { overflow-x: auto; max-width: 100%; position: relative; }
#metrics > .wide, #timeline > .wide { max-height: 42rem; overflow-y: auto; }
#metrics > .wide thead th, #timeline > .wide thead th {
  position: sticky; top: 0; background: var(--sheet); z-index: 1; }
.wide + .wide { margin-top: 1.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
caption { text-align: left; color: var(--soft); padding: 0 0 .3rem; font-size: .87rem; }
th, td { text-align: left; padding: .38rem .9rem .38rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; font-size: .85rem; white-space: nowrap;
  vertical-align: bottom; }
thead th.number, td.said { text-align: right; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { font-weight: 600; }
td pre, td dl, td details { margin: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.when { width: 45%; min-width: 14rem; padding-right: 0; }
th.name { width: 12rem; }
tbody th { min-width: 8.5rem; }
.depth-1 { padding-left: 1.2rem; } .depth-2 { padding-left: 2.4rem; } .depth-3 { padding-left: 3.6rem; }
.depth-4 { padding-left: 4.8rem; } .depth-5 { padding-left: 6rem; }
pre { margin: .4rem 0; padding: .7rem .9rem; background: var(--well); border: 1px solid var(--line);
  border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
.scroll { max-height: 32rem; overflow: auto; }
.warnings { margin: 0; padding-left: 1.2rem; }
.warnings li::marker { content: "! "; font-weight: 700; color: var(--cancelled); }
.cards { list-style: none; margin: 0; padding: 0; }
.error { margin: .6rem 0; padding: .7rem 1rem; background: var(--blush); border-left: 5px solid var(--failed);
  border-radius: 6px; }
.error p { margin: 0; font-weight: 600; color: var(--failed); white-space: pre-wrap; }
.error pre { border: 0; background: none; padding: 0; margin: .4rem 0 0; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem 2.5rem; align-items: flex-end; margin-top: 1.2rem; }
figure { margin: 0; max-width: 100%; }
figcaption { color: var(--soft); font-size: .87rem; margin-top: .5rem; max-width: 26rem; }
.matrix { width: auto; }
.matrix th, .matrix td { border: 2px solid var(--sheet); padding: .55rem .8rem; }
.matrix td[class] { text-align: center; font-variant-numeric: tabular-nums; min-width: 4.6rem;
  border-radius: 6px; }
.matrix td small { display: block; color: inherit; font-size: .78rem; }
.matrix thead th { text-align: center; white-space: normal; }
.matrix thead tr + tr th:first-child { text-align: left; }
.heat-0 { background: rgba(var(--heat), 0.06); }
.heat-1 { background: rgba(var(--heat), 0.13); }
.heat-2 { background: rgba(var(--heat), 0.2); }
.heat-3 { background: rgba(var(--heat), 0.27); }
.heat-4 { background: rgba(var(--heat), 0.34); }
.heat-5 { background: rgba(var(--heat), 0.42); }
.heat-6 { background: rgba(var(--heat), 0.84); }
.heat-7 { background: rgba(var(--heat), 0.87); }
.heat-8 { background: rgba(var(--heat), 0.93); }
.heat-9 { background: rgba(var(--heat), 1); }
.heat-6, .heat-7, .heat-8, .heat-9 { color: var(--sheet); }
.roc { display: block; max-width: 100%; height: auto; font: 11px system-ui, sans-serif; fill: var(--soft); }
.roc .axis { font-size: 12px; }
.roc .curve { fill: none; stroke: var(--running); stroke-width: 2.2; stroke-linejoin: round; }
.roc .under { fill: var(--running); opacity: .1; }
.roc .dot { fill: var(--running); }
.roc .chance { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 4 4; }
.grid { stroke: var(--line); stroke-width: 1; }
.bar { display: block; overflow: visible; }
.axis text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.fill { fill: var(--tone); }
.fill.cached, .fill.cancelled { fill-opacity: .25; stroke: var(--tone); stroke-width: 1.5; }
.fill.cancelled { stroke-dasharray: 4 3; }
.fill.failed { stroke: var(--ink); stroke-width: 1.5; }
.fill.group { fill: var(--bar); opacity: .35; }
.graph svg { max-width: none; }
.step { border-top: 1px solid var(--line); }
.step > summary { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .6rem;
  padding: .6rem .2rem; cursor: pointer; }
.step > summary:hover { background: var(--well); }
.step > summary::before { content: ""; width: .45em; height: .45em; border: solid var(--soft);
  border-width: 0 2px 2px 0;
  transform: rotate(-45deg); flex: none; align-self: center; margin-right: .2rem; }
.step[open] > summary::before { transform: rotate(45deg); }
.step > summary .icon { align-self: center; }
.brief { margin-left: auto; font-size: .9rem; }
.inside { padding: 0 .2rem 1.2rem 1.3rem; scroll-margin-top: 4rem; }
details > summary { cursor: pointer; }
details:not(.step) > summary { color: var(--soft); font-size: .9rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: .3rem 0; font-size: .9rem; }
.facts dt, .artifact dt { color: var(--soft); font-size: .82rem; }
.facts dd { margin: 0; }
.artifact { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem 1rem;
  align-items: baseline; }
.artifact + .artifact { margin-top: .6rem; padding-top: .6rem; border-top: 1px dashed var(--line); }
.artifact dd { margin: 0; min-width: 0; }
iframe { width: 100%; border: 1px solid var(--line); border-radius: 8px; resize: vertical; background: #fff;
  color-scheme: light; }
iframe.markdown { color-scheme: light dark; background: none; }
.note { color: var(--soft); font-size: .87rem; margin: .2rem 0; }
.keyword { color: var(--keyword); } .string { color: var(--string); } .comment { color: var(--comment);
  font-style: italic; }
.literal { color: var(--literal); }
.code { counter-reset: line; }
.line::before { counter-increment: line; content: counter(line); display: inline-block; width: 2.6em;
  margin-right: 1.2em;
  text-align: right; color: var(--soft); user-select: none; }
.line.failed { background: var(--mark); box-shadow: -.4rem 0 var(--failed); }
footer { color: var(--soft); padding: 0 clamp(1rem, 3vw, 2.5rem) 2rem; font-size: .87rem; max-width: 92rem;
  margin: 0 auto; }
nav li[class] { padding-left: 0; }
@media screen and (min-width: 72rem) {
  nav li.depth-1 { padding-left: 1.2rem; } nav li.depth-2 { padding-left: 2.4rem; }
  nav li.depth-3, nav li.depth-4, nav li.depth-5 { padding-left: 3.6rem; }
  .frame { grid-template-columns: 17rem minmax(0, 1fr); }
  nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding-right: 0;
  padding-top: 1.4rem; }
  nav ul, nav h2 + ul { display: block; max-height: none; }
  main { padding-left: 1.5rem; } }
@media (max-width: 40rem) { .brief { margin-left: 0; width: 100%; padding-left: 1.4rem;
  } .inside { padding-left: .2rem; } }
@media print {
  body { background: #fff; font-size: 10.5pt; }
  nav, .skip { display: none; }
  .frame { display: block; max-width: none; }
  section, body > header { border: 0; padding-left: 0; padding-right: 0; }
  main, footer { padding: 0; }
  .scroll, #metrics > .wide, #timeline > .wide { max-height: none; overflow: visible; }
  .wide { overflow: visible; }
  tr, figure, .error { break-inside: avoid; }
  h2, h3, h4, summary { break-after: avoid; }
  .matrix td, .fill, .icon, .error, .line.failed { print-color-adjust: exact; } }
"""
