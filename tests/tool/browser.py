#!/usr/bin/env python3
"""Loads a page of `report show --html` in headless Chromium, narrow and wide, light and dark, and looks at what is
rendered: browser.py PAGE NAME. A line for each check; ends with `NAME: N passed, N failed`. SHOTS names a directory for
pictures. Speaks the DevTools protocol through the pipe of --remote-debugging-pipe; needs nothing but Python."""
import base64, json, os, subprocess, sys, tempfile

PAGE, NAME = os.path.realpath(sys.argv[1]), sys.argv[2]
passed = failed = 0


def check(what, bad):
    """bad: what is wrong, empty if nothing is."""
    global passed, failed
    if bad:
        failed += 1
        print(f"FAILED {NAME}: {what}: {bad}")
    else:
        passed += 1


class Browser:
    def __init__(self, profile):
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def place():  # the browser reads descriptor 3 and writes 4
            high = [os.dup2(to_read, 100), os.dup2(to_write, 101)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.kept, self.number, self.session, self.events = b"", 0, None, []

    def message(self):
        while b"\0" not in self.kept:
            got = os.read(self.back, 1 << 20)
            if not got:
                sys.exit(f"FAILED {NAME}: the browser has ended\n{NAME}: {passed} passed, {failed + 1} failed")
            self.kept += got
        text, self.kept = self.kept.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        question = {"id": self.number, "method": method, "params": params}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.to, json.dumps(question).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                return answer.get("result") or sys.exit(f"FAILED {NAME}: {method}: {answer}") if "error" in answer else answer["result"]
            self.events.append(answer)

    def wait(self, event):
        while not any(e.get("method") == event for e in self.events):
            self.events.append(self.message())

    def run(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit(f"FAILED {NAME}: {answer['exceptionDetails']}")
        return answer["result"]["value"]


# Each returns a list of what is wrong.
OVERFLOW = "var MAY_SCROLL = " + ("true" if NAME == "hostile" else "false") + """; (() => {
  const bad = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) bad.push(`page ${root.scrollWidth} of ${root.clientWidth}`);
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (MAY_SCROLL && e.closest('.scroll')) continue; // its numbers are longer than any phone is wide
    if (box.width && !e.closest('svg') && (box.right > root.clientWidth + 0.5 || box.left < -0.5))
      bad.push(`${e.tagName}.${e.className} ${box.left}..${box.right}`);
    if (!e.closest('svg') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display != 'inline')
      bad.push(`${e.tagName}.${e.className} holds ${e.scrollWidth} in ${e.clientWidth}`);
  }
  const words = [...document.querySelectorAll('.ends')].flatMap(p => [...p.children].map(s => s.getBoundingClientRect()));
  for (const a of words) for (const b of words)
    if (a !== b && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) bad.push('words overlap');
  return bad.slice(0, 5);
})()"""
BARS = """(() => {
  const bad = [];
  let seen = 0;
  for (const bar of document.querySelectorAll('.bar')) {
    const row = bar.closest('tr'), cells = [...row.querySelectorAll('td.n')].map(c => c.textContent.replace(/[, %]/g, ''));
    const table = [...row.closest('tbody').rows].map(r => Number(r.querySelector('td.n').textContent.replace(/,/g, '')));
    const share = cells.length == 2 ? cells[0] / table.reduce((a, b) => a + b, 0) : cells[0] / (Number(cells[0]) + Number(cells[1]));
    const outer = bar.getBoundingClientRect().width, inner = bar.firstElementChild.getBoundingClientRect().width;
    if (!outer) continue;
    seen++;
    if (Math.abs(inner / outer - share) > 0.006) bad.push(`${row.cells[0].textContent}: ${inner} of ${outer}, not ${share}`);
    if (Math.abs(cells.at(-1) / 100 - share) > 0.0011) bad.push(`${row.cells[0].textContent}: says ${cells.at(-1)}, not ${share}`);
  }
  if (innerWidth > 600 && document.querySelector('tbody tr') && !seen) bad.push('no bar is seen');
  return bad.slice(0, 5);
})()"""
CHART = """(() => {
  const bad = [], days = [...document.querySelectorAll('svg g.day')], pixel = 1.5;
  const numbers = days.map(d => d.querySelector('title').textContent.split(': ')[1].match(/[0-9][0-9,]*/g).map(n => Number(n.replace(/,/g, ''))));
  const most = Math.max(...numbers.map(n => n[0] + n[1])), svg = document.querySelector('svg').getBoundingClientRect();
  days.forEach((d, i) => ['good', 'bad'].forEach((kind, k) => {
    const box = d.querySelector('.' + kind).getBoundingClientRect(), part = numbers[i][k] / most * svg.height, wanted = part && Math.max(part, 0.01 * svg.height);
    if (Math.abs(box.height - wanted) > (wanted ? 2 * pixel : 0.01)) bad.push(`${d.textContent}: ${box.height}, not ${wanted}`);
    if (box.height && (box.width < 0.3 || box.left < svg.left - 1 || box.right > svg.right + 1 || box.top < svg.top - 1)) bad.push(`${d.textContent}: outside`);
  }));
  return bad.slice(0, 5);
})()"""
CONTRAST = """(() => {
  const bad = new Set();
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement;
    if (!node.textContent.trim() || e.closest('svg')) continue;
    const got = ratio(rgb(getComputedStyle(e).color), back(e));
    if (got < 4.5) bad.add(`${e.tagName}.${e.className} ${got.toFixed(2)}`);
  }
  for (const e of document.querySelectorAll('svg rect')) { // WCAG 1.4.11 wants 3:1 of graphics
    const got = ratio(rgb(getComputedStyle(e).fill), back(e.closest('svg')));
    if (got < 3) bad.add(`rect.${e.className.baseVal} ${got.toFixed(2)}`);
  }
  return [...bad].slice(0, 5);
})()"""


def names(browser):
    """Pictures, tables and headings have a name; a table has its column and row headers."""
    bad, roles = [], {}
    for node in browser.call("Accessibility.getFullAXTree")["nodes"]:
        role, name = node.get("role", {}).get("value"), node.get("name", {}).get("value", "")
        roles[role] = roles.get(role, 0) + (not node["ignored"])
        if role in ("image", "img", "table", "heading", "columnheader", "rowheader") and not node["ignored"] and not name.strip():
            bad.append(f"{role} without a name")
    for role in ("image", "table", "heading", "columnheader"):
        if not roles.get(role) and not (role == "image" and roles.get("img")):
            bad.append(f"no {role}: {roles}")
    return bad


def look(browser, width, scheme):
    at = f"{width} px, {scheme}"
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    browser.call("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events = []
    browser.call("Page.navigate", url="file://" + PAGE)
    browser.wait("Page.loadEventFired")
    check(f"{at}: nothing overflows", browser.run(OVERFLOW))
    check(f"{at}: bars are as wide as the numbers say", browser.run(BARS))
    check(f"{at}: marks are as high as the numbers say", browser.run(CHART))
    check(f"{at}: contrast", browser.run(CONTRAST))
    check(f"{at}: accessible names", names(browser))
    dark = browser.run("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0] < 128")
    check(f"{at}: the scheme is taken", "" if dark == (scheme == "dark") else "it is not")
    requests = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    check(f"{at}: nothing else is loaded", [u for u in requests if u != "file://" + PAGE] or ("" if requests else "no request was seen"))
    check(f"{at}: the browser complains of nothing", [e["params"] for e in browser.events if e.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")])
    if os.environ.get("SHOTS"):
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True)
        with open(f"{os.environ['SHOTS']}/{NAME}-{width}-{scheme}.png", "wb") as picture:
            picture.write(base64.b64decode(shot["data"]))


def paper(browser):
    """A4 has 794 px at 96 dpi; the reader's dark screen does not make dark paper."""
    browser.call("Emulation.setDeviceMetricsOverride", width=794, height=1123, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    check("printed: nothing overflows", browser.run(OVERFLOW))
    check("printed: contrast", browser.run(CONTRAST))
    check("printed: bars are as wide as the numbers say", browser.run(BARS))
    check("printed: on white", "" if browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)" else "not")
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
    check("printed: a PDF", "" if pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page\n") >= 1 else pdf[:20])
    if os.environ.get("SHOTS"):
        with open(f"{os.environ['SHOTS']}/{NAME}.pdf", "wb") as file:
            file.write(pdf)


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(profile)
    try:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            browser.call(domain + ".enable")
        for width in (360, 1280):
            for scheme in ("light", "dark"):
                look(browser, width, scheme)
        paper(browser)
        browser.session = None
        browser.call("Browser.close")
    finally:
        browser.process.terminate()
        browser.process.wait()
print(f"{NAME}: {passed} passed, {failed} failed")
sys.exit(failed > 0)
