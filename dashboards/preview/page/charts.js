// Panels that the charting library draws: lines over time, bars.

import { fieldConfig, format, local } from './format.js';
import { allowed, follow } from './links.js';
import { none } from './panels.js';

const LAYOUT = {
  paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', separators: ', ',
  font: { color: '#a9aeb9', size: 12, family: 'Inter, "Segoe UI", Roboto, "DejaVu Sans", sans-serif' },
  hoverlabel: { bgcolor: '#22252b', bordercolor: '#2c3038', font: { color: '#d8d9dd' } },
  legend: { orientation: 'h', y: -0.14, yanchor: 'top', x: 0 },
};
const OPTIONS = { displayModeBar: false, responsive: false, locale: 'ru' };
const MONTHS = ['янв', 'фев', 'мар', 'апр', 'мая', 'июн', 'июл', 'авг', 'сен', 'окт', 'ноя', 'дек'];

export function lines(panel, frames, now, body) {
  const frame = frames[0];
  if (!frame.rows.length) return clear(body);
  const x = frame.rows.map((row) => local(row[0], now.zone));
  const columns = frame.columns.map((column, i) => ({ ...column, i, config: fieldConfig(panel, column.name) })).slice(1);
  // The lower edge of a band comes right before the upper one, so that the space between them can be filled.
  const lower = columns.filter(({ name }) => columns.some(({ config }) => config.custom.fillBelowTo === name));
  const upper = columns.filter(({ config }) => config.custom.fillBelowTo);
  const rest = columns.filter((column) => !lower.includes(column) && !upper.includes(column))
    .sort((a, b) => a.config.custom.lineWidth - b.config.custom.lineWidth);
  const traces = [...lower, ...upper, ...rest].map(({ name, i, config }) => ({
    type: 'scatter', mode: 'lines', name: upper.some((each) => each.name === name) ? 'Обычный разброс' : name, x,
    y: frame.rows.map((row) => row[i]),
    line: { color: config.color.fixedColor, width: config.custom.lineWidth, dash: config.custom.lineStyle ? 'dash' : 'solid' },
    fill: config.custom.fillBelowTo ? 'tonexty' : 'none', fillcolor: 'rgba(142,149,163,0.2)',
    showlegend: !config.custom.hideFrom?.legend, connectgaps: false,
    hovertemplate: name + ': %{customdata}<extra></extra>',
    customdata: frame.rows.map((row) => format(row[i], config, now.zone)),
  }));
  draw(body, traces, {
    margin: { l: 52, r: 14, t: 6, b: 46 }, hovermode: 'x unified',
    xaxis: { type: 'date', gridcolor: '#23262d', range: around(x), ...ticks(frame.rows.map((row) => row[0]), now.zone, body.clientWidth) },
    yaxis: { rangemode: 'tozero', gridcolor: '#23262d', zeroline: false, tickformat: ',d', ticksuffix: '  ', ...whole(frame, 6) },
  });
}

// The whole period with a little room at both ends, so that labels of the two axes do not meet.
function around(x) {
  const [first, last] = [x[0], x[x.length - 1]].map((text) => Date.parse(text.replace(' ', 'T') + 'Z'));
  const room = (last - first || 3600000) * 0.03;
  return [new Date(first - room), new Date(last + room)].map((at) => at.toISOString().slice(0, 19));
}

// Few counts: whole numbers only, each once.
function whole(frame, most) {
  const highest = Math.max(...frame.rows.flatMap((row) => row.filter((cell, i) => frame.columns[i].kind === 'number')), 0);
  return highest < most ? { dtick: 1 } : { nticks: most };
}

