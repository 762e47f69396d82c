// Keeps the page as it would be if it was loaded now. One EventSource; on an event the page is fetched again and what is
// marked data-live is changed into the fresh copy. A hidden page listens to nothing: browsers allow six connections to
// a server, and nobody looks.
import { morph } from './morph.js';
import { tellTimes } from './times.js';
import { followLog, takeLog } from './log.js';

// What is wrong, for the sign in the header: nothing, or the words for it.
const trouble = { connection: '', page: '' };
function tell(what, words) {
  trouble[what] = words;
  const sign = document.querySelector('[data-offline]');
  if (!sign) return;
  const text = trouble.connection || trouble.page;
  if (sign.textContent !== text) sign.textContent = text;
  sign.hidden = !text;
}

const RETRY = 5000;
let refreshing = false, again = false, later = 0;
export async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  clearTimeout(later);
  const began = performance.now();
  try {
    const response = await fetch(location.href, { cache: 'no-store' });
    if (response.redirected && new URL(response.url).pathname === '/login') { location.reload(); return; }
    tell('page', response.status >= 500 ? 'the server cannot answer, trying again…' : '');
    // Nothing may tell when it can again.
    if (response.status >= 500) later = setTimeout(() => { if (!document.hidden) refresh(); }, RETRY);
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
    tellTimes(fresh);
    for (const old of document.querySelectorAll('[data-live]')) {
      const replacement = fresh.getElementById(old.id);
      if (replacement) morph(old, replacement); else old.replaceChildren();
    }
    takeLog(fresh);
    document.title = fresh.title;
    document.dispatchEvent(new Event('refreshed'));
  } catch { /* the event source tells that the server is away */ } finally {
    refreshing = false;
    // A heavy page leaves the server and the reader three quarters of the time.
    if (again) { again = false; setTimeout(refresh, Math.max(50, 3 * (performance.now() - began))); }
  }
}

// The browser would try again by itself, every second for ever; and never after an answer that is no stream: a proxy's
// error, a login that ended.
const SLOWEST = 8000;
let events = null, wasLost = false, retry = 0, wait = 500;
function listen() {
  if (events || document.hidden) return;
  events = new EventSource(document.body.dataset.events);
  events.addEventListener('progress', () => { refresh(); followLog(); });
  events.onopen = () => {
    tell('connection', '');
    wait = 500;
    if (wasLost) { refresh(); followLog(); }
    wasLost = false;
  };
  events.onerror = () => {
    const isAnswered = events.readyState === EventSource.CLOSED;
    wasLost = true;
    tell('connection', 'no connection, trying again…');
    unlisten();
    // The page's own answer says more: a login, or what is wrong.
    if (isAnswered) refresh();
    retry = setTimeout(listen, wait);
    wait = Math.min(SLOWEST, 2 * wait);
  };
}
function unlisten() { events?.close(); events = null; clearTimeout(retry); }

// A page that the server could not show: looked for until it can.
function tryAgain() {
  setTimeout(async () => {
    try { if (!document.hidden && (await fetch(location.href, { cache: 'no-store' })).ok) { location.reload(); return; } } catch { /* not yet */ }
    tryAgain();
  }, RETRY);
}

export function live() {
  if (document.querySelector('[data-try-again]')) tryAgain();
  if (!document.body.dataset.events) return;
  listen();
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { unlisten(); return; }
    wait = 500;
    listen(); refresh(); followLog();
  });
  addEventListener('pagehide', unlisten);
  addEventListener('pageshow', event => { if (event.persisted) { listen(); refresh(); } });
}
