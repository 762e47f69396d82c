// Instants told relative to now, and lengths that count on.

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const units = [['second', 60, 1], ['minute', 3600, 60], ['hour', 86400, 3600], ['day', 30 * 86400, 86400],
  ['month', 365 * 86400, 30 * 86400], ['year', Infinity, 365 * 86400]];

function tellInstant(element) {
  const at = new Date(element.dateTime), seconds = (at - Date.now()) / 1000;
  const [unit, , length] = units.find(([, below]) => Math.abs(seconds) < below);
  tell(element, relative.format(Math.round(seconds / length), unit));
  if (!element.dataset.told) { element.dataset.told = '1'; element.title = `${at.toLocaleString()} (${element.dateTime})`; }
}

function tellLength(element) {
  const whole = Math.max(0, Math.floor((Date.now() - new Date(element.dataset.since)) / 1000));
  const d = Math.floor(whole / 86400), h = Math.floor(whole / 3600) % 24, m = Math.floor(whole / 60) % 60, s = whole % 60;
  const two = number => String(number).padStart(2, '0');
  tell(element, d ? `${d}d ${h}h` : h ? `${h}h ${two(m)}m` : m ? `${m}m ${two(s)}s` : `${s}s`);
}

function tell(element, text) {
  // Writing the same text again would end a selection.
  if (element.textContent !== text) element.textContent = text;
}

// In a fresh copy before it is compared with the page, and in the page every second.
export function tellTimes(root = document) {
  root.querySelectorAll('time[data-relative]').forEach(tellInstant);
  root.querySelectorAll('[data-since]').forEach(tellLength);
}
