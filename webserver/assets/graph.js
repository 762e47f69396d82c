// The graph as large as its panel, but readable; larger and smaller by its buttons.

const SMALLEST = 0.75, STEP = 1.25;
let zoom = null;

function draw() {
  for (const graph of document.querySelectorAll('.graph')) {
    const svg = graph.querySelector('svg');
    const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
    const scale = zoom ?? Math.max(SMALLEST, Math.min(1, graph.clientWidth / width));
    svg.setAttribute('width', Math.floor(width * scale));
    svg.setAttribute('height', Math.floor(height * scale));
    graph.dataset.scale = scale;
  }
}

export function graph() {
  if (!document.querySelector('.graph')) return;
  draw();
  addEventListener('resize', draw);
  document.addEventListener('refreshed', draw);
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-zoom]');
    if (!button) return;
    const now = Number(document.querySelector('.graph').dataset.scale);
    zoom = { in: Math.min(3, now * STEP), out: Math.max(0.1, now / STEP), fit: null }[button.dataset.zoom];
    draw();
  });
}
