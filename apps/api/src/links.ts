/** `/` and `/admin`: where things are. A page for browsers, JSON for everyone else. */
import { createHash } from 'node:crypto';
import type { ApiRequest, Reply } from './http/message.ts';

export interface Links {
  title: string;
  /** A sentence on what is here. */
  says: string;
  /** Path to what is found there. */
  at: Readonly<Record<string, string>>;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
dt { font-family: ui-monospace, monospace; } dd { margin: 0 0 .6rem; }
`;

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`;

export function linksReply({ headers }: Pick<ApiRequest, 'headers'>, links: Links): Reply {
  const vary = { vary: 'Accept' };
  if (!headers.accept?.includes('text/html')) {
    const { title, says, at } = links;
    return { status: 200, headers: vary, body: { object: 'links', title, says, at } };
  }
  const type = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY };
  return { status: 200, headers: { ...vary, ...type }, text: pageOf(links) };
}

/** Our own texts only: nothing of a request or the config stands in it. */
const pageOf = ({ title, says, at }: Links): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p>${says}</p>
<dl>
${Object.entries(at)
  .map(([path, what]) => `<dt><a href="${path}">${path}</a></dt><dd>${what}</dd>`)
  .join('\n')}
</dl>
</body>
</html>
`;
