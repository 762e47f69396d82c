// The theme, before anything is drawn: loaded in <head>, so that a page never flashes in the other one.
'use strict';
{
  const themes = ['system', 'light', 'dark'];
  const signs = { system: '◐', light: '☀', dark: '☾' };
  const stored = () => {
    try { const kept = localStorage.getItem('theme'); return themes.includes(kept) ? kept : 'system'; } catch { return 'system'; }
  };
  const apply = theme => {
    if (theme === 'system') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.dataset.theme = theme;
    const button = document.querySelector('[data-theme-toggle]');
    if (!button) return;
    button.textContent = signs[theme];
    button.title = `Theme: ${theme}`;
    button.setAttribute('aria-label', `Theme: ${theme}. Switch`);
  };
  apply(stored());
  document.addEventListener('DOMContentLoaded', () => apply(stored()));
  // Another tab switched.
  addEventListener('storage', event => { if (event.key === 'theme') apply(stored()); });
  document.addEventListener('click', event => {
    if (!event.target.closest('[data-theme-toggle]')) return;
    const next = themes[(themes.indexOf(stored()) + 1) % themes.length];
    try { localStorage.setItem('theme', next); } catch { /* private mode: until the next page */ }
    apply(next);
  });
}
