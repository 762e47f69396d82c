// Keeps the page as it would be if it was loaded now. One EventSource; on an event the page is fetched again and what is
// marked data-live is changed into the fresh copy. A hidden page listens to nothing: browsers allow six connections to
// a server, and nobody looks.
import { morph } from './morph.js';
import { tellTimes } from './times.js';
import { followLog, takeLog } from './log.js';

let refreshing = false, again = false;
export async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  const began = performance.now();
  try {
    const response = await fetch(location.href, { cache: 'no-store' });
    if (response.redirected && new URL(response.url).pathname === '/login') { location.reload(); return; }
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

let events = null, wasLost = false, retry = 0;
function listen() {
  if (events || document.hidden) return;
  events = new EventSource(document.body.dataset.events);
  events.addEventListener('progress', () => { refresh(); followLog(); });
  events.onopen = () => { offline(false); if (wasLost) refresh(); wasLost = false; };
  events.onerror = () => {
    wasLost = true; offline(true);
    // The browser tries again by itself, except after an answer that is no stream: a proxy's error, a login that ended.
    if (events.readyState !== EventSource.CLOSED) return;
    unlisten(); clearTimeout(retry);
    retry = setTimeout(() => { refresh(); listen(); }, 3000);
  };
}
function unlisten() { events?.close(); events = null; }
function offline(is) { const sign = document.querySelector('[data-offline]'); if (sign) sign.hidden = !is; }

export function live() {
  if (!document.body.dataset.events) return;
  listen();
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { unlisten(); return; }
    listen(); refresh(); followLog();
  });
  addEventListener('pagehide', unlisten);
  addEventListener('pageshow', event => { if (event.persisted) { listen(); refresh(); } });
}
