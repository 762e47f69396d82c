// What pages do beyond links and forms. Without it everything can still be read and done.
import { graph } from './graph.js';
import { live, refresh } from './live.js';
import { log } from './log.js';
import { tellTimes } from './times.js';

tellTimes();
setInterval(() => { if (!document.hidden) tellTimes(); }, 1000);
graph();
log();
live();

// Cells of a big grid carry no link of their own: row and column say where they lead.
function gridCell(event) {
  const cell = event.target.closest?.('.gridview td[class]');
  if (!cell || cell.firstElementChild) return null;
  const run = cell.closest('table').tHead.rows[0].cells[cell.cellIndex]?.querySelector('a');
  const task = cell.parentElement.cells[0].title;
  return run && { cell, href: `${run.pathname}/tasks/${encodeURIComponent(task)}`, title: `${task}: ${cell.className.slice(2)}` };
}
document.addEventListener('mouseover', event => { const found = gridCell(event); if (found) found.cell.title = found.title; });

function say(text) {
  const toast = document.querySelector('[data-toast]');
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.hidden = true; }, 6000);
}

document.addEventListener('click', async event => {
  const found = gridCell(event);
  if (found) location.href = found.href;
  const copy = event.target.closest('[data-copy]');
  if (copy) {
    const text = document.getElementById(copy.dataset.copy).textContent;
    try { await navigator.clipboard.writeText(text); copy.textContent = 'Copied'; } catch { say('The browser does not allow copying here: select the text instead.'); }
  }
});
document.addEventListener('change', event => { if (event.target.matches('[data-submit]')) event.target.form.requestSubmit(); });

document.addEventListener('submit', async event => {
  const form = event.target;
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) { event.preventDefault(); return; }
  if (form.dataset.quiet === undefined) return;
  event.preventDefault();
  try {
    // The answer to a change leads to another page; this one shows it too.
    const response = await fetch(form.action, { method: 'POST', redirect: 'manual', body: new URLSearchParams(new FormData(form)) });
    if (response.type !== 'opaqueredirect' && !response.ok) {
      const problem = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('[data-problem]');
      say(problem?.textContent || `That was not done (${response.status}).`);
    }
  } catch { say('The server cannot be reached.'); }
  refresh();
});

document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target.matches('input,textarea,select')) return;
  const search = document.querySelector('input[type=search]');
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});
