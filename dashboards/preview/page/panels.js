// Panels that are plain elements: numbers, tables, tiles.

import { change, colour, fieldConfig, format, signed } from './format.js';
import { allowed, follow } from './links.js';

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') made.textContent = value;
    else if (name === 'style') Object.assign(made.style, value);
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function none(text) { return element('div', { class: 'none', text }); }

export function stat(panel, frames, now, body) {
  const frame = frames[0];
  const numbers = frame.columns.map((column, i) => ({ column, i })).filter(({ column }) => column.kind === 'number');
  const height = body.clientHeight, width = body.clientWidth / Math.max(1, numbers.length);
  const shown = numbers.map(({ column, i }) => {
    const config = fieldConfig(panel, column.name);
    const values = frame.rows.map((row) => row[i]);
    const last = values[values.length - 1];
    const text = format(last, config, now.zone);
    const named = panel.options.textMode === 'value_and_name';
    const known = last !== null && last !== undefined;
    const size = known ? Math.max(15, Math.min(height * (named ? 0.42 : 0.56), (width * 1.4) / Math.max(4, text.length), 52)) : 17;
    const children = [element('b', { text, style: { color: known ? colour(last, config) : '#8e95a3',
      '--size': size + 'px', fontSize: size + 'px' } })];
    if (panel.options.showPercentChange) {
      const ratio = change(values[0], last);
      const good = { standard: 1, inverted: -1 }[panel.options.percentChangeColorMode] ?? 0;
      const tint = !good || Math.abs(ratio ?? 0) < 0.005 ? '' : ratio * good > 0 ? '#56A64B' : '#E0524A';
      if (known) children.push(element('div', { class: 'change', style: { color: tint },
        text: ratio === null ? 'сравнить не с чем' : signed(ratio) + ' к прошлому периоду' }));
    }
    if (named) children.push(element('div', { class: 'name', text: column.name }));
    return element('div', {}, ...children);
  });
  body.replaceChildren(element('div', { class: 'stat' }, ...shown));
}

export function table(panel, frames, now, body) {
  const frame = frames[0];
  if (!frame.rows.length) return body.replaceChildren(none('нет данных'));
  const columns = frame.columns.map((column, i) => ({ ...column, i, config: fieldConfig(panel, column.name) }));
  const shown = columns.filter(({ config }) => !config.custom.hidden);
  const sort = body.sort ?? null;
  const rows = sort === null ? frame.rows : [...frame.rows].sort((a, b) => compare(a[sort.i], b[sort.i]) * sort.way);
  const highest = new Map(shown.filter(({ config }) => config.custom.cellOptions?.type === 'gauge')
    .map(({ i }) => [i, Math.max(1, ...frame.rows.map((row) => row[i] ?? 0))]));
  const head = element('tr', {}, ...shown.map((column) => element('th', {
    class: column.kind === 'number' ? 'number' : null, text: column.name,
    style: column.config.custom.width && column.kind === 'number' ? { width: column.config.custom.width + 'px' } : {},
    onclick: () => {
      body.sort = { i: column.i, way: body.sort?.i === column.i ? -body.sort.way : column.kind === 'number' ? -1 : 1 };
      table(panel, frames, now, body);
    },
  })));
  const before = body.querySelector('.table')?.scrollTop ?? 0;
  body.replaceChildren(element('div', { class: 'table' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows.map((row) => line(row))))));
  body.firstChild.scrollTop = before;

  function line(row) {
    const fields = Object.fromEntries(columns.map(({ name, i }) => [name, row[i]]));
    return element('tr', {}, ...shown.map((column) => {
      const text = format(row[column.i], { ...column.config, kind: column.kind, noValue: '—' }, now.zone);
      const link = column.config.links?.[0];
      const to = link && allowed(follow(link.url, fields, now));
      const inner = to ? element('a', { href: to, title: link.title, text,
        target: link.targetBlank ? '_blank' : null, rel: link.targetBlank ? 'noreferrer noopener' : null })
        : element('span', { text });
      if (column.config.custom.cellOptions?.type === 'color-text' && row[column.i] !== null) {
        inner.style.color = colour(row[column.i], { ...column.config, color: { mode: 'thresholds' } });
      }
      const cell = element('td', { class: column.kind === 'number' ? 'number' : null }, inner);
      if (highest.has(column.i)) {
        cell.classList.add('gauge');
        cell.prepend(element('i', { style: { width: (100 * (row[column.i] ?? 0)) / highest.get(column.i) + '%' } }));
      }
      return cell;
    }));
  }
}

