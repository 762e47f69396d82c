// Makes one element like another one, changing as little as possible: what did not change keeps its scroll position,
// selection, focus and animation. Elements with an id are the same when the id is; others when place and name are; forms
// when they also go to the same address, so that a button under somebody's finger never becomes another question's.

// What the reader or the script did, which a fresh copy from the server does not know.
const kept = (element, name) => name === 'open' && element.nodeName === 'DETAILS'
  || element.hasAttribute('data-own') && element.dataset.own.split(' ').includes(name);

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
}

const isSame = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && (old.id || '') === (fresh.id || '')
  && (old.nodeName !== 'FORM' || old.getAttribute('action') === fresh.getAttribute('action'));

export function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  // What the script writes (times that count on) and what the reader writes.
  if (old.dataset.source !== undefined && old.dataset.source === fresh.outerHTML) return;
  if (old.matches('input:not([type=hidden]),textarea,select')) return;
  attributes(old, fresh);
  children(old, fresh);
}

function children(old, fresh) {
  const byId = new Map();
  for (const child of old.children) if (child.id) byId.set(child.id, child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const named = wanted.id && byId.get(wanted.id);
    if (named && named.nodeName === wanted.nodeName) {
      if (named === at) at = at.nextSibling; else old.insertBefore(named, at);
      morph(named, wanted);
    } else if (at && isSame(at, wanted)) {
      const current = at;
      at = at.nextSibling;
      morph(current, wanted);
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
}
