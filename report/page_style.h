/*
 * page_style.h: the style of the pages: light and dark, narrow and wide, printed. Blue and orange
 * can be told apart by people who see no red or green.
 */
#ifndef MTASTS_REPORT_PAGE_STYLE_H
#define MTASTS_REPORT_PAGE_STYLE_H

static const char mtasts_page_style[] =
    ":root{color-scheme:light dark;--back:#ffffff;--card:#f4f6f8;--text:#1a1f24;--dim:#55606b;"
    "--line:#d4dae0;--good:#1f5fa8;--bad:#b34700;--track:#dfe5ea}\n"
    "@media (prefers-color-scheme: dark){:root{--back:#14181c;--card:#1e242a;--text:#e8ecf0;"
    "--dim:#a3aeb9;--line:#38424c;--good:#6cb0f5;--bad:#ff9a4d;--track:#303a44}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--back);color:var(--text);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Liberation Sans\",sans-serif}\n"
    "main{max-width:62rem;margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:2rem 0 .5rem}\n"
    "p{margin:.4rem 0;overflow-wrap:anywhere}\n"
    ".dim{color:var(--dim)}\n"
    ".verdict{border-left:.4rem solid var(--good);background:var(--card);padding:.8rem 1rem;"
    "font-size:1.15rem}\n"
    ".verdict.bad{border-color:var(--bad)}\n"
    ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;"
    "margin:1rem 0;padding:0}\n"
    ".facts div{background:var(--card);padding:.6rem .8rem;min-width:0}\n"
    ".facts dt{color:var(--dim);font-size:.85rem}\n"
    ".facts dd{margin:0;font-size:1.2rem;overflow-wrap:anywhere}\n"
    "svg{display:block;width:100%;height:9rem;background:var(--card)}\n"
    ".good{fill:var(--good)}.bad{fill:var(--bad)}\n"
    ".ends{display:flex;flex-wrap:wrap;gap:0 1rem;justify-content:space-between;color:var(--dim);font-size:.85rem}\n"
    ".key{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 .8rem}\n"
    ".key.g{background:var(--good)}.key.b{background:var(--bad)}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.95rem}\n"
    "caption{text-align:left;color:var(--dim);font-size:.85rem;padding:.2rem 0}\n"
    "th,td{padding:.35rem .5rem;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top}\n"
    "thead th{font-size:.85rem;color:var(--dim)}\n"
    "tbody th{font-weight:400;overflow-wrap:anywhere;min-width:7rem}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "td.w{width:24%}\n"
    ".bar{display:block;height:.7rem;margin-top:.45rem;background:var(--track)}\n"
    ".bar span{display:block;height:100%;background:var(--bad)}\n"
    ".bar.g span{background:var(--good)}\n"
    ".advice{display:block;color:var(--dim);font-size:.88rem}\n"
    "ul.findings{list-style:none;margin:0;padding:0}\n"
    "ul.findings li{border-left:.3rem solid var(--line);padding:.3rem .8rem;margin:.5rem 0;"
    "overflow-wrap:anywhere}\n"
    "ul.findings li.problem{border-color:var(--bad)}ul.findings li.good{border-color:var(--good)}\n"
    "a{color:var(--good)}\n"
    "@media (max-width:34rem){td.w,th.w{display:none}th,td{padding:.35rem .25rem}"
    "table{font-size:.88rem}tbody th{min-width:0}"
    ".ends>span:nth-child(2){order:3;flex-basis:100%;text-align:center}}\n"
    "@media print{:root{--back:#fff;--card:#fff;--text:#000;--dim:#333;--line:#999;--good:#1f5fa8;"
    "--bad:#b34700;--track:#ddd}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    "body{font-size:11pt}tr,svg,.verdict,li{break-inside:avoid}h2{break-after:avoid}}\n";

#endif
