// The page: reads the address, lays the panels out as Grafana does, asks for rows, draws, refreshes.

import { bars, lines } from './charts.js';
import { moment } from './format.js';
import { address, state } from './links.js';
import { element, stat, table, tiles } from './panels.js';

const KINDS = { stat, table, geomap: tiles, timeseries: lines, barchart: bars };
const RANGES = [['now-1h', 'час'], ['now-6h', '6 часов'], ['now-24h', 'сутки'], ['now/d', 'сегодня'], ['now-7d', '7 дней'],
  ['now-30d', '30 дней'], ['now-90d', '90 дней']];
const REFRESH = [['', 'не обновлять'], ['5s', 'каждые 5 с'], ['30s', 'каждые 30 с'], ['1m', 'каждую минуту'], ['5m', 'каждые 5 мин']];
const UNIT = 38, GAP = 8;

const page = { ...state(), model: null, panels: [], frames: new Map(), zone: 'Europe/Moscow', timer: null, run: 0 };
const byId = (id) => document.getElementById(id);

async function ask(path, body) {
  try {
    const answer = await fetch(path, body && { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) return { error: (await answer.text()) || 'Предпросмотр ответил ошибкой ' + answer.status + '.' };
    return await answer.json();
  } catch {
    return { error: 'Предпросмотр не отвечает: он остановлен или перезапускается.' };
  }
}

const asked = (panels) => ({ board: page.board, panels, from: page.from, to: page.to, variables: page.variables });

async function start() {
  const { board, boards, error } = await ask('/api/boards/' + page.board);
  if (error) return trouble(error);
  page.model = board;
  page.zone = board.timezone;
  page.from ??= board.time.from;
  page.to ??= board.time.to;
  page.refresh ??= board.refresh;
  document.title = board.title + ' — ГосПульс';
  byId('boards').replaceChildren(...boards.map(({ uid, title }) =>
    element('a', { href: '#', text: title, class: uid === page.board ? 'here' : null, 'data-board': uid })));
  byId('boards').addEventListener('click', (event) => {
    const to = event.target.dataset?.board;
    if (!to) return;
    event.preventDefault();
    location.assign(address(to, { from: page.from, to: page.to, refresh: page.refresh, variables: page.variables }));
  });
  choices('range', RANGES, page.from, (value) => go({ from: value, to: 'now' }));
  choices('refresh', REFRESH, page.refresh, (value) => { page.refresh = value; remember(); schedule(); });
  await refresh();
  window.addEventListener('resize', () => { layOut(); for (const panel of page.panels) draw(panel); });
  document.addEventListener('click', (event) => {
    for (const open of document.querySelectorAll('details.filter[open]')) if (!open.contains(event.target)) open.open = false;
  });
}

function choices(id, options, value, then) {
  const known = options.some(([each]) => each === value) ? options : [[value, value], ...options];
  const select = byId(id);
  select.replaceChildren(...known.map(([each, text]) => element('option', { value: each, text })));
  select.value = value;
  select.onchange = () => then(select.value);
}

function go(changed) {
  Object.assign(page, changed);
  remember();
  refresh();
}

function remember() {
  history.replaceState(null, '', address(page.board, page));
}

function trouble(text) {
  byId('trouble').hidden = !text;
  byId('trouble').textContent = text ?? '';
}

async function refresh() {
  const run = ++page.run;
  const found = await ask('/api/layout', asked([]));
  if (run !== page.run) return;
  trouble(found.error);
  if (!found.error) {
    page.panels = found.panels.filter((panel) => !page.view || panel.id === page.view);
    for (const { name, values, hidden } of found.variables) if (!hidden) page.variables[name] = values;
    remember();
    if (!document.querySelector('details.filter[open]')) filters(found.variables);
    layOut();
    await Promise.all(page.panels.filter((panel) => panel.type !== 'row').map(async (panel) => {
      const { frames, error } = await ask('/api/rows', asked([panel.id]));
      if (run !== page.run) return;
      page.frames.set(panel.id, error ? [{ error }] : frames[panel.id]);
      draw(panel);
    }));
    byId('clock').textContent = 'обновлено ' + moment(Date.now(), page.zone);
    document.body.dataset.drawn = run;
  }
  if (run === page.run) schedule();
}

function schedule() {
  clearTimeout(page.timer);
  const [, number, unit] = /^(\d+)([sm])$/.exec(page.refresh ?? '') ?? [];
  if (number) page.timer = setTimeout(refresh, number * (unit === 's' ? 1000 : 60000));
}

function filters(variables) {
  byId('filters').replaceChildren(...variables.filter(({ hidden }) => !hidden).map((variable) => {
    const set = (values) => go({ variables: { ...page.variables, [variable.name]: values } });
    if (!variable.many) {
      const select = element('select', { 'data-variable': variable.name, onchange: (event) => set([event.target.value]) },
        ...variable.options.map(({ value, text }) => element('option', { value, text })));
      select.value = variable.values[0];
      return element('label', {}, variable.label, select);
    }
    const all = variable.values[0] === '$__all';
    const texts = variable.options.filter(({ value }) => variable.values.includes(value)).map(({ text }) => text);
    const box = (value, text, checked) => element('label', {}, element('input', { type: 'checkbox', value,
      ...(checked ? { checked: '' } : {}), onchange: (event) => {
        const others = all ? [] : variable.values.filter((each) => each !== value);
        const values = value === '$__all' ? ['$__all'] : event.target.checked ? [...others, value] : others;
        event.target.closest('details').open = false;
        set(values.length ? values : ['$__all']);
      } }), text);
    return element('label', {}, variable.label, element('details', { class: 'filter', 'data-variable': variable.name },
      element('summary', { text: all ? 'Все' : texts.join(', ') }),
      element('div', {}, box('$__all', 'Все', all), ...variable.options.map(({ value, text }) =>
        box(value, text, !all && variable.values.includes(value))))));
  }));
}

function layOut() {
  const grid = byId('grid'), width = grid.clientWidth / 24;
  let bottom = 0;
  const kept = new Set();
  for (const panel of page.panels) {
    const { x, y, w, h } = page.view ? { x: 0, y: 0, w: 24, h: 22 } : panel.gridPos;
    const id = 'panel-' + panel.id;
    let box = byId(id);
    if (!box) {
      box = panel.type === 'row' ? element('div', { id, class: 'row' })
        : element('section', { id, class: 'panel', 'data-kind': panel.type },
          element('h2', {}, element('span'), element('button', { type: 'button', text: '?', 'aria-label': 'Что это и что делать',
            onmouseenter: (event) => tip(event, panel.description), onmouseleave: () => tip() })),
          element('div', { class: 'body' }));
      grid.append(box);
    }
    kept.add(id);
    if (panel.type === 'row') box.textContent = panel.title;
    else box.querySelector('h2 span').textContent = panel.title;
    Object.assign(box.style, { left: x * width + GAP / 2 + 'px', top: y * UNIT + 'px',
      width: w * width - GAP + 'px', height: h * UNIT - GAP + 'px' });
    bottom = Math.max(bottom, (y + h) * UNIT);
  }
  for (const box of [...grid.children]) if (!kept.has(box.id)) box.remove();
  grid.style.height = bottom + 'px';
}

function draw(panel) {
  const box = byId('panel-' + panel.id), frames = page.frames.get(panel.id);
  if (panel.type === 'row' || !box || !frames) return;
  const body = box.querySelector('.body');
  const failed = frames.find((frame) => frame.error);
  box.dataset.state = failed ? 'failed' : 'drawn';
  if (failed) return body.replaceChildren(element('p', { class: 'failed', text: failed.error }));
  KINDS[panel.type](panel, frames, page, body);
}

function tip(event, text) {
  document.querySelector('.tip')?.remove();
  if (!event) return;
  const box = element('div', { class: 'tip', text });
  document.body.append(box);
  const at = event.target.getBoundingClientRect();
  box.style.left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8)) + 'px';
  box.style.top = Math.max(8, Math.min(at.bottom + 6, innerHeight - box.offsetHeight - 8)) + 'px';
}

start();