function compare(a, b) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : -1;
  if (b === null || b === undefined) return 1;
  return typeof a === 'string' ? a.localeCompare(b, 'ru') : a - b;
}

export function tiles(panel, frames, now, body) {
  const frame = frames[0];
  if (!frame.rows.length) return body.replaceChildren(none('нет данных'));
  const layer = panel.options.layers[0], names = panel.options.layers.find(({ config }) => config.style.text);
  const at = (name) => frame.columns.findIndex((column) => column.name === name);
  const east = at(layer.location.longitude), north = at(layer.location.latitude);
  const name = at(names.config.style.text.field), value = at(layer.config.style.color.field);
  const config = fieldConfig(panel, frame.columns[value].name);
  const steps = (values) => [...new Set(values.map((each) => each.toFixed(3)))].map(Number).sort((a, b) => a - b);
  const xs = frame.rows.map((row) => row[east]), ys = frame.rows.map((row) => mercator(row[north]));
  const size = grid(xs, ys);
  // Tiles are as wide as a name needs: the map fills its panel.
  const width = (body.clientWidth - 16) / size.columns, height = (body.clientHeight - 12) / size.rows;
  // One size for all names: the longest fits.
  const longest = Math.max(...frame.rows.map((row) => String(row[name]).length));
  const textSize = Math.max(7, Math.min(13, (width - 5) / (0.7 * longest)));
  body.replaceChildren(element('div', { class: 'tiles' }, ...frame.rows.map((row, i) => {
    const fields = Object.fromEntries(frame.columns.map((column, j) => [column.name, row[j]]));
    const link = panel.fieldConfig.defaults.links?.[0];
    const known = row[value] !== null && row[value] !== undefined;
    const details = frame.columns.filter((column) => !/плитк/i.test(column.name) && column.name !== 'Код')
      .map((column) => column.name + ': ' + format(fields[column.name], column.name === frame.columns[value].name ? config
        : { unit: 'locale' }, now.zone)).join('\n');
    return element('a', {
      class: 'tile' + (known ? '' : ' quiet'), href: link && allowed(follow(link.url, fields, now)), title: details,
      style: {
        left: size.column(xs[i]) * width + 'px', top: size.row(ys[i]) * height + 'px',
        width: width - 3 + 'px', height: height - 3 + 'px', fontSize: textSize + 'px',
        background: known ? colour(row[value], config) : layer.config.style.color.fixed,
      },
    }, element('span', { text: row[name] }),
    ...(known && height > 34 ? [element('span', { text: Math.round(row[value] * 100) + ' %' })] : []));
  }), legend(config, layer.config.style.color.fixed, now.zone)));

  function grid(columns, rows) {
    const all = { x: steps(columns), y: steps(rows) };
    const gap = (values) => Math.min(...values.slice(1).map((each, i) => each - values[i])) || 1;
    const dx = gap(all.x), dy = gap(all.y), x0 = all.x[0], y1 = all.y[all.y.length - 1];
    return {
      columns: Math.round((all.x[all.x.length - 1] - x0) / dx) + 1, rows: Math.round((y1 - all.y[0]) / dy) + 1,
      column: (x) => Math.round((x - x0) / dx), row: (y) => Math.round((y1 - y) / dy),
    };
  }
}

const mercator = (latitude) => (Math.log(Math.tan(Math.PI / 4 + (latitude * Math.PI) / 360)) * 180) / Math.PI;

// What the colours of the tiles say, from the thresholds.
function legend(config, quiet, zone) {
  const steps = config.thresholds.steps, text = (value) => format(value, { ...config, decimals: 0 }, zone);
  const names = steps.map(({ value, color }, i) => [color, i === 0 ? 'меньше ' + text(steps[1].value)
    : i + 1 < steps.length ? text(value) + ' – ' + text(steps[i + 1].value) : text(value) + ' и больше']);
  return element('div', { class: 'legend' }, ...[...names, [quiet, config.noValue]].map(([color, name]) =>
    element('div', {}, element('i', { style: { background: color } }), name)));
}
