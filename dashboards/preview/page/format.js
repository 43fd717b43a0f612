// Values as people read them: Grafana's units that the boards use, thresholds, times in the board's zone.

const NUMBER = {};

function number(value, decimals) {
  const key = decimals ?? 'auto';
  NUMBER[key] ??= new Intl.NumberFormat('ru-RU', decimals === undefined || decimals === null
    ? { maximumFractionDigits: 2 } : { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return NUMBER[key].format(value);
}

export function format(value, config, zone) {
  if (value === null || value === undefined) return config.noValue ?? 'нет данных';
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\d$/.test(value) ? value.split('-').reverse().join('.') : value;
  // Grafana writes a time as a time whatever the unit of its column says.
  const unit = config.unit ?? 'none';
  if (config.kind === 'time' || unit.startsWith('time:')) return moment(value, zone);
  if (unit === 'percentunit') return number(value * 100, config.decimals) + ' %';
  const suffix = unit.startsWith('suffix:') ? ' ' + unit.slice(7).trim() : '';
  return number(value, config.decimals) + suffix;
}

export function colour(value, config) {
  if (config.color?.mode === 'fixed') return config.color.fixedColor;
  let found = config.thresholds?.steps?.[0]?.color ?? '#5794F2';
  for (const step of config.thresholds?.steps ?? []) {
    if (step.value === null || (value !== null && value !== undefined && value >= step.value)) found = step.color;
  }
  return found;
}

// The configuration of one field: defaults with the overrides that name it.
export function fieldConfig(panel, name) {
  const config = { ...panel.fieldConfig.defaults, custom: { ...panel.fieldConfig.defaults.custom } };
  for (const override of panel.fieldConfig.overrides) {
    if (override.matcher.id !== 'byName' || override.matcher.options !== name) continue;
    for (const { id, value } of override.properties) {
      if (id.startsWith('custom.')) config.custom[id.slice(7)] = value;
      else config[id] = value;
    }
  }
  return config;
}

const FORMATS = {};

function parts(ms, zone) {
  FORMATS[zone] ??= new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  });
  return FORMATS[zone].format(new Date(ms));
}

// A moment as the charting library takes it: local time of the board's zone, without a zone.
export const local = (ms, zone) => parts(ms, zone);

export function moment(ms, zone) {
  const [day, time] = parts(ms, zone).split(' ');
  return time.slice(0, 5) + ' ' + day.split('-').slice(1).reverse().join('.');
}

export const change = (before, now) => (!before || now === null || now === undefined ? null : now / before - 1);

export function signed(ratio) {
  const rounded = Math.round(ratio * 100);
  return (rounded > 0 ? '+' : rounded < 0 ? '−' : '') + number(Math.abs(rounded), 0) + ' %';
}
