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

const parse = text => new DOMParser().parseFromString(text, 'text/html');
const send = (form, redirect) => fetch(form.action, { method: 'POST', redirect, body: new URLSearchParams(new FormData(form)) });

async function problemOf(response) {
  if (response.status === 401) return 'You are logged out. Log in again in another tab, then load this page again.';
  return parse(await response.text()).querySelector('[data-problem]')?.textContent || `That was not done (${response.status}).`;
}

// The answer to a change leads to another page; this one shows it too.
async function quietly(form) {
  try {
    const response = await send(form, 'manual');
    if (response.type !== 'opaqueredirect' && !response.ok) {
      say(await problemOf(response));
      form.reset();
    } else {
      // What was chosen is what it is now, and what a later refusal leads back to.
      for (const option of form.querySelectorAll('option')) option.defaultSelected = option.selected;
    }
  } catch { say('The server cannot be reached.'); }
  refresh();
}

// What was refused is told above the fields, which keep what was typed.
function refuse(form, words) {
  const note = form.querySelector('[data-refused]') || document.createElement('p');
  note.className = 'note bad';
  note.role = 'alert';
  note.dataset.refused = '';
  note.textContent = words;
  form.querySelector('.field').before(note);
  note.scrollIntoView({ block: 'nearest' });
}

async function staying(form) {
  const buttons = [...form.querySelectorAll('button')].filter(button => !button.disabled);
  for (const button of buttons) button.disabled = true;
  try {
    const response = await send(form, 'follow');
    if (response.redirected) { location.href = response.url; return; }
    if (response.ok) document.querySelector('main').replaceWith(parse(await response.text()).querySelector('main'));
    else refuse(form, await problemOf(response));
  } catch { refuse(form, 'The server cannot be reached.'); }
  for (const button of buttons) button.disabled = false;
}

document.addEventListener('submit', event => {
  const form = event.target;
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) { event.preventDefault(); return; }
  const way = form.dataset.quiet !== undefined ? quietly : form.dataset.stay !== undefined ? staying : null;
  if (!way) return;
  event.preventDefault();
  way(form);
});

document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target.matches('input,textarea,select')) return;
  const search = document.querySelector('input[type=search]');
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});
