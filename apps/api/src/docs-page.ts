/** /docs: one page that renders /openapi.json. Nothing is loaded from elsewhere; its policy allows its own script only. */
import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; text-transform: capitalize; }
details { border-top: 1px solid #8884; padding: .4rem 0; }
summary { cursor: pointer; }
summary code { font-weight: 600; }
.get { color: #0a7; } .post { color: #06c; } .delete { color: #c33; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
pre { overflow: auto; padding: .6rem; background: #8881; }
`;

const SCRIPT = `
const make = (tag, text, name) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
};
const nameOf = (s) => s.$ref.split('/').pop();
const typeOf = (s) => s.$ref ? nameOf(s) : s.enum ? s.enum.map((v) => JSON.stringify(v)).join(' | ')
  : s.const !== undefined ? JSON.stringify(s.const)
  : s.anyOf ? s.anyOf.map(typeOf).join(' | ')
  : s.type === 'array' ? 'list of ' + typeOf(s.items ?? {})
  : Array.isArray(s.type) ? s.type.join(' | ') : s.type ?? 'any';
const row = (table, name, schema, required, description) => {
  const line = table.insertRow();
  line.insertCell().append(make('code', name));
  line.insertCell().textContent = typeOf(schema) + (required ? ', required' : '')
    + (schema.default !== undefined && schema.default !== null ? ', default ' + JSON.stringify(schema.default) : '');
  line.insertCell().textContent = description ?? schema.description ?? '';
};
const operation = (path, method, op) => {
  const box = make('details');
  const head = make('summary');
  head.append(make('code', method.toUpperCase() + ' ', method), make('code', path), ' ' + op.summary);
  box.append(head);
  const table = make('table');
  for (const p of op.parameters) row(table, p.name + ' (' + p.in + ')', p.schema, p.required, p.description);
  for (const [type, { schema }] of Object.entries(op.requestBody?.content ?? {})) {
    row(table, 'body', { type }, false, '');
    for (const [name, s] of Object.entries(schema.properties ?? {})) row(table, name, s, schema.required?.includes(name));
  }
  for (const [status, { description, content }] of Object.entries(op.responses))
    for (const [type, { schema }] of Object.entries(content ?? {}))
      row(table, 'answer ' + status, schema.$ref ? schema : { type }, false, description);
  box.append(table);
  return box;
};
const fieldsOf = (table, prefix, schema) => {
  const inner = schema.anyOf?.find((s) => s.properties) ?? (schema.items?.properties ? schema.items : schema);
  for (const [name, s] of Object.entries(inner.properties ?? {})) {
    row(table, prefix + name, s, false);
    fieldsOf(table, prefix + name + (s.type === 'array' ? '[].' : '.'), s);
  }
};
const object = ([name, schema]) => {
  const box = make('details');
  const head = make('summary');
  head.append(make('code', name), ' ' + (schema.description ?? ''));
  const table = make('table');
  fieldsOf(table, '', schema);
  box.append(head, table);
  return box;
};
const show = (doc) => {
  const groups = new Map();
  for (const [path, methods] of Object.entries(doc.paths))
    for (const [method, op] of Object.entries(methods)) {
      const tag = op.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, op));
    }
  const main = document.querySelector('main');
  main.replaceChildren(make('p', doc.info.description));
  for (const [tag, boxes] of groups) main.append(make('h2', tag), ...boxes);
  main.append(make('h2', 'Objects'), ...Object.entries(doc.components.schemas).map(object));
  main.append(make('h2', 'Errors'), make('pre', doc.components.schemas.Error.properties.error.properties.code.enum.filter(Boolean).join('\\n')));
};
fetch('openapi.json').then((r) => r.json()).then(show, (e) => { document.querySelector('main').textContent = String(e); });
`;

export const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice: API</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Sluice</h1>
<p><a href="openapi.json">openapi.json</a></p>
<main>Loading …</main>
<script>${SCRIPT}</script>
</body>
</html>
`;

const hash = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export const docsPolicy = [
  "default-src 'none'",
  `script-src ${hash(SCRIPT)}`,
  `style-src ${hash(STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
