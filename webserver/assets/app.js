// flowctl's only script: theme, live refresh of marked fragments, log following, shortcuts. Pages work without it.
'use strict';
const root = document.documentElement;
const themes = ['system', 'light', 'dark'];

function applyTheme(theme) {
  if (theme === 'system') root.removeAttribute('data-theme'); else root.dataset.theme = theme;
  const button = document.querySelector('[data-theme-toggle]');
  if (button) { button.textContent = { system: '◐', light: '☀', dark: '☾' }[theme]; button.title = `Theme: ${theme}`; }
}
const storedTheme = () => { try { return localStorage.getItem('theme') || 'system'; } catch { return 'system'; } };
applyTheme(storedTheme());

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
function tellTime(element) {
  const at = new Date(element.dateTime);
  const seconds = (at - Date.now()) / 1000, size = Math.abs(seconds);
  const [unit, length] = size < 60 ? ['second', 1] : size < 3600 ? ['minute', 60] : size < 86400 ? ['hour', 3600]
    : size < 30 * 86400 ? ['day', 86400] : size < 365 * 86400 ? ['month', 30 * 86400] : ['year', 365 * 86400];
  element.textContent = relative.format(Math.round(seconds / length), unit);
  element.title = `${at.toLocaleString()} (${element.dateTime})`;
}
function tellDuration(element) {
  const seconds = Math.max(0, (Date.now() - new Date(element.dataset.since)) / 1000);
  const whole = Math.floor(seconds), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = whole % 60;
  element.textContent = h ? `${h}h ${m}m` : m ? `${m}m ${s}s` : `${s}s`;
}
function tellTimes() {
  document.querySelectorAll('time[data-relative]').forEach(tellTime);
  document.querySelectorAll('[data-since]').forEach(tellDuration);
}

// Replaces each <section data-live id=…> that changed by the one of a fresh copy of this page.
let refreshing = false, again = false;
async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  const began = performance.now();
  try {
    const response = await fetch(location.href, { headers: { 'X-Fragment': '1' }, cache: 'no-store' });
    if (response.redirected && new URL(response.url).pathname === '/login') { location.reload(); return; }
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
    for (const old of document.querySelectorAll('section[data-live]')) {
      const replacement = fresh.getElementById(old.id);
      if (!replacement) { old.replaceChildren(); continue; }
      if (old.dataset.source === replacement.innerHTML || old.contains(document.activeElement) && document.activeElement.matches('input,textarea,select')) continue;
      const scrolls = [...old.querySelectorAll('[data-scroll]')].map(element => [element.scrollLeft, element.scrollTop]);
      const opened = [...old.querySelectorAll('details[open][id]')].map(element => element.id);
      const focused = old.contains(document.activeElement) && document.activeElement.id;
      const source = replacement.innerHTML;
      old.replaceChildren(...replacement.childNodes);
      old.dataset.source = source;
      old.querySelectorAll('[data-scroll]').forEach((element, i) => { if (scrolls[i]) [element.scrollLeft, element.scrollTop] = scrolls[i]; });
      opened.forEach(id => { const element = document.getElementById(id); if (element) element.open = true; });
      if (focused) document.getElementById(focused)?.focus();
    }
    tellTimes();
  } catch { /* the event source tells that the server is away */ } finally {
    refreshing = false;
    if (again) { again = false; setTimeout(refresh, Math.max(250, 3 * (performance.now() - began))); }
  }
}

function listen() {
  const offline = document.querySelector('[data-offline]');
  const events = new EventSource('/events');
  let lost = false;
  events.addEventListener('progress', () => { if (!document.hidden) refresh(); else stale = true; followLog(); });
  events.onopen = () => { if (offline) offline.hidden = true; if (lost) refresh(); lost = false; };
  events.onerror = () => { lost = true; if (offline) offline.hidden = false; };
  window.addEventListener('pagehide', () => events.close());
}
let stale = false;
document.addEventListener('visibilitychange', () => { if (!document.hidden && stale) { stale = false; refresh(); } });

// The log: the server sends rendered lines from a byte offset; the script appends them and stays at the end if it was there.
let following = false;
async function followLog() {
  const log = document.querySelector('[data-log]');
  if (!log || following) return;
  following = true;
  try {
    const response = await fetch(`${log.dataset.log}&offset=${log.dataset.offset}`, { cache: 'no-store' });
    if (response.ok) {
      log.dataset.offset = response.headers.get('x-next-offset') || log.dataset.offset;
      const html = await response.text();
      if (html) {
        const fresh = new DOMParser().parseFromString(html, 'text/html');
        log.append(...fresh.body.childNodes);
        while (log.childElementCount > 20000) log.firstElementChild.remove();
        document.querySelector('[data-log-empty]')?.remove();
        scrollLog();
      }
    }
  } catch { /* tried again */ } finally { following = false; }
}
const checked = name => { const box = document.querySelector(`[data-toggle="${name}"]`); return !box || box.checked; };
function scrollLog() {
  const log = document.querySelector('[data-log]');
  if (log && checked('follow')) log.scrollTop = log.scrollHeight;
}
function applyToggles() {
  document.querySelector('[data-log]')?.classList.toggle('times', checked('times'));
  scrollLog();
}

document.addEventListener('DOMContentLoaded', () => {
  applyTheme(storedTheme());
  for (const box of document.querySelectorAll('[data-toggle]')) {
    try { const kept = localStorage.getItem(`toggle.${box.dataset.toggle}`); if (kept !== null) box.checked = kept === '1'; } catch { /* private mode */ }
    box.addEventListener('change', () => { try { localStorage.setItem(`toggle.${box.dataset.toggle}`, box.checked ? '1' : '0'); } catch { /* private mode */ } applyToggles(); });
  }
  tellTimes(); applyToggles(); setInterval(tellTimes, 1000);
  if (document.body.dataset.live !== undefined) listen();
  if (document.querySelector('[data-log]')) setInterval(() => { if (!document.hidden && document.querySelector('[data-running]')) followLog(); }, 1000);
});
document.addEventListener('click', event => {
  const target = event.target.closest('[data-theme-toggle]');
  if (!target) return;
  const next = themes[(themes.indexOf(storedTheme()) + 1) % themes.length];
  try { localStorage.setItem('theme', next); } catch { /* private mode */ }
  applyTheme(next);
});
// Cells of a big grid carry no link of their own: row and column say where they lead.
function gridCell(event) {
  const cell = event.target.closest?.('.gridview td[class]');
  if (!cell) return null;
  const run = cell.closest('table').tHead.rows[0].cells[cell.cellIndex]?.querySelector('a');
  const task = cell.parentElement.cells[0].title;
  return run && { cell, href: `${run.pathname}/tasks/${encodeURIComponent(task)}`, title: `${task}: ${cell.className.slice(2)}` };
}
document.addEventListener('click', event => { const found = gridCell(event); if (found) location.href = found.href; });
document.addEventListener('mouseover', event => { const found = gridCell(event); if (found) found.cell.title = found.title; });
document.addEventListener('change', event => { if (event.target.matches('[data-submit]')) event.target.form.submit(); });
document.addEventListener('submit', async event => {
  const form = event.target;
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) { event.preventDefault(); return; }
  if (form.dataset.quiet === undefined) return;
  event.preventDefault();
  const response = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
  if (!response.ok) alert(response.status === 403 ? 'Your role may not do this.' : `That did not work (${response.status}).`);
  refresh();
});
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.target.matches('input,textarea,select')) return;
  const search = document.querySelector('input[type=search]');
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});
