// The log: the server sends rendered lines from a byte offset on; the script appends them and stays at the end if it
// was there.

const LINES = 20000;
let following = false;

const panel = () => document.querySelector('[data-log]');
const checked = name => document.querySelector(`[data-toggle="${name}"]`)?.checked ?? false;
const isAtEnd = log => log.scrollHeight - log.scrollTop - log.clientHeight < 40;

export async function followLog() {
  const log = panel();
  if (!log || following) return;
  following = true;
  try {
    const address = log.dataset.log;
    const response = await fetch(`${address}&offset=${log.dataset.offset}`, { cache: 'no-store' });
    if (!response.ok) return;
    const html = await response.text();
    if (log.dataset.log !== address) return;
    log.dataset.offset = response.headers.get('x-next-offset') || log.dataset.offset;
    if (html) append(log, new DOMParser().parseFromString(html, 'text/html').body.childNodes);
  } catch { /* tried again */ } finally { following = false; }
}

function append(log, lines) {
  const stay = checked('follow') && isAtEnd(log);
  log.append(...lines);
  while (log.childElementCount > LINES) log.firstElementChild.remove();
  log.hidden = false;
  const empty = document.querySelector('[data-log-empty]');
  if (empty) empty.hidden = true;
  if (stay) log.scrollTop = log.scrollHeight;
}

// Another try is the newest now: its log takes the place of the last one's.
export function takeLog(fresh) {
  const log = panel(), other = fresh.querySelector('[data-log]');
  if (!log || !other || log.dataset.log === other.dataset.log) return;
  document.getElementById('log').replaceChildren(...fresh.getElementById('log').childNodes);
  toggles();
}

function apply() {
  const log = panel();
  if (!log) return;
  log.classList.toggle('times', checked('times'));
  log.classList.toggle('nowrap', !checked('wrap'));
  if (checked('follow')) log.scrollTop = log.scrollHeight;
}

function toggles() {
  for (const box of document.querySelectorAll('[data-toggle]')) {
    const key = `toggle.${box.dataset.toggle}`;
    try { const kept = localStorage.getItem(key); if (kept !== null) box.checked = kept === '1'; } catch { /* private mode */ }
    box.addEventListener('change', () => { try { localStorage.setItem(key, box.checked ? '1' : '0'); } catch { /* private mode */ } apply(); });
  }
  apply();
}

export function log() {
  if (!panel()) return;
  toggles();
  // Output does not pass through the database: nothing tells of it.
  setInterval(() => { if (!document.hidden && document.querySelector('[data-running]') && document.querySelector('[data-offline]').hidden) followLog(); }, 700);
}
