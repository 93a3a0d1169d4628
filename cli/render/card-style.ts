// The style of a page of cards: colours of both modes in one place, fonts of the reader's system. Holds no text.
export const CARD_STYLE = `
:root{color-scheme:light dark;--ground:#fff;--panel:#f6f7f9;--ink:#1b1f27;--soft:#667085;--line:#dfe3ea;--bar:#3b6fd4;--odd:#7ea3e8;--fill:#dbe6fb;--mark:240,160,40;--warn:#9a3412}
@media (prefers-color-scheme:dark){:root{--ground:#14171c;--panel:#1c2027;--ink:#e7eaf0;--soft:#98a2b3;--line:#303641;--bar:#7aa2f7;--odd:#4f6fb5;--fill:#26375c;--mark:230,150,40;--warn:#fdba74}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 20px 60px;max-width:1040px;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:17px;margin:0;font-weight:600}h2{font-size:22px;margin:0 0 8px;font-weight:600}h3{font-size:13px;margin:0 0 6px;color:var(--soft);font-weight:600}h4{font-size:13px;margin:14px 0 2px;font-weight:600;font-variant-numeric:tabular-nums}
header{margin-bottom:18px}.about,figcaption,.source,.none{color:var(--soft);font-size:13px;font-weight:400}.about{margin:2px 0}.mark{color:var(--warn);font-weight:600}
article{border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin-bottom:22px}
.number{display:inline-block;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:0 8px;font-variant-numeric:tabular-nums}
dl{display:flex;flex-wrap:wrap;gap:6px 26px;margin:0 0 12px}dl div{display:flex;flex-direction:column}dt{color:var(--soft);font-size:12px}dd{margin:0;font-variant-numeric:tabular-nums}
figure{margin:0 0 16px}svg{width:100%;height:auto;display:block;background:var(--panel);border-radius:8px}.bar{fill:var(--bar)}.odd{fill:var(--odd)}.axis{stroke:var(--line)}.tick{fill:var(--soft);font:11px system-ui,sans-serif}
.lists{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:16px 22px;margin-bottom:18px}
.item{position:relative;display:flex;justify-content:space-between;gap:12px;padding:1px 6px;margin-bottom:2px;border-radius:4px;overflow:hidden;font:13px/1.6 ui-monospace,monospace}
.item bdi,.item .value{position:relative;white-space:pre}.item bdi{overflow:hidden;text-overflow:ellipsis}.fill{position:absolute;inset:0 auto 0 0;background:var(--fill);border-radius:4px}
.example{display:grid;grid-template-columns:70px 1fr;gap:12px;padding:4px 0;border-top:1px solid var(--line)}.example .value{text-align:right;color:var(--soft);font-size:13px;font-variant-numeric:tabular-nums}
.text{white-space:pre-wrap;overflow-wrap:anywhere}mark{color:inherit;border-radius:3px;padding:1px 0}.s1{background:rgba(var(--mark),.18)}.s2{background:rgba(var(--mark),.36)}.s3{background:rgba(var(--mark),.54)}.s4{background:rgba(var(--mark),.75)}.drawn{outline:1.5px solid rgb(var(--mark))}
details{margin-top:16px}summary{cursor:pointer;color:var(--soft);font-size:13px}
`.replaceAll('\n', '');
