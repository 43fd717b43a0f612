// Addresses: the state of the page, and links of values as Grafana writes them.

export function state() {
  const path = location.pathname.split('/');
  const query = new URLSearchParams(location.search);
  const variables = {};
  for (const [key, value] of query) if (key.startsWith('var-')) (variables[key.slice(4)] ??= []).push(value);
  return {
    board: path[2], from: query.get('from'), to: query.get('to'), refresh: query.get('refresh'),
    view: query.get('viewPanel') && Number(query.get('viewPanel')), variables,
  };
}

export function address(board, { from, to, refresh, view, variables }) {
  const query = new URLSearchParams();
  if (from) query.set('from', from);
  if (to) query.set('to', to);
  if (refresh) query.set('refresh', refresh);
  if (view) query.set('viewPanel', view);
  for (const [name, values] of Object.entries(variables)) for (const value of values) query.append('var-' + name, value);
  return '/d/' + board + '?' + query;
}

// A link of a value: fields of its row, variables and time put in.
export function follow(url, fields, now) {
  return url
    .replace(/\$\{__data\.fields\["([^"]+)"\]\}/g, (all, name, at) => {
      const value = fields[name] ?? '';
      return at === 0 ? String(value) : encodeURIComponent(value);
    })
    .replace(/\$\{__url_time_range\}/g, 'from=' + encodeURIComponent(now.from) + '&to=' + encodeURIComponent(now.to))
    .replace(/\$\{(\w+):queryparam\}/g, (all, name) =>
      (now.variables[name] ?? []).map((value) => 'var-' + name + '=' + encodeURIComponent(value)).join('&'));
}

// Addresses that lead somewhere: our own boards, and https only.
export const allowed = (url) => (/^\/d\/[\w-]+(\?|$)/.test(url) || /^https:\/\//.test(url) ? url : null);