// Hours of a day or days of a longer period, in Russian.
function ticks(moments, zone, width) {
  const span = moments[moments.length - 1] - moments[0], hour = 3600000;
  const most = Math.max(3, Math.floor(width / 70));
  const step = [1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 720].find((hours) => span / (hours * hour) <= most) ?? 2160;
  const values = [], texts = [];
  for (const ms of moments) {
    const [day, time] = local(ms, zone).split(' ');
    const since = Math.round((Date.parse(day + 'T00:00:00Z') - Date.parse('2024-01-01T00:00:00Z')) / hour) + Number(time.slice(0, 2));
    if (time.slice(3) !== '00:00' || since % step) continue;
    values.push(day + ' ' + time);
    const date = Number(day.slice(8)) + ' ' + MONTHS[Number(day.slice(5, 7)) - 1];
    texts.push(step >= 24 ? date : time.startsWith('00') ? date : time.slice(0, 5));
  }
  return { tickmode: 'array', tickvals: values, ticktext: texts };
}

export function bars(panel, frames, now, body) {
  const frame = frames[0];
  if (!frame.rows.length) return clear(body);
  const along = panel.options.orientation === 'horizontal';
  const label = frame.columns.findIndex((column) => column.name === panel.options.xField);
  const names = frame.rows.map((row) => row[label]);
  const numbers = frame.columns.map((column, i) => ({ ...column, i })).filter(({ kind }) => kind === 'number');
  const traces = numbers.map(({ name, i }) => {
    const config = fieldConfig(panel, name);
    const values = frame.rows.map((row) => row[i]);
    const texts = values.map((value) => format(value, config, now.zone));
    return {
      type: 'bar', name, orientation: along ? 'h' : 'v', x: along ? values : names, y: along ? names : values,
      marker: { color: config.color.fixedColor, opacity: 0.9 }, text: numbers.length > 1 && names.length > 10 ? null : texts,
      textposition: 'outside', cliponaxis: false, textangle: 0, textfont: { size: 12, color: '#d8d9dd' },
      hovertemplate: '%{' + (along ? 'y' : 'x') + '}<br>' + name + ': %{customdata}<extra></extra>', customdata: texts,
    };
  });
  const value = { rangemode: 'tozero', gridcolor: '#23262d', zeroline: false, tickformat: ',d', ...whole(frame, 5) };
  // Labels stand side by side: a sign is some 0.62 of the font's size wide.
  const longest = Math.max(4, ...names.map((text) => String(text).length)) * 0.64;
  const size = along ? 12 : Math.max(8, Math.min(12, (body.clientWidth - 56) / names.length / longest));
  const category = { type: 'category', automargin: true, ticks: '', tickfont: { size } };
  draw(body, traces, {
    margin: { l: along ? 8 : 46, r: along ? 50 : 10, t: 18, b: numbers.length > 1 ? 46 : 28 }, bargap: 0.25, barmode: 'group',
    showlegend: numbers.length > 1,
    xaxis: along ? { ...value, showticklabels: false } : { ...category, tickangle: names.length > 16 ? -45 : 0 },
    yaxis: along ? { ...category, autorange: 'reversed', ticksuffix: '  ' } : value,
  });
  // A bar leads where its link says, with the fields of its row.
  const link = panel.fieldConfig.defaults.links?.[0];
  body.firstChild.removeAllListeners('plotly_click');
  if (!link) return;
  body.firstChild.on('plotly_click', ({ points: [{ pointNumber }] }) => {
    const fields = Object.fromEntries(frame.columns.map((column, i) => [column.name, frame.rows[pointNumber][i]]));
    const to = allowed(follow(link.url, fields, now));
    if (to) location.assign(to);
  });
  for (const bar of body.querySelectorAll('.bars path')) bar.style.cursor = 'pointer';
}

function draw(body, traces, layout) {
  if (!body.firstChild?.classList?.contains('js-plotly-plot')) {
    const ground = document.createElement('div');
    ground.style.cssText = 'position:absolute;inset:0';
    body.replaceChildren(ground);
  }
  return window.Plotly.react(body.firstChild, traces, {
    ...LAYOUT, ...layout, width: body.clientWidth, height: body.clientHeight,
  }, OPTIONS);
}

function clear(body) {
  if (body.firstChild) window.Plotly.purge(body.firstChild);
  body.replaceChildren(none('нет данных'));
}
